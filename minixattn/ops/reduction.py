"""Operations that sum up a dimension: sum, mean, maximum, softmax and their kin.

`dim` is an int, a tuple or None for all dimensions; NumPy's names `axis` and `keepdims` work too.
A derivative spreads g over the reduced dimensions again: `spread(g)` restores and broadcasts it.
"""

from collections import namedtuple

import numpy as np

from .. import backend, dtypes
from ..engine import Node, cast, constant, unary
from ..errors import DTypeError, ShapeError
from ..precision import in_single, open_blocks, raised
from .arguments import axis, numpy_names
from .elementwise import maximum, minimum, where
from .indexing import gather
from .parting import unbind
from .shape import broadcast_to, clone, flip, permute, stack


class ValuesIndices(namedtuple("ValuesIndices", "values indices")):
    """What `max`, `min`, `sort` and `topk` along a dimension return."""

    __slots__ = ()


def reduced(x, dim):
    """The reduced dimensions as non-negative numbers, checked; None and () are all of them."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(x.ndim))
    if isinstance(dim, (tuple, list)):
        dims = tuple([axis(x, d) for d in dim])
    else:
        dims = (axis(x, dim),)
    if len(dims) > 1 and len(set(dims)) < len(dims):
        raise ShapeError(f"dim={tuple(dim)} names a dimension of shape {tuple(x.shape)} twice.")
    return dims if x.ndim else ()


SMALL = 1 << 12  # elements; so few are copied in less time than it takes to make a view


def spread(g, x, dims):
    """g of a reduced shape, repeated over the reduced dimensions of x."""
    g = g.reshape([1 if d in dims else n for d, n in enumerate(x.shape)])
    if isinstance(g, Node) or isinstance(x, Node) or x.size > SMALL:
        return broadcast_to(g, x.shape)
    out = np.empty_like(x, dtype=g.dtype)
    out[...] = g
    return out


def nonempty(name, x, dims, error=IndexError):
    """Raise where a reduction without a neutral element is asked of no elements."""
    if 0 in [x.shape[d] for d in dims]:
        raise error(
            f"{name}() over no elements: the tensor has shape {tuple(x.shape)} and dimension(s) "
            f"{dims} are reduced. Give it at least one element there."
        )


@numpy_names
def sum(input, dim=None, keepdim=False, *, dtype=None):
    """y = Σ x; ∂L/∂x = g, spread over what was summed. Integers and bools sum to int64."""
    if open_blocks:
        input = raised(input)
    if dtype is not None:
        input = cast(input, dtypes.resolve(dtype))
    dims = reduced(input, dim)

    def forward(x):
        if x.dtype.kind != "f":
            return x.sum(axis=dims, keepdims=keepdim, dtype=np.int64)
        if x.dtype == np.float16:
            return wide(x).sum(axis=dims, keepdims=keepdim).astype(x.dtype)
        return x.sum(axis=dims, keepdims=keepdim)

    return unary(forward, input, lambda g, _y, _x: spread(g, _x, dims))


@numpy_names
def mean(input, dim=None, keepdim=False, *, dtype=None):
    """y = 1/n Σ x; ∂L/∂x = g / n."""
    if dtype is not None:
        input = cast(input, dtypes.resolve(dtype))
    floats_only("mean", input)
    n = count(input, reduced(input, dim))
    return cast(sum(wide(input), dim, keepdim) / (n or float("nan")), input.dtype)


def floats_only(name, x):
    """Raise `DTypeError` for whole numbers, whose mean would not be one."""
    if x.dtype.kind != "f":
        raise DTypeError(f"{name}() expects a float tensor, got {x.dtype}: use x.float().{name}().")


def wide(x):
    """float16 as float32, in which long sums neither overflow nor lose their small terms."""
    return cast(x, dtypes.float32) if x.dtype == dtypes.float16 else x


def count(x, dims):
    """How many elements each result sums up."""
    n = 1
    for d in dims:
        n *= x.shape[d]
    return n


@numpy_names
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=1):
    """y = Σ (x − x̄)² / (n − correction); ∂L/∂x = 2 g (x − x̄) / (n − correction).

    `correction=1` is the sample variance, PyTorch's default; layers that normalise use 0.
    """
    if isinstance(dim, bool):  # var(x, False), PyTorch's older form
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    floats_only("var", input)
    dims = reduced(input, dim)
    x = wide(input)
    centred = x - mean(x, dims, True)
    n = count(input, dims) - correction
    squares = sum(centred * centred, dims, keepdim)
    return cast(squares / (n if n > 0 else float("nan")), input.dtype)


@numpy_names
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=1):
    """y = √var; ∂L/∂x = g / 2y · ∂var/∂x, and 0 where y is 0."""
    v = var(input, dim, unbiased, keepdim, correction=correction)
    return unary(np.sqrt, v, lambda g, y, _v: where(y == 0, 0.0, g / where(y == 0, 1.0, 2 * y)))


@numpy_names
def amax(input, dim=None, keepdim=False):
    """y = max x; g is shared evenly among the elements that attain it."""
    return extreme("amax", np.max, input, dim, keepdim)


@numpy_names
def amin(input, dim=None, keepdim=False):
    """y = min x; g is shared evenly among the elements that attain it."""
    return extreme("amin", np.min, input, dim, keepdim)


def extreme(name, forward, input, dim, keepdim):
    """`amax` or `amin`: the `forward` of an array, whose gradient its ties share."""
    dims = reduced(input, dim)
    nonempty(name, input, dims)

    def derivative(g, y, x):
        attained = x == spread(y, x, dims)
        ties = attained.sum(axis=dims, keepdims=True)
        return spread(g, x, dims) / ties * attained

    return unary(lambda x: forward(x, axis=dims, keepdims=keepdim), input, derivative)


@numpy_names
def max(input, dim=None, keepdim=False):
    """The largest element; along a `dim` (values, indices); elementwise with another tensor."""
    return select_extreme("max", amax, argmax, input, dim, keepdim)


@numpy_names
def min(input, dim=None, keepdim=False):
    """The smallest element; along a `dim` (values, indices); elementwise with another tensor."""
    return select_extreme("min", amin, argmin, input, dim, keepdim)


def select_extreme(name, whole, which, input, dim, keepdim):
    """`max` or `min`, in the three forms that PyTorch gives them."""
    if isinstance(dim, Node):
        return (maximum if whole is amax else minimum)(input, dim)
    nonempty(name, input, reduced(input, dim), ShapeError if dim is None else IndexError)
    if dim is None:
        return whole(input)
    index = which(input, dim, keepdim=True)
    values = gather(input, dim, index)
    return ValuesIndices(*(t if keepdim else t.squeeze(dim) for t in (values, index)))


@numpy_names
def argmax(input, dim=None, keepdim=False):
    """The index of the (first) largest element; of the flattened tensor where `dim` is None."""
    return position("argmax", np.argmax, input, dim, keepdim)


@numpy_names
def argmin(input, dim=None, keepdim=False):
    """The index of the (first) smallest element; of the flattened tensor where `dim` is None."""
    return position("argmin", np.argmin, input, dim, keepdim)


def position(name, forward, input, dim, keepdim):
    """`argmax` or `argmin`: the `forward` of an array; a scalar has no dimension to name."""
    nonempty(name, input, reduced(input, dim))
    return constant(forward(input.array, axis=dim if input.ndim else None, keepdims=keepdim))


@numpy_names
def any(input, dim=None, keepdim=False):
    """Whether any element is True or non-zero."""
    return constant(np.any(input.array, axis=reduced(input, dim), keepdims=keepdim))


@numpy_names
def all(input, dim=None, keepdim=False):
    """Whether all elements are True or non-zero."""
    return constant(np.all(input.array, axis=reduced(input, dim), keepdims=keepdim))


@numpy_names
@in_single
def prod(input, dim=None, keepdim=False, *, dtype=None):
    """y = Π x; ∂L/∂xᵢ = g Π_{j≠i} xⱼ, which is g y / xᵢ where y is not 0."""
    if dtype is not None:
        input = cast(input, dtypes.resolve(dtype))
    dims = reduced(input, dim)

    def forward(x):
        if x.dtype.kind != "f":
            return np.prod(x, axis=dims, keepdims=keepdim, dtype=np.int64)
        return np.prod(wide(x), axis=dims, keepdims=keepdim).astype(x.dtype, copy=False)

    def derivative(g, y, x):
        if (y == 0).any():
            return spread(g, x, dims) * others(x, dims)
        return spread(g * y, x, dims) / x

    return unary(forward, input, derivative)


def others(x, dims):
    """Π_{j≠i} xⱼ for every i: the product of each row of the matrix xⱼ with 1 on the diagonal."""
    last = [d for d in range(x.ndim) if d not in dims] + list(dims)
    moved = permute(x, last)
    n = count(x, dims)
    rows = moved.reshape((*moved.shape[: x.ndim - len(dims)], 1, n))
    xp = backend.namespace(x.array if isinstance(x, Node) else x)
    product = prod(where(xp.eye(n, dtype=xp.bool_), 1.0, rows), -1).reshape(moved.shape)
    return permute(product, [last.index(d) for d in range(x.ndim)])


@numpy_names
@in_single
def cumsum(input, dim, *, dtype=None):
    """yᵢ = Σ_{j≤i} xⱼ; ∂L/∂xᵢ = Σ_{j≥i} gⱼ: the same sum, run from the other end."""
    if dtype is not None:
        input = cast(input, dtypes.resolve(dtype))
    d = axis(input, dim)

    def forward(x):
        if x.dtype.kind != "f":
            return np.cumsum(x, axis=d, dtype=np.int64)
        return np.cumsum(wide(x), axis=d).astype(x.dtype, copy=False)

    def derivative(g, _y, _x):
        return flip(cumsum(flip(g, d), d), d)

    if not input.ndim:
        return clone(input)
    return unary(forward, input, derivative)


@numpy_names
def cumprod(input, dim, *, dtype=None):
    """yᵢ = Π_{j≤i} xⱼ, as y₀ = x₀, yᵢ = yᵢ₋₁ xᵢ: so its derivative needs no division by an x of 0.

    Noise schedules of diffusion are such products: ᾱ_t = Π_{s≤t} α_s.
    """
    if dtype is not None or input.dtype.kind != "f":
        input = cast(input, dtypes.int64 if dtype is None else dtypes.resolve(dtype))
    d = axis(input, dim)
    if not input.ndim or not input.shape[d]:
        return clone(input)
    y = []
    for x in unbind(input, d):
        y.append(y[-1] * x if y else x)
    return stack(y, d)
