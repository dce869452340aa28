"""Pictures of attention between texts: one date in two scripts."""

import datetime
from itertools import groupby

from common import WIDE, outline, write

from minixattn import plot
from minixattn.models import load_pretrained, translate
from minixattn.plot.right_to_left import joined
from minixattn.plot.text import families, shown

DATE = datetime.date(2031, 5, 17)  # held out: the model has seen it in no language
STYLES = ("zh full", "ar_EG long arab")
LANGUAGES = ("Chinese", "Arabic (words read from the right)")
BELOW = "orange: the characters that say the digit; weights: mean of the heads of the last layer"


def dates(path):
    """`dates.png`: a Chinese and an Arabic date, read by the trained model digit by digit."""
    write(dates_figure(), path)


def dates_figure():
    """The figure, with a box around what says each digit."""
    from matplotlib.figure import Figure

    pretrained = load_pretrained("dates")
    texts, links = zip(*map(as_written, STYLES))
    figure = Figure(figsize=(WIDE, 4), layout="compressed")
    sides = figure.subplots(1, 2, width_ratios=[len(text) for text in texts])
    for ax, text, said, language in zip(sides, texts, links, LANGUAGES):
        found = translate(pretrained.model, pretrained.vocabularies, text)
        A, order, letters = found.weights[-1].mean(0)[:-1], seen(text), joined(text)
        plot.heatmap(A[:, order], found.target, [letters[i] for i in order], ax=ax, values=False,
                     colorbar=False, target="ISO 8601", source="date as written")  # fmt: skip
        ax.set_title(f"{language}\n{shown(text)}", fontfamily=families([text]))
        for row, start, stop in said:
            columns = [order.index(i) for i in range(start, stop)]
            outline(ax, row, min(columns), len(columns))
    figure.colorbar(sides[0].images[0], ax=list(sides), label="weight", shrink=0.75)
    figure.supxlabel(BELOW, fontsize="medium")
    return figure


def as_written(name):
    """`DATE` in a style, and which characters say which digit."""
    from minixattn.data.dates import name_of, styles, written

    return written(next(style for style in styles() if name_of(style) == name), DATE)


def seen(text):
    """The positions of the characters from left to right, as the text stands on the page.

    Arabic words run from right to left, the numbers among them from left to right.
    """
    if not any("\u0600" <= char <= "\u06ff" for char in text):
        return list(range(len(text)))
    runs = [list(run) for _, run in groupby(range(len(text)), key=lambda i: text[i].isdigit())]
    return [i for run in reversed(runs) for i in (run if text[run[0]].isdigit() else run[::-1])]
