"""Word maps: the mean over heads, layers and steps, a panel a word, and what was done is said."""

import io
import re

import numpy as np
import pytest
from helpers import leaf

import minixattn as mx
from minixattn.plot.resample import resampled
from minixattn.plot.words import word_maps, words

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

GRID = (2, 3)
IMAGE = np.linspace(0, 1, 8 * 12).reshape(8, 12)
TOKENS = ["a", "red", "cat", "."]


@pytest.fixture
def weights(rng):
    """(steps, layers, heads, patches, words)."""
    return rng.dirichlet(np.ones(4), (5, 2, 3, 6))


def drawn(weights, tokens=TOKENS, grid=GRID, **options):
    options = {"ax": Figure(figsize=(9, 3)), "image": IMAGE} | options
    return words(options.pop("image"), weights, tokens, grid, **options)


# The aggregation ---------------------------------------------------------------------------------


def test_a_map_is_the_mean_over_steps_layers_and_heads(weights):
    maps, grid = word_maps(weights, GRID)
    assert grid == GRID and maps.shape == (4, *GRID)
    by_hand = np.zeros((4, 6))
    for t in range(5):
        for i in range(2):
            for head in range(3):
                by_hand += weights[t, i, head].T / 30
    np.testing.assert_allclose(maps, by_hand.reshape(4, *GRID))


def test_words_that_look_at_patches_are_the_same_turned_round(weights):
    turned, _ = word_maps(weights.swapaxes(-1, -2), GRID, looking="words")
    np.testing.assert_allclose(turned, word_maps(weights, GRID)[0])


def test_layers_of_several_grids_meet_at_the_finest_one(weights, rng):
    fine = rng.dirichlet(np.ones(4), (2, 24))
    maps, grid = word_maps([weights, fine], [GRID, (4, 6)])
    assert grid == (4, 6)
    coarse = weights.reshape(30, 6, 4).sum(0).T.reshape(4, *GRID)
    coarse = np.maximum(resampled(coarse, (4, 6), "bicubic"), 0)
    np.testing.assert_allclose(maps, (coarse + fine.sum(0).T.reshape(4, 4, 6)) / 32)


def test_bicubic_upsampling_gives_pytorchs_numbers():
    # torch.nn.functional.interpolate(x, (3, 5), mode="bicubic", align_corners=False)
    x = np.array([[0.0, 1.0, 4.0], [2.0, -1.0, 3.0]])
    expected = [
        [-0.3029444444444444, 0.1393611111111111, 1.1736111111111112, 3.0534861111111113,
         4.3664722222222223],
        [1.096, 0.36, 0.0, 2.07, 3.836],
        [2.4949444444444446, 0.5806388888888889, -1.1736111111111112, 1.0865138888888889,
         3.3055277777777778],
    ]  # fmt: skip
    np.testing.assert_allclose(resampled(x, (3, 5), "bicubic"), expected, atol=1e-12)


def test_bilinear_upsampling_is_a_tent_and_nearest_copies():
    x = np.array([[0.0, 4.0]])
    np.testing.assert_allclose(resampled(x, (1, 4), "bilinear"), [[0, 1, 3, 4]])
    np.testing.assert_allclose(resampled(x, (2, 4), "nearest"), [[0, 0, 4, 4]] * 2)
    for kind in ("nearest", "bilinear", "bicubic"):
        np.testing.assert_allclose(resampled(np.full((3, 5), 0.3), (7, 64), kind), 0.3)


# The picture -------------------------------------------------------------------------------------


def test_every_word_has_its_panel_with_one_scale_for_all(weights):
    axes = drawn(weights, upsample="nearest")
    assert [ax.get_title() for ax in axes] == TOKENS
    maps, _ = word_maps(weights, GRID)
    for ax, expected in zip(axes, maps):
        tint = ax.get_images()[1].get_array()[..., 3]
        np.testing.assert_allclose(tint, 0.75 * expected / maps.max())
    said = axes[0].figure.get_supxlabel()
    assert said == f"strongest tint: {maps.max():.3g}"


def test_upsampling_is_said_under_the_picture(weights):
    axes = drawn(weights)
    assert "bicubic upsampling of 2 × 3 weights" in axes[0].figure.get_supxlabel()
    assert axes[0].get_images()[1].get_array().shape[1] > 100


