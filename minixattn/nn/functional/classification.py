"""Losses of a classification: the surprise −ln p of the right class.

Class indices and class probabilities are both targets; ln p comes from `log_softmax`.
"""

import numpy as np

from ... import backend
from ...engine import constant, unary
from ...errors import DTypeError, ShapeError
from ...ops.elementwise import masked_fill
from ...ops.indexing import pick
from ...ops.reduction import sum
from ...ops.softmax import log_softmax
from ...pending import ask
from ...precision import in_single
from .checks import tensors
from .embedding import check_indices
from .loss import check_reduction, reduced


@in_single
def cross_entropy(input, target, weight=None, *, ignore_index=-100, reduction="mean",
                  label_smoothing=0.0):  # fmt: skip
    """ℓ = −w_y ln p_y for a class y, ℓ = −Σ_c w_c t_c ln p_c for probabilities t; p = softmax(x).

    Parameters
    ----------
    input : scores x, (N, C), (N, C, d₁, …) or (C,)
    target : classes (N,), (N, d₁, …) or (), integers; or probabilities, floats in x's shape
    weight : (C,), one factor a class; a mean over classes divides by Σ w_y
    ignore_index : a class that does not count
    reduction : "mean", "sum" or "none"
    label_smoothing : ε; the target becomes (1 − ε) t + ε / C

    Raises
    ------
    IndexError
        For a class outside 0 … C − 1.
    ShapeError, DTypeError
        For a target of another shape, or of a type that does not go with it.
    ValueError
        For a mean over nothing, as when every target is ignored.
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing {label_smoothing} is outside [0, 1].")
    tensors("cross_entropy", input=input, target=target, weight=weight)
    dim = class_dim("cross_entropy", input)
    logp = log_softmax(input, dim)
    if target.shape == input.shape and target.dtype.kind == "f":
        t = smoothed(target, label_smoothing, input.shape[dim])
        check_weight("cross_entropy", input, weight)
        losses = expected_surprise(logp, t, weight, dim)
        return reduced("cross_entropy", losses, reduction)
    y, share, factor = classes("cross_entropy", input, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return surprise(logp, y, factor, reduction)
    one_hot = put(np.ones_like(share), class_key(y, dim), input.shape)
    t = smoothed(constant(one_hot), label_smoothing, input.shape[dim])
    losses = expected_surprise(logp, t, weight, dim) * constant(share)
    return (losses if reduction == "none" else sum(losses)).to(logp.dtype)


@in_single
def nll_loss(input, target, weight=None, *, ignore_index=-100, reduction="mean"):
    """ℓ = −w_y x_y: `cross_entropy` of what are log probabilities already.

    Parameters
    ----------
    input : log probabilities (N, C), (N, C, d₁, …) or (C,)
    target : classes (N,), (N, d₁, …) or (), integers
    weight, ignore_index, reduction : as in `cross_entropy`
    """
    tensors("nll_loss", input=input, target=target, weight=weight)
    y, _, factor = classes("nll_loss", input, target, weight, ignore_index, reduction)
    return surprise(input, y, factor, reduction)


def surprise(logp, y, factor, reduction):
    """ℓ = −Σ f ⊙ ln p_y (without Σ for "none"); ∂ℓ/∂ln p is −g f at the class of each row."""
    key = class_key(y, min(logp.ndim - 1, 1))

    def forward(logp):
        loss = np.where(factor != 0, logp[key], 0) * -factor  # what does not count may be −∞
        return (loss if reduction == "none" else loss.sum()).astype(logp.dtype)

    return unary(forward, logp, lambda g, _y, x: put(g * -factor, key, x.shape))


def expected_surprise(logp, t, weight, dim):
    """ℓ = −Σ_c w_c t_c ln p_c along `dim`; an impossible class (p = 0 = t) adds 0."""
    impossible = (t.array == 0) & (logp.array == -np.inf)
    if weight is not None:
        t = t * weight.reshape((-1, *[1] * (logp.ndim - 1 - dim)))
    return -sum(masked_fill(logp, constant(impossible), 0.0) * t, dim)


def smoothed(t, epsilon, C):
    """(1 − ε) t + ε / C."""
    return t if epsilon == 0 else t * (1 - epsilon) + epsilon / C


def classes(name, input, target, weight, ignore_index, reduction):
    """Arrays (class, share, share times weight) of each row; an ignored row has class and share 0.

    A share is what one row's loss is multiplied with: 1, or 1 / Σ w_y for a mean.
    """
    check_reduction(name, reduction, target)
    check_target(name, input, target, class_dim(name, input))
    check_weight(name, input, weight)
    counts = target.array != ignore_index
    y = np.where(counts, target.array, 0)
    check_indices(name, constant(y), input.shape[class_dim(name, input)], "the number of classes")
    share = counts.astype(np.promote_types(input.dtype, np.float32))
    factor = share if weight is None else share * weight.array[y]
    if reduction == "mean":
        n = total(name, factor)
        share, factor = share / n, factor / n
    return y, share, factor


def total(name, factor):
    """Σ w_y, which must not be 0."""
    n = factor.sum()

    def refuse():
        raise ValueError(
            f"{name}: there is no mean over nothing: every target is ignored or has weight 0. "
            f'Leave such a batch out, or use reduction="sum".'
        )

    ask(n == 0, refuse)
    return n


def class_key(y, dim):
    """The index of class y in each row: its number stands at `dim`, the row's own elsewhere."""
    xp = backend.namespace(y)
    mesh = [
        xp.arange(n).reshape([-1 if k == d else 1 for k in range(y.ndim)])
        for d, n in enumerate(y.shape)
    ]
    return (*mesh[:dim], y, *mesh[dim:])


def put(input, key, shape):
    """Zeros of `shape` with x at `key`, which names no place twice; ∂L/∂x = g[key]."""

    def forward(x):
        y = backend.namespace(x).zeros(shape, dtype=x.dtype)
        y[key] = x
        return y

    return unary(forward, input, lambda g, _y, _x: pick(g, key))


# Checks ------------------------------------------------------------------------------------------


def class_dim(name, input):
    """The dimension that counts the classes: the second, or the only one."""
    if not input.ndim or input.dtype.kind != "f":
        raise ShapeError(
            f"{name}: expected float scores (N, C), (N, C, d1, ...) or (C,), got {input.dtype} of "
            f"shape {input.shape}."
        )
    return min(input.ndim - 1, 1)


def check_target(name, input, target, dim):
    """One class for each row of scores."""
    rows = input.shape[:dim] + input.shape[dim + 1 :]
    if target.shape == input.shape:
        raise DTypeError(
            f"{name}: the target has the input's shape {input.shape}, so it must hold "
            f"probabilities, of a float type; got {target.dtype}. Use target.float(), or classes "
            f"of shape {rows}: target.argmax({dim})."
        )
    if target.shape != rows:
        raise ShapeError(
            f"{name}: the target has shape {target.shape}, expected {rows}, a class for each row "
            f"of the input of shape {input.shape} whose dimension {dim} counts the classes."
        )
    if target.dtype.kind not in "iu":
        raise DTypeError(f"{name}: classes must be integers, got {target.dtype}: use .long().")


def check_weight(name, input, weight):
    """One factor a class."""
    C = input.shape[class_dim(name, input)]
    if weight is not None and weight.shape != (C,):
        raise ShapeError(
            f"{name}: the weight has shape {weight.shape}, expected ({C},), a factor for each of "
            f"{C} classes."
        )
