"""The length of a vector."""

import math

import numpy as np

from .. import dtypes
from ..engine import cast, unary
from ..errors import DTypeError
from ..precision import in_single
from .arguments import numpy_names
from .elementwise import abs, pow, where
from .reduction import amax, reduced, sum, wide


@numpy_names
@in_single
def norm(input, p="fro", dim=None, keepdim=False, *, dtype=None):
    """‖x‖ₚ = (Σ |x|ᵖ)^(1/p); a vector of zeros has gradient 0.

    Parameters
    ----------
    input : float Tensor
    p : a positive number or inf; "fro", the default, is the Euclidean norm of all elements, p = 2
    dim : int, tuple or None, for all dimensions: what is taken as one vector
    """
    if dtype is not None:
        input = cast(input, dtypes.resolve(dtype))
    if input.dtype.kind != "f":
        raise DTypeError(f"norm() expects a float tensor, got {input.dtype}: use x.float().norm().")
    p = 2 if p is None or p == "fro" else p
    if isinstance(p, str) or not p > 0:
        raise ValueError(f'norm: p must be a positive number, inf or "fro", got {p!r}.')
    dims = reduced(input, dim)
    y = cast(length(wide(input), p, dims), input.dtype)
    return y if keepdim else y.squeeze(dims)


def length(x, p, dims):
    """‖x‖ₚ with the dimensions kept as 1."""
    if p == math.inf:
        return amax(abs(x), dims, keepdim=True)
    if p == 1:
        return sum(abs(x), dims, keepdim=True)
    if p == 2:
        return euclidean_norm(x, dims)
    powers = sum(pow(abs(x), p), dims, keepdim=True)
    zero = powers == 0
    return where(zero, 0.0, pow(where(zero, 1.0, powers), 1 / p))


def euclidean_norm(input, dims):
    """y = √Σ x²; ∂L/∂x = g x / y."""
    return unary(
        lambda x: np.sqrt((x * x).sum(axis=dims, keepdims=True)), input,
        lambda g, y, x: g * x / where(y == 0, 1.0, y),
    )  # fmt: skip
