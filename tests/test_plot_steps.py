"""The equation as matrices: one cell size for all, true shapes, signs, masks and gradients."""

import io
import re
from itertools import pairwise

import numpy as np
import pytest
from helpers import leaf

import minixattn as mx
from minixattn.plot.steps import number, steps

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402

B, h, L, S, d_k, d_v = 2, 4, 5, 7, 3, 2
SHAPES = {"Q": (L, d_k), "Kᵀ": (d_k, S), "scores": (L, S), "masked": (L, S), "weights A": (L, S),
          "V": (S, d_v), "A V": (L, d_v)}  # fmt: skip


@pytest.fixture
def traced(device):
    mx.manual_seed(0)
    layer = mx.nn.CrossAttention(8, 6, num_heads=h, head_dim=d_k, value_dim=d_v).to(device)
    x, c = mx.randn(B, L, 8).to(device), mx.randn(B, S, 6).to(device)
    with mx.trace() as t:
        output, _ = layer(x, c, mx.masks.causal(L, S))
    (output * mx.randn(*output.shape).to(device)).sum().backward()
    return t


def arrays(rng, **sizes):
    """Q, K, V and what follows from them, by hand."""
    n = {"L": L, "S": S, "d_k": d_k, "d_v": d_v} | sizes
    Q, K = rng.standard_normal((n["L"], n["d_k"])), rng.standard_normal((n["S"], n["d_k"]))
    V, scores = rng.standard_normal((n["S"], n["d_v"])), Q @ K.T / np.sqrt(n["d_k"])
    A = np.exp(scores - scores.max(-1, keepdims=True))
    A /= A.sum(-1, keepdims=True)
    return {"Q": Q, "K": K, "V": V, "scores": scores, "weights": A, "heads": A @ V}


def words(ax):
    return [text.get_text() for text in ax.texts]


def drawn_shapes(ax):
    """(rows, columns) in cells of each matrix, from left to right and top to bottom."""
    found = [image.get_extent() for image in ax.get_images()]
    return [(round(low - up, 6), round(right - left, 6)) for left, right, low, up in found]


def overlaps(ax):
    """Pairs of words of which one is drawn over the other."""
    ax.figure.canvas.draw()
    boxes = [(t.get_text(), t.get_window_extent()) for t in ax.texts if t.get_text()]
    return [
        (a, b) for i, (a, one) in enumerate(boxes) for b, other in boxes[:i]
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 1
        and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    ]  # fmt: skip


def cut_off(ax):
    """Words that leave the figure."""
    width, height = ax.figure.bbox.size
    boxes = [(t.get_text(), t.get_window_extent()) for t in ax.texts]
    return [w for w, b in boxes if b.x0 < -1 or b.y0 < -1 or b.x1 > width + 1 or b.y1 > height + 1]


# To scale ----------------------------------------------------------------------------------------


def test_every_matrix_has_its_shape_in_cells_of_one_size(traced):
    ax = steps(traced)
    assert drawn_shapes(ax) == list(SHAPES.values())
    assert ax.get_aspect() == 1.0  # a cell is a square, so one unit is one cell everywhere
    corners = ax.transData.transform([(0, 0), (1, 0), (0, 1)])
    sides = np.abs([corners[1, 0] - corners[0, 0], corners[2, 1] - corners[0, 1]])
    np.testing.assert_allclose(sides[0], sides[1], rtol=1e-6)


def test_matrices_stand_in_the_order_of_the_equation_and_apart(traced):
    ax = steps(traced)
    assert [w for w in words(ax) if w in SHAPES] == list(SHAPES)
    ends = [image.get_extent()[:2] for image in ax.get_images()]
    assert all(right < left for (_, right), (left, _) in pairwise(ends))


def test_titles_and_shapes_stand_with_their_matrices(traced):
    ax = steps(traced)
    for (title, (rows, columns)), image in zip(SHAPES.items(), ax.get_images()):
        left, right, low, up = image.get_extent()
        (above,) = [t for t in ax.texts if t.get_text() == title]
        below = [t for t in ax.texts if t.get_text().startswith(f"{rows} × {columns}\n")]
        assert above.get_position()[0] == pytest.approx((left + right) / 2)
        assert above.get_position()[1] < up
        assert any(t.get_position()[0] == pytest.approx((left + right) / 2)
                   and t.get_position()[1] > low for t in below)  # fmt: skip