def test_a_scale_for_each_panel_is_named_there(weights):
    maps, _ = word_maps(weights, GRID)
    axes = drawn(weights, vmax="each", upsample="nearest")
    for ax, one in zip(axes, maps):
        assert ax.get_xlabel() == f"strongest tint: {one.max():.3g}"
        assert ax.get_images()[1].get_array()[..., 3].max() == pytest.approx(0.75)


def test_words_of_several_tokens_are_chosen_by_index(weights):
    axes = drawn(weights, {"red cat": [1, 2], "end": -1}, upsample="nearest")
    assert [ax.get_title() for ax in axes] == ["red cat", "end"]
    maps, _ = word_maps(weights, GRID)
    both = [maps[1:3].mean(0), maps[3]]
    for ax, expected in zip(axes, both):
        tint = ax.get_images()[1].get_array()[..., 3]
        np.testing.assert_allclose(tint, 0.75 * expected / np.max(both))


def test_it_draws_on_the_users_axes_and_saves(weights, tmp_path):
    _, given = plt.subplots(2, 2)
    axes = drawn(weights, ax=given, save=tmp_path / "words.svg")
    assert list(axes) == list(given.ravel())
    assert "strongest tint" in given[0, 0].get_xlabel()
    assert ">red<" in (tmp_path / "words.svg").read_text(encoding="utf-8")
    with pytest.raises(mx.ShapeError, match="4 panels do not fit on 3 Axes"):
        drawn(weights, ax=given.ravel()[:3])


def test_one_token_nan_and_tensors_are_drawn(weights, device):
    weights[0, 0, 0, 0, 0] = np.nan
    axes = drawn(leaf(weights, device) * 1)
    axes[0].figure.savefig(io.BytesIO())
    assert len(drawn(np.ones((1, 1)), ["one"], (1, 1))) == 1
    assert np.isfinite(word_maps(weights, GRID)[0]).all()


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_titles_and_notes_do_not_overlap(weights, style):
    with plt.style.context(style):
        axes = words(IMAGE, weights, ["elephants", "understanding", "cat", "."], GRID)
    figure = axes[0].figure
    figure.canvas.draw()
    texts = [ax.title for ax in axes] + [figure._supxlabel]
    boxes = [text.get_window_extent() for text in texts]
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:i])


@pytest.mark.parametrize(
    "change, said",
    [
        ({"weights": np.ones((4, 6))}, "6 in dimension -2; it is in dimension -1: looking="),
        ({"weights": np.ones((5, 4))}, "weights of shape (5, 4) do not fit a grid of 2 x 3 = 6"),
        ({"tokens": ["a"]}, "1 tokens do not fit weights of 4 tokens"),
        ({"tokens": {"cat": 7}}, "'cat' is given as token 7, but the weights have the tokens 0 to"),
        ({"weights": [np.ones((6, 4))], "grid": [GRID, GRID]}, "1 arrays of weights need as many"),
        ({"weights": [np.ones((6, 4)), np.ones((6, 3))], "grid": [GRID] * 2}, "another 3"),
    ],
)  # fmt: skip
def test_misfits_are_refused_with_their_shapes(change, said):
    options = {"weights": np.ones((6, 4)) / 4, "tokens": TOKENS, "grid": GRID} | change
    with pytest.raises(mx.ShapeError, match=re.escape(said)):
        drawn(options["weights"], options["tokens"], options["grid"])


def test_scores_and_unknown_words_are_refused():
    with pytest.raises(ValueError, match="after the softmax, not the scores"):
        drawn(-np.ones((6, 4)))
    with pytest.raises(ValueError, match='looking=\'keys\', expected "patches" or "words"'):
        drawn(np.ones((6, 4)), looking="keys")
    with pytest.raises(mx.ShapeError, match="50 words are too many panels to see, at most 40"):
        drawn(np.ones((6, 50)), [str(i) for i in range(50)])


def test_a_text_names_its_words():
    axes = words(np.zeros((4, 4)), np.full((4, 2), 0.5), "small seven", (2, 2))
    assert [ax.get_title() for ax in axes] == ["small", "seven"]
