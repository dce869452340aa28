"""Softmax and its logarithms, along one dimension and safe for any score.

The largest score is subtracted first, which changes nothing (eᵃ⁻ᵐ/Σeᵇ⁻ᵐ = eᵃ/Σeᵇ) and keeps eˣ
from overflowing. A row whose scores are all −∞ has nothing to choose from: its weights are 0 and
so are its gradients, where PyTorch gives NaN. float16 is summed in float32.
"""

import numpy as np

from .. import dtypes
from ..backend import namespace
from ..engine import cast, unary
from ..precision import in_single
from .arguments import numpy_names
from .elementwise import exp, floating, where
from .reduction import nonempty, reduced, spread

LOWEST = {np.dtype(d): np.finfo(d).min for d in (np.float32, np.float64)}


def shifted(x, dims):
    """(x − max, max) with float16 widened; a row of −∞ stays −∞, where −∞ − (−∞) would be NaN."""
    x = x.astype(np.float32) if x.dtype == np.float16 else x
    m = np.maximum(x.max(axis=dims, keepdims=True), LOWEST[x.dtype])
    return x - m, m


def one_dim(name, input, dim):
    """The dimension to normalise over, checked; softmax has no default."""
    if dim is None:
        raise TypeError(
            f"{name}() needs dim: the dimension whose elements sum to 1. For attention scores "
            f"(queries, keys) that is the keys: dim=-1."
        )
    return reduced(input, dim)


@numpy_names
@in_single
def softmax(input, dim=None, dtype=None):
    """y = eˣ / Σ eˣ along `dim`; ∂L/∂x = y ⊙ (g − Σ g ⊙ y).

    Parameters
    ----------
    input : Tensor of any shape
    dim : the dimension that sums to 1; the keys, dim=-1, for attention
    dtype : convert the input first

    Returns
    -------
    Tensor of the same shape; every row sums to 1, or is 0 where all its scores were −∞
    """
    input = floating(input if dtype is None else cast(input, dtypes.resolve(dtype)))
    dims = one_dim("softmax", input, dim)
    if input.ndim == 0:  # arithmetic would make it a NumPy scalar, which has no `out`
        return softmax(input.reshape(1), 0).reshape(())

    def forward(x):
        if x.size == 0:
            return x.copy()
        if namespace(x) is not np and dims == (x.ndim - 1,):
            from ..kernels import softmax_rows

            return softmax_rows(x)
        e, _ = shifted(x, dims)
        np.exp(e, out=e)
        total = e.sum(axis=dims, keepdims=True)
        e /= np.maximum(total, e.dtype.type(1))  # e⁰ = 1 is in every sum but that of a −∞ row
        return e.astype(x.dtype, copy=False)

    return unary(
        forward, input, lambda g, y, _x: y * (g - (g * y).sum(axis=dims, keepdims=True))
    )


@numpy_names
@in_single
def log_softmax(input, dim=None, dtype=None):
    """y = x − ln Σ eˣ along `dim`; ∂L/∂x = g − eʸ Σ g."""
    input = floating(input if dtype is None else cast(input, dtypes.resolve(dtype)))
    dims = one_dim("log_softmax", input, dim)

    def forward(x):
        if x.size == 0:
            return x.copy()
        s, _ = shifted(x, dims)
        total = np.exp(s).sum(axis=dims, keepdims=True)
        return (s - np.log(np.maximum(total, s.dtype.type(1)))).astype(x.dtype)

    return unary(forward, input, lambda g, y, _x: g - exp(y) * g.sum(axis=dims, keepdims=True))


@numpy_names
@in_single
def logsumexp(input, dim, keepdim=False):
    """y = ln Σ eˣ along `dim`; ∂L/∂x = g eˣ⁻ʸ, the softmax."""
    input = floating(input)
    dims = reduced(input, dim)
    nonempty("logsumexp", input, dims)

    def forward(x):
        s, m = shifted(x, dims)
        total = np.exp(s).sum(axis=dims, keepdims=True)
        y = np.log(np.maximum(total, s.dtype.type(1))) + m
        y = np.where(total == 0, x.dtype.type(-np.inf), y)
        kept = y if keepdim else y.reshape([n for d, n in enumerate(x.shape) if d not in dims])
        return kept.astype(x.dtype)

    def derivative(g, y, x):
        y = spread(where(y == -np.inf, 0.0, y), x, dims)
        return spread(g, x, dims) * exp(x - y)

    return unary(forward, input, derivative)
