"""Operations that move elements without changing them. Each derivative moves g back."""

import numpy as np

from .. import backend
from ..engine import Node, apply, lift, matched, unary
from ..errors import ShapeError
from .arguments import axis, numpy_names, sizes, whole

# One shape for another ---------------------------------------------------------------------------


def reshape(input, *given, shape=None):
    """The same elements in another shape; one size may be −1. ∂L/∂x is g in x's shape."""
    shape = sizes(given, shape)

    def forward(x):
        try:
            return x.reshape(shape)
        except ValueError:
            raise ShapeError(
                f"cannot reshape {x.shape}, which has {x.size} elements, to {shape}. Check the "
                f"sizes, or leave one of them as -1."
            ) from None

    return unary(forward, input, lambda g, _y, _x: g.reshape(_x.shape))


def view(input, *shape):
    """`reshape` that never copies: an error where the elements do not lie in that order."""
    out = reshape(input, *shape)
    if out.array.size and backend.owner(out.array) is not backend.owner(input.array):
        raise ShapeError(
            f"view() cannot show a tensor of shape {input.shape} as {out.shape} without copying: "
            f"its elements lie in another order (after transpose or permute). Use .reshape(...) "
            f"or .contiguous().view(...)."
        )
    return out


def contiguous(input):
    """The same tensor with its elements in row-major order, copied only if they are not."""
    if input.array.flags.c_contiguous:
        return input
    return clone(input)


def flatten(input, start_dim=0, end_dim=-1):
    """Dimensions `start_dim` to `end_dim` as one."""
    if input.ndim == 0:
        return reshape(input, 1)
    start, end = axis(input, start_dim), axis(input, end_dim)
    if start > end:
        raise ShapeError(
            f"flatten: start_dim {start_dim} lies after end_dim {end_dim} in shape {input.shape}."
        )
    n = 1
    for size in input.shape[start : end + 1]:
        n *= size
    return reshape(input, (*input.shape[:start], n, *input.shape[end + 1 :]))


def squeeze(input, dim=None):
    """Without the dimensions of size 1: all of them, or those named."""
    dims = range(input.ndim) if dim is None else dim if isinstance(dim, (tuple, list)) else (dim,)
    gone = {axis(input, d) for d in dims}
    kept = tuple(n for d, n in enumerate(input.shape) if d not in gone or n != 1)
    return reshape(input, kept)


def unsqueeze(input, dim):
    """With a new dimension of size 1 at position `dim`."""
    d = axis(input, dim, extra=1)
    return reshape(input, (*input.shape[:d], 1, *input.shape[d:]))


def clone(input):
    """A copy with memory of its own; ∂L/∂x = g."""
    return unary(lambda x: x.copy(), input, lambda g, _y, _x: g)


def move(input, device):
    """x on another device; g comes back to x's."""
    home = backend.device_of(input.array if isinstance(input, Node) else input)
    return unary(
        lambda x: backend.to_device(x, device), input, lambda g, _y, _x: move(g, home)
    )


# Order of dimensions and elements ----------------------------------------------------------------


def permute(input, *given, dims=None):
    """Dimension i of the result is dimension dims[i] of x; ∂L/∂x permutes g back."""
    dims = sizes(given, dims)
    order = [axis(input, d) for d in dims]
    if sorted(order) != list(range(input.ndim)):
        raise ShapeError(
            f"permute{dims} does not name each dimension of a tensor of shape "
            f"{tuple(input.shape)} once: expected an order of 0 to {input.ndim - 1}."
        )
    back = [order.index(d) for d in range(input.ndim)]
    return unary(lambda x: x.transpose(order), input, lambda g, _y, _x: permute(g, back))


def transpose(input, dim0, dim1):
    """Dimensions `dim0` and `dim1` exchanged; ∂L/∂x exchanges them in g."""
    if not -input.ndim <= dim0 < input.ndim or not -input.ndim <= dim1 < input.ndim:
        axis(input, dim0), axis(input, dim1)
    return unary(
        lambda x: x.swapaxes(dim0, dim1), input, lambda g, _y, _x: g.swapaxes(dim0, dim1)
    )


def movedim(input, source, destination):
    """Dimensions taken from `source` and put at `destination`; the others keep their order."""
    pairs = [(s,) if isinstance(s, int) else tuple(s) for s in (source, destination)]
    source, destination = ([axis(input, d) for d in p] for p in pairs)
    if not len(source) == len(destination) == len(set(source)) == len(set(destination)):
        raise ShapeError(
            f"movedim: source {pairs[0]} and destination {pairs[1]} must name equally many "
            f"dimensions of a tensor of shape {tuple(input.shape)}, none of them twice."
        )
    order = [d for d in range(input.ndim) if d not in source]
    for d, s in sorted(zip(destination, source)):
        order.insert(d, s)
    return permute(input, order)


def mT(input):
    """The last two dimensions exchanged: a batch of matrices, each transposed."""
    if input.ndim < 2:
        raise ShapeError(f".mT needs at least 2 dimensions, got shape {tuple(input.shape)}.")
    return transpose(input, -1, -2)


def T(input):
    """All dimensions in reverse order: the transpose of a matrix."""
    return permute(input, *range(input.ndim)[::-1])


@numpy_names
def flip(input, *given, dims=None, dim=None):
    """A copy with the elements in reverse order along `dims`; ∂L/∂x flips g."""
    dims = tuple(axis(input, d) for d in sizes(given, dim if dims is None else dims))
    if len(set(dims)) < len(dims):
        raise ShapeError(f"flip: {dims} names a dimension of shape {tuple(input.shape)} twice.")
    return unary(lambda x: np.flip(x, dims).copy(), input, lambda g, _y, _x: flip(g, dims))


