"""Attention over an image: each patch is tinted by the weight that it gets."""

import numpy as np

from ..errors import ShapeError
from .canvas import ATTENTION, as_numpy, pyplot


def overlay(image, weights, grid, *, ax=None, color=ATTENTION, edges=True, values=False):
    """Draw attention weights over the image that they look at.

    Each patch is covered with `color`, as opaque as its weight: untouched at 0, strongest at 1.
    Weights are drawn patch by patch, not smoothed.

    Parameters
    ----------
    image : (height, width), ink = 1 on paper = 0, or (height, width, 3) in colour, with numbers
        from 0 to 1 (or uint8 from 0 to 255)
    weights : (rows · columns,) or (rows, columns), in reading order, each from 0 to 1; a patch
        whose weight is NaN stays untouched
    grid : (rows, columns), how many patches the image is cut into
    ax : matplotlib Axes to draw on; a new figure where None
    color : of the tint, any that matplotlib knows
    edges : draw the patches' borders
    values : write each weight from 0.05 up into its patch, as a percentage

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ShapeError
        If `image` has other dimensions, or `weights` are not one a patch.
    ValueError
        If numbers of the image or the weights are out of range.
    """
    rows, columns = grid
    image, weights = checked_image(as_numpy(image)), checked_weights(as_numpy(weights), grid)
    if ax is None:
        _, ax = pyplot().subplots()
    from matplotlib.colors import to_rgb

    height, width = image.shape[:2]
    extent = (0, columns, rows, 0)
    ink = {"cmap": "Greys", "vmin": 0, "vmax": 1.4}  # grey rather than black, so the tint shows
    ax.imshow(image, **ink, extent=extent, interpolation="nearest")
    tint = np.zeros((rows, columns, 4))
    tint[..., :3] = to_rgb(color)
    tint[..., 3] = 0.75 * weights
    ax.imshow(tint, extent=extent, interpolation="nearest")
    if edges:
        for i in range(1, rows):
            ax.axhline(i, color="#999999", linewidth=0.6)
        for j in range(1, columns):
            ax.axvline(j, color="#999999", linewidth=0.6)
    if values:
        for i, j in np.argwhere(weights >= 0.05):
            ax.text(j + 0.95, i + 0.92, f"{weights[i, j]:.0%}", ha="right", va="bottom",
                    fontsize="x-small")  # fmt: skip
    ax.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[])
    ax.set_aspect(height / rows / (width / columns))
    return ax


def checked_image(image):
    """The image as numbers from 0 to 1, or an error that says what is wrong with it."""
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))):
        first = image.ndim == 3 and image.shape[0] in (1, 3)
        mend = " Its colours come first: take image[0] if it is grey, else .permute(1, 2, 0)."
        raise ShapeError(
            f"overlay: image has shape {image.shape}, expected (height, width) or (height, width, "
            f"3).{mend if first else ''}"
        )
    image = image / 255 if image.dtype == np.uint8 else image.astype(float)
    low, high = np.nanmin(image), np.nanmax(image)
    if low < 0 or high > 1:
        raise ValueError(
            f"overlay: the numbers of the image go from {low:.4g} to {high:.4g}, expected 0 to 1: "
            f"subtract the smallest and divide by the largest possible."
        )
    return image


def checked_weights(weights, grid):
    """The weights as floats (rows, columns), 0 for NaN, or an error that says what is wrong."""
    rows, columns = grid
    if weights.shape not in ((rows * columns,), (rows, columns)):
        raise ShapeError(
            f"overlay: {weights.size} weights (shape {weights.shape}) do not fit a grid of {rows} "
            f"x {columns} = {rows * columns} patches: give one weight a patch, as shape "
            f"({rows * columns},) or ({rows}, {columns})."
        )
    weights = np.nan_to_num(weights.reshape(rows, columns).astype(float), posinf=np.inf)
    low, high = weights.min(), weights.max()
    if low < 0 or high > 1.001:  # float16 rounds a little beyond 1
        raise ValueError(
            f"overlay: weights go from {low:.4g} to {high:.4g}, expected 0 to 1: give the weights "
            f"after the softmax, not the scores."
        )
    return np.minimum(weights, 1)
