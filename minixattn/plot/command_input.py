"""What `minixattn plot` reads: arrays of weights by their names and axes, and images."""

import os
from pathlib import Path

import numpy as np

from .. import serialization
from ..errors import ShapeError
from .canvas import as_numpy, pyplot

PHOTOGRAPHS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


def wanted(path, names):
    """{name: array} of the arrays asked for; the only one where none is named."""
    arrays = read(path)
    known = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "none"
    if names is None and len(arrays) != 1:
        raise ValueError(
            f"{path} holds {len(arrays)} arrays; say which one with --key NAME (several of them "
            f"are layers). It has: {known}."
        )
    for name in names or ():
        if name not in arrays:
            raise ValueError(f"{path} has no array {name!r}. It has: {known}.")
    return {name: as_numpy(arrays[name]) for name in names or arrays}


def read(path):
    """{name: array} of a file."""
    kind = Path(path).suffix.lower()
    if kind == ".safetensors":
        return serialization.load(path)
    if kind not in (".npz", ".npy"):
        raise ValueError(
            f"{path} ends in {kind!r}, expected .npz, .npy or .safetensors. From PyTorch: "
            f"numpy.save('weights.npy', weights.detach().cpu().numpy())."
        )
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {path}.")
    try:
        found = np.load(path, allow_pickle=False)
        return {"array": found} if isinstance(found, np.ndarray) else dict(found)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"cannot read {path} as NumPy wrote it: {error}") from None
    except Exception as error:  # zipfile has errors of its own for a damaged archive
        raise ValueError(f"cannot read {path}: the file is damaged ({error}).") from None


def chosen(array, name, given):
    """(L, S), (h, L, S) or (layers, h, L, S), after the choice of batch, layer and head."""
    if array.ndim < 2 or array.ndim > 5 or not array.size:
        raise ShapeError(
            f"array {name!r} has shape {array.shape}, expected weights (L, S), (h, L, S), "
            f"(B, h, L, S), (layers, h, L, S) or (layers, B, h, L, S)."
        )
    axes = named_axes(array, name, given)
    picks = {"layer": None if given.layer == "all" else number("--layer", given.layer),
             "batch": given.batch, "head": None}  # fmt: skip
    if given.head not in (None, "mean"):
        picks["head"] = number("--head", given.head)
    for axis, n in picks.items():
        if n is None and axis == "batch" and "batch" in axes:
            n = 0  # the only one
        if n is not None:
            array = picked(array, axes, axis, n, name)
            axes.remove(axis)
    if given.head == "mean" and "head" in axes:
        array = array.mean(axes.index("head"))
    return array


def named_axes(array, name, given):
    """What the axes in front of L and S are."""
    lead = array.ndim - 2
    if lead < 2:
        return ["head"][:lead]
    if lead == 3:
        axes = ["layer", "batch", "head"]
    elif given.layer is not None:
        axes = ["layer", "head"]
    elif given.batch is not None or len(array) == 1:
        axes = ["batch", "head"]
    else:
        raise ShapeError(
            f"array {name!r} has shape {array.shape}: say what its first axis is, with --batch N "
            f"for one of {len(array)} examples, or --layer N (or all) for layers."
        )
    if "batch" in axes and given.batch is None and array.shape[axes.index("batch")] > 1:
        raise ShapeError(f"array {name!r} has shape {array.shape}: say which example, --batch N.")
    return axes


def picked(array, axes, axis, n, name):
    """One element along an axis."""
    if axis not in axes:
        raise ShapeError(
            f"--{axis} {n}: array {name!r} of shape {array.shape} has no axis for that; in front "
            f"of L and S it has {' and '.join(axes) or 'nothing'}."
        )
    count = array.shape[axes.index(axis)]
    if not -count <= n < count:
        raise ShapeError(
            f"--{axis} {n}: array {name!r} of shape {array.shape} has {count}, 0 to {count - 1}."
        )
    return array.take(n, axes.index(axis))


def number(option, text):
    """The whole number that an option says, or None."""
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        other = {"--layer": "all", "--head": "mean"}[option]
        raise ValueError(f"{option} {text}: expected a whole number, or {other}.") from None


# the image ---------------------------------------------------------------------------------------


def is_photograph(path):
    """Whether an image is of light, 1 = white, and not of ink."""
    return Path(path).suffix.lower() in PHOTOGRAPHS


def read_image(path):
    """An image file as an array (height, width) or (height, width, 3)."""
    kind = Path(path).suffix.lower()
    if kind == ".npy":
        (image,) = wanted(path, None).values()
        return image
    if not is_photograph(path):
        raise ValueError(
            f"--image {path} ends in {kind!r}, expected one of {', '.join((*PHOTOGRAPHS, '.npy'))}."
        )
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no image {path}.")
    try:
        return np.asarray(pyplot().imread(path))
    except (ValueError, OSError, SyntaxError) as error:
        raise ValueError(f"cannot read the image {path}: {error}") from None


def grid_of(grid, patches):
    """(rows, columns) as given; of a square where left out."""
    side = round(patches**0.5)
    if grid is None and side * side != patches:
        raise ShapeError(
            f"the weights have {patches} keys, which make no square of patches: say how the image "
            f"is cut with --grid ROWS COLUMNS."
        )
    rows, columns = grid or (side, side)
    if rows * columns != patches:
        raise ShapeError(
            f"--grid {rows} {columns} has {rows * columns} patches, the weights have {patches} "
            f"keys: each patch must be a key."
        )
    return rows, columns
