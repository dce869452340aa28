"""A small matrix for each head, its entropy above it, and the most peaked one framed."""

import re
from itertools import pairwise

import numpy as np
import pytest

import minixattn as mx
from minixattn import plot
from minixattn.masks import causal
from minixattn.plot.canvas import ATTENTION

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgba  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

UNIFORM, ONE = np.full((3, 4), 0.25), np.eye(3, 4)
HALF = np.array([[0.5, 0.5, 0, 0]] * 3)
HEADS = np.stack([UNIFORM, HALF, ONE])


def grid(figure):
    """The Axes of the heads, without the colour bar."""
    return [ax for ax in figure.axes if ax.get_images()]


def framed(figure):
    """Which heads have the frame of the most peaked one."""
    return [i for i, ax in enumerate(grid(figure))
            if ax.spines["left"].get_edgecolor() == to_rgba(ATTENTION)]  # fmt: skip


def below(figure):
    return " ".join(figure.get_supxlabel().split())


def test_each_head_is_drawn_on_one_scale_with_one_colour_bar():
    figure = plot.heads(HEADS)
    assert len(grid(figure)) == 3 and len(figure.axes) == 4
    for ax, head in zip(grid(figure), HEADS):
        np.testing.assert_array_equal(ax.get_images()[0].get_array(), head)
        assert ax.get_images()[0].get_clim() == (0, 1)
    assert len(plot.heads(HEADS, colorbar=False).axes) == 3
    scores = plot.heads(HEADS * 6 - 2, vmin=None, vmax=None, entropy=False)
    assert {ax.get_images()[0].get_clim() for ax in grid(scores)} == {(-2, 4)}


def test_the_figure_says_which_axis_is_the_query_and_which_the_key():
    figure = plot.heads(HEADS, target="English", source="French")
    assert figure.get_supylabel() == "query: English"
    assert figure.get_supxlabel().startswith("key: French\n")


def test_titles_have_the_entropy_in_nats_and_its_share_of_the_greatest():
    figure = plot.heads(HEADS)
    assert [ax.get_title() for ax in grid(figure)] == [
        "head 0\n1.39 nats (100%)", "head 1\n0.69 nats (50%)", "head 2\n0.00 nats (0%)",
    ]  # fmt: skip
    assert "entropy in nats, mean over the queries (in % of ln 4 = 1.39)" in below(figure)


def test_the_most_peaked_head_is_framed_and_named():
    figure = plot.heads(HEADS)
    assert framed(figure) == [2] and "framed: the most peaked, head 2" in below(figure)
    figure = plot.heads(np.stack([HEADS, HEADS[::-1]])[:, :2])
    assert framed(figure) == [2] and "the most peaked, layer 1, head 0" in below(figure)
    assert framed(plot.heads(HEADS[:1])) == [] == framed(plot.heads(HEADS, entropy=False))


def test_layers_are_rows_and_heads_columns():
    figure = plot.heads(np.stack([HEADS, HEADS]))
    axes = grid(figure)
    assert [ax.get_ylabel() for ax in axes] == ["layer 0", "", "", "layer 1", "", ""]
    assert [ax.get_title().split("\n")[0] for ax in axes[:3]] == ["head 0", "head 1", "head 2"]
    figure.canvas.draw()
    tops = [round(ax.get_position().y1, 3) for ax in axes]
    assert tops[0] == tops[2] > tops[3] == tops[5]


def test_a_list_of_layers_will_do():
    layers = [mx.tensor(HEADS[None]), mx.tensor(HEADS[None], requires_grad=True)]
    assert len(grid(plot.heads(layers))) == 6


def test_a_mask_limits_what_is_possible():
    allowed = causal(4, 4).allowed
    weights = allowed / allowed.sum(1, keepdims=True)  # as uniform as the mask lets it
    figure = plot.heads(np.stack([weights, np.eye(4)]), mask=causal(4, 4))
    nats = np.log([1, 2, 3, 4]).mean()
    # The first query has one key, so it has no entropy in either reading: 3 of 4 rows are uniform.
    assert grid(figure)[0].get_title() == f"head 0\n{nats:.2f} nats (75%)"
    assert "the log of the number of allowed keys" in below(figure)
    assert "hatched: masked" in below(figure)