def test_operators_stand_between(traced):
    said = words(steps(traced))
    for word in ("÷ √3", "mask", "softmax\nof each row", "="):
        assert word in said
    assert said.count("·") == 2 and said.count("→") == 3


def test_numbers_are_those_of_the_chosen_head(traced):
    for batch, head in ((0, 0), (1, 3)):
        ax = steps(traced, batch=batch, head=head)
        A = traced["weights"].value.detach().cpu().numpy()[batch, head]
        written = {(round(t.get_position()[0], 3), round(t.get_position()[1], 3)): t.get_text()
                   for t in ax.texts}  # fmt: skip
        left, _, _, up = ax.get_images()[4].get_extent()
        for i, j in ((0, 0), (3, 1), (4, 4)):
            assert written[round(left + j + 0.5, 3), round(up + i + 0.5, 3)] == number(A[i, j])


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_no_words_overlap_or_are_cut_off(traced, gradients, style):
    with plt.style.context(style):
        ax = steps(traced, gradients=gradients)
        assert overlaps(ax) == [] and cut_off(ax) == []


@pytest.mark.parametrize(
    "sizes",
    [
        {"L": 1, "S": 1, "d_k": 1, "d_v": 1},
        {"L": 1, "S": 30},
        {"L": 20, "S": 20, "d_k": 16, "d_v": 16},
    ],
)
def test_no_words_overlap_at_any_size(rng, sizes):
    ax = steps(arrays(rng, **sizes))
    assert overlaps(ax) == [] and cut_off(ax) == []


def test_it_fits_into_axes_that_are_given(traced):
    _, pair = plt.subplots(2, 1, figsize=(9, 7), layout="constrained")
    assert steps(traced, ax=pair[1]) is pair[1]
    assert drawn_shapes(pair[1]) == list(SHAPES.values())
    assert overlaps(pair[1]) == [] and cut_off(pair[1]) == []
    assert len(pair[0].get_images()) == 0 and len(plt.get_fignums()) == 1


# Masks, gradients, odd numbers -------------------------------------------------------------------


def test_what_the_mask_forbids_is_hatched_and_has_no_number(traced):
    ax = steps(traced)
    hatched = [patch for patch in ax.patches if patch.get_hatch()]
    assert len(hatched) == 2  # masked and weights
    for image in ax.get_images()[3:5]:
        clear = np.asarray(image.get_array())[..., 3] == 0
        np.testing.assert_array_equal(clear, ~np.tri(L, S, dtype=bool))
    assert words(ax)[-1] == "hatched: forbidden by the mask"


def test_gradients_stand_below_in_the_same_cells(traced):
    ax = steps(traced, gradients=True)
    above, below = (ax.get_images()[i::2] for i in (0, 1))
    assert len(above) == len(below) == 7
    for one, other in zip(above, below):
        assert one.get_extent()[:2] == other.get_extent()[:2]
        assert other.get_extent()[3] > one.get_extent()[2]
    said = words(ax)
    for title in ("∂L/∂Q", "∂L/∂Kᵀ", "∂L/∂scores", "∂L/∂masked", "∂L/∂A", "∂L/∂V", "∂L/∂(A V)"):
        assert title in said
    g = traced["Q"].grad.cpu().numpy()[0, 0]
    assert any(f"{g.min():.2g}".replace("-", "−") in text for text in said)


def test_gradients_of_arrays_are_given_as_arrays(rng):
    found = arrays(rng)
    ax = steps(found, gradients={"Q": found["Q"] * 1e-4})
    said = words(ax)
    assert said.count("no gradient") == 5
    assert any(text.endswith("numbers · 10⁻⁴") for text in said)
    with pytest.raises(TypeError, match="a dict of arrays carries no gradients"):
        steps(found, gradients=True)
    with pytest.raises(mx.ShapeError, match=re.escape("the gradient of Q has shape (1, 1, 3, 5)")):
        steps(found, gradients={"Q": found["Q"].T})


def test_nan_is_a_grey_question_mark(rng):
    found = arrays(rng)
    found["V"][2, 1] = np.nan
    ax = steps(found)
    assert "?" in words(ax) and any(text.endswith(", 1 NaN") for text in words(ax))
    ax.figure.savefig(io.BytesIO())


