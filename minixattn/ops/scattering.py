"""Writing elements where an index says: the mirror image of `gather` and `index_select`.

In place, under PyTorch's names with an underscore, they are methods of a tensor.
"""

import numpy as np

from .. import backend, dtypes
from ..engine import Node, apply, lift
from ..errors import DTypeError, ShapeError
from .arguments import axis, check_range, numpy_names
from .elementwise import where
from .indexing import along, check_index, pick, place


@numpy_names
def scatter(input, dim, index, src=None, *, value=None):
    """y = x but for y[index[i][j]][j] = src[i][j] for dim 0, and so on.

    ∂L/∂x is g, 0 where it was overwritten; ∂L/∂src is g[index]. Where an index repeats, the last
    one stays; on a GPU it may be any one of them.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : integer Tensor with as many dimensions, nowhere longer than `input` outside `dim`
    src : Tensor of the input's dtype, at least as large as `index` everywhere; or a number
    value : the same as a number for `src`
    """
    key, src = prepared("scatter", input, dim, index, value if src is None else src)
    hit = np.zeros_like(input.array, dtype=dtypes.bool_)
    hit[key] = True

    def forward(x, src):
        y = x.copy()
        y[key] = src
        return y

    return apply(
        forward, (input, src),
        lambda g, _y, _x, _src: where(hit, 0.0, g), lambda g, _y, _x, _src: pick(g, key),
    )  # fmt: skip


@numpy_names
def scatter_add(input, dim, index, src):
    """y = x, and y[index[i][j]][j] += src[i][j] for dim 0, and so on; adds up where one repeats.

    ∂L/∂x = g, ∂L/∂src = g[index]. See `scatter` for the parameters.
    """
    key, src = prepared("scatter_add", input, dim, index, src)
    return input + place(src, key, input.shape)


def prepared(name, input, dim, index, src):
    """The key of an index along `dim`, and the part of `src` that it takes, both checked."""
    d = axis(input, dim)
    sizes = src.shape if isinstance(src, Node) else index.shape
    if len({input.ndim, index.ndim, len(sizes)}) > 1 or any(
        m > n for k, (m, n) in enumerate(zip(index.shape, input.shape)) if k != d
    ) or any(m > n for m, n in zip(index.shape, sizes)):  # fmt: skip
        raise ShapeError(
            f"{name}: the index has shape {index.shape}, src {sizes} and the tensor {input.shape}: "
            f"they need the same number of dimensions; the index may not be longer than src, nor "
            f"than the tensor outside dim {dim}."
        )
    check_index(name, input, d, index)
    return along(d, index.array), source(name, input, src, tuple(map(slice, index.shape)))


def source(name, input, src, part):
    """What is written: a part of a tensor of the same dtype, or a number."""
    if src is None:
        raise TypeError(f"{name}: expected src, a Tensor or a number, got neither.")
    if not isinstance(src, Node):
        check_range(name, src, input.dtype)
        return lift(backend.namespace(input.array).asarray(src, dtype=input.dtype))
    if src.dtype != input.dtype:
        raise DTypeError(
            f"{name}: src is of {src.dtype}, but the tensor of {input.dtype}: use src.to(x.dtype)."
        )
    return pick(src, part)


@numpy_names
def index_add(input, dim, index, source, *, alpha=1):
    """y = x, and the slices that the 1-d index names along `dim` get alpha·source added."""
    key = slices("index_add", input, dim, index)
    expected = pick(input, key).shape
    if source.shape != expected:
        raise ShapeError(
            f"index_add: source has shape {source.shape}, expected {expected}: one slice of the "
            f"tensor of shape {input.shape} for each of the index's {index.numel()} numbers."
        )
    return input + place(source * alpha, key, input.shape)


@numpy_names
def index_fill(input, dim, index, value):
    """y = value in the slices that the 1-d index names along `dim`, x elsewhere."""
    key = slices("index_fill", input, dim, index)
    hit = np.zeros_like(input.array, dtype=dtypes.bool_)
    hit[key] = True
    value = value.item() if isinstance(value, Node) else value
    check_range("index_fill", value, input.dtype)
    return where(lift(hit), lift(backend.namespace(hit).asarray(value, dtype=input.dtype)), input)


def slices(name, input, dim, index):
    """The key of whole slices along `dim`."""
    d = axis(input, dim)
    if index.ndim > 1:
        raise IndexError(f"{name} needs a 1-d index, got shape {index.shape}.")
    check_index(name, input, d, index)
    return (slice(None),) * d + (index.array.reshape(-1),)
