"""All heads, or all layers and heads, at a glance."""

import numpy as np

from ..errors import ShapeError
from .canvas import ATTENTION, as_numpy, finish, points, sequential
from .cells import checked_mask, draw, is_equal, quantity, scale
from .heatmap import cell_on, name_axes
from .measure import widest
from .panels import fills, panels
from .text import families, shown, wrapped
from .ticks import SMALLEST, checked_labels, is_text, named

MANY = 400  # heads; more could not be told apart


def heads(
    weights, queries=None, keys=None, *, ax=None, mask=None, vmin=0, vmax=1, cmap=None,
    colorbar=True, entropy=True, columns=None, reduce="max", target="target", source="source",
    save=None,
):  # fmt: skip
    """Draw one small matrix for each head, all on one scale, with the entropy of each.

    H = −Σⱼ aᵢⱼ ln aᵢⱼ in nats, the mean over the queries i, stands in each title, and in brackets
    its share of the greatest possible, ln S (or the log of the number of keys that the mask
    leaves). 0 % looks at one key alone, 100 % at all alike. The head with the least is framed as
    "most peaked".

    Parameters
    ----------
    weights : (h, L, S), a head each; (layers, h, L, S), a row of the grid for each layer; or a
        list of (h, L, S) or (1, h, L, S), one for each layer
    queries, keys : words or images, as for `heatmap`, at the left and at the bottom of the grid
    ax : Figure or SubFigure to draw on, or an array of as many Axes as heads; a new figure for None
    mask : of `minixattn.masks`, or bool array that broadcasts to `weights`, True = may attend
    vmin, vmax : ends of the common colour scale; the least and greatest weight of all where None
    cmap, colorbar, reduce, target, source : as for `heatmap`
    entropy : write it; its rows must sum to 1
    columns : of the grid of (h, L, S); about as many as rows where None
    save : path of a .png, .svg or .pdf to write

    Returns
    -------
    matplotlib Figure or SubFigure; the array of Axes where one was given

    Raises
    ------
    ShapeError
        If weights, labels, mask or Axes do not fit each other.
    ValueError
        If rows do not sum to 1, or weights lie outside 0 to 1 while that is the scale.
    """
    weights = checked_heads(weights)
    layers, h, L, S = weights.shape
    allowed = ~np.isneginf(weights)
    if mask is not None:
        allowed &= checked_mask("heads", mask, weights.shape)
    labels = [checked_labels("heads", x, (L, S), i) for i, x in enumerate((queries, keys))]
    vmin, vmax = scale("heads", weights[allowed], vmin, vmax)
    nats, share = entropies(weights, allowed) if entropy else (None, None)
    axes = grid(ax, (layers, h), columns, (L, S), labels[1])
    figure = axes[0].figure
    said = set()
    for place, axis in zip(np.ndindex(layers, h), axes):
        image, notes = draw(
            axis, weights[place], allowed[place], vmin=vmin, vmax=vmax,
            cmap=cmap or sequential(axis), reduce=reduce,
        )  # fmt: skip
        said |= set(notes)
    said = sorted(said) + titles(axes, (layers, h), nats, share, (S, mask is not None))
    said += name_tokens(axes, labels, (L, S))
    if colorbar:
        label = quantity(vmin, vmax)
        axes[0].figure.colorbar(
            image, ax=list(axes), label=label, fraction=0.05, aspect=25,
            shrink=0.5 if layers > 4 else 0.9,
        )  # fmt: skip
    if fills(ax):
        name_figure(figure, target, source, said)
    else:
        for axis in axes:
            name_axes(axis, target, source, said)
    return finish(figure if fills(ax) else ax, save)


def checked_heads(weights):
    """Weights as (layers, h, L, S), or an error."""
    weights = as_numpy(weights)
    shape = weights.shape
    if weights.ndim == 5 and shape[1] == 1:  # a list of (1, h, L, S)
        weights = weights[:, 0]
    weights = weights[None] if weights.ndim == 3 else weights
    if weights.ndim != 4 or not weights.size:
        mend = {
            2: " plot.heatmap draws one matrix.",
            5: " Take one element of the batch, as weights[:, 0].",
        }.get(weights.ndim, "")
        raise ShapeError(
            f"heads: weights have shape {shape}, expected (h, L, S) or (layers, h, L, S) with no "
            f"length of 0.{mend}"
        )
    if weights.shape[0] * weights.shape[1] > MANY:
        raise ShapeError(
            f"heads: {weights.shape[0]} × {weights.shape[1]} heads are too many to see, at most "
            f"{MANY}: draw a part, as weights[:8]."
        )
    exact = weights.dtype.kind == "f" and weights.dtype.itemsize >= 4
    return weights if exact else weights.astype(np.float32)


