"""Padding."""

from ... import backend
from ...engine import unary
from ...errors import ShapeError
from .checks import tensors


def pad(input, pad, mode="constant", value=None):
    """x with `value` around it; ∂L/∂x is what lies inside in g.

    Parameters
    ----------
    input : Tensor of any shape
    pad : (before, after) of the last dimension, then of the second-last, and so on; a negative
        number cuts off
    mode : "constant", the only one here
    value : number around x; 0 where None
    """
    tensors("pad", input=input)
    if mode != "constant":
        raise NotImplementedError(f'pad: mode {mode!r} is not offered; expected "constant".')
    pad = tuple(int(n) for n in pad)
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ShapeError(
            f"pad: got {len(pad)} numbers {pad} for a tensor of shape {input.shape}: expected "
            f"pairs (before, after), last dimension first, at most {2 * input.ndim} numbers."
        )
    sides = [(0, 0)] * (input.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2]))[::-1]
    shape = tuple(before + n + after for n, (before, after) in zip(input.shape, sides))
    if min(shape, default=0) < 0:
        raise ShapeError(f"pad: {pad} cuts more off shape {input.shape} than there is: {shape}.")
    inside = tuple(slice(max(b, 0), n - max(a, 0)) for n, (b, a) in zip(shape, sides))
    kept = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(input.shape, sides))

    def forward(x):
        y = backend.namespace(x).full(shape, value or 0, dtype=x.dtype)
        y[inside] = x
        return y

    return unary(forward, input[kept], lambda g, _y, _x: g[inside])
