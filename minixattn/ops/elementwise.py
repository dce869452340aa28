"""Operations that act on every element alone: y[i] = f(x[i], …).

Each derivative gets g = ∂L/∂y, the output y and the inputs; broadcasting is undone by the engine.
"""

import math
from itertools import combinations

import numpy as np

from .. import dtypes
from ..engine import (
    Node,
    apply,
    binary,
    broadcasts,
    cast,
    constant,
    lift,
    matched,
    operation,
    same,
    unary,
)  # fmt: skip
from ..errors import broadcast_error
from ..precision import open_blocks, raised
from .arguments import check_range, not_bool
from .erf import erf as erf_of_array
from .rounding import rounded

# Arithmetic --------------------------------------------------------------------------------------


def add(input, other, *, alpha=1):
    """y = a + alpha·b; ∂L/∂a = g, ∂L/∂b = alpha·g."""
    return plus(input, other if alpha == 1 else other * alpha)


def sub(input, other, *, alpha=1):
    """y = a − alpha·b; ∂L/∂a = g, ∂L/∂b = −alpha·g."""
    return minus(input, other if alpha == 1 else other * alpha)


@operation(np.add, "add")
def plus(input, other):  # noqa: ARG001 (see `operation`)
    """y = a + b; ∂L/∂a = ∂L/∂b = g."""
    return same, same


@operation(np.subtract, "sub")
def minus(input, other):  # noqa: ARG001 (see `operation`)
    """y = a − b; ∂L/∂a = g, ∂L/∂b = −g."""
    return same, lambda g, _y, _a, _b: -g


def rsub(input, other):
    """y = other − input."""
    return minus(other, input)


@operation(np.multiply)
def mul(input, other):  # noqa: ARG001 (see `operation`)
    """y = a ⊙ b; ∂L/∂a = g ⊙ b, ∂L/∂b = g ⊙ a."""
    return lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a


def div(input, other, *, rounding_mode=None):
    """y = a / b; ∂L/∂a = g / b, ∂L/∂b = −g ⊙ y / b.

    `rounding_mode` "floor" or "trunc" gives the whole number below it, or nearer to 0.
    """
    if rounding_mode is not None:
        return rounded(input, other, rounding_mode)
    if isinstance(other, Node) and not isinstance(input, Node):
        input = lift(input, other.array.dtype)
    if isinstance(input, Node) and input.array.dtype.kind != "f":
        input, other = matched(input, other)
        input, other = floating(input), floating(other)
    return over(input, other)


@operation(np.true_divide, "div")
def over(input, other):  # noqa: ARG001 (see `operation`)
    """y = a / b; ∂L/∂a = g / b, ∂L/∂b = −g ⊙ y / b."""
    return lambda g, _y, _a, b: g / b, lambda g, y, _a, b: -g * y / b


def rdiv(input, other):
    """y = other / input."""
    return div(other, input)


def pow(input, exponent):
    """y = a^b; ∂L/∂a = g b a^(b−1), ∂L/∂b = g y ln a (0 where a = 0 ≤ b, as in the limit)."""
    if open_blocks:
        input, exponent = raised(input), raised(exponent)
    if isinstance(exponent, int) and exponent == 2:
        return square(input)
    return binary(
        np.power, input, exponent,
        lambda g, _y, a, b: g * where(b == 0, 0.0, b * pow(a, where(b == 0, 1.0, b) - 1)),
        lambda g, y, a, b: g * where((a == 0) & (b >= 0), 0.0, y * log(where(a == 0, 1.0, a))),
    )  # fmt: skip


def rpow(input, other):
    """y = other ^ input."""
    return pow(lift(other, input.dtype), input)


def neg(input):
    """y = −x; ∂L/∂x = −g."""
    return unary(np.negative, input, lambda g, _y, _x: -g)


def abs(input):
    """y = |x|; ∂L/∂x = g sign(x)."""
    return unary(np.abs, input, lambda g, _y, x: g * sign(x))


def sign(input):
    """y = −1, 0 or 1; flat, so its derivative is 0."""
    return unary(np.sign, input, lambda g, _y, _x: g * 0)


def reciprocal(input):
    """y = 1 / x; ∂L/∂x = −g y²."""
    return 1 / input


def square(input):
    """y = x²; ∂L/∂x = 2 g x."""
    if isinstance(input, Node) and input.array.dtype.kind == "b":
        input = cast(input, dtypes.int64)
    return unary(np.square, input, lambda g, _y, x: 2 * g * x)


# Functions of a real number ----------------------------------------------------------------------


def floating(x):
    """An integer or bool tensor as the default float type, as PyTorch's real functions take it."""
    if isinstance(x, Node) and x.array.dtype.kind != "f":
        return cast(x, dtypes.get_default_dtype())
    return x


def delicate(x):
    """`floating`, and float32 for a float16 tensor while autocast is on."""
    return floating(raised(x) if open_blocks else x)


def exp(input):
    """y = eˣ; ∂L/∂x = g y."""
    return unary(np.exp, delicate(input), lambda g, y, _x: g * y)


def log(input):
    """y = ln x; ∂L/∂x = g / x."""
    return unary(np.log, delicate(input), lambda g, _y, x: g / x)