def test_rows_that_look_nowhere_or_have_no_value_count_for_nothing():
    weights = HEADS.copy()
    weights[0, 0], weights[1, 0], weights[2] = 0, np.nan, 0
    titles = [ax.get_title() for ax in grid(plot.heads(weights))]
    assert titles == ["head 0\n1.39 nats (100%)", "head 1\n0.69 nats (50%)", "head 2\n–"]


def test_tokens_stand_at_the_left_and_at_the_bottom():
    figure = plot.heads(np.stack([*HEADS] * 2), "a b c", "w x y z", columns=4)
    axes = grid(figure)
    left = [[t.get_text() for t in ax.get_yticklabels()] for ax in axes]
    assert [bool(words) for words in left] == [True, False, False, False, True, False]
    low = [[t.get_text() for t in ax.get_xticklabels()] for ax in axes]
    assert [bool(words) for words in low] == [False, False, True, True, True, True]
    assert left[0] == list("abc") and low[-1] == list("wxyz")


def test_twelve_layers_of_twelve_heads_fit(rng):
    figure = plot.heads(rng.dirichlet(np.ones(16), (12, 12, 16)))
    assert len(grid(figure)) == 144
    assert re.fullmatch(r"\d\.\d\d \(\d\d%\)", grid(figure)[20].get_title())
    figure.canvas.draw()
    wide = [ax.title.get_window_extent() for ax in grid(figure)[:12]]
    assert all(a.x1 < b.x0 for a, b in pairwise(wide))  # no title runs into the next


def test_it_draws_on_a_figure_a_subfigure_or_given_axes(tmp_path):
    figure = Figure()
    left, right = figure.subfigures(1, 2)
    assert plot.heads(HEADS, ax=right, save=tmp_path / "a.svg") is right
    assert len(right.axes) == 4 and not left.axes and plt.get_fignums() == []
    assert "head 2" in (tmp_path / "a.svg").read_text()
    assert plot.heads(HEADS, ax=figure) is figure
    axes = Figure().subplots(1, 3)
    assert plot.heads(HEADS, ax=axes, colorbar=False) is axes
    assert axes[1].get_xlabel().startswith("key: source")


@pytest.mark.parametrize(
    "weights, options, said",
    [
        (UNIFORM, {}, "(3, 4), expected (h, L, S) or (layers, h, L, S) with no length of 0. pl"),
        (np.ones((2, 2, 2, 2, 2)), {}, "Take one element of the batch, as weights[:, 0]"),
        (np.ones((30, 30, 1, 1)), {}, "30 × 30 heads are too many to see, at most 400"),
        (HEADS, {"queries": "a b"}, "2 queries do not fit weights of shape (3, 4)"),
        (HEADS, {"mask": np.ones((4, 3), bool)}, "a mask of shape (4, 3) does not fit weights of"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_named(weights, options, said):
    with pytest.raises(mx.ShapeError, match=re.escape(said)):
        plot.heads(weights, **options)
    assert plt.get_fignums() == []


def test_too_few_axes_are_refused():
    with pytest.raises(mx.ShapeError, match="3 heads do not fit on 2 Axes: give as many, or"):
        plot.heads(HEADS, ax=Figure().subplots(1, 2))


def test_rows_that_do_not_sum_to_1_have_no_entropy():
    dropped = HEADS * np.array([2, 0, 2, 0]) / 2  # as dropout leaves them
    with pytest.raises(ValueError, match=r"rows of weights sum to 0\.5 .* before dropout, or "):
        plot.heads(dropped)
    assert grid(plot.heads(dropped, entropy=False))[0].get_title() == "head 0"
