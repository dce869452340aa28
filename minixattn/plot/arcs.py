"""Attention between two texts as lines: the queries on the left, the keys on the right."""

import numpy as np

from .canvas import ATTENTION, finish, is_dark, new_axes, points, root
from .cells import checked_matrix, number, scale
from .measure import widest
from .text import families, shown, wrapped
from .ticks import LINE, SMALLEST, as_list, checked_labels, is_text

MOST = 2000  # lines
THICKEST = 4.0  # points
BESIDE = 0.8  # inches above and below the lines


def arcs(
    weights, queries, keys, *, from_=None, to=None, ax=None, threshold=0.05, color=ATTENTION,
    target="target", source="source", save=None,
):  # fmt: skip
    """Draw attention between two texts as lines, as thick and opaque as their weight.

    Read from the left, a query's lines show where it looks; read from the right, a key's lines
    show who looks at it. `from_` or `to` picks one token out: its weights are written beside the
    tokens at the other ends, and all other lines become pale.

    Parameters
    ----------
    weights : (L, S), rows are queries and columns keys, each weight from 0 to 1
    queries, keys : the L and S words
    from_ : a query, by its position or its word: where does it look?
    to : a key, by its position or its word: who looks at it?
    ax : matplotlib Axes, or Figure or SubFigure to put them on; a new figure where None
    threshold : the least weight that gets a line; at most 2000 lines are drawn, the strongest
    color : of the lines
    target, source : words for "query: target" above the left and "key: source" above the right
    save : path of a .png, .svg or .pdf to write

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ShapeError
        If weights and words do not fit each other.
    ValueError
        If weights lie outside 0 to 1, or there is no such token to pick out, or more than one.
    """
    weights = checked_matrix("arcs", weights)
    weights = np.where(np.isneginf(weights), 0, weights)
    scale("arcs", weights, 0, 1)
    chosen = [picked(from_, queries, weights.shape, 0), picked(to, keys, weights.shape, 1)]
    names = [checked_labels("arcs", x, weights.shape, i) for i, x in enumerate((queries, keys))]
    for which, side in zip(("queries", "keys"), names):
        if side is None or not is_text(side):
            raise TypeError(f"arcs: the {which} must be words; plot.heatmap can show images.")
    own = ax is None
    ax = new_axes(ax, figure_size(names))
    lines, said = strongest(weights, threshold)
    draw_lines(ax, weights, lines, chosen, color)
    figure = root(ax)
    tall = figure.get_figheight() - BESIDE if own else (
        0.8 * ax.get_window_extent().height / figure.dpi)  # fmt: skip
    said += write_words(ax, names, weights, chosen, 72 * tall, threshold, color)
    heads = f"query: {shown(target)}", f"key: {shown(source)}"
    for x, words, side in zip((-0.02, 1.02), heads, ("right", "left")):
        ax.text(x, -0.01, words, ha=side, va="bottom", fontfamily=families([words]),
                fontsize="medium")  # fmt: skip
    ax.set_xlabel(wrapped(said, ax.figure.bbox.width if own else ax.bbox.width, ax.figure.dpi))
    return finish(ax, save)


def picked(token, words, shape, side):
    """The position of the token to pick out, given by its position or its word; None for none."""
    if token is None:
        return None
    name, which = (("from_", "queries"), ("to", "keys"))[side]
    count = shape[side]
    if isinstance(token, str):
        places = [i for i, word in enumerate(as_list(words, count)) if word == token]
        if len(places) != 1:
            found = f"at {', '.join(map(str, places))}: give its position" if places else "nowhere"
            raise ValueError(f"arcs: {name}={token!r} is among the {which} {found}.")
        return places[0]
    if not -count <= token < count:
        raise ValueError(f"arcs: {name}={token} is not one of the {count} {which}.")
    return int(token) % count


