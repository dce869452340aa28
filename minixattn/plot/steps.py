"""The equation of attention as matrices, drawn to scale."""

import math

import numpy as np

from .canvas import finish, luminance, new_axes, pyplot, room, sequential
from .equation import Matrix, equation_of
from .equation_layout import GAP, ROW_GAP, Layout, below, power, titles
from .mask import FORBIDDEN

MOST = 32  # rows and columns of a matrix that are drawn
CELL, WIDEST = 0.36, 15.0  # inches: of a cell, and of a whole figure, at most
READABLE = 4.5  # points of the smallest letters
DIVERGING = "PuOr_r"  # purple below 0, white at 0, orange above: for every eye


def steps(trace, *, batch=0, head=0, layer=None, gradients=False, most=MOST, ax=None, save=None):
    """Draw softmax(Q Kᵀ / √d_k) V as a row of matrices, with cells of one size in all of them.

    Shapes can so be checked by eye: Q is as wide as Kᵀ is tall. Numbers are written where a cell
    has room for them. Weights go from pale, 0, to dark, 1 (or the largest, where that is said). All
    others are purple below 0 and orange above it: Q, K, V and A V on one scale, the scores on
    another, each gradient on its own. Below each matrix stand its shape, and its smallest and
    largest value. Hatched is what the mask forbids; "?" is NaN.

    Parameters
    ----------
    trace : `minixattn.trace`; or dict of arrays by symbol: Q (L, d_k), K (S, d_k), scores, capped,
        masked, weights (L, S), V (S, d_v) and heads (L, d_v), which is A V, or those of them that
        there are; with dimensions (h, …) or (B, h, …) in front
    batch, head : which one to draw, counted from 0
    layer : name of the layer, such as "CrossAttention 2", where a trace has several
    gradients : True for a second row with the gradients in the trace; for a dict of arrays, a dict
        of their gradients
    most : how many rows and columns of a longer matrix are drawn, from its start; what is left out
        is said
    ax : matplotlib Axes to draw on; a new figure where None
    save : file to write, .png, .svg or .pdf

    Returns
    -------
    matplotlib Axes, whose unit is one cell

    Raises
    ------
    ShapeError
        If the matrices do not fit each other.
    ValueError
        If there is no such layer, batch element, head, or gradient.
    """
    parts = equation_of(trace, batch, head, layer, gradients)
    layout, cell, ax = fitted(parts, bool(gradients), most, ax)
    limits = {
        "weights": darkest(parts),
        "scores": largest(parts, {"scores", "capped", "masked"}),
        "values": largest(parts, {"Q", "K", "V", "heads"}),
    }
    x = GAP
    for block in layout.blocks:
        part, width = block[0], layout.block_width(block, cell)
        top = 1.6 * layout.title / 72
        draw = one_matrix if isinstance(part, Matrix) else one_operator
        draw(ax, layout, cell, block, x + width / 2, top, False, limits)
        if gradients:
            top += layout.row_height(cell) + ROW_GAP
            draw(ax, layout, cell, block, x + width / 2, top, True, limits)
        x += width + GAP
    if layout.footer:
        ax.text(GAP / cell, layout.height(cell) / cell, layout.footer, va="bottom",
                fontsize=layout.body, linespacing=1.3)  # fmt: skip
    return finish(ax, save)


def fitted(parts, gradients, most, ax):
    """The layout, the inches of a cell, and Axes whose unit is one cell."""
    layout = Layout(parts, gradients, most)
    layout.footer = footer(parts, most)
    if ax is None:
        cell = layout.best(WIDEST, math.inf, CELL)
        size = (layout.width(cell), layout.height(cell))
        ax = pyplot().figure(figsize=size).add_axes((0, 0, 1, 1))
    else:
        ax = new_axes(ax)
        ax.axis("off")
        size = room(ax)
        for shrink in (1, 0.85, 0.7, 0.6, 0.5, 0.4):
            layout = Layout(parts, gradients, most, shrink)
            layout.footer = footer(parts, most)
            if layout.fits(*size):
                break
        cell = layout.best(*size, 1.0)
    ax.axis("off")
    spare = [(size[0] - layout.width(cell)) / 2 / cell, (size[1] - layout.height(cell)) / 2 / cell]
    ax.set(xlim=(-spare[0], size[0] / cell - spare[0]), ylim=(size[1] / cell - spare[1], -spare[1]))
    ax.set_aspect("equal")
    return layout, cell, ax


def footer(parts, most):
    """What the reader must be told about the whole."""
    lines = []
    matrices = [part for part in parts if isinstance(part, Matrix)]
    longest = max(max(m.values.shape) for m in matrices)
    if longest > most:
        lines.append(f"⋯ of longer matrices (up to {longest:,}), the first {most} are drawn")
    if darkest(parts) != 1:
        lines.append(f"weights: the darkest is {darkest(parts):.2g}")
    if any(m.forbidden is not None and m.forbidden.any() for m in matrices):
        lines.append("hatched: forbidden by the mask")
    return "\n".join(lines)


def darkest(parts):
    """The weight of the darkest colour: 1, unless all weights are so small that none would show."""
    top = largest(parts, {"weights"})
    return 1.0 if 0.2 <= top <= 1 else top


