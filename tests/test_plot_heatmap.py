"""The matrix: where each weight stands, what the axes say, and what is not a weight."""

import re

import numpy as np
import pytest

import minixattn as mx
from minixattn import plot
from minixattn.masks import causal, padding

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

ENGLISH, FRENCH = "the cat sat down .".split(), "le chat s' est assis là .".split()
WEIGHTS = np.random.default_rng(0).dirichlet(np.ones(7), 5)


def words(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def numbers(ax):
    """The numbers in the cells, by row and column."""
    return {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in ax.texts}


def hatches(ax):
    """{hatch: the cells under it}, for the patches of an (L, S) matrix."""
    found = {}
    for patch in ax.patches:
        L, S = round(ax.get_ylim()[0] + 0.5), round(ax.get_xlim()[1] + 0.5)
        inside = [(i, j) for i in range(L) for j in range(S)
                  if patch.get_path().contains_point((j, i))]  # fmt: skip
        found[patch.get_hatch()] = inside
    return found


# What is drawn -----------------------------------------------------------------------------------


def test_rows_are_queries_from_the_top_and_columns_are_keys():
    ax = plot.heatmap(WEIGHTS, ENGLISH, FRENCH)
    np.testing.assert_array_equal(ax.get_images()[0].get_array(), WEIGHTS)
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("query: target", "key: source")
    assert words(ax.yaxis) == ENGLISH and words(ax.xaxis) == FRENCH
    assert ax.get_ylim() == (4.5, -0.5) and ax.get_xlim() == (-0.5, 6.5)


def test_axes_take_other_words():
    ax = plot.heatmap(WEIGHTS, target="English", source="50 $")
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("query: English", r"key: 50 \$")


def test_the_colour_scale_goes_from_0_to_1_unless_asked():
    image = plot.heatmap(WEIGHTS).get_images()[0]
    assert image.get_clim() == (0, 1) and image.colorbar.ax.get_ylabel() == "weight"
    image = plot.heatmap(WEIGHTS * 8 - 3, vmin=None, vmax=None).get_images()[0]
    assert image.get_clim() == pytest.approx(((WEIGHTS * 8 - 3).min(), (WEIGHTS * 8 - 3).max()))
    assert image.colorbar.ax.get_ylabel() == "value" and image.colorbar.extend == "neither"
    assert plot.heatmap(WEIGHTS, colorbar=False).get_images()[0].colorbar is None


def test_a_colour_bar_is_pointed_where_weights_lie_beyond_it():
    image = plot.heatmap(WEIGHTS, vmax=0.2).get_images()[0]
    assert image.get_clim() == (0, 0.2) and image.colorbar.extend == "max"


def test_small_matrices_have_their_numbers_written_in_black_or_white():
    weights = [[0, 1, 0.5], [0.004, 0.25, 0.745]]
    ax = plot.heatmap(weights)
    assert numbers(ax) == {
        (0, 0): "0", (0, 1): "1", (0, 2): "0.50", (1, 0): "0.00", (1, 1): "0.25", (1, 2): "0.74",
    }  # fmt: skip
    colors = {t.get_text(): t.get_color() for t in ax.texts}
    assert colors["0"] == "black" and colors["1"] == "white"
    assert not plot.heatmap(weights, values=False).texts
    assert not plot.heatmap(np.full((11, 11), 1 / 11)).texts
    assert len(plot.heatmap(np.full((11, 11), 1 / 11), values=True).texts) == 121


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_numbers_stand_out_from_their_cells(style):
    from minixattn.plot.canvas import luminance

    with plt.style.context(style):
        ax = plot.heatmap(np.linspace(0, 1, 30).reshape(5, 6))
        image = ax.get_images()[0]
        for i, j in numbers(ax):
            (text,) = (t for t in ax.texts if t.get_position() == (j, i))
            cell = luminance(image.cmap(image.norm(image.get_array()[i, j])))
            ink = luminance(matplotlib.colors.to_rgb(text.get_color()))
            assert (max(cell, ink) + 0.05) / (min(cell, ink) + 0.05) > 4.5


def test_the_map_follows_the_background_or_the_wish():
    with plt.style.context("dark_background"):
        assert plot.heatmap(WEIGHTS).get_images()[0].cmap.name == "magma"
    assert plot.heatmap(WEIGHTS).get_images()[0].cmap.name == "Blues"
    assert plot.heatmap(WEIGHTS, cmap="cividis").get_images()[0].cmap.name == "cividis"


# What is not a weight ----------------------------------------------------------------------------


def test_masked_keys_are_hatched_and_not_zero():
    ax = plot.heatmap(np.where(causal(5, 7).allowed, WEIGHTS, 0), mask=causal(5, 7))
    forbidden = [tuple(map(int, place)) for place in np.argwhere(~causal(5, 7).allowed)]
    assert hatches(ax) == {"////": forbidden}
    assert ax.get_xlabel() == "key: source\nhatched: masked"
    assert np.ma.getmaskarray(ax.get_images()[0].get_array()).sum() == len(forbidden)
    assert not set(numbers(ax)) & set(forbidden)


def test_scores_of_minus_infinity_are_masked():
    scores = np.where(causal(3, 4).allowed, np.arange(12.0).reshape(3, 4) - 5, -np.inf)
    ax = plot.heatmap(scores, vmin=None, vmax=None)
    assert ax.get_images()[0].get_clim() == (-5, 5)
    assert len(hatches(ax)["////"]) == 6


def test_weights_that_are_not_numbers_are_crossed_and_said():
    weights = WEIGHTS.copy()
    weights[1, 2] = np.nan
    ax = plot.heatmap(weights)
    assert hatches(ax) == {"xxxx": [(1, 2)]}
    assert "crossed: no value (NaN)" in ax.get_xlabel().replace("\n", " ")
    assert (1, 2) not in numbers(ax)
    empty = plot.heatmap(np.full((2, 2), np.nan))
    assert hatches(empty) == {"xxxx": [(0, 0), (0, 1), (1, 0), (1, 1)]}


def test_a_mask_of_keys_serves_all_queries():
    ax = plot.heatmap(WEIGHTS, mask=padding([4], 7))
    assert len(hatches(ax)["////"]) == 15


# Sizes -------------------------------------------------------------------------------------------


def test_one_token_is_a_matrix():
    ax = plot.heatmap([[1.0]], ["a"], ["b"])
    assert numbers(ax) == {(0, 0): "1"} and words(ax.yaxis) == ["a"]


@pytest.mark.parametrize("reduce, what", [("max", "the greatest"), ("mean", "the mean")])
def test_large_matrices_are_drawn_in_blocks_and_say_so(reduce, what, rng):
    weights = rng.random((4096, 4100), dtype=np.float32)
    ax = plot.heatmap(weights, reduce=reduce)
    said = " ".join(ax.get_xlabel().split())
    assert said == f"key: source each cell is {what} of 16 × 17 weights"
    drawn = ax.get_images()[0].get_array()
    assert drawn.shape == (256, 242)
    block = weights[16:32, 34:51]
    expected = block.max() if reduce == "max" else block.mean()
    assert drawn[1, 2] == pytest.approx(expected, rel=1e-5)
    assert ax.get_xlim() == (-0.5, 4099.5)  # positions are those of the tokens


def test_a_block_is_masked_only_where_all_of_it_is():
    weights = np.full((512, 512), 0.5)
    weights[2:4, :2] = np.nan
    mask = np.ones((512, 512), bool)
    mask[:2, :2], mask[0, 2] = False, False
    ax = plot.heatmap(weights, mask=mask)
    found = np.ma.getmaskarray(ax.get_images()[0].get_array())
    assert np.argwhere(found).tolist() == [[0, 0], [1, 0]]
    assert {patch.get_hatch() for patch in ax.patches} == {"////", "xxxx"}


def test_a_row_of_many_keys_is_no_mere_line():
    ax = plot.heatmap(np.full((1, 100), 0.01), ["a"], [str(i) for i in range(100)])
    ax.figure.canvas.draw()
    assert ax.bbox.height > 20 and ax.get_aspect() == "auto"


# Whose axes --------------------------------------------------------------------------------------


def test_it_draws_on_the_axes_or_the_subfigure_it_is_given(tmp_path):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert plot.heatmap(WEIGHTS, ax=right, save=tmp_path / "a.svg") is right
    assert not left.get_images() and plt.get_fignums() == []
    assert "key: source" in (tmp_path / "a.svg").read_text()
    part = Figure().subfigures(1, 2)[0]
    assert plot.heatmap(WEIGHTS, ax=part).figure is part


def test_what_was_given_is_not_changed():
    weights, before = WEIGHTS.copy(), WEIGHTS.copy()
    plot.heatmap(weights, mask=causal(5, 7))
    np.testing.assert_array_equal(weights, before)


# Misfits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, said",
    [
        ({"weights": np.ones(3)}, "weights have shape (3,), expected (L, S)"),
        ({"weights": np.ones((2, 3, 4, 5))}, "(2, 3, 4, 5), expected (L, S) with a row for each q"),
        ({"weights": np.ones((2, 3, 4, 5))}, "at least one of both: take one matrix, as weights[0"),
        ({"weights": np.ones((0, 4))}, "weights have shape (0, 4)"),
        ({"queries": ENGLISH[:3]}, "3 queries do not fit weights of shape (5, 7), which have 5 r"),
        ({"keys": ENGLISH}, "5 keys do not fit weights of shape (5, 7), which have 7 columns, one"),
        ({"keys": ENGLISH}, "They would fit the other side: are the weights transposed?"),
        ({"mask": np.ones((7, 5), bool)}, "a mask of shape (7, 5) does not fit weights of shape"),
        ({"keys": np.ones((7, 64))}, "an image among the keys has shape (64,), expected (height,"),
        ({"keys": np.ones((7, 64))}, "reshape flat patches, as in patches.reshape(-1, 8, 8)"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_named(options, said):
    with pytest.raises(mx.ShapeError, match=re.escape(said)):
        plot.heatmap(**{"weights": WEIGHTS} | options)


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"weights": WEIGHTS * 5}, ValueError, "expected 0 to 1. Give the weights after the s"),
        ({"weights": WEIGHTS - 1}, ValueError, "for scores, vmin=None, vmax=None make the scale"),
        ({"weights": [[np.inf, 0]]}, ValueError, "the weight of query 0 and key 0 is infinite"),
        ({"mask": np.ones((5, 7))}, mx.DTypeError, "mask must be bool, True = may attend, got f"),
        ({"vmin": 2, "vmax": 1}, ValueError, "the colour scale goes from vmin=2 to vmax=1"),
        ({"reduce": "sum"}, ValueError, "reduce='sum', expected \"max\" or \"mean\""),
    ],
)  # fmt: skip
def test_numbers_that_make_no_picture_are_refused(options, error, said):
    with pytest.raises(error, match=re.escape(said)):
        plot.heatmap(**{"weights": WEIGHTS} | options)
    assert plt.get_fignums() == []  # no empty figure is left behind
