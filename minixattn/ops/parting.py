"""Taking a dimension apart: into several dimensions, into pieces, into slices."""

import math

import numpy as np

from ..errors import ShapeError
from .arguments import axis, numpy_names, whole
from .shape import reshape


@numpy_names
def unflatten(input, dim, sizes):
    """Dimension `dim` as several, one of which may be −1; the inverse of `flatten`."""
    d = axis(input, dim)
    n, sizes = input.shape[d], tuple(map(whole, sizes))
    given = sizes
    known = math.prod(size for size in sizes if size != -1)
    if -1 in sizes and known > 0 and n % known == 0:
        sizes = tuple(n // known if size == -1 else size for size in sizes)
    if not sizes or min(sizes) < 0 or math.prod(sizes) != n:
        raise ShapeError(
            f"unflatten: dim {dim} of a tensor of shape {tuple(input.shape)} has {n} elements, "
            f"which sizes {given} do not tell how to part: their product must be {n}, and one of "
            f"them may be -1 beside sizes that divide it."
        )
    return reshape(input, (*input.shape[:d], *sizes, *input.shape[d + 1 :]))


@numpy_names
def split(tensor, split_size_or_sections, dim=0):
    """Views along `dim`: pieces of one size (the last may be smaller), or of the sizes listed."""
    d = axis(tensor, dim)
    n, step = tensor.shape[d], split_size_or_sections
    if not isinstance(step, (list, tuple)):
        step = whole(step)
        if step <= 0:
            raise ShapeError(f"split size must be positive, got {step}.")
        step = [min(step, n - i) for i in range(0, n, step)] or [0]
    step = [whole(size) for size in step]
    if min(step, default=0) < 0:
        raise ShapeError(f"split: sizes cannot be negative, got {tuple(step)}.")
    if sum(step) != n:
        raise ShapeError(
            f"split: the sizes {tuple(step)} add up to {sum(step)}, but dim {dim} of a tensor of "
            f"shape {tensor.shape} has {n}."
        )
    ends = np.cumsum(step).tolist()
    return tuple(tensor[(slice(None),) * d + (slice(e - s, e),)] for s, e in zip(step, ends))


@numpy_names
def chunk(input, chunks, dim=0):
    """Views along `dim`: at most `chunks` pieces of one size, the last one smaller."""
    n, chunks = input.shape[axis(input, dim)], whole(chunks)
    if chunks < 1:
        raise ShapeError(f"chunk() makes at least 1 piece, got chunks={chunks}.")
    return split(input, max(-(-n // chunks), 1), dim)


@numpy_names
def unbind(input, dim=0):
    """The slices along `dim`, as a tuple of tensors without it."""
    d = axis(input, dim)
    if not input.ndim:
        raise IndexError("unbind() needs at least one dimension, got a 0-d tensor.")
    return tuple(input[(slice(None),) * d + (i,)] for i in range(input.shape[d]))
