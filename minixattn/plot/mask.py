"""A mask as a picture: filled where a query may look, hatched where it may not."""

import numpy as np

from ..errors import DTypeError, ShapeError
from .canvas import ATTENTION, INK, WRONG, as_numpy, pyplot

MANY_GRIDS, MANY_LINES = 12, 40
FORBIDDEN = {"facecolor": "white", "edgecolor": "#a0a0a0", "hatch": "////", "linewidth": 0}


def mask(allowed, *, ax=None):
    """Draw where each query may look: a row for each query, a column for each key.

    A mask that differs between batch elements or heads gets a grid for each of them; one that is
    the same for all queries gets a row for each batch element. A red arrow points to rows that may
    look nowhere.

    Parameters
    ----------
    allowed : of `minixattn.masks`, or bool array, True = may attend; (L, S), (B, L, S) or
        (B, h, L, S)
    ax : matplotlib Axes to draw on, as many as there are grids; new ones where None

    Returns
    -------
    matplotlib Axes; an array of them for several grids

    Raises
    ------
    DTypeError, ShapeError
        If `allowed` is not bool, has other dimensions, or makes more grids than 12 or than `ax`.
    """
    allowed = checked(as_numpy(allowed))
    *lead, L, S = allowed.shape
    rows = "query"
    if lead and lead[1:] + [L] == [1] * len(lead):
        allowed, lead, rows = allowed.reshape(-1, S), [], "batch element"
    elif L == 1:
        rows = "every query"
    columns = min(4, lead[-1]) if lead else 1
    axes = canvas(ax, int(np.prod(lead)), columns, allowed.shape[-2:])
    for axis, where in zip(axes, np.ndindex(*lead)):
        one_grid(axis, allowed[where], rows)
        if where:
            axis.set_title(", ".join(f"{n} {i}" for n, i in zip(("batch", "head"), where)))
        if rows == "batch element":
            axis.set_title("the same for every query", fontsize="medium")
    legend(axes[columns - 1], (~allowed.any(-1)).any())
    return axes if lead else axes[0]


def checked(allowed):
    """The array, or an error that says what is wrong with it."""
    if allowed.dtype != np.bool_:
        raise DTypeError(
            f"mask: expected bool, True = may attend, got {allowed.dtype}: masks.keep(array == 1) "
            f"or masks.drop(array == 1) say what its numbers mean."
        )
    if allowed.ndim not in (2, 3, 4) or not allowed.size:
        raise ShapeError(
            f"mask: shape {allowed.shape} cannot be drawn, expected (L, S), (B, L, S) or "
            f"(B, h, L, S) with no length of 0."
        )
    return allowed


def canvas(ax, grids, columns, shape):
    """An array of as many Axes as there are grids."""
    if ax is not None:
        axes = np.asarray(ax, dtype=object).ravel()
        if axes.size != grids:
            raise ShapeError(
                f"mask: {grids} grids, one for each batch element and head, do not fit on "
                f"{axes.size} Axes: give as many."
            )
        return axes
    if grids > MANY_GRIDS:
        raise ShapeError(
            f"mask: {grids} grids, one for each batch element and head, are too many to see; "
            f"at most {MANY_GRIDS}. Draw a part: masks.keep(mask.numpy()[:2]).plot()."
        )
    lines = -(-grids // columns)
    L, S = shape
    size = 3.2 / max(L, S)
    figsize = (1.2 + columns * (0.8 + max(S * size, 0.9)), 0.4 + lines * (0.9 + max(L * size, 0.4)))
    _, axes = pyplot().subplots(
        lines, columns, figsize=figsize, squeeze=False, layout="constrained"
    )
    for spare in axes.ravel()[grids:]:
        spare.remove()
    return axes.ravel()[:grids]


def one_grid(ax, allowed, rows):
    """One (L, S) mask."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    L, S = allowed.shape
    ax.add_patch(Rectangle((-0.5, -0.5), S, L, **FORBIDDEN))
    cells = np.where(allowed[..., None], to_rgba(ATTENTION), (0, 0, 0, 0))
    ax.imshow(cells, interpolation="nearest", aspect="equal", zorder=2)
    if max(L, S) <= MANY_LINES:
        for i in range(1, L):
            ax.axhline(i - 0.5, color="#666666", linewidth=0.5, zorder=3)
        for j in range(1, S):
            ax.axvline(j - 0.5, color="#666666", linewidth=0.5, zorder=3)
    for i in np.flatnonzero(~allowed.any(1)):
        ax.plot(1.02, i, "<", color=WRONG, markersize=5, clip_on=False,
                transform=ax.get_yaxis_transform())  # fmt: skip
    ax.set(xlabel="key", ylabel=rows, xlim=(-0.5, S - 0.5), ylim=(L - 0.5, -0.5))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.yaxis.get_major_locator().set_params(integer=True)
    if L == 1:
        ax.set_yticks([] if rows == "every query" else [0])


def legend(ax, empty):
    """What the fill, the hatching and the arrow mean, beside a grid."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=ATTENTION, label="may attend"),
        Patch(**FORBIDDEN | {"linewidth": 0.5}, label="may not"),
    ]
    if empty:
        arrow = {"marker": "<", "color": WRONG, "linestyle": ""}
        handles.append(Line2D([], [], **arrow, label="may look nowhere"))
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.06, 1), frameon=False,
              borderaxespad=0, fontsize="small", labelcolor=INK)  # fmt: skip
