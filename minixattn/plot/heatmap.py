"""Attention as a matrix: a row for each query, a column for each key."""

import numpy as np

from .canvas import finish, new_axes, points, sequential
from .cells import checked_mask, checked_matrix, draw, is_equal, quantity, scale, write_numbers
from .text import families, shown, wrapped
from .ticks import SMALLEST, checked_labels, is_text, named

FEW = 100  # weights that are few enough to be written out


def heatmap(
    weights, queries=None, keys=None, *, ax=None, mask=None, values=None, vmin=0, vmax=1,
    cmap=None, colorbar=True, reduce="max", target="target", source="source", save=None,
):  # fmt: skip
    """Draw attention weights as a matrix: row i shows where query i looks, column j is key j.

    A key that the mask forbids is hatched and a weight that is NaN crossed: neither is a weight of
    0. More than 256 rows or columns are drawn in blocks, and the axis says so.

    Parameters
    ----------
    weights : (L, S), rows are queries and columns keys; −inf is drawn as masked
    queries, keys : what to write at the L rows and S columns: words, or images (height, width) with
        ink = 1 on paper = 0 or (height, width, 3) in colour; a text is taken word by word
    ax : matplotlib Axes, or Figure or SubFigure to put them on; a new figure where None
    mask : of `minixattn.masks`, or bool array (L, S) or (1, S), True = may attend
    values : write the weights into the cells; where None, if there are at most 100
    vmin, vmax : ends of the colour scale; the least and greatest weight where None
    cmap : colour map; where None a sequential one that suits a light or dark background
    colorbar : draw it
    reduce : "max" or "mean", what a block of many cells shows
    target, source : words for the axes "query: target" and "key: source"
    save : path of a .png, .svg or .pdf to write

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ShapeError, DTypeError
        If weights, labels or mask do not fit each other.
    ValueError
        If a weight lies outside 0 to 1 while that is the scale, or `reduce` is unknown.
    """
    if reduce not in ("max", "mean"):
        raise ValueError(f'heatmap: reduce={reduce!r}, expected "max" or "mean".')
    weights = checked_matrix("heatmap", weights)
    shape = weights.shape
    labels = [checked_labels("heatmap", x, shape, i) for i, x in enumerate((queries, keys))]
    allowed = ~np.isneginf(weights)
    if mask is not None:
        allowed &= checked_mask("heatmap", mask, shape)
    vmin, vmax = scale("heatmap", weights[allowed], vmin, vmax)
    own = ax is None
    ax = new_axes(ax)
    image, notes = draw(
        ax, weights, allowed, vmin=vmin, vmax=vmax, cmap=cmap or sequential(ax), reduce=reduce
    )
    cell = own_cell(shape, labels) if own else cell_on(ax, shape, colorbar)
    notes += named(ax, labels[0], cell[1], 0) + named(ax, labels[1], cell[0], 1)
    if values or (values is None and weights.size <= FEW and min(cell) >= 3 * SMALLEST):
        write_numbers(ax, image, np.where(allowed, weights, np.nan), number_size(cell))
    name_axes(ax, target, source, notes)
    if own:
        fit_figure(ax, cell, shape, colorbar)
    if colorbar:
        add_colorbar(ax, image, weights[allowed], cell[0] * shape[1] if own else None)
    return finish(ax, save)


def own_cell(shape, labels):
    """Width and height of a cell, in points, on a figure that is made for the matrix."""

    def inches(n, names):
        least = 0 if names is None else 0.1 if is_text(names) else 0.15
        return min(0.5 * n, max(4.5, least * n, 6.0 if n > 128 else 0), 10.5)

    height, width = (72 * inches(n, names) / n for n, names in zip(shape, labels))
    return (min(width, height),) * 2 if is_equal(shape) else (width, height)


def cell_on(ax, shape, colorbar):
    """Width and height of a cell, in points, on Axes as they are now."""
    box, points = ax.get_window_extent(), 72 / ax.figure.dpi
    width, height = 0.9 * box.width * points / shape[1], 0.9 * box.height * points / shape[0]
    width *= 0.85 if colorbar else 1  # the bar will take its place
    return (min(width, height),) * 2 if is_equal(shape) else (width, height)


def number_size(cell):
    """The size of type in which "0.62" fits into a cell."""
    return min(0.9 * points("font.size"), cell[0] / 2.7, cell[1] / 1.4)


def name_axes(ax, target, source, notes=()):
    """Say which axis is the query and which the key, and below it what else is to be known."""
    query, key = f"query: {shown(target)}", f"key: {shown(source)}"
    ax.set_ylabel(query, fontfamily=families([query]))
    notes = wrapped(notes, 1.2 * ax.bbox.width, ax.figure.dpi)
    ax.set_xlabel(f"{key}\n{notes}".strip(), fontfamily=families([key]))


def add_colorbar(ax, image, weights, wide):
    """A colour bar with a pointed end where weights lie beyond the scale.

    On a figure made for the matrix, which is `wide` points wide, it is as tall as that; where the
    Axes were given (None), it takes a part of their place, as matplotlib's own do.
    """
    low, high = image.get_clim()
    finite = weights[np.isfinite(weights)]
    beyond = ((finite < low - 1e-3).any(), (finite > high + 1e-3).any())
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[beyond]
    label = quantity(low, high)
    place = {"ax": ax, "fraction": 0.06, "pad": 0.03}
    if wide:
        place = {"cax": ax.inset_axes((1 + 7 / wide, 0, 11 / wide, 1))}
    ax.figure.colorbar(image, label=label, extend=extend, **place)


def fit_figure(ax, cell, shape, colorbar):
    """Give the figure the size at which each cell has the size wished for."""
    figure, dpi = ax.figure, ax.figure.dpi
    inner, outer = ax.get_window_extent(), ax.get_tightbbox(figure.canvas.get_renderer())
    margins = (outer.width - inner.width) / dpi, (outer.height - inner.height) / dpi
    width, height = cell[0] * shape[1] / 72, cell[1] * shape[0] / 72
    figure.set_size_inches(
        max(width + margins[0] + (0.95 if colorbar else 0.1), 1.5),
        max(height + margins[1] + 0.1, 1.5 if colorbar else 1.0),
    )