# Repeating ---------------------------------------------------------------------------------------


def broadcast_to(input, size):
    """x repeated along new dimensions and those of size 1; ∂L/∂x sums g over the copies."""

    def forward(x):
        try:
            return np.broadcast_to(x, size)
        except ValueError:
            raise ShapeError(
                f"cannot expand shape {x.shape} to {size}: only dimensions of size 1 can grow, "
                f"and new ones come first."
            ) from None

    return unary(forward, input, lambda g, _y, _x: g)


def expand(input, *given, size=None):
    """`broadcast_to` in which −1 keeps a size."""
    shape = sizes(given, size)
    new = len(shape) - input.ndim
    shape = (input.shape[d - new] if n == -1 and d >= new else n for d, n in enumerate(shape))
    return broadcast_to(input, tuple(shape))


def repeat(input, *given, repeats=None):
    """x laid end to end `repeats[d]` times along each dimension d; ∂L/∂x sums g over the copies."""
    repeats = sizes(given, repeats)
    if len(repeats) < input.ndim:
        raise ShapeError(
            f"repeat{repeats} needs a number for each dimension of a tensor of shape "
            f"{input.shape}: give at least {input.ndim}."
        )
    shape = (1,) * (len(repeats) - input.ndim) + input.shape
    apart = tuple(n for pair in zip(repeats, shape) for n in pair)  # (copies, size) of each
    copies = tuple(range(0, len(apart), 2))
    return unary(
        lambda x: np.tile(x, repeats), input,
        lambda g, _y, x: g.reshape(apart).sum(axis=copies).reshape(x.shape),
    )  # fmt: skip


def tile(input, *given, dims=None):
    """`repeat`, with 1 for the leading dimensions that are not named."""
    dims = sizes(given, dims)
    return repeat(input, (1,) * (input.ndim - len(dims)) + dims)


@numpy_names
def repeat_interleave(input, repeats, dim=None):
    """Each slice along `dim` `repeats` times in a row; of the flattened tensor where None.

    y = x[⌊i / repeats⌋]; ∂L/∂x sums g over the copies.
    """
    if isinstance(repeats, Node) and repeats.ndim:
        raise TypeError(
            f"repeat_interleave: repeats is one int here, got a tensor of shape {repeats.shape}: "
            f"index with the positions wanted, as in x[[0, 0, 1]]."
        )
    n = whole(repeats)
    if n < 0:
        raise ShapeError(f"repeat_interleave: repeats must not be negative, got {n}.")
    if dim is None or not input.ndim:
        input, dim = reshape(input, -1), dim or 0
    d = axis(input, dim)
    shape = (*input.shape[: d + 1], n, *input.shape[d + 1 :])
    return flatten(broadcast_to(unsqueeze(input, d + 1), shape), d, d + 1)


# Joining -----------------------------------------------------------------------------------------


@numpy_names
def cat(tensors, dim=0):
    """The tensors end to end along `dim`; each gets its own stretch of g back.

    One of shape (0,) holds nothing and is left out, so that a loop may begin with `tensor([])`.
    """
    tensors = alike("cat", tensors)
    k = next((i for i, t in enumerate(tensors) if t.shape != (0,)), 0)
    d, first = axis(tensors[k], dim), tensors[k]
    pieces, end = [], 0
    for i, t in enumerate(tensors):
        if t.shape != (0,) and not same_but(d, t.shape, first.shape):
            raise ShapeError(
                f"cat along dim {dim}: tensor {k} has shape {first.shape} and tensor {i} "
                f"{t.shape}; they may differ in dim {dim} only."
            )
        start, end = end, end + (0 if t.shape == (0,) else t.shape[d])
        pieces.append(slice(start, end))
    return apply(
        lambda *arrays: np.concatenate([a for a in arrays if a.shape != (0,)] or arrays, d),
        tensors,
        *[lambda g, *_, p=p, s=t.shape: g[(slice(None),) * d + (p,)].reshape(s)
          for p, t in zip(pieces, tensors)],
    )  # fmt: skip


def same_but(d, a, b):
    """Whether two shapes, not those of scalars, differ in dimension d at most."""
    return len(a) == len(b) > d and a[:d] == b[:d] and a[d + 1 :] == b[d + 1 :]


@numpy_names
def stack(tensors, dim=0):
    """The tensors along a new dimension `dim`; tensor i gets g's slice i back."""
    tensors = alike("stack", tensors)
    d = axis(tensors[0], dim, extra=1)
    for i, t in enumerate(tensors):
        if t.shape != tensors[0].shape:
            raise ShapeError(
                f"stack: tensor 0 has shape {tensors[0].shape} and tensor {i} {t.shape}; all "
                f"must be equal. Use cat() to join different lengths."
            )
    return apply(
        lambda *arrays: np.stack(arrays, d), tensors,
        *[lambda g, *_, i=i: g[(slice(None),) * d + (i,)] for i in range(len(tensors))],
    )  # fmt: skip


def alike(name, tensors):
    """A non-empty sequence as Tensors of their common dtype."""
    if isinstance(tensors, Node):
        raise TypeError(f"{name}() expects a list of Tensors, got one of shape {tensors.shape}.")
    if not len(tensors):
        raise ShapeError(f"{name}() expects a list of at least one Tensor, got an empty one.")
    tensors = [lift(t) for t in tensors]
    if len({t.array.dtype for t in tensors}) > 1:
        for i, t in enumerate(tensors[1:], 1):
            tensors[0], tensors[i] = matched(tensors[0], t)
        tensors = [matched(t, tensors[0])[0] for t in tensors]
    return tuple(tensors)
