"""How well an attribution finds what is known to matter."""

import numpy as np

from ..errors import ShapeError
from ..plot.canvas import as_numpy
from .arrays import floats


def pointing_accuracy(relevance, alignment, keys=None):
    """The share of queries whose most relevant key is a true one.

    Where keys tie for the first place, each counts for an equal part, as if one were drawn: a
    method that says nothing scores as well as chance, no better.

    Parameters
    ----------
    relevance : (…, L, S), any numbers, larger for more relevant; (…, S) with alignment (…)
    alignment : the true keys: bool (…, L, S), or (…, L) whole numbers, -1 for a query that has
        none. Queries without a true key, such as padding, do not count
    keys : bool (…, S), False for keys that are padding; all are real where None

    Returns
    -------
    float from 0 to 1

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    ValueError
        If no query has a true key, or a true key is padding.

    References
    ----------
    The "pointing game" of Zhang et al., "Top-down Neural Attention by Excitation Backprop" (2016).
    """
    relevance, true, real = fitted(relevance, alignment, keys)
    shown = np.where(real, relevance, -np.inf)
    first = shown == shown.max(-1, keepdims=True)
    credit = (first & true).sum(-1) / first.sum(-1)
    return float(credit[true.any(-1)].mean())


def mass_on_truth(relevance, alignment, keys=None):
    """The share of the positive relevance that is on the true keys, on average over the queries.

        1/L Σ_l  Σ_{s true} R⁺_ls / Σ_s R⁺_ls

    A row without any positive relevance counts as 0. Parameters as in `pointing_accuracy`.
    """
    relevance, true, real = fitted(relevance, alignment, keys)
    positive = np.where(real, np.maximum(relevance, 0), 0)
    total = positive.sum(-1)
    on_truth = np.where(true, positive, 0).sum(-1)
    share = np.divide(on_truth, total, out=np.zeros_like(total), where=total > 0)
    return float(share[true.any(-1)].mean())


def fitted(relevance, alignment, keys):
    """Relevance (…, S), the true keys and the real keys as bool, all of one shape."""
    relevance = floats("relevance", relevance, 1, "(…, L, S)")
    true = as_table(as_numpy(alignment), relevance)
    real = np.ones(relevance.shape[-1:], bool) if keys is None else as_numpy(keys).astype(bool)
    if real.ndim > 1 and real.ndim == relevance.ndim - 1:
        real = real[..., None, :]  # the same for all queries
    try:
        real = np.broadcast_to(real, relevance.shape)
    except ValueError:
        raise ShapeError(
            f"keys has shape {np.shape(keys)}, which does not fit relevance {relevance.shape}: "
            f"expected (…, S), True for a real key."
        ) from None
    if (true & ~real).any():
        raise ValueError("a true key is marked as padding: check `alignment` against `keys`.")
    if not true.any():
        raise ValueError("no query has a true key in `alignment`, so there is nothing to score.")
    return relevance, true, real


def as_table(alignment, relevance):
    """The true keys as bool, of the shape of the relevance."""
    if alignment.dtype == bool and alignment.shape == relevance.shape:
        return alignment
    if alignment.dtype.kind in "iu" and alignment.shape == relevance.shape[:-1]:
        S = relevance.shape[-1]
        if alignment.size and not (alignment.min() >= -1 and alignment.max() < S):
            raise ValueError(
                f"alignment goes from {alignment.min()} to {alignment.max()}, but the keys are 0 "
                f"to {S - 1}, and -1 says that a query has none."
            )
        return alignment[..., None] == np.arange(S)
    raise ShapeError(
        f"alignment of {alignment.dtype} with shape {alignment.shape} does not fit relevance "
        f"{relevance.shape}: expected bool {relevance.shape}, or whole numbers "
        f"{relevance.shape[:-1]}."
    )
