"""Operations that lay elements out anew: rolled, cut out, on a diagonal, side by side."""

import numpy as np

from .. import backend
from ..engine import Node, unary
from ..errors import ShapeError
from .arguments import axis, numpy_names, whole
from .indexing import pick, place
from .shape import broadcast_to, cat, movedim, reshape


def roll(input, shifts, dims=None):
    """y[i + shift] = x[i], round the end; of all elements in a row where `dims` is None.

    ∂L/∂x is g rolled back.
    """
    shifts = tuple(map(whole, shifts)) if isinstance(shifts, (tuple, list)) else (whole(shifts),)
    if dims is None:
        if len(shifts) != 1:
            raise ShapeError(f"roll: {len(shifts)} shifts need as many dims, got dims=None.")
        return reshape(roll(reshape(input, -1), shifts, 0), input.shape)
    dims = tuple(axis(input, d) for d in (dims if isinstance(dims, (tuple, list)) else (dims,)))
    if len(dims) != len(shifts):
        raise ShapeError(f"roll: {len(shifts)} shift(s) for {len(dims)} dim(s): one each.")
    back = tuple(-n for n in shifts)
    return unary(
        lambda x: np.roll(x, shifts, dims), input, lambda g, _y, _x: roll(g, back, dims)
    )


@numpy_names
def narrow(input, dim, start, length):
    """x[start : start + length] along `dim`, a view; ∂L/∂x is g there, 0 elsewhere."""
    d, start, length = axis(input, dim), whole(start), whole(length)
    n = input.shape[d]
    start = start + n if start < 0 else start
    if not (start >= 0 and 0 <= length <= n - start):
        raise ShapeError(
            f"narrow: start {start} and length {length} do not lie within dim {dim} of a tensor "
            f"of shape {input.shape}, which has {n} elements."
        )
    return pick(input, (slice(None),) * d + (slice(start, start + length),))


def diagonal(input, offset=0, dim1=0, dim2=1):
    """y[…, i] = x[…, i, i + offset] of the dimensions dim1 and dim2, as a view's last one.

    ∂L/∂x is g on that diagonal, 0 elsewhere.
    """
    if input.ndim < 2:
        raise ShapeError(f"diagonal() needs at least 2 dimensions, got shape {input.shape}.")
    x = movedim(input, (dim1, dim2), (-2, -1))
    row, column = max(-whole(offset), 0), max(offset, 0)
    n = max(min(x.shape[-2] - row, x.shape[-1] - column), 0)
    square = pick(x, (..., slice(row, row + n), slice(column, column + n)))
    # Of NumPy's ways to a diagonal, only this one can be written into.
    return unary(
        lambda x: np.einsum("...ii->...i", x), square, lambda g, _y, _x: diag_embed(g)
    )


def diag_embed(input, offset=0):
    """y[…, i, i + offset] = x[…, i], 0 elsewhere; ∂L/∂x is that diagonal of g."""
    row, column = max(-whole(offset), 0), max(offset, 0)
    n = input.shape[-1]
    size = n + row + column
    i = backend.namespace(input.array if isinstance(input, Node) else input).arange(n)
    return place(input, (..., i + row, i + column), (*input.shape[:-1], size, size))


def diag(input, diagonal=0):
    """A vector on the diagonal of a matrix, or the diagonal of a matrix as a vector."""
    if input.ndim not in (1, 2):
        raise ShapeError(
            f"diag() takes a vector or a matrix, got shape {input.shape}: for more dimensions "
            f"there are diagonal() and diag_embed()."
        )
    return diag_embed(input, diagonal) if input.ndim == 1 else _of_matrix(input, diagonal)


_of_matrix = diagonal  # the argument above hides its name


def hstack(tensors):
    """Tensors side by side: along their second dimension, vectors along their first."""
    tensors = [reshape(x, 1) if x.ndim == 0 else x for x in tensors]
    return cat(tensors, 0 if tensors and tensors[0].ndim == 1 else 1)


def vstack(tensors):
    """Tensors above one another: along their first dimension, vectors as rows."""
    return cat([reshape(x, (1, -1)) if x.ndim < 2 else x for x in tensors], 0)


def meshgrid(*tensors, indexing="ij"):
    """The coordinates of a grid: one tensor for each vector, all of the grid's shape.

    Parameters
    ----------
    *tensors : vectors, or one list of them
    indexing : "ij", where the first vector runs down the rows, or "xy", where it runs along them
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    if indexing not in ("ij", "xy"):
        raise ValueError(f'meshgrid: indexing must be "ij" or "xy", got {indexing!r}.')
    if any(x.ndim > 1 for x in tensors):
        raise ShapeError(f"meshgrid: expected vectors, got shapes {[x.shape for x in tensors]}.")
    sizes = [x.numel() for x in tensors]
    shape = tuple(sizes)
    grids = []
    for d, x in enumerate(tensors):
        own = [1] * len(sizes)
        own[d] = sizes[d]
        grid = broadcast_to(reshape(x, own), shape)
        grids.append(grid.transpose(0, 1) if indexing == "xy" and len(sizes) > 1 else grid)
    return tuple(grids)
