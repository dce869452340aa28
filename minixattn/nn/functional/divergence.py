"""How far one probability is from another: of distributions, and of yes and no."""

import numpy as np

from ...engine import apply
from ...ops.elementwise import exp, log, maximum, where
from ...ops.reduction import sum
from ...pending import ask
from ...precision import in_single
from .loss import pair, reduced


@in_single
def kl_div(input, target, *, reduction="mean", log_target=False):
    """ℓ = t (ln t − x) for log probabilities x: summed, the Kullback-Leibler divergence.

    Parameters
    ----------
    input : log probabilities x, as `log_softmax` gives them
    target : probabilities t of the same shape, where 0 ln 0 = 0
    reduction : "batchmean", the divergence itself: the sum divided by the number of rows; "mean",
        over all elements; "sum" or "none"
    log_target : whether `target` is ln t

    References
    ----------
    Kullback & Leibler, "On Information and Sufficiency" (1951), eq. 2.4.
    """
    x, t = pair("kl_div", input, target)
    if log_target:
        losses = exp(t) * (t - x)
    else:
        losses = t * (log(where(t > 0, t, 1.0)) - x)
    if reduction == "batchmean":
        return sum(losses) / (x.shape[0] if x.ndim else 1)
    return reduced("kl_div", losses, reduction)


@in_single
def binary_cross_entropy(input, target, weight=None, *, reduction="mean"):
    """ℓ = −w (t ln x + (1 − t) ln(1 − x)); logarithms are at least −100.

    `binary_cross_entropy_with_logits` is exact where x would round to 0 or 1.

    Parameters
    ----------
    input : probabilities x of any shape, between 0 and 1
    target : probabilities t of the same shape
    weight : w, a factor for each element; broadcasts
    reduction : "mean", "sum" or "none"
    """
    x, t = pair("binary_cross_entropy", input, target)
    array = x.array
    ask(~((array >= 0) & (array <= 1)), lambda: not_probabilities(array))

    def ln(p):
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(p), p.dtype.type(-100))

    losses = apply(
        lambda x, t: -(t * ln(x) + (1 - t) * ln(1 - x)), (x, t),
        lambda g, _y, x, t: g * (x - t) / maximum(x * (1 - x), 1e-12),
        lambda g, _y, x, _t: g * (maximum(log(1 - x), -100.0) - maximum(log(x), -100.0)),
    )  # fmt: skip
    return reduced("binary_cross_entropy", losses if weight is None else losses * weight, reduction)


def not_probabilities(array):
    """Raise for inputs that are no probabilities."""
    raise ValueError(
        f"binary_cross_entropy: the input must be probabilities between 0 and 1, got values from "
        f"{array.min()} to {array.max()}. For scores there is binary_cross_entropy_with_logits."
    )