def entropies(weights, allowed):
    """(layers, h) mean over the queries of the entropy, and of its share of the greatest one.

    A query that may look nowhere, or whose weights are not numbers, has none.
    """
    nats, share = np.full((2, *weights.shape[:2]), np.nan)
    for place in np.ndindex(weights.shape[:2]):
        rows = np.where(allowed[place], weights[place], 0)
        total = rows.sum(-1, dtype=float)
        rows, keys = rows[total > 0], allowed[place].sum(-1)[total > 0]  # NaN > 0 is false
        off = np.abs(total[total > 0] - 1)
        if (off > 0.01).any():
            raise ValueError(
                f"heads: rows of weights sum to {total[total > 0][off.argmax()]:.4g} in place of "
                f"1, so they have no entropy. Give weights from after the softmax and before "
                f"dropout, or entropy=False."
            )
        if not len(rows):
            continue
        each = -(rows * np.log(np.where(rows > 0, rows, 1))).sum(-1)
        nats[place] = each.mean()
        share[place] = (each / np.log(np.maximum(keys, 2))).mean()
    return nats, share


def grid(ax, shape, columns, cells, keys):
    """One Axes a head, row by row: a row for each layer."""
    layers, h = shape
    columns = min(h, columns or max(4, int(np.ceil(np.sqrt(h))))) if layers == 1 else h
    side = 1.7 if columns <= 4 else 1.15 if columns <= 8 else 0.8  # inches
    L, S = cells
    tall, wide = (side * n / max(L, S) if is_equal(cells) else side for n in cells)
    below = 0  # that keys take
    if keys is not None:
        below = widest(keys) / 7 if is_text(keys) else 0.4
    size = max(wide, 0.6 * side) + 0.15, max(tall, 0.4) + 0.45
    return panels("heads", ax, layers * h, columns, size, margins=(1.6, 1.2 + below), what="heads")


def titles(axes, shape, nats, share, scope):
    """Write above each head which it is and its entropy; returns what is to be said of them."""
    layers, h = shape
    write, size = entropy_style(axes)
    for (layer, head), axis in zip(np.ndindex(shape), axes):
        lines = [f"head {head}"] if layer == 0 else []
        if nats is not None:
            lines.append(write(nats[layer, head], share[layer, head]))
        axis.set_title("\n".join(lines), fontsize=size)
        if layers > 1 and head == 0:
            axis.set_ylabel(f"layer {layer}", fontsize=size)
    if nats is None:
        return []
    most = f"ln {scope[0]} = {np.log(scope[0]):.2f}"
    most = "the log of the number of allowed keys" if scope[1] else most
    said = [f"titles: entropy in nats, mean over the queries (in % of {most})"]
    if np.isfinite(nats).any() and nats.size > 1:
        layer, head = np.unravel_index(np.nanargmin(nats), shape)
        axes[layer * h + head].spines[:].set(color=ATTENTION, linewidth=2.5)
        name = f"head {head}" if layers == 1 else f"layer {layer}, head {head}"
        said.append(f"framed: the most peaked, {name}")
    return said


def entropy_style(axes):
    """How to write an entropy in the room above each head, and in which size of type."""
    forms = (
        lambda nats, share: f"{nats:.2f} nats ({share:.0%})",
        lambda nats, share: f"{nats:.2f} ({share:.0%})",
        lambda _nats, share: f"{share:.0%}",
    )
    room = 72 * axes[0].bbox.width / axes[0].figure.dpi
    for size in (points("font.size"), 0.8 * points("font.size"), 6.0, SMALLEST):
        for form in forms[:2]:
            if 0.6 * size * len(form(1.0, 1.0)) <= room:
                return dashed(form), size
    return dashed(forms[2]), SMALLEST


def dashed(form):
    """`form`, or a dash for a head that looks nowhere."""
    return lambda nats, share: form(nats, share) if np.isfinite(nats) else "–"


def name_tokens(axes, labels, shape):
    """Tokens at the left and at the bottom of the grid; no positions elsewhere."""
    said = set()
    left = {id(axis) for axis in axes if axis.get_subplotspec() is None
            or axis.get_subplotspec().is_first_col()}  # fmt: skip
    for i, axis in enumerate(axes):
        axis.set(xticks=[], yticks=[])
        cell = cell_on(axis, shape, False)
        if labels[0] is not None and id(axis) in left:
            said |= set(named(axis, labels[0], cell[1], 0))
        if labels[1] is not None and is_lowest(axes, i):
            said |= set(named(axis, labels[1], cell[0], 1))
    return sorted(said)


def is_lowest(axes, i):
    """Whether no Axes of the grid are below number i."""
    spec = axes[i].get_subplotspec()
    if spec is None:
        return True
    column = spec.colspan.start
    return not any(
        other.get_subplotspec().colspan.start == column
        and other.get_subplotspec().rowspan.start > spec.rowspan.start
        for other in axes
    )


def name_figure(figure, target, source, said):
    """Say once for all heads which axis is the query and which the key, and more below."""
    query, key = f"query: {shown(target)}", f"key: {shown(source)}"
    said, size = wrapped(said, figure.bbox.width, figure.dpi), points("axes.labelsize")
    figure.supylabel(query, fontsize=size, fontfamily=families([query]))
    figure.supxlabel(f"{key}\n{said}", fontsize=size, fontfamily=families([key]))
