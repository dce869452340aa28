"""How parameters start: functions that fill a tensor in place and return it.

Fan-in n is the number of inputs that one output sums up, fan-out m the number of outputs that one
input goes to; a weight of shape (m, n) has both.
"""

import math

import numpy as np

from .. import backend
from ..engine import no_grad

_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}


def calculate_gain(nonlinearity, param=None):
    """What makes up for a nonlinearity's shrinking of the variance.

    1 for "linear" and "sigmoid", 5/3 for "tanh", √2 for "relu", 3/4 for "selu", and
    √(2 / (1 + a²)) for "leaky_relu" of slope a (`param`, 0.01 where None).
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(f"unknown nonlinearity {nonlinearity!r}: expected one of {known}.")
    return _GAINS[nonlinearity]


@no_grad()
def uniform_(tensor, a=0.0, b=1.0):
    """U(a, b)."""
    return tensor.uniform_(a, b)


@no_grad()
def normal_(tensor, mean=0.0, std=1.0):
    """N(mean, std²)."""
    return tensor.normal_(mean, std)


@no_grad()
def constant_(tensor, val):
    """All `val`."""
    return tensor.fill_(val)


def zeros_(tensor):
    """All 0."""
    return constant_(tensor, 0.0)


def ones_(tensor):
    """All 1."""
    return constant_(tensor, 1.0)


@no_grad()
def eye_(tensor):
    """1 on the diagonal of a matrix, 0 elsewhere."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_ fills matrices, got a tensor of shape {tensor.shape}.")
    return tensor.copy_(backend.library(tensor.device).eye(*tensor.shape, dtype=tensor.dtype))


def xavier_uniform_(tensor, gain=1.0):
    """U(−a, a), a = gain √(6 / (n + m)).

    References
    ----------
    Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks"
    (2010), equation 16.
    """
    n, m = _calculate_fan_in_and_fan_out(tensor)
    a = gain * math.sqrt(6 / max(n + m, 1))
    return uniform_(tensor, -a, a)


def xavier_normal_(tensor, gain=1.0):
    """N(0, s²), s = gain √(2 / (n + m)) (Glorot & Bengio 2010)."""
    n, m = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2 / max(n + m, 1)))


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu"):
    """U(−b, b), b = gain √(3 / fan).

    Parameters
    ----------
    tensor : of at least 2 dimensions
    a : slope of the leaky ReLU that follows
    mode : "fan_in" keeps the variance of what flows forward, "fan_out" of the gradients
    nonlinearity : what follows, see `calculate_gain`

    References
    ----------
    He et al., "Delving Deep into Rectifiers" (2015), equations 10 and 15.
    """
    b = kaiming_std(tensor, a, mode, nonlinearity) * math.sqrt(3)
    return uniform_(tensor, -b, b)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu"):
    """N(0, s²), s = gain / √fan; parameters as in `kaiming_uniform_` (He et al. 2015)."""
    return normal_(tensor, 0.0, kaiming_std(tensor, a, mode, nonlinearity))


def kaiming_std(tensor, a, mode, nonlinearity):
    """gain / √fan."""
    fans = dict(zip(("fan_in", "fan_out"), _calculate_fan_in_and_fan_out(tensor)))
    if mode not in fans:
        raise ValueError(f'mode must be "fan_in" or "fan_out", got {mode!r}.')
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fans[mode], 1))


@no_grad()
def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0):
    """N(mean, std²) within [a, b]: normal numbers outside are drawn again.

    They are drawn uniformly and kept with the probability that the density has there, relative to
    its largest, which works for an interval far from the mean as well.
    """
    if not a < b or std <= 0:
        raise ValueError(f"trunc_normal_ needs a < b and std > 0, got {a}, {b} and {std}.")
    nearest = min(max(mean, a), b)
    away = abs(nearest - mean)
    reach = 8 * std if away < 5 * std else 40 * std**2 / away  # beyond it is one number in 10¹⁴
    low, high = max(a, nearest - reach), min(b, nearest + reach)
    peak = ((nearest - mean) / std) ** 2 / 2
    rng, xp = backend.generator(tensor.device), backend.library(tensor.device)
    x = xp.empty(tensor.numel(), dtype=np.float64)
    missing = xp.ones(tensor.numel(), dtype=xp.bool_)
    while n := int(missing.sum()):
        drawn = low + (high - low) * rng.random(n)
        kept = rng.random(n) < np.exp(peak - ((drawn - mean) / std) ** 2 / 2)
        x[missing] = drawn
        missing[missing] = ~kept
    return tensor.copy_(x.reshape(tensor.shape).astype(tensor.dtype))


@no_grad()
def orthogonal_(tensor, gain=1.0):
    """A matrix of orthogonal rows or columns (whichever are fewer) of length `gain`.

    Q of the QR decomposition of normal numbers, signs as R's diagonal has them; more than 2
    dimensions count as (first, all others).

    References
    ----------
    Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks" (2014).
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_ needs at least 2 dimensions, got shape {tensor.shape}.")
    if not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    numbers = backend.generator(tensor.device).standard_normal((rows, tensor.numel() // rows))
    tall = rows >= numbers.shape[1]
    Q, R = np.linalg.qr(backend.to_device(numbers if tall else numbers.T, "cpu"))
    Q = Q * np.sign(np.diag(R)) * gain
    Q = (Q if tall else Q.T).reshape(tensor.shape).astype(tensor.dtype)
    return tensor.copy_(backend.to_device(Q, tensor.device))


def _calculate_fan_in_and_fan_out(tensor):
    """(n, m) of a weight of shape (m, n); further dimensions multiply both."""
    if tensor.ndim < 2:
        raise ValueError(
            f"fan-in and fan-out need a weight of at least 2 dimensions (out, in), got shape "
            f"{tensor.shape}. Fill it with uniform_ or zeros_ instead."
        )
    others = math.prod(tensor.shape[2:])
    return tensor.shape[1] * others, tensor.shape[0] * others
