"""Losses: how far an output is from its target, as one number.

Every loss takes `reduction`: "mean" over all elements, "sum", or "none" for each element's own.
The losses of classes are in `classification.py`.
"""

from ...engine import apply, matched
from ...errors import DTypeError, ShapeError
from ...ops.elementwise import abs
from ...ops.reduction import mean, sum
from ...precision import in_single
from .activation import logsigmoid
from .checks import tensors


@in_single
def mse_loss(input, target, *, reduction="mean"):
    """ℓ = (x − t)²; ∂ℓ/∂x = 2 (x − t).

    Parameters
    ----------
    input, target : Tensors of one shape
    reduction : "mean", "sum" or "none"

    Raises
    ------
    ShapeError
        If the shapes differ: (N, 1) beside (N,) would broadcast to a wrong (N, N).
    """
    x, t = pair("mse_loss", input, target)
    check_reduction("mse_loss", reduction, x)
    scale = 1 / x.numel() if reduction == "mean" else 1

    def forward(x, t):
        square = (x - t) * (x - t)
        return square if reduction == "none" else sum(square) * x.dtype.type(scale)

    return apply(
        forward, (x, t),
        lambda g, _y, x, t: (x - t) * (g * (2 * scale)),
        lambda g, _y, x, t: (t - x) * (g * (2 * scale)),
    )  # fmt: skip


@in_single
def l1_loss(input, target, *, reduction="mean"):
    """ℓ = |x − t|.

    Parameters
    ----------
    input, target : Tensors of one shape
    reduction : "mean", "sum" or "none"
    """
    x, t = pair("l1_loss", input, target)
    return reduced("l1_loss", abs(x - t), reduction)


@in_single
def binary_cross_entropy_with_logits(input, target, weight=None, *, reduction="mean",
                                     pos_weight=None):  # fmt: skip
    """ℓ = −w (p t ln σ(x) + (1 − t) ln(1 − σ(x))), exact for large |x|.

    Parameters
    ----------
    input : scores x of any shape
    target : probabilities t of the same shape
    weight : w, a factor for each element; broadcasts
    reduction : "mean", "sum" or "none"
    pos_weight : p, a factor for the positive part, such as (C,) for x of (N, C); broadcasts
    """
    name = "binary_cross_entropy_with_logits"
    x, t = pair(name, input, target)
    positive = 1 if pos_weight is None else pos_weight
    # ln(1 − σ(x)) = ln σ(x) − x
    loss = (1 - t) * x - (1 + (positive - 1) * t) * logsigmoid(x)
    loss = loss if weight is None else loss * weight
    if loss.shape != x.shape:
        raise ShapeError(
            f"{name}: weight and pos_weight must broadcast to the input's shape {x.shape}, not "
            f"beyond it, to {loss.shape}."
        )
    return reduced(name, loss, reduction)


def reduced(name, losses, reduction):
    """The mean of the losses, their sum, or all of them."""
    check_reduction(name, reduction, losses)
    return {"mean": mean, "sum": sum, "none": lambda x: x}[reduction](losses)


def check_reduction(name, reduction, losses=None):
    """A known reduction, and no mean over nothing."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'{name}: reduction must be "mean", "sum" or "none", got {reduction!r}.')
    if reduction == "mean" and losses is not None and not losses.numel():
        raise ValueError(
            f"{name}: there is no mean over no elements: the input has shape {losses.shape}. "
            f'Leave such a batch out, or use reduction="sum".'
        )


def pair(name, input, target):
    """Input and target of one shape and one float type."""
    tensors(name, input=input, target=target)
    if input.shape != target.shape:
        raise ShapeError(
            f"{name}: the target has shape {target.shape}, expected the input's shape "
            f"{input.shape}. Bring it there with .reshape, .unsqueeze or .squeeze."
        )
    input, target = matched(input, target)
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: expected float tensors, got {input.dtype}: use x.float().")
    return input, target