def test_long_matrices_are_cut_and_say_so(rng):
    ax = steps(arrays(rng, L=3, S=4096, d_k=64))
    assert drawn_shapes(ax)[:3] == [(3, 32), (32, 32), (3, 32)]
    said = words(ax)
    assert any(text.startswith("64 × 4,096\n") for text in said) and "⋯" in said and "⋮" in said
    assert "the first 32 are drawn" in said[-1] and "(up to 4,096)" in said[-1]
    assert overlaps(ax) == []


def test_tiny_weights_get_a_scale_that_is_said(rng):
    assert any("weights: the darkest is" in w for w in words(steps(arrays(rng, S=30) | {
        "weights": np.full((L, 30), 1 / 30)})))  # fmt: skip


# What it reads -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "factor, said", [(1.0, None), (0.25, "· 0.25"), (1 / np.sqrt(d_k), "÷ √3")]
)
def test_the_scale_is_read_off_the_numbers(rng, factor, said):
    found = arrays(rng)
    found["scores"] = found["Q"] @ found["K"].T * factor
    shown = words(steps(found))
    assert said in shown if said else shown.count("=") == 2
    biased = words(steps(found | {"scores": found["scores"] + rng.standard_normal((L, S))}))
    assert "not scaled\nalone" in biased


def test_keys_that_heads_share_are_drawn_for_each(device):
    layer = mx.nn.CrossAttention(8, num_heads=4, head_dim=d_k, kv_heads=2).to(device)
    with mx.trace() as t:
        layer(mx.randn(1, L, 8).to(device), mx.randn(1, S, 8).to(device))
    ax = steps(t, head=3)
    assert "÷ √3" in words(ax)  # which holds with K of head 3 // 2 alone


def test_the_first_attention_has_no_queries_to_multiply(device):
    layer = mx.nn.AdditiveAttention(6, 4, hidden_dim=8).to(device)
    with mx.trace() as t:
        layer(mx.randn(2, 3, 6).to(device), mx.randn(2, 5, 4).to(device))
    assert drawn_shapes(steps(t, batch=1)) == [(3, 5), (3, 5), (5, 4), (3, 4)]


def test_tensors_of_arrays_are_taken_and_left_alone(rng, device):
    found = {symbol: leaf(x, device) for symbol, x in arrays(rng).items()}
    assert len(steps(found).get_images()) == 6


def test_what_does_not_fit_is_refused(rng, traced):
    found = arrays(rng)
    with pytest.raises(mx.ShapeError, match=re.escape("V of shape (6, 2) does not fit")):
        steps(found | {"V": found["V"][1:]})
    with pytest.raises(ValueError, match="head=4, but there are 4, counted from 0: at most 3"):
        steps(traced, head=4)
    with pytest.raises(ValueError, match="layer='X' is no attention layer of this trace: choose"):
        steps(traced, layer="X")
    with pytest.raises(ValueError, match="nothing to draw: none of Q, K"):
        steps({"q": found["Q"]})


def test_a_trace_without_gradients_or_with_two_layers_says_what_to_do():
    layer = mx.nn.CrossAttention(4, num_heads=1)
    with mx.trace() as t:
        layer(mx.randn(1, 2, 4), mx.randn(1, 3, 4))
    with pytest.raises(ValueError, match="has no gradients yet: call backward"):
        steps(t, gradients=True)
    with t:
        layer(mx.randn(1, 2, 4), mx.randn(1, 3, 4))
    with pytest.raises(ValueError, match="choose one, layer=… of 'CrossAttention 1', 'Cross"):
        steps(t)
    assert len(steps(t, layer="CrossAttention 2").get_images()) == 6


def test_it_is_saved_with_words_as_text(traced, tmp_path):
    steps(traced, save=tmp_path / "steps.svg")
    assert ">scores<" in (tmp_path / "steps.svg").read_text(encoding="utf-8")


def test_where_the_scores_are_not_given_the_arrow_to_the_weights_says_so():
    ax = steps({"Q": np.eye(2), "K": np.eye(2), "weights": np.full((2, 2), 0.5)})
    assert "scores not\ngiven;\nsoftmax" in [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("given", [5, np.eye(2), [np.eye(2)]])
def test_what_is_neither_a_trace_nor_a_dict_is_refused(given):
    said = f"steps: expected a minixattn.trace or a dict .*, got {type(given).__name__}"
    with pytest.raises(TypeError, match=said):
        steps(given)