def largest(parts, symbols):
    """The largest size of a finite number in the matrices of these symbols."""
    sizes = [np.abs(p.values[np.isfinite(p.values)]).max(initial=0) for p in parts
             if isinstance(p, Matrix) and p.symbol in symbols]  # fmt: skip
    return float(max(sizes, default=0)) or 1.0


def one_operator(ax, layout, cell, block, x, top, back, _limits):
    """A sign between two matrices, and the words above it."""
    part, y = block[0], top + layout.rows * cell / 2
    sign = part.back if back else part.sign
    look = {"ha": "center", "fontsize": 1.6 * layout.title}
    ax.text(x / cell, y / cell, sign, va="center", **look)
    if part.above and not back:
        ax.text(x / cell, (y - 0.95 * layout.title / 72) / cell, part.above, va="bottom",
                ha="center", fontsize=layout.body, linespacing=1.1)  # fmt: skip


def one_matrix(ax, layout, cell, block, x, top, back, limits):
    """A matrix or its gradient, centred on (x, the middle of the row), and its words."""
    part, rows, columns, _ = block
    values = part.gradient if back else part.values
    left, up = x / cell - columns / 2, top / cell + (layout.rows - rows) / 2
    middle, gap = x / cell, 3 / 72 / cell
    title = titles(part, True)[back]
    ax.text(middle, up - gap, title, ha="center", va="bottom", fontsize=layout.title)
    outline(ax, (left, up, rows, columns), dashed=values is None)
    if values is not None:
        written = cells(ax, layout, cell, part, values, back, (left, up, rows, columns), limits)
        beyond(ax, values.shape, (left, up, rows, columns), layout.body)
    lines = below(part, back)
    if values is not None and power(values) and not written:
        lines.pop()
    ax.text(middle, up + rows + gap, "\n".join(lines), ha="center", va="top",
            fontsize=layout.body, linespacing=1.25)  # fmt: skip


def outline(ax, place, dashed):
    """A thin frame; dashed around what is not there."""
    from matplotlib.patches import Rectangle

    left, up, rows, columns = place
    style = {"linestyle": ":"} if dashed else {}
    edge = pyplot().rcParams["axes.edgecolor"]
    ax.add_patch(Rectangle((left, up), columns, rows, fill=False, edgecolor=edge, linewidth=0.6,
                           zorder=3, **style))  # fmt: skip


def beyond(ax, shape, place, size):
    """Dots on the sides on which a matrix goes on."""
    left, up, rows, columns = place
    paper = {"facecolor": ax.figure.get_facecolor(), "edgecolor": "none", "pad": 0.3}
    look = {"fontsize": size, "zorder": 4, "bbox": paper}
    if shape[1] > columns:
        ax.text(left + columns, up + rows / 2, "⋯", ha="right", va="center", **look)
    if shape[0] > rows:
        ax.text(left + columns / 2, up + rows, "⋮", ha="center", va="bottom", **look)


def cells(ax, layout, cell, part, values, back, place, limits):
    """The coloured cells, with their numbers where there is room; returns whether there is."""
    from matplotlib.patches import Rectangle

    left, up, rows, columns = place
    x = values[:rows, :columns]
    hidden = np.zeros(x.shape, bool) if part.forbidden is None else part.forbidden[:rows, :columns]
    if hidden.any():
        paper = {"facecolor": "none"}
        ax.add_patch(Rectangle((left, up), columns, rows, **FORBIDDEN | paper, zorder=1))
    colors = colored(ax, part, x, back, values, limits)
    colors[hidden, 3] = 0
    ax.imshow(colors, extent=(left, left + columns, up + rows, up), interpolation="nearest",
              zorder=2, aspect=ax.get_aspect())  # fmt: skip
    size = min(0.29 * cell * 72, layout.title)
    if size < READABLE:
        return False
    scale = 10.0 ** -power(values)
    for i, j in np.argwhere(~hidden):
        dark = luminance(colors[i, j]) < 0.18
        ax.text(left + j + 0.5, up + i + 0.5, number(x[i, j] * scale), ha="center", va="center",
                fontsize=size, color="white" if dark else "black", zorder=4)  # fmt: skip
    return True


def colored(ax, part, x, back, whole, limits):
    """RGBA of every cell; grey where there is no number."""
    from matplotlib import colormaps

    kind = {"weights": "weights", "scores": "scores", "capped": "scores", "masked": "scores"}
    kind = kind.get(part.symbol, "values")
    finite = np.isfinite(x)
    top = limits[kind]
    if back:
        top = np.abs(whole[np.isfinite(whole)]).max(initial=0) or 1.0
    if kind == "weights" and not back:
        colors = colormaps[sequential(ax)](np.where(finite, x, 0) / top)
    else:
        colors = colormaps[DIVERGING](0.5 + np.where(finite, x, 0) / top / 2)
    colors[~finite] = (0.6, 0.6, 0.6, 1)
    return colors


def number(x):
    """Two decimals at most, in as few letters as it takes."""
    if np.isnan(x):
        return "?"
    if np.isinf(x):
        return "∞" if x > 0 else "−∞"
    text = f"{x:.2f}" if abs(x) < 9.95 else f"{x:.1f}"
    return ("0.00" if text == "-0.00" else text).replace("-", "−")
