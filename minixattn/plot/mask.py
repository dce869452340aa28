"""A mask as a picture: filled where a query may look, hatched where it may not."""

import numpy as np

from ..errors import DTypeError, ShapeError
from .canvas import ATTENTION, WRONG, as_numpy, finish
from .cells import MASKED
from .panels import fills, panels

MANY_GRIDS, MANY_LINES = 12, 40
FORBIDDEN = {"facecolor": "none", "edgecolor": "#a0a0a0", "hatch": MASKED, "linewidth": 0}


def mask(allowed, *, ax=None, save=None):
    """Draw where each query may look: a row for each query, a column for each key.

    A mask that differs between batch elements or heads gets a grid for each of them; one that is
    the same for all queries gets a row for each batch element. A red arrow points to rows that may
    look nowhere.

    Parameters
    ----------
    allowed : of `minixattn.masks`, or bool array, True = may attend; (L, S), (B, L, S) or
        (B, h, L, S)
    ax : matplotlib Axes to draw on, as many as there are grids, or a Figure; a new one where None
    save : file to write, .png, .svg or .pdf

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
    axes = grid(ax, int(np.prod(lead)), columns, allowed.shape[-2:])
    for axis, where in zip(axes, np.ndindex(*lead)):
        one_grid(axis, allowed[where], rows)
        if where:
            axis.set_title(", ".join(f"{n} {i}" for n, i in zip(("batch", "head"), where)))
        if rows == "batch element":
            axis.set_title("the same for every query", fontsize="medium")
    legend(axes[columns - 1], (~allowed.any(-1)).any())
    return finish(axes if lead else axes[0], save)


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


def grid(ax, count, columns, shape):
    """As many Axes as there are masks to draw."""
    if fills(ax) and count > MANY_GRIDS:
        raise ShapeError(
            f"mask: {count} grids, one for each batch element and head, are too many to see; "
            f"at most {MANY_GRIDS}. Draw a part: masks.keep(mask.numpy()[:2]).plot()."
        )
    tall, wide = (3.2 * n / max(shape) for n in shape)
    size = 0.8 + max(wide, 0.9), 0.9 + max(tall, 0.4)
    what = f"grid{'s' * (count > 1)}, one for each batch element and head,"
    return panels("mask", ax, count, columns, size, margins=(1.2, 0.4), what=what)


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
              borderaxespad=0, fontsize="small")  # fmt: skip
