"""Picking elements, and its mirror image: putting them back where they came from.

`pick` and `place` are each other's derivative. Everything else here picks by building an index.
"""

from functools import partial

import numpy as np

from .. import backend, dtypes
from ..engine import Node, unary
from ..errors import DTypeError, ShapeError
from ..pending import ask
from .arguments import axis, numpy_names
from .elementwise import where
from .shape import broadcast_to


def key_of(key):
    """An index as arrays understand it: tensors become arrays, lists integer arrays."""
    if isinstance(key, tuple):
        return tuple(key_of(k) for k in key)
    if isinstance(key, Node):
        if key.array.dtype.kind == "f":
            raise IndexError(
                f"a tensor used as an index must be of an integer or bool type, got "
                f"{key.array.dtype}: use .long()."
            )
        return key.array if key.array.ndim or key.array.dtype.kind == "b" else int(key.array)
    if isinstance(key, np.integer):
        return int(key)
    return [key_of(k) for k in key] if isinstance(key, (list, range)) else key


def is_basic(key):
    """Whether an index picks each element at most once and needs no array."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(isinstance(k, (int, slice, type(None), type(Ellipsis))) for k in parts)


def in_steps(key):
    """An index as two, its ints and the rest.

    PyTorch takes ints first, whereas NumPy counts them among the index arrays, which can put
    dimensions elsewhere, as in x[0, :, [1, 2]].
    """
    if not isinstance(key, tuple) or is_basic(key) or int not in map(type, key):
        return (), key
    ints = []
    for k in key:
        if k is not None:
            is_mask = isinstance(k, bool) or getattr(k, "dtype", None) == dtypes.bool_
            width = np.ndim(k) if is_mask else 1
            ints += [k if type(k) is int or k is Ellipsis else slice(None)] * width
    return tuple(ints), tuple(k for k in key if type(k) is not int)


def take(input, key):
    """x[key] as PyTorch reads it."""
    ints, rest = in_steps(key_of(key))
    input = pick(input, ints) if ints else input
    if isinstance(input, Node) and not (type(input.array) is np.ndarray or is_basic(rest)):
        ask_range(input, rest)
    return pick(input, rest)


def ask_range(x, key):
    """Whether the numbers of an index are in range; a GPU would wrap them around silently."""
    parts = key if isinstance(key, tuple) else (key,)
    parts = [np.asarray(k) if type(k) is list and set(map(type, k)) <= {int, bool} else k
             for k in parts]  # fmt: skip
    kinds = [getattr(k, "dtype", None) for k in parts]
    widths = [np.ndim(k) if kind == dtypes.bool_ else int(k is not None and k is not Ellipsis)
              for k, kind in zip(parts, kinds)]  # fmt: skip
    d = 0
    for k, kind, width in zip(parts, kinds, widths):
        if kind is not None and kind.kind in "iu" and d < x.ndim:
            ask((k < -x.shape[d]) | (k >= x.shape[d]), partial(out_of_range, k, d, x.shape))
        d += x.ndim - sum(widths) if k is Ellipsis else width


def out_of_range(k, d, shape):
    """Raise for an index array with a number that dimension `d` does not have."""
    raise IndexError(
        f"indexing a tensor of shape {shape}: the index of dim {d} holds values from "
        f"{int(k.min())} to {int(k.max())}, expected {-shape[d]} to {shape[d] - 1}."
    )


def pick(input, key):
    """y = x[key], as NumPy indexes; ∂L/∂x is g put back at `key`, adding up where it repeats."""

    def forward(x):
        try:
            return x[key]
        except IndexError as error:
            raise IndexError(f"indexing a tensor of shape {x.shape}: {error}.") from None

    return unary(forward, input, lambda g, _y, _x: place(g, key, _x.shape))


def place(input, key, shape):
    """Zeros of `shape` to which x is added at `key`; ∂L/∂x is g[key]."""

    def forward(x):
        out = backend.namespace(x).zeros(shape, dtype=x.dtype)
        if is_basic(key):
            out[key] = x
            return out
        return backend.scatter_add(out, key, x)

    return unary(forward, input, lambda g, _y, _x: pick(g, key))


def along(dim, index):
    """The key that picks `index` along `dim` and every other dimension's own position."""
    xp = backend.namespace(index)
    key = []
    for d, n in enumerate(index.shape):
        shape = [1] * index.ndim
        shape[d] = n
        key.append(index if d == dim else xp.arange(n).reshape(shape))
    return tuple(key)


def check_index(name, input, dim, index):
    """Integers, of the tensor's number of dimensions, and within range."""
    if index.dtype.kind not in "iu":
        raise DTypeError(f"{name}: the index must be an integer tensor, got {index.dtype}.")
    n = input.shape[dim] if input.ndim else 1
    array = index.array

    def refuse():
        raise IndexError(
            f"{name}: the index holds values from {int(array.min())} to {int(array.max())}, but "
            f"dim {dim} of a tensor of shape {input.shape} has {n} elements."
        )

    if array.size:
        ask((array < -n) | (array >= n), refuse)


@numpy_names
def gather(input, dim, index):
    """y[i][j] = x[index[i][j]][j] for dim 0, and so on: each element names where along `dim`."""
    d = axis(input, dim)
    if index.ndim != input.ndim or any(
        m > n for k, (m, n) in enumerate(zip(index.shape, input.shape)) if k != d
    ):
        raise ShapeError(
            f"gather: the index has shape {index.shape} and the tensor {input.shape}: they need "
            f"the same number of dimensions, and the index may be longer in dim {dim} only."
        )
    check_index("gather", input, d, index)
    return pick(input, along(d, index.array) if input.ndim else ())


@numpy_names
def take_along_dim(input, indices, dim=None):
    """`gather` whose index broadcasts against the tensor outside `dim`; flat where dim is None."""
    if dim is None:
        return take_along_dim(input.reshape(-1), indices.reshape(-1), 0)
    d = axis(input, dim)
    if indices.ndim != input.ndim:
        raise ShapeError(
            f"take_along_dim: the index has shape {indices.shape} and the tensor {input.shape}; "
            f"they need the same number of dimensions."
        )
    pairs = [max(m, n) for m, n in zip(input.shape, indices.shape)]
    input = broadcast_to(input, tuple(input.shape[k] if k == d else n for k, n in enumerate(pairs)))
    indices = broadcast_to(
        indices, tuple(indices.shape[k] if k == d else n for k, n in enumerate(pairs))
    )
    return gather(input, d, indices)


@numpy_names
def index_select(input, dim, index):
    """The slices of x along `dim` that a 1-d index names, in its order."""
    d = axis(input, dim)
    if index.ndim > 1:
        raise IndexError(f"index_select needs a 1-d index, got shape {index.shape}.")
    check_index("index_select", input, d, index)
    return pick(input, (slice(None),) * d + (index.array.reshape(-1),))


def tril(input, diagonal=0):
    """x on and below the diagonal, 0 above it; g passes where x does."""
    return triangle("tril", input, lambda row, column: column - row <= diagonal)


def triu(input, diagonal=0):
    """x on and above the diagonal, 0 below it; g passes where x does."""
    return triangle("triu", input, lambda row, column: column - row >= diagonal)


def triangle(name, input, kept):
    """x where `kept(row, column)`, 0 elsewhere."""
    if input.ndim < 2:
        raise ShapeError(f"{name}() needs at least 2 dimensions, got shape {input.shape}.")
    xp = backend.namespace(input.array)
    rows, columns = (xp.arange(n) for n in input.shape[-2:])
    return where(kept(rows[:, None], columns), input, input.dtype.type(0))