def strongest(weights, threshold):
    """Positions (n, 2) of the lines to draw, the weakest first, and what is to be said of them."""
    places = np.argwhere(weights >= max(threshold, np.finfo(float).tiny))  # NaN is not
    order = np.argsort(weights[tuple(places.T)], kind="stable")
    lines = places[order][-MOST:]
    some = f"from {threshold:g} up: {len(lines):,} of {weights.size:,}"
    if len(lines) < len(places):
        some = f"only the {MOST:,} greatest of {weights.size:,}"
    said = [f"width and opacity: the weight; drawn {some}"]
    missing = np.isnan(weights).sum()
    return lines, said + ([f"no value (NaN) for {missing:,} pairs"] if missing else [])


def heights(count):
    """Where `count` tokens stand, from 0 at the top to 1 at the bottom."""
    return (np.arange(count) + 0.5) / count


def draw_lines(ax, weights, lines, chosen, color):
    """A curve for each of the lines, which leaves and arrives level."""
    from matplotlib.collections import PathCollection
    from matplotlib.colors import to_rgba
    from matplotlib.path import Path

    pens = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    left, right = map(heights, weights.shape)
    paths = [Path([(0, left[i]), (0.5, left[i]), (0.5, right[j]), (1, right[j])], pens)
             for i, j in lines]  # fmt: skip
    strength = np.clip(weights[tuple(lines.T)], 0, 1).astype(float)
    ink = np.tile(to_rgba(color), (len(lines), 1))
    ink[:, 3] *= 0.1 + 0.9 * strength
    if chosen != [None, None]:
        on = (lines[:, 0] == chosen[0]) | (lines[:, 1] == chosen[1])
        ink[~on, 3] *= 0.3 if is_dark(ax) else 0.15
    ax.add_collection(
        PathCollection(paths, facecolors="none", edgecolors=ink, linewidths=THICKEST * strength)
    )
    ax.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def write_words(ax, names, weights, chosen, tall, threshold, color):
    """The tokens of both sides, and weights beside those at the other ends of a token picked out.

    `tall` is the height of the Axes in points. Returns what is to be said about tokens that there
    was no room for.
    """
    other = (weights[:, chosen[1]] if chosen[1] is not None else None,
             weights[chosen[0]] if chosen[0] is not None else None)  # fmt: skip
    said = []
    for side, (words, values) in enumerate(zip(names, other)):
        room = tall / len(words)
        step = max(1, int(np.ceil(SMALLEST * LINE / room - 1e-9)))
        size = min(points("font.size"), room * step / LINE)
        pick = {chosen[side]} - {None}
        for i in sorted({*range(0, len(words), step)} | pick):
            style = {"color": color, "fontweight": "bold"} if i in pick else {}
            if families([words[i]]) != families([]):  # such fonts seldom have a bold face
                style.pop("fontweight", None)
            away = 4 + (0 if values is None else 2.6 * size)
            beside(ax, side, heights(len(words))[i], words[i], away, size, **style)
        for i in np.flatnonzero([] if values is None else values >= threshold):
            beside(ax, side, heights(len(words))[i], number(values[i]), 4, size)
        if step > 1:
            said.append(f"one in {step} of the {('queries', 'keys')[side]} is named")
    return said


def beside(ax, side, height, text, away, size, **style):
    """A text at the left (`side` 0) or right edge of the Axes, `away` points from it."""
    ax.annotate(
        text, (side, height), ((away, -away)[side == 0], 0), textcoords="offset points",
        va="center", ha=("right", "left")[side], fontsize=size, fontfamily=families([text]),
        annotation_clip=False, **style,
    )  # fmt: skip


def figure_size(names):
    """Inches that give each token a line of its own, as far as a page goes."""
    count = max(map(len, names))
    height = min(max(0.28 * min(count, 18), 0.1 * count), 10.5)
    return 2.8 + 0.14 * sum(map(widest, names)), max(height, 0.9) + BESIDE
