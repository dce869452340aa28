"""Several Axes in rows, for pictures that are made of panels."""

import numpy as np

from ..errors import ShapeError
from .canvas import pyplot


def panels(name, ax, count, columns, size, *, margins=(0, 0), what="panels"):
    """As many Axes as there are panels, row by row.

    Parameters
    ----------
    name : of the function that draws, for its errors
    ax : None for a new figure, a Figure or SubFigure to fill, or Axes that are there already
    count : how many panels
    columns : panels beside each other; a number that looks well where None
    size : (width, height) of a panel in inches, on a new figure
    margins : inches that the whole of it is wider and taller
    what : the panels are, for the error

    Returns
    -------
    array (count,) of Axes
    """
    if not fills(ax):
        axes = np.asarray(ax, dtype=object).ravel()
        if axes.size != count or not all(hasattr(a, "imshow") for a in axes):
            raise ShapeError(
                f"{name}: {count} {what} do not fit on {axes.size} Axes: give as many, or a "
                f"Figure, which gets them."
            )
        return axes
    columns = min(count, columns or next(c for c in (5, 4, 6, 3, 5) if count % c == 0 or c == 5))
    lines = -(-count // columns)
    if ax is None:
        figsize = columns * size[0] + margins[0], lines * size[1] + margins[1]
        ax = pyplot().figure(figsize=figsize, layout="compressed")
    elif hasattr(ax, "set_layout_engine") and not (ax.axes or ax.get_layout_engine()):
        ax.set_layout_engine("compressed")
    axes = ax.subplots(lines, columns, squeeze=False)
    for spare in axes.ravel()[count:]:
        spare.remove()
    return axes.ravel()[:count]


def fills(ax):
    """Whether panels fill a whole figure, a new one for None, rather than Axes of the user's."""
    return ax is None or hasattr(ax, "subplots")


def note(ax, axes, text):
    """A line under all panels; under the first where the Axes are the user's own."""
    if fills(ax):
        axes[0].figure.supxlabel(text, fontsize="small")
    else:
        axes[0].set_xlabel(text, fontsize="small")
