"""Tokens and small images beside the rows and below the columns of a matrix."""

import re

import numpy as np
import pytest

from minixattn import plot

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib.offsetbox import AnnotationBbox  # noqa: E402

ENGLISH = "the cat sat down .".split()
WEIGHTS = np.random.default_rng(0).dirichlet(np.ones(7), 5)


def words(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def overlaps(ax):
    """Pairs of neighbouring tick labels that run into each other."""
    ax.figure.canvas.draw()
    count = 0
    for axis, side in ((ax.yaxis, "y"), (ax.xaxis, "x")):
        turned = axis.get_ticklabels()[0].get_rotation() == 45
        boxes = [label.get_window_extent() for label in axis.get_ticklabels()]
        if not turned:
            low = sorted(getattr(box, f"{side}0") for box in boxes)
            size = np.mean([getattr(box, f"{side}1") - getattr(box, f"{side}0") for box in boxes])
            count += (np.diff(low) < 0.8 * size).sum()
    return count


@pytest.mark.parametrize("n, rotation", [(5, 0), (30, 90), (100, 90)])
def test_5_30_and_100_tokens_can_be_read(n, rotation):
    tokens = [f"w{i}" if n == 5 else f"word{i}" for i in range(n)]
    ax = plot.heatmap(np.eye(n), tokens, tokens)
    assert words(ax.xaxis) == words(ax.yaxis) == tokens
    assert ax.get_xlabel() == "key: source"  # none is left out
    for label in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        assert label.get_fontsize() >= 5
    assert ax.get_xticklabels()[0].get_rotation() == rotation
    assert overlaps(ax) == 0


def test_words_too_wide_for_their_columns_are_slanted():
    ax = plot.heatmap(np.eye(5), ENGLISH, ["a long word"] * 5)
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {45}


def test_where_room_is_short_some_tokens_are_named_and_the_axis_says_so():
    tokens = [f"w{i}" for i in range(300)]
    ax = plot.heatmap(np.eye(300), tokens, tokens)
    step = int(re.search(r"every (\d)\w\w query is named", ax.get_xlabel())[1])
    assert words(ax.yaxis) == tokens[::step] and step > 1
    assert re.search(r"every \d\w\w key is\s+named", ax.get_xlabel())


def test_a_text_is_taken_word_by_word_or_letter_by_letter():
    ax = plot.heatmap(WEIGHTS, "the cat sat down .", "bonjour")
    assert words(ax.yaxis) == ENGLISH and words(ax.xaxis) == list("bonjour")


def test_untrusted_tokens_are_shown_as_text():
    ax = plot.heatmap(np.eye(4), ["", "a" * 10_000, " x", "$x$"], ["\n", "\u202e", "<b>", 7])
    assert words(ax.yaxis) == ["∅", "a" * 23 + "…", "␣x", r"\$x\$"]
    assert words(ax.xaxis) == ["⏎", "U+202E", "<b>", "7"]


def test_positions_are_whole_numbers_where_no_tokens_are_given():
    ax = plot.heatmap(WEIGHTS)
    ax.figure.canvas.draw()
    assert words(ax.yaxis)[1:-1] == list("01234") or words(ax.yaxis) == list("01234")
    assert plot.heatmap([[1.0]]).get_yticks().tolist() == [0]


def test_patches_stand_beside_the_rows_and_below_the_columns(rng):
    colour, grey = rng.random((5, 4, 4, 3)), rng.integers(0, 256, (7, 8, 8), dtype=np.uint8)
    ax = plot.heatmap(WEIGHTS, colour, list(grey))
    boxes = [child for child in ax.get_children() if isinstance(child, AnnotationBbox)]
    shown = [box.offsetbox.get_data() for box in boxes]
    np.testing.assert_array_equal(shown[:5], colour)
    np.testing.assert_allclose(shown[5:], grey / 255)
    assert [box.xy for box in boxes] == [(0, i) for i in range(5)] + [(j, 0) for j in range(7)]
    assert set(words(ax.xaxis)) == {""}
