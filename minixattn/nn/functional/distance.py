"""How far two vectors are apart, or how alike they point."""

import numpy as np

from ...engine import broadcasts, matched
from ...errors import broadcast_error
from ...ops.arguments import numpy_names
from ...ops.elementwise import abs, maximum, where
from ...ops.norm import norm
from ...ops.reduction import sum
from ...ops.shape import broadcast_to
from ...precision import in_single
from .checks import tensors
from .loss import pair, reduced


@numpy_names
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """y = x₁·x₂ / (max(‖x₁‖, ε) max(‖x₂‖, ε)) along `dim`: the cosine of the angle between them.

    Parameters
    ----------
    x1, x2 : Tensors that broadcast
    dim : the dimension of the vectors, which the result lacks
    eps : ε, so that a zero vector is like nothing
    """
    tensors("cosine_similarity", x1=x1, x2=x2)
    x1, x2 = matched(x1, x2)
    if not broadcasts(x1.shape, x2.shape):
        raise broadcast_error("cosine_similarity", x1.shape, x2.shape)
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    x1, x2 = broadcast_to(x1, shape), broadcast_to(x2, shape)
    lengths = [maximum(norm(x, 2, dim, keepdim=True), eps) for x in (x1, x2)]
    return sum((x1 / lengths[0]) * (x2 / lengths[1]), dim)


@in_single
def smooth_l1_loss(input, target, *, reduction="mean", beta=1.0):
    """ℓ = d² / 2β where |d| < β, else |d| − β/2, for d = x − t.

    Parameters
    ----------
    input, target : Tensors of one shape
    reduction : "mean", "sum" or "none"
    beta : β, where the parabola ends; 0 makes it `l1_loss`

    References
    ----------
    Girshick, "Fast R-CNN" (2015), eq. 3.
    """
    x, t = pair("smooth_l1_loss", input, target)
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}.")
    d = abs(x - t)
    losses = where(d < beta, d * d * (0.5 / (beta or 1)), d - 0.5 * beta)
    return reduced("smooth_l1_loss", losses, reduction)
