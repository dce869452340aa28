"""Weights and gradients as NumPy arrays that fit each other, from any library or a trace."""

import numpy as np

from ..errors import ShapeError
from ..plot.canvas import as_numpy


def from_trace(trace):
    """The attention weights in a trace, and their gradients once `backward()` has been called.

    Parameters
    ----------
    trace : `minixattn.trace`, after its block

    Returns
    -------
    {layer: (weights (B, h, L, S), gradient of the same shape, or None)}, in the order of
    computation; the layers' names are those of the trace, such as "CrossAttention 1"

    Raises
    ------
    ValueError
        If no layer in the trace has attention weights.
    """
    found, seen = {}, set()
    for step in trace.steps:
        if step.symbol == "weights" and step.value not in seen:
            seen.add(step.value)
            grad = None if step.grad is None else as_numpy(step.grad)
            found[step.layer] = (as_numpy(step.value), grad)
    if not found:
        layers = ", ".join(trace.layers) or "none"
        raise ValueError(
            f"this trace has no attention weights (its layers: {layers}). Run the model inside "
            f"`with minixattn.trace() as t:`."
        )
    return found


def floats(name, x, ndim, symbols):
    """`x` as float64 with at least `ndim` dimensions, all of it finite."""
    x = as_numpy(x)
    if x.ndim < ndim:
        raise ShapeError(f"{name} has shape {x.shape}, expected {symbols}.")
    x = x.astype(np.float64)
    if not np.isfinite(x).all():
        raise ValueError(
            f"{name} has {np.count_nonzero(~np.isfinite(x))} numbers that are NaN or infinite. "
            f"Give the weights after the softmax, and check the model's output for NaN."
        )
    return x


def weights_of(x, name="weights"):
    """Attention weights (…, h, L, S), checked to be such."""
    x = floats(name, x, 3, "(…, h, L, S): one matrix a head")
    if x.size and (x.min() < 0 or x.max() > 1.001):
        raise ValueError(
            f"{name} go from {x.min():.4g} to {x.max():.4g}, expected 0 to 1: give the weights "
            f"after the softmax, not the scores."
        )
    return x


def gradients_of(x, weights):
    """The gradient of some score with respect to `weights`, of the same shape."""
    if x is None:
        raise ValueError(
            "gradients are None: call backward() on the score to be explained first, and keep the "
            "gradient of the weights (weights.retain_grad(), or read it from minixattn.trace)."
        )
    x = floats("gradients", x, 3, "(…, h, L, S)")
    if x.shape != weights.shape:
        raise ShapeError(
            f"gradients have shape {x.shape}, the weights {weights.shape}: give the gradient of "
            f"these weights, every head of it."
        )
    return x


def square(name, x):
    """Self-attention: as many keys as queries."""
    L, S = x.shape[-2:]
    if L != S:
        raise ShapeError(
            f"{name} has {L} queries and {S} keys (shape {x.shape}), but self-attention has as "
            f"many of one as of the other. Weights of cross-attention go elsewhere: see "
            f"rollout_encoder_decoder() and chefer()."
        )
    return x


def same_size(name, n, other, m):
    """Two ways to count the same tokens agree."""
    if n != m:
        raise ShapeError(f"{name} has {n} tokens, but {other} has {m}: they must be the same ones.")
