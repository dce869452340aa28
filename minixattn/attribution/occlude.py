"""Attribution without looking inside: take a part of the input away and see what changes."""

import numpy as np

from ..errors import ShapeError
from ..plot.canvas import as_numpy


def occlusion(score, context, value=0):
    """How much a score falls when a token is taken away.

        R_s = f(c) − f(c with c_s = value)

    It asks the model only, so it holds for any model, and its answer is about the input and not
    about some state on the way. It takes S + 1 runs of the model.

    Parameters
    ----------
    score : function f, context (B, S, …) -> (B,), or (B, L) for a score a query, such as the logit
        of the right word at each position
    context : (B, S, …), tokens, patches or vectors; never changed
    value : what stands for a missing token: a blank patch, the number of a padding word

    Returns
    -------
    (B, S), or (B, L, S); negative where the token spoke against

    References
    ----------
    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014), section 4.2.
    """
    context = as_numpy(context)
    if context.ndim < 2:
        raise ShapeError(f"context has shape {context.shape}, expected (B, S) or (B, S, …).")
    whole = result(score, context, context)
    drops = []
    for s in range(context.shape[1]):
        without = context.copy()
        without[:, s] = value
        drops.append(whole - result(score, without, context))
    return np.stack(drops, -1)


def result(score, x, context):
    """What the function gives, checked."""
    y = as_numpy(score(x)).astype(np.float64)
    if y.ndim not in (1, 2) or len(y) != len(context):
        raise ShapeError(
            f"the function to be explained gave shape {y.shape} for a context {context.shape}: "
            f"expected (B,) = ({len(context)},), or (B, L), one number to explain for each example "
            f"(or query). Choose it, as in logits[range(B), answers]."
        )
    if not np.isfinite(y).all():
        raise ValueError("the function to be explained gave NaN or infinity.")
    return y
