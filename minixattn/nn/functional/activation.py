"""Activations. GELU and SiLU let x through a smooth gate: y = x ⊙ gate(x)."""

import math

import numpy as np

from ...engine import unary
from ...ops import elementwise
from ...ops.elementwise import abs, exp, floating, minimum, sigmoid
from ...ops.erf import erf


def relu(input, inplace=False):
    """y = max(x, 0). `inplace` is accepted for PyTorch's sake; the input stays as it is."""
    return elementwise.relu(input)


def gelu(input, approximate="none"):
    """y = x Φ(x), Φ the standard normal distribution function (Hendrycks & Gimpel 2016, eq. 1).

    Parameters
    ----------
    input : Tensor of any shape
    approximate : "none" for Φ(x) = ½ (1 + erf(x / √2)), or
        "tanh" for ½ (1 + tanh(√(2/π) (x + 0.044715 x³)))
    """
    gates = {"none": normal_cdf, "tanh": tanh_cdf}
    if approximate not in gates:
        raise ValueError(f'gelu: approximate must be "none" or "tanh", got {approximate!r}.')
    return input * gates[approximate](input)


def normal_cdf(input):
    """y = Φ(x) = ½ (1 + erf(x / √2)); ∂L/∂x = g exp(−x²/2) / √(2π)."""

    def forward(x):
        kind = x.dtype.type
        y = erf(x * kind(math.sqrt(0.5)))
        y += kind(1)
        y *= kind(0.5)
        return y

    def derivative(g, _y, x):
        x = minimum(abs(x), 40.0)  # the exponential is 0 beyond, and x² may overflow
        return g * (exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi)))

    return unary(forward, floating(input), derivative)


def tanh_cdf(input):
    """y = ½ (1 + tanh u), u = √(2/π) (x + a x³); ∂L/∂x = 2 g y (1 − y) du/dx."""
    a, c = 0.044715, math.sqrt(2 / math.pi)

    def forward(x):
        z = np.clip(x, -12, 12)  # y is 0 or 1 beyond, and x³ may overflow
        return (0.5 * (1 + np.tanh(c * (z + a * (z * z * z))))).astype(x.dtype)

    def derivative(g, y, x):
        slope = 2 * c * (y * (1 - y))
        return g * (slope + 3 * a * (slope * x * x))

    return unary(forward, floating(input), derivative)


def silu(input, inplace=False):
    """y = x σ(x), also called swish; ∂L/∂x = g (σ + y (1 − σ)).

    `inplace` is accepted for PyTorch's sake; the input stays as it is.
    """

    def forward(x):
        wide = x.astype(np.float32) if x.dtype == np.float16 else x
        with np.errstate(over="ignore"):  # e⁻ˣ = ∞ makes it 0, as it should
            return (wide / (1 + np.exp(-wide))).astype(x.dtype, copy=False)

    def derivative(g, y, x):
        gate = sigmoid(x)
        return g * (gate + y * (1 - gate))

    return unary(forward, floating(input), derivative)


def logsigmoid(input):
    """y = ln σ(x) = min(x, 0) − ln(1 + e^−|x|); ∂L/∂x = g σ(−x)."""

    def forward(x):
        return np.minimum(x, x.dtype.type(0)) - np.log1p(np.exp(-np.abs(x)))

    return unary(forward, floating(input), lambda g, _y, x: g * sigmoid(-x))
