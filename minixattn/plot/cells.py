"""A matrix on Axes: a colour for each weight, hatching where there is none."""

import numpy as np

from ..errors import DTypeError, ShapeError
from .canvas import as_numpy, is_dark, luminance

MOST = 256  # rows or columns that are drawn one by one
MASKED, NO_VALUE = "////", "xxxx"


def checked_matrix(name, weights):
    """Weights (L, S) as floats, leading dimensions of 1 taken off, or an error."""
    weights = as_numpy(weights)
    shape = weights.shape
    while weights.ndim > 2 and weights.shape[0] == 1:
        weights = weights[0]
    if weights.ndim != 2 or not weights.size:
        several = weights.ndim > 2 and weights.size
        mend = ": take one matrix, as weights[0, 0], or draw all heads with plot.heads"
        raise ShapeError(
            f"{name}: weights have shape {shape}, expected (L, S) with a row for each query, a "
            f"column for each key, and at least one of both{mend if several else ''}."
        )
    weights = weights.astype(float if weights.dtype.kind != "f" else weights.dtype, copy=False)
    weights = weights.astype(np.float32) if weights.dtype.itemsize < 4 else weights
    if np.isposinf(weights).any():
        i, j = np.argwhere(np.isposinf(weights))[0]
        raise ValueError(f"{name}: the weight of query {i} and key {j} is infinite.")
    return weights


def checked_mask(name, mask, shape):
    """Where one may look, as bool of `shape`, or an error."""
    mask = as_numpy(mask)
    if mask.dtype != np.bool_:
        raise DTypeError(
            f"{name}: the mask must be bool, True = may attend, got {mask.dtype}: "
            f"masks.keep(array == 1) or masks.drop(array == 1) say what its numbers mean."
        )
    given = mask.shape
    while mask.ndim > len(shape) and mask.shape[0] == 1:
        mask = mask[0]
    try:
        return np.broadcast_to(mask, shape)
    except ValueError:
        raise ShapeError(
            f"{name}: a mask of shape {given} does not fit weights of shape {shape}; both have a "
            f"row for each query and a column for each key."
        ) from None


def scale(name, weights, vmin, vmax):
    """The ends of the colour scale, from the weights themselves where None."""
    finite = weights[np.isfinite(weights)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    if (vmin, vmax) == (0, 1) and (low < -1e-3 or high > 1.001):  # float16 rounds beyond 1
        raise ValueError(
            f"{name}: weights go from {low:.4g} to {high:.4g}, expected 0 to 1. Give the weights "
            f"after the softmax; for scores, vmin=None, vmax=None make the scale fit."
        )
    vmin, vmax = low if vmin is None else vmin, high if vmax is None else vmax
    if vmin > vmax:
        raise ValueError(f"{name}: the colour scale goes from vmin={vmin} to vmax={vmax}.")
    return float(vmin), float(vmax if vmax > vmin else vmin + 1)


def quantity(low, high):
    """What the colours are of: weights, unless the scale goes beyond 0 to 1."""
    return "weight" if low >= 0 and high <= 1 else "value"


def is_equal(shape):
    """Whether cells are drawn as squares: not in a matrix that would be a mere line."""
    return 1 / 8 <= shape[0] / shape[1] <= 8


def blocks(shape, most=MOST):
    """The side lengths of the blocks that a matrix is drawn in: (1, 1) where it is small."""
    return tuple(-(-n // most) for n in shape)


def reduced(weights, block, reduce):
    """One number for each block: the greatest or the mean of those that are there, else NaN."""
    starts = [np.arange(0, n, b) for n, b in zip(weights.shape, block)]

    def over(ufunc, x):
        return ufunc.reduceat(ufunc.reduceat(x, starts[0], axis=0), starts[1], axis=1)

    if reduce == "max":
        return over(np.fmax, weights)
    there = np.isfinite(weights)
    total, count = over(np.add, np.where(there, weights, 0)), over(np.add, there.astype(float))
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def draw(ax, weights, mask, *, vmin, vmax, cmap, reduce):
    """Draw (L, S) weights with a row for each query; returns the image and what is to be said.

    Parameters
    ----------
    mask : bool (L, S), True = may attend
    """
    import matplotlib

    L, S = weights.shape
    no_value = np.isnan(weights) & mask
    block, notes = blocks((L, S)), []
    shown = np.where(mask, weights, np.nan)
    if block != (1, 1):
        shown = reduced(shown, block, reduce)
        free = reduced(np.where(mask, 1.0, np.nan), block, "max") == 1
        masked, no_value = ~free, free & np.isnan(shown)
        what = {"max": "the greatest", "mean": "the mean"}[reduce]
        notes.append(f"each cell is {what} of {block[0]} × {block[1]} weights")
    else:
        masked = ~mask
    colors = matplotlib.colormaps[cmap] if isinstance(cmap, str) else cmap
    colors = colors.with_extremes(bad=(0, 0, 0, 0))
    extent = (-0.5, shown.shape[1] * block[1] - 0.5, shown.shape[0] * block[0] - 0.5, -0.5)
    image = ax.imshow(
        np.ma.masked_invalid(shown), cmap=colors, vmin=vmin, vmax=vmax, extent=extent,
        interpolation="nearest", aspect="equal" if is_equal((L, S)) else "auto", zorder=2,
    )  # fmt: skip
    ax.set(xlim=(-0.5, S - 0.5), ylim=(L - 0.5, -0.5))
    for where, hatch, word in (
        (masked, MASKED, "hatched: masked"),
        (no_value, NO_VALUE, "crossed: no value (NaN)"),
    ):
        if where.any():
            hatched(ax, where, hatch, block)
            notes.append(word)
    return image, notes


def hatched(ax, where, hatch, block):
    """Hatch the cells of a bool matrix."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners = [
        ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
        for row, columns in enumerate(where)
        for first, last in runs(columns)
        for left, right in [(first * block[1] - 0.5, last * block[1] - 0.5)]
        for top, bottom in [(row * block[0] - 0.5, (row + 1) * block[0] - 0.5)]
    ]
    pens = [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY]
    path = Path(np.reshape(corners, (-1, 2)), pens * len(corners))
    color = "#b0b0b0" if is_dark(ax) else "#808080"
    ax.add_patch(
        PathPatch(path, hatch=hatch, facecolor=ax.get_facecolor(), edgecolor=color, linewidth=0)
    )


def runs(flags):
    """(first, behind the last) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def write_numbers(ax, image, weights, size):
    """Write each weight into its cell, in black or white, whichever is further from its colour."""
    for (i, j), weight in np.ndenumerate(weights):
        if np.isfinite(weight):
            light = luminance(image.cmap(image.norm(weight)))
            ax.text(
                j, i, number(weight), ha="center", va="center", fontsize=size, zorder=3,
                color="black" if light > 0.18 else "white",
            )  # fmt: skip


def number(weight):
    """A weight in at most four characters where it is one: "0" and "1" are exact."""
    if weight == int(weight) and abs(weight) < 1000:
        return str(int(weight))
    return f"{weight:.2f}" if abs(weight) < 10 else f"{weight:.3g}"
