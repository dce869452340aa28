"""Gradients kept within bounds, parameters as one vector, and `rnn` for sequences."""

import math

import numpy as np

from ...changes import changing
from ...engine import Node, constant, no_grad
from ...errors import ShapeError
from ...ops.shape import cat
from . import rnn

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "rnn", "vector_to_parameters",
]  # fmt: skip


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False):
    """Scale all gradients together so that their norm is at most `max_norm`, in place.

        ‖g‖ = (Σ |gᵢ|ᵖ)^(1/p) over all elements of all gradients
        g ← g min(1, max_norm / (‖g‖ + 10⁻⁶))

    Parameters
    ----------
    parameters : Tensor or iterable of Tensors; those without a gradient are passed over
    max_norm : the norm allowed
    norm_type : p; may be inf
    error_if_nonfinite : raise RuntimeError where ‖g‖ is infinite or not a number

    Returns
    -------
    Tensor (), ‖g‖ before the clipping

    References
    ----------
    Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks" (2013),
    algorithm 1.
    """
    grads = gradients(parameters)
    norms = [norm(g.array, norm_type) for g in grads]
    if not norms:
        return constant(np.zeros((), np.float32))
    total = norm(vector(norms), norm_type)
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of the gradients is {float(total)}; nothing was changed. "
            f"Look for the first infinite or NaN loss, or lower the learning rate."
        )
    scale = np.minimum(max_norm / (total + 1e-6), 1)
    scales = {dtype: scale.astype(dtype) for dtype in {g.array.dtype for g in grads}}
    for g in grads:
        changing(g)
        g.array *= scales[g.array.dtype]
    return constant(total.astype(grads[0].dtype))


def clip_grad_value_(parameters, clip_value):
    """Bring every element of every gradient to within ±`clip_value`, in place."""
    if clip_value < 0:
        raise ValueError(f"clip_grad_value_: clip_value must not be negative, got {clip_value}.")
    for g in gradients(parameters):
        g.clamp_(-clip_value, clip_value)


def gradients(parameters):
    """The gradients that are there, as constants in the same memory."""
    parameters = [parameters] if isinstance(parameters, Node) else parameters
    return [p.grad.detach() for p in parameters if p.grad is not None]


def vector(numbers):
    """Numbers that NumPy or CuPy computed as one array; NumPy's `stack` would look at each."""
    return np.array(numbers) if isinstance(numbers[0], np.generic) else np.stack(numbers)


def norm(g, p):
    """‖g‖ₚ of an array over all its elements, float16 summed in float32."""
    g = g.astype(np.float32) if g.dtype == np.float16 else g
    if p == math.inf:
        return np.max(np.abs(g)) if g.size else np.sum(g)
    if p == 2:
        return np.sqrt(np.vdot(g, g))
    return np.sum(np.abs(g) ** p) ** (1 / p)


def parameters_to_vector(parameters):
    """All parameters end to end, as one recorded vector."""
    return cat([p.reshape(-1) for p in parameters])


@no_grad()
def vector_to_parameters(vec, parameters):
    """Write a vector back into the parameters, in their order."""
    parameters = list(parameters)
    n = sum(p.numel() for p in parameters)
    if vec.shape != (n,):
        raise ShapeError(
            f"vector_to_parameters: the parameters have {n} elements, so the vector must have "
            f"shape ({n},); got {vec.shape}."
        )
    start = 0
    for p in parameters:
        p.copy_(vec[start : start + p.numel()].reshape(p.shape))
        start += p.numel()