def log2(input):
    """y = log₂ x; ∂L/∂x = g / (x ln 2)."""
    return unary(np.log2, delicate(input), lambda g, _y, x: g / (x * math.log(2)))


def log10(input):
    """y = log₁₀ x; ∂L/∂x = g / (x ln 10)."""
    return unary(np.log10, delicate(input), lambda g, _y, x: g / (x * math.log(10)))


def log1p(input):
    """y = ln(1 + x), exact for small x; ∂L/∂x = g / (1 + x)."""
    return unary(np.log1p, delicate(input), lambda g, _y, x: g / (1 + x))


def sqrt(input):
    """y = √x; ∂L/∂x = g / 2y."""
    return unary(np.sqrt, floating(input), lambda g, y, _x: g / (2 * y))


def rsqrt(input):
    """y = 1 / √x; ∂L/∂x = −½ g y³."""
    return unary(
        lambda x: x.dtype.type(1) / np.sqrt(x), delicate(input),
        lambda g, y, _x: g * (y * y * y) * -0.5,
    )  # fmt: skip


def sin(input):
    """y = sin x; ∂L/∂x = g cos x."""
    return unary(np.sin, floating(input), lambda g, _y, x: g * cos(x))


def cos(input):
    """y = cos x; ∂L/∂x = −g sin x."""
    return unary(np.cos, floating(input), lambda g, _y, x: -g * sin(x))


def tanh(input):
    """y = tanh x; ∂L/∂x = g (1 − y²)."""
    return unary(np.tanh, floating(input), lambda g, y, _x: g * (1 - y * y))


def sigmoid(input):
    """y = σ(x) = 1 / (1 + e⁻ˣ); ∂L/∂x = g y (1 − y)."""

    def forward(x):
        wide = x.astype(np.float32) if x.dtype == np.float16 else x
        with np.errstate(over="ignore"):  # e⁻ˣ = ∞ makes it 0, as it should
            return (1 / (1 + np.exp(-wide))).astype(x.dtype, copy=False)

    return unary(forward, floating(input), lambda g, y, _x: g * y * (1 - y))


def erf(input):
    """y = 2/√π ∫₀ˣ exp(−t²) dt; ∂L/∂x = g 2/√π exp(−x²)."""
    return unary(
        erf_of_array, floating(input),
        lambda g, _y, x: g * (exp(-x * x) * (2 / math.sqrt(math.pi))),
    )  # fmt: skip


# Kinks and choices -------------------------------------------------------------------------------


def relu(input):
    """y = max(x, 0); ∂L/∂x = g where x > 0."""
    return unary(lambda x: np.maximum(x, x.dtype.type(0)), input, lambda g, y, _x: g * (y > 0))


def clamp(input, min=None, max=None):
    """y = x kept between `min` and `max` (numbers or Tensors); g passes where x lies within."""
    if min is None and max is None:
        raise ValueError("clamp() needs a min, a max, or both; got neither.")
    if min is not None:
        input = where(input < min, min, input)
    return input if max is None else where(input > max, max, input)


def maximum(input, other):
    """y = max(a, b); g goes to the larger one, half to each where they are equal."""
    return binary(
        np.maximum, input, other,
        lambda g, _y, a, b: g * larger(a, b), lambda g, _y, a, b: g * larger(b, a),
    )  # fmt: skip


def minimum(input, other):
    """y = min(a, b); g goes to the smaller one, half to each where they are equal."""
    return binary(
        np.minimum, input, other,
        lambda g, _y, a, b: g * larger(b, a), lambda g, _y, a, b: g * larger(a, b),
    )  # fmt: skip


def larger(a, b):
    """1 where a > b, ½ where a = b, 0 elsewhere."""
    return where(a == b, 0.5, where(a > b, 1.0, 0.0))


def where(condition, input=None, other=None):
    """y = a where the condition holds, else b; g goes to the one that was chosen.

    With the condition alone, the indices where it holds, one tensor a dimension.
    """
    if input is None and other is None:
        return tuple(constant(i) for i in np.nonzero(condition.array))
    if getattr(condition, "dtype", None) != dtypes.bool_:
        raise not_bool("where", "condition", condition, "condition != 0")
    if any(isinstance(x, Node) for x in (condition, input, other)):
        if not isinstance(other, Node):  # where(c, 1, 2) has integers: no float dtype to take on
            input = lift(input, dtypes.bool_)
        input, other = matched(input, other)
        for a, b in combinations((np.shape(condition), input.shape, other.shape), 2):
            if not broadcasts(a, b):
                raise broadcast_error("where (condition, input, other)", a, b)
    return apply(
        np.where, (condition, input, other), None,
        lambda g, _y, c, _a, _b: where(c, g, 0.0), lambda g, _y, c, _a, _b: where(c, 0.0, g),
    )  # fmt: skip


def masked_fill(input, mask, value):
    """y = value, in x's dtype, where the mask is True, else x; g passes where it is False."""
    if getattr(mask, "dtype", None) != dtypes.bool_:
        raise not_bool("masked_fill", "mask", mask, "mask == 0")
    if not isinstance(value, Node):
        check_range("masked_fill", value, input.dtype)
    return where(mask, cast(lift(value, input.dtype), input.dtype), input)
