"""The picture of a question: the page, the answer, and one small page for each word and head."""

import io

import numpy as np
import pytest
from helpers import leaf, values

from minixattn.data.digits import page_image
from minixattn.plot.answers import answers_figure
from minixattn.plot.canvas import ATTENTION, INK, RIGHT, WRONG

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

PLACE, WHERE = "what is at the top left".split(), "where is the 7".split()


def row(words=WHERE, heads=3, target=5, answer="7", truth="7", seed=0, **changes):
    """A question, every head looking anywhere but at the patch asked about."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(9), (heads, 6))
    weights[..., target] = 0
    weights /= weights.sum(-1, keepdims=True)
    made = {
        "page": rng.random((9, 64)), "words": words, "weights": weights, "answer": answer,
        "truth": truth, "target": target,
    }  # fmt: skip
    return made | changes


def drawn(*rows):
    return answers_figure(list(rows), Figure())


def large(figure):
    """The axes of the pages as a whole: those that carry an answer."""
    return [ax for ax in figure.axes if ax.get_xlabel()]


def small(figure):
    return [ax for ax in figure.axes if not ax.get_xlabel()]


def test_words_are_the_rows_and_heads_the_columns():
    axes = small(drawn(row(PLACE, heads=3)))
    assert len(axes) == 6 * 3
    columns = [axes[6 * h : 6 * h + 6] for h in range(3)]
    for h, column in enumerate(columns):
        assert [ax.get_title() for ax in column] == [f"head {h}"] + [""] * 5
        assert [ax.get_ylabel() for ax in column] == (PLACE if h == 0 else [""] * 6)
        assert len({round(ax.get_position().x0, 9) for ax in column}) == 1
        heights = [ax.get_position().y0 for ax in column]
        assert heights == sorted(heights, reverse=True)  # the first word is on top
    lefts = [column[0].get_position().x0 for column in columns]
    assert lefts == sorted(set(lefts))


def test_every_small_page_shows_the_weights_of_its_word_and_head():
    question = row(WHERE, heads=2)
    axes = small(drawn(question))
    for h in range(2):
        for w in range(4):
            page, tint = axes[4 * h + w].get_images()
            np.testing.assert_array_equal(page.get_array(), page_image(question["page"]))
            expected = 0.75 * question["weights"][h, w].reshape(3, 3)
            np.testing.assert_allclose(tint.get_array()[..., 3], expected)


def test_padding_words_are_left_out():
    question = row(WHERE)
    question["weights"][:, 4:] = np.nan
    figure = drawn(question)
    assert len(small(figure)) == 4 * 3
    assert np.isfinite(large(figure)[0].get_images()[1].get_array()).all()


def test_the_large_page_is_tinted_by_the_head_that_looks_most_where_it_should():
    question = row(WHERE, target=5)
    question["weights"][1] = 0.4 * np.eye(9)[5] + 0.6 * np.eye(9)[0]
    (ax,) = large(drawn(question))
    tint = ax.get_images()[1].get_array()[..., 3]
    np.testing.assert_allclose(tint.ravel(), 0.75 * question["weights"][1].mean(0))
    texts = {text.get_text() for text in ax.texts}
    assert {"40%", "60%"} < texts and any("head 1" in text for text in texts)


def test_the_question_stands_above_its_page():
    figure = drawn(row(PLACE), row(WHERE))
    assert [ax.get_title() for ax in large(figure)] == [
        "what is at the top left?", "where is the 7?"
    ]  # fmt: skip


def test_the_answer_stands_below_with_the_truth_where_it_is_wrong():
    good, bad = large(drawn(row(answer="7", truth="7"), row(answer="7", truth="top left")))
    assert good.get_xlabel() == "answer: 7 (right)"
    assert bad.get_xlabel() == "answer: 7\nwrong: it is top left"
    assert (good.xaxis.label.get_color(), bad.xaxis.label.get_color()) == (RIGHT, WRONG)


@pytest.mark.parametrize(("share", "color"), [(0.51, ATTENTION), (0.49, INK)])
def test_heads_that_found_the_patch_are_named_in_orange(share, color):
    question = row(WHERE, heads=3, target=2)
    question["weights"][1, :4] = (1 - share) * np.eye(9)[7] + share * np.eye(9)[2]
    question["weights"][:, 4:] = np.eye(9)[2]  # padding words do not count
    titles = [ax.title.get_color() for ax in small(drawn(question)) if ax.get_title()]
    assert titles == [INK, color, INK]


@pytest.mark.parametrize("heads", [1, 2, 8])
def test_nothing_is_cut_off_at_the_edge_of_the_picture(heads):
    longest = {"answer": "bottom middle", "truth": "bottom right"}
    middle = "what is at the bottom middle".split()
    figure = drawn(row(middle, heads, **longest), row(WHERE, heads, **longest))
    figure.savefig(io.BytesIO(), dpi=100)
    width, height = 100 * figure.get_size_inches()
    for ax in figure.axes:
        box = ax.get_tightbbox()
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert inside, (ax.get_title(), ax.get_ylabel(), ax.get_xlabel(), box)
    (sentence,) = figure.texts
    box = sentence.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= width and box.y1 <= height
    for one in figure.axes:
        assert one.get_tightbbox().y1 <= box.y0, "the sentence on top is drawn over"


def test_no_two_parts_are_drawn_over_each_other():
    figure = drawn(row(PLACE, 8, answer="9"), row(WHERE, 8, answer="9"), row(PLACE, 8))
    figure.savefig(io.BytesIO(), dpi=100)
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            width = min(one.x1, other.x1) - max(one.x0, other.x0)
            height = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert width <= 2 or height <= 2  # a pixel or two for the frames


def test_tensors_are_taken_as_they_are(device):
    plain, question = row(), row()
    question["page"] = leaf(question["page"], device)
    question["weights"] = leaf(question["weights"], device) * 1
    for one, other in zip(drawn(plain).axes, drawn(question).axes):
        for a, b in zip(one.get_images(), other.get_images()):
            np.testing.assert_array_equal(a.get_array(), b.get_array())
    assert values(question["page"]).shape == (9, 64)


def test_it_draws_on_the_figure_it_is_given_and_gives_it_the_size_it_needs():
    figure = Figure(figsize=(1, 1))
    assert answers_figure([row()], figure) is figure
    assert all(figure.get_size_inches() > 3)
    assert plt.get_fignums() == []


def test_without_a_figure_it_makes_one_that_show_will_show():
    figure = answers_figure([row()])
    assert plt.get_fignums() == [figure.number]
