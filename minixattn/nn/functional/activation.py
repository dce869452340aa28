"""Activations. GELU, SiLU and GLU let x through a smooth gate: y = x ⊙ gate(x)."""

import math

import numpy as np

from ... import backend
from ...engine import constant, unary
from ...errors import ShapeError
from ...ops import elementwise
from ...ops.arguments import axis
from ...ops.elementwise import abs, exp, floating, minimum, sigmoid, where
from ...ops.erf import erf
from ...ops.parting import chunk
from ...ops.softmax import softmax


def relu(input, inplace=False):
    """y = max(x, 0). `inplace` is accepted for PyTorch's sake; the input stays as it is."""
    return elementwise.relu(input)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """y = x where x > 0, else slope·x. `inplace` is accepted; the input stays as it is."""
    return where(input > 0, input, input * negative_slope)


def elu(input, alpha=1.0, inplace=False):
    """y = x where x > 0, else α (eˣ − 1); ∂L/∂x = g, or g (y + α) there.

    `inplace` is accepted for PyTorch's sake; the input stays as it is.
    """

    def forward(x):
        return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, x.dtype.type(0))))

    return unary(forward, floating(input), lambda g, y, x: g * where(x > 0, 1.0, y + alpha))


def softplus(input, beta=1.0, threshold=20.0):
    """y = ln(1 + e^βx) / β, x itself where βx > threshold; ∂L/∂x = g σ(βx)."""
    bent = logsigmoid(input * -beta) * (-1 / beta)
    return where(input * beta > threshold, input, bent)


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


def glu(input, dim=-1):
    """y = a ⊙ σ(b) for the halves a, b of x along `dim` (Dauphin et al. 2017, eq. 1)."""
    n = input.shape[axis(input, dim)] if input.ndim else 1
    if n % 2:
        raise ShapeError(
            f"glu: dim {dim} of a tensor of shape {input.shape} has {n} elements, expected an "
            f"even number: the values, then as many gates."
        )
    a, b = chunk(input, 2, dim)
    return a * sigmoid(b)


def gumbel_softmax(logits, tau=1.0, hard=False, eps=1e-10, dim=-1):  # noqa: ARG001
    """y = softmax((x + n) / τ) for Gumbel noise n: nearly one-hot samples that pass a gradient.

    Parameters
    ----------
    logits : x, ln of the (unnormalised) probabilities
    tau : τ, the temperature; the smaller, the nearer to one-hot
    hard : one-hot forward, with the soft sample's gradient
    eps : unused, as in PyTorch
    dim : of the classes

    References
    ----------
    Jang, Gu & Poole, "Categorical Reparameterization with Gumbel-Softmax" (2017), eq. 2.
    """
    u = backend.generator(logits.device).random(logits.shape)
    noise = -np.log(-np.log1p(-u) + np.finfo(np.float64).tiny)
    soft = softmax((logits + constant(noise.astype(logits.dtype))) / tau, dim)
    if not hard:
        return soft
    d, array = axis(logits, dim), soft.array
    best = np.expand_dims(array.argmax(d), d)
    numbers = backend.namespace(array).arange(logits.shape[d])
    numbers = numbers.reshape([-1 if k == d else 1 for k in range(logits.ndim)])
    one_hot = constant((numbers == best).astype(array.dtype))
    return soft + (one_hot - soft.detach())


def logsigmoid(input):
    """y = ln σ(x) = min(x, 0) − ln(1 + e^−|x|); ∂L/∂x = g σ(−x)."""

    def forward(x):
        return np.minimum(x, x.dtype.type(0)) - np.log1p(np.exp(-np.abs(x)))

    return unary(forward, floating(input), lambda g, _y, x: g * sigmoid(-x))
