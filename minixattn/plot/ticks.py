"""Tokens and small images beside the rows and below the columns of a matrix."""

import numpy as np

from ..errors import ShapeError
from .canvas import as_numpy, points
from .measure import widest
from .text import families, shown

SMALLEST, LINE = 5.0, 1.2  # the smallest type that can be read, in points; a line's height in em
SMALLEST_IMAGE, LARGEST_IMAGE = 7.0, 34.0  # points


def checked_labels(name, labels, shape, side):
    """Texts or images for the rows (`side` 0) or columns (1); None where none are given."""
    if labels is None:
        return None
    count, which = shape[side], ("queries", "keys")[side]
    labels = as_list(labels, count)
    if len(labels) != count:
        swapped = len(labels) == shape[1 - side]
        mend = " They would fit the other side: are the weights transposed?" if swapped else ""
        raise ShapeError(
            f"{name}: {len(labels)} {which} do not fit weights of shape {shape}, which have "
            f"{count} {('rows', 'columns')[side]}, one for each of the {which}.{mend}"
        )
    if any(isinstance(label, (str, bytes)) or np.size(label) == 1 for label in labels):
        return [shown(label) for label in labels]
    return [checked_image(name, label, which) for label in labels]


def as_list(labels, count=None):
    """Labels one by one: a text counts by its words, or by its letters where `count` asks."""
    if isinstance(labels, (str, bytes)):
        words = labels.split()
        letters = list(labels) if isinstance(labels, str) and len(words) == 1 else words
        return letters if len(words) != count == len(letters) else words
    if isinstance(labels, np.ndarray) and labels.dtype.kind in "OUST":
        return labels.tolist()
    if any(hasattr(labels, name) for name in ("shape", "__array__", "__dlpack__")):
        labels = as_numpy(labels)
    return [as_numpy(label) if hasattr(label, "shape") else label for label in labels]


def checked_image(name, image, which):
    """A small image as numbers from 0 to 1, (height, width) or (height, width, 3)."""
    image = as_numpy(image)
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        raise ShapeError(
            f"{name}: an image among the {which} has shape {image.shape}, expected (height, width) "
            f"or (height, width, 3): reshape flat patches, as in patches.reshape(-1, 8, 8), and "
            f"put colours last."
        )
    image = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    return image / 255 if image.dtype == np.uint8 else image.astype(float)


def is_text(labels):
    """Whether labels are texts rather than images."""
    return isinstance(labels[0], str)


def named(ax, labels, cell, side):
    """Write names at rows (`side` 0) or columns (1) of `cell` points; returns what is to be said.

    Type is made smaller down to 5 points; beyond that only some are named.
    """
    if labels is None:
        whole_numbers((ax.yaxis, ax.xaxis)[side], ax.get_images()[0], side)
        return []
    texts = is_text(labels)
    step = max(1, int(np.ceil((SMALLEST * LINE if texts else SMALLEST_IMAGE) / cell - 1e-9)))
    places = np.arange(0, len(labels), step)
    (texts_at if texts else images_at)(ax, [labels[i] for i in places], places, cell * step, side)
    which = ("query", "key")[side]
    ordinal = {1: "st", 2: "nd", 3: "rd"}.get(step % 10 if step % 100 not in (11, 12, 13) else 0)
    return [f"every {step}{ordinal or 'th'} {which} is named"] if step > 1 else []


def whole_numbers(axis, image, side):
    """Positions from 0, whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins="auto", integer=True, min_n_ticks=1))
    if image.get_array().shape[side] == 1:
        axis.set_ticks([0])


def texts_at(ax, labels, places, room, side):
    """Texts with `room` points each: turned below columns where they are too wide."""
    usual = points(("ytick.labelsize", "xtick.labelsize")[side])
    style = {"fontsize": min(usual, room / LINE), "fontfamily": families(labels)}
    if side == 0:
        ax.set_yticks(places, labels, **style)
    elif widest(labels) * usual <= 0.95 * room:
        ax.set_xticks(places, labels, **style | {"fontsize": usual})
    elif usual * 1.6 <= room:
        slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        ax.set_xticks(places, labels, **style, **slanted)
    else:
        ax.set_xticks(places, labels, rotation=90, **style)


def images_at(ax, images, places, room, side):
    """Images with `room` points each, just outside the Axes."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    size = min(0.88 * room, LARGEST_IMAGE)
    (ax.set_yticks, ax.set_xticks)[side](places, [""] * len(places))
    for place, image in zip(places, images):
        picture = OffsetImage(
            image, zoom=size / max(image.shape[:2]), interpolation="nearest", cmap="Greys",
        )  # fmt: skip
        picture.image.set_clim(0, 1)
        at, frame = ((0, place), ("axes fraction", "data")) if side == 0 else (
            (place, 0), ("data", "axes fraction"))  # fmt: skip
        ax.add_artist(
            AnnotationBbox(
                picture, at, xycoords=frame, boxcoords="offset points", pad=0,
                annotation_clip=False, xybox=(-4, 0) if side == 0 else (0, -4),
                box_alignment=(1, 0.5) if side == 0 else (0.5, 1),
                bboxprops={"linewidth": 0.5, "edgecolor": "#808080"},
            )
        )  # fmt: skip
    (ax.yaxis, ax.xaxis)[side].labelpad = size + 4
