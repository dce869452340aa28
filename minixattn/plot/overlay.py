"""Attention over an image: each patch is tinted by the weight that it gets."""

import numpy as np

from ..errors import ShapeError
from .canvas import ATTENTION, as_numpy, finish, new_axes
from .resample import resampled

STRENGTH = 0.75  # how opaque the tint is where it is strongest: the image still shows through
LUMA = np.array([0.2126, 0.7152, 0.0722])  # what red, green and blue add to lightness (BT.709)
FINEST, COARSEST = 1024, 256  # pixels of an upsampled tint along its longer side


def overlay(image, weights, grid, *, patch=None, vmax=1, upsample="nearest", ax=None,
            color=ATTENTION, edges=True, values=False, ink=True,
            saturation=0.25, save=None):  # fmt: skip
    """Draw attention weights over the image that they look at.

    Each patch is covered with `color`, as opaque as its weight: untouched at 0, strongest at
    `vmax`. As they are, weights are drawn patch by patch. `upsample="bilinear"` or `"bicubic"`
    draws a smooth map through the patches' centres, which looks finer than what was computed; the
    line under the picture says so then.

    Parameters
    ----------
    image : (height, width), or (height, width, 3) in colour, with numbers from 0 to 1 (or uint8
        from 0 to 255)
    weights : (rows · columns,) or (rows, columns), in reading order, none below 0; a patch whose
        weight is NaN stays untouched
    grid : (rows, columns), how many patches the image is cut into
    patch : (height, width) of a patch in pixels, or one number for both, where patches of a fixed
        size start in the upper left corner: what they leave over stays untinted, and what they
        have beyond the image is not seen. Where None, the image is cut into equal parts, whether
        or not its pixels divide by them
    vmax : the weight of the strongest tint, or "max" for the largest weight; other than 1, it is
        named under the picture, as weights above 1 need it to be
    upsample : "nearest", "bilinear" or "bicubic"
    ax : matplotlib Axes to draw on; a new figure where None
    color : of the tint, any that matplotlib knows
    edges : draw the patches' borders
    values : write each weight from 0.05 `vmax` up into its patch, as a percentage where vmax is 1
    ink : what 1 stands for in an image without colours: ink on paper (True), or light, as in a
        photograph (False)
    saturation : how much of its colours an image keeps, from 0 (shades of grey) to 1 (as it is):
        less than 1 makes it paler, too, so that the tint stands out
    save : file to write, .png, .svg or .pdf

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
    image = checked_image(as_numpy(image))
    weights = checked_weights(as_numpy(weights), grid, vmax)
    top = largest(weights) if vmax == "max" else vmax
    ax = new_axes(ax)
    height, width = patch_size(patch, image, grid)
    whole = (0, image.shape[1] / width, image.shape[0] / height, 0)  # in patches
    below, above = (0, 1.4) if ink else (-0.4, 1)  # grey rather than black, so the tint shows
    ax.imshow(muted(image, saturation), cmap="Greys" if ink else "gray", vmin=below, vmax=above,
              extent=whole, interpolation=None if max(image.shape) > 200 else "nearest")
    ax.imshow(tint(weights / top, color, upsample, (height, width)),
              extent=(0, grid[1], grid[0], 0), interpolation="nearest")  # fmt: skip
    if edges:
        draw_edges(ax, grid)
    if values:
        write_values(ax, weights, top, light_behind=image.ndim > 2 or not ink)
    ax.set(xlim=whole[:2], ylim=whole[2:], xticks=[], yticks=[])
    ax.set_aspect(height / width)
    if said := caption(grid, upsample, None if vmax == 1 else top):
        ax.set_xlabel(said, fontsize="small")
    return finish(ax, save)


def muted(image, saturation):
    """An image in colour with a part of its colours, and paler; others as they are."""
    if not 0 <= saturation <= 1:
        raise ValueError(f"overlay: saturation={saturation!r}, expected a number from 0 to 1.")
    if image.ndim == 2 or saturation == 1:
        return image
    rgb = image[..., :3]
    grey = (rgb @ LUMA)[..., None]
    pale = 1 - (0.6 + 0.4 * saturation) * (1 - grey - saturation * (rgb - grey))
    return np.concatenate([np.clip(pale, 0, 1), image[..., 3:]], -1)


def tint(shares, color, upsample, patch):
    """RGBA of the cover: `color`, as opaque as each share of 1."""
    from matplotlib.colors import to_rgb

    if upsample != "nearest":
        size = np.multiply(shares.shape, patch)
        size = size * np.clip(size.max(), COARSEST, FINEST) / size.max()
        shares = resampled(shares, np.maximum(size.round().astype(int), 1), upsample)
    cover = np.empty((*shares.shape, 4))
    cover[..., :3] = to_rgb(color)
    cover[..., 3] = STRENGTH * np.clip(shares, 0, 1)
    return cover


def patch_size(patch, image, grid):
    """Height and width of a patch in pixels."""
    if patch is None:
        return image.shape[0] / grid[0], image.shape[1] / grid[1]
    height, width = (patch, patch) if np.ndim(patch) == 0 else patch
    if not (height > 0 and width > 0):
        raise ValueError(f"overlay: patch={patch!r}, expected a height and a width above 0.")
    for n, size, length, side in zip(grid, (height, width), image.shape, ("height", "width")):
        if (n - 1) * size >= length:
            raise ShapeError(
                f"overlay: {n} patches of {size} pixels do not fit an image of {side} {length}: "
                f"the last would lie wholly outside. Give the image that the patches were cut "
                f"from, or leave patch=None to stretch the grid over it."
            )
    return height, width


def draw_edges(ax, grid):
    """Lines between the patches, thinner where there are many."""
    line = {"color": "#999999", "linewidth": min(0.6, 12 / max(grid))}
    rows, columns = grid
    for i in range(1, rows):
        ax.axhline(i, **line)
    for j in range(1, columns):
        ax.axvline(j, **line)


def write_values(ax, weights, top, light_behind):
    """Each weight that counts, in the lower right corner of its patch."""
    box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1}
    for i, j in np.argwhere(weights >= 0.05 * top):
        said = f"{weights[i, j]:.0%}" if top == 1 else f"{weights[i, j]:.2g}"
        ax.text(j + 0.95, i + 0.92, said, ha="right", va="bottom", fontsize="x-small",
                color="black", bbox=box if light_behind else None, clip_on=True)  # fmt: skip


def caption(grid, upsample, top=None):
    """What the reader must be told to read a tint right; `top` is its strongest, if not 1."""
    said = [] if top is None else [f"strongest tint: {top:.3g}"]
    if upsample != "nearest":
        said.append(f"{upsample} upsampling of {grid[0]} × {grid[1]} weights")
    return "; ".join(said)


def checked_image(image, name="overlay"):
    """The image as numbers from 0 to 1, or an error that says what is wrong with it."""
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))):
        first = image.ndim == 3 and image.shape[0] in (1, 3)
        mend = " Its colours come first: take image[0] if it is grey, else .permute(1, 2, 0)."
        raise ShapeError(
            f"{name}: image has shape {image.shape}, expected (height, width) or (height, width, "
            f"3).{mend if first else ''}"
        )
    if not image.size:
        raise ShapeError(f"{name}: image has shape {image.shape}, which holds no pixel.")
    image = image / 255 if image.dtype == np.uint8 else image.astype(float)
    low, high = np.nanmin(image), np.nanmax(image)
    if low < 0 or high > 1:
        raise ValueError(
            f"{name}: the numbers of the image go from {low:.4g} to {high:.4g}, expected 0 to 1: "
            f"subtract the smallest and divide by the largest possible."
        )
    return image


def checked_weights(weights, grid, vmax=1):
    """The weights as floats (rows, columns), 0 for NaN, or an error that says what is wrong."""
    rows, columns = grid
    if weights.shape not in ((rows * columns,), (rows, columns)):
        raise ShapeError(
            f"overlay: {weights.size} weights (shape {weights.shape}) do not fit a grid of {rows} "
            f"x {columns} = {rows * columns} patches: give one weight a patch, as shape "
            f"({rows * columns},) or ({rows}, {columns})."
        )
    if not weights.size:
        raise ShapeError(f"overlay: a grid of {rows} x {columns} holds no patch.")
    if vmax != "max" and (vmax is None or not 0 < vmax < np.inf):
        raise ValueError(f'overlay: vmax={vmax!r}, expected a number above 0, or "max".')
    weights = np.nan_to_num(weights.reshape(rows, columns).astype(float), posinf=np.inf)
    low, high = weights.min(), weights.max()
    if low < 0 or high == np.inf or (vmax == 1 and high > 1.001):  # float16 rounds beyond 1
        what = "0 to 1" if vmax == 1 else "finite numbers from 0 up"
        raise ValueError(
            f"overlay: weights go from {low:.4g} to {high:.4g}, expected {what}: give the weights "
            f"after the softmax, not the scores"
            + ("; sums of weights need a vmax." if vmax == 1 and low >= 0 else ".")
        )
    return np.minimum(weights, 1) if vmax == 1 else weights


def largest(weights):
    """The largest weight; 1 where all are 0, so that nothing is tinted."""
    return float(weights.max()) or 1.0
