"""The linear map of the last dimension."""

import math

import numpy as np

from ...backend import namespace
from ...engine import Node, apply
from ...errors import DTypeError, ShapeError
from ...ops.product import matmul, multiply, rows
from ...ops.reduction import sum
from ...precision import lowered, open_blocks
from .checks import tensors
from .merging import ones


def linear(input, weight, bias=None):
    """y = x Wᵀ + b; ∂L/∂x = g W, ∂L/∂W = gᵀ x, ∂L/∂b = Σ g over all rows.

    Parameters
    ----------
    input : (…, in_features)
    weight : (out_features, in_features)
    bias : (out_features,) or None

    Returns
    -------
    Tensor (…, out_features)

    Raises
    ------
    ShapeError
        If the last sizes of input and weight differ, or the bias has another size.
    DTypeError
        If they are not all of one float type.
    """
    if open_blocks:
        input, weight, bias = lowered(input, weight, bias)
    check(input, weight, bias)

    def forward(x, W, b=None):
        y = multiply(rows(x), W.swapaxes(0, 1))
        if b is not None:
            y += b
        return y.reshape((*x.shape[:-1], len(W)))

    derivatives = (
        lambda g, _y, x, W, *_b: matmul(rows(g), W).reshape(x.shape),
        lambda g, _y, x, _W, *_b: matmul(rows(g).swapaxes(0, 1), rows(x)),
        lambda g, _y, _x, _W, _b: sum_of_rows(rows(g)),
    )
    inputs = (input, weight) if bias is None else (input, weight, bias)
    return apply(forward, inputs, *derivatives[: len(inputs)])


FEW, BLOCK = 256, 64  # rows


def sum_of_rows(g, out=None):
    """Σ over the rows of a matrix (n, m), of many rows by blocks of √n, or of BLOCK.

    One after another, the rounding errors of some thousand rows would cost a digit. (A GPU adds in
    a tree anyway.) Each block is a row of ones times its rows, quicker than NumPy's `sum`; the few
    sums that there are then add up in float64.
    """
    if isinstance(g, Node):
        return sum(g, 0)
    if namespace(g) is not np:
        return np.matmul(ones(g.T).T, g, out=out if out is None else out[None])[0]
    if len(g) <= FEW:
        return ones(g.T)[:, 0].dot(g, out)
    size = max(BLOCK, math.isqrt(len(g)))
    even = len(g) - len(g) % size
    blocks = g[:even].reshape(-1, size, g.shape[1])
    sums = np.matmul(ones(blocks.swapaxes(1, 2)).T, blocks)[:, 0]
    total = sums.sum(0, dtype=np.float64)
    if even < len(g):
        total += g[even:].sum(0)
    if out is None:
        return total.astype(g.dtype)
    out[...] = total
    return out


def check(input, weight, bias):
    """Tensors of sizes that fit and of one float type."""
    tensors("linear", input=input, weight=weight, bias=bias)
    if weight.ndim != 2:
        raise ShapeError(
            f"linear: the weight has shape {weight.shape}, expected 2 dimensions: (out_features, "
            f"in_features)."
        )
    if input.shape[-1:] != weight.shape[1:]:
        raise ShapeError(
            f"linear: the input has shape {tuple(input.shape)}, expected (…, {weight.shape[1]}), "
            f"since the weight of shape {weight.shape} is (out_features, in_features)."
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(
            f"linear: the bias has shape {tuple(bias.shape)}, expected ({weight.shape[0]},) beside "
            f"a weight of shape {weight.shape}."
        )
    if input.dtype != weight.dtype or (bias is not None and bias.dtype != weight.dtype):
        got = f"{input.dtype}, the weight {weight.dtype}"
        got += "" if bias is None else f", the bias {bias.dtype}"
        raise DTypeError(
            f"linear: the input is {got}: they must be of one float type. Bring the input to it "
            f"with x.to(weight.dtype), or the layer with layer.to(x.dtype)."
        )
