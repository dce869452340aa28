"""A question about a page: for every word and every head, where it looks."""

from ..data.digits import GRID, page_image
from .canvas import ATTENTION, INK, RIGHT, WRONG, as_numpy, finish, pyplot
from .overlay import overlay

CELL, PAGE, MARGIN = 0.72, 3.3, 0.48  # inches
CAPTION = """Where each head looks for each word: the more orange, the more weight.
The name of a head is orange where it found the patch asked about."""


def answers_figure(rows, figure=None, save=None):
    """Draw questions about pages of handwriting, one below the other.

    On the right one small page for each word (row: the query) and head (column). The name of a
    head is printed in orange where more than half of its weight is on the patch asked about. On
    the left the page with the question and the answer, tinted by the head that looks most at that
    patch (the mean over the words).

    Parameters
    ----------
    rows : list of dicts with `page` (9, 64), `words` (list of L strings), `weights` (h, ≥ L, 9),
        `answer` and `truth` (strings) and `target` (which of the 9 patches is asked about)
    figure : empty matplotlib Figure to draw on, which gets the size it needs; a new one where None
    save : file to write, .png, .svg or .pdf

    Returns
    -------
    matplotlib Figure
    """
    heads = len(rows[0]["weights"])
    width = PAGE + 1.45 + CELL * heads + 0.15
    tall = [max(CELL * len(row["words"]), PAGE) + 2 * MARGIN for row in rows]
    figure = pyplot().figure() if figure is None else figure
    figure.set_size_inches(width, sum(tall) + 0.35)
    top = figure.get_figheight() - 0.35
    figure.text(0.15 / width, 1 - 0.08 / figure.get_figheight(), CAPTION, va="top",
                fontsize="small", color=ink())  # fmt: skip
    for row, height in zip(rows, tall):
        top -= height
        one_question(figure, top + MARGIN, height - 2 * MARGIN, **row)
    return finish(figure, save)


def ink():
    """The colour of words: the user's own, such as white on a dark page, or nearly black."""
    color = pyplot().rcParams["text.color"]
    return INK if color == "black" else color


def one_question(figure, bottom, height, *, page, words, weights, answer, truth, target):
    """One block of the figure; positions in inches from the lower left corner."""
    image, shown = page_image(as_numpy(page)), as_numpy(weights)[:, : len(words)]

    def axes(left, low, size):
        w, h = figure.get_size_inches()
        return figure.add_axes((left / w, low / h, size / w, size / h))

    large = axes(0.15, bottom + (height - PAGE) / 2, PAGE)
    share = shown[..., target].mean(1)  # (h,)
    best = share.argmax()
    overlay(image, shown[best].mean(0), (GRID, GRID), ax=large, values=True)
    large.set_title(f"{' '.join(words)}?", fontsize="large", color=ink(), pad=20)
    large.text(1.5, -0.06, f"as seen by head {best}, which looks there most", fontsize="small",
               ha="center", va="bottom", color=ink())  # fmt: skip
    right = answer == truth
    verdict = f"answer: {answer}" + (" (right)" if right else f"\nwrong: it is {truth}")
    large.set_xlabel(verdict, fontsize="large", color=RIGHT if right else WRONG)
    up = bottom + (height + CELL * len(words)) / 2
    for h, head in enumerate(shown):
        for w, word in enumerate(words):
            small = axes(PAGE + 1.45 + CELL * h, up - CELL * (w + 1), CELL - 0.06)
            overlay(image, head[w], (GRID, GRID), ax=small)
            if w == 0:
                small.set_title(f"head {h}", fontsize="small",
                                color=ATTENTION if share[h] > 0.5 else ink())  # fmt: skip
            if h == 0:
                small.set_ylabel(word, color=ink(), rotation=0, ha="right", va="center")
