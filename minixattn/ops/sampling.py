"""Random draws from given probabilities. No gradient passes."""

import numpy as np

from .. import backend, dtypes
from ..backend import generator as stream
from ..engine import constant
from ..errors import DTypeError, ShapeError
from ..pending import ask
from .arguments import whole


def bernoulli(input, *, generator=None):
    """y = 1 with probability x, else 0."""
    probabilities("bernoulli", input)
    array = input.array
    ask(~((array >= 0) & (array <= 1)), lambda: refuse("bernoulli", "between 0 and 1", array))
    draws = stream(backend.device_of(array), generator).random(input.shape)
    return constant((draws < array).astype(input.dtype))


def multinomial(input, num_samples, replacement=False, *, generator=None):
    """Positions drawn with the probabilities x_i / Σ x, from each row on its own.

    Without replacement these are the positions of the smallest Eᵢ / xᵢ for Eᵢ of the exponential
    distribution: the smallest is i with probability x_i / Σ x, and so on among the others.

    Parameters
    ----------
    input : weights, (n,) or (rows, n): not negative, and not all 0 in a row
    num_samples : how many from each row
    replacement : whether a position may come twice
    generator : `Generator`, or None for the package's own

    Returns
    -------
    int64 Tensor (num_samples,) or (rows, num_samples)
    """
    probabilities("multinomial", input)
    k, weights = whole(num_samples), input.array.astype(np.float64)
    if input.ndim not in (1, 2) or k < 1 or not input.shape[-1]:
        raise ShapeError(
            f"multinomial: expected weights of shape (n,) or (rows, n) and num_samples above 0, "
            f"got {input.shape} and {k}."
        )
    ask(~(np.isfinite(weights) & (weights >= 0)),
        lambda: refuse("multinomial", "finite and not negative", weights))  # fmt: skip
    possible = (weights > 0).sum(-1)
    ask(possible < (1 if replacement else k), lambda: too_few(k, replacement, int(possible.min())))
    random = stream(backend.device_of(weights), generator).random
    if not replacement:
        E = -np.log1p(-random(weights.shape))
        with np.errstate(divide="ignore", invalid="ignore"):
            times = np.where(weights > 0, E / weights, np.inf)
        return constant(np.argsort(times, axis=-1)[..., :k].astype(dtypes.int64))
    rows = weights.reshape(-1, weights.shape[-1]).cumsum(-1)
    rows /= rows[:, -1:]
    draws = random((len(rows), k))
    drawn = np.stack([np.searchsorted(row, u, side="right") for row, u in zip(rows, draws)])
    return constant(drawn.astype(dtypes.int64).reshape(*input.shape[:-1], k))


def probabilities(name, input):
    """Raise unless the weights are of a float type."""
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: expected float probabilities, got {input.dtype}: use x.float().")


def refuse(name, expected, array):
    """Raise for weights that are no probabilities."""
    raise ValueError(
        f"{name}: the probabilities must be {expected}; got values from {float(array.min())} to "
        f"{float(array.max())}. Scores become probabilities by softmax."
    )


def too_few(k, replacement, possible):
    """Raise where there is nothing, or not enough, to draw."""
    mend = "Use fewer samples, or replacement=True." if possible else "Not all may be 0."
    raise ValueError(
        f"multinomial: {1 if replacement else k} position(s) are to be drawn, but a row has "
        f"{possible} of a probability above 0. {mend}"
    )
