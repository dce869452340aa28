"""Operations whose result is a whole number: flat between two steps, so no gradient passes.

`remainder` stands here beside its quotient; it is the one that rises, and passes g.
"""

import numpy as np

from ..engine import Node, binary, constant, unary
from . import division


def detached(x):
    """A tensor's value alone, without its history."""
    return constant(x.array) if isinstance(x, Node) else x


def round(input, *, decimals=0):
    """y = the nearest number with so many decimals; of two equally near, the even one."""
    if input.dtype.kind != "f":
        return input
    return unary(lambda x: np.round(x, decimals), input, lambda g, _y, _x: g * 0)


def floor(input):
    """y = ⌊x⌋, the largest whole number that is not above x."""
    return input if input.dtype.kind != "f" else unary(np.floor, input, lambda g, _y, _x: g * 0)


def ceil(input):
    """y = ⌈x⌉, the smallest whole number that is not below x."""
    return input if input.dtype.kind != "f" else unary(np.ceil, input, lambda g, _y, _x: g * 0)


def trunc(input):
    """y = x without its decimals."""
    return input if input.dtype.kind != "f" else unary(np.trunc, input, lambda g, _y, _x: g * 0)


def floor_divide(input, other):
    """y = ⌊a / b⌋, which is flat: no gradient."""
    nonzero_divisor("floor_divide", input, other)
    return binary(division.floor_divide, detached(input), detached(other))


def rounded(input, other, mode):
    """y = ⌊a / b⌋ for mode "floor", a / b without its decimals for "trunc"; the derivative is 0."""
    forwards = {"floor": division.floor_divide, "trunc": division.trunc_divide}
    if mode not in forwards:
        raise ValueError(f'div: rounding_mode must be None, "floor" or "trunc", got {mode!r}.')
    nonzero_divisor("div", input, other)
    return binary(forwards[mode], input, other, lambda g, *_: g * 0, lambda g, *_: g * 0)


def remainder(input, other):
    """y = a − b⌊a / b⌋, of b's sign; ∂L/∂a = g, ∂L/∂b = −g ⌊a / b⌋."""
    nonzero_divisor("remainder", input, other)
    return binary(
        division.remainder, input, other,
        lambda g, _y, _a, _b: g, lambda g, _y, a, b: -g * floor_divide(a, b),
    )  # fmt: skip


def nonzero_divisor(name, input, other):
    """Raise for integers divided by 0, which have no infinity to show for it."""
    b = other.array if isinstance(other, Node) else other
    a = input.array if isinstance(input, Node) else input
    whole = np.result_type(a).kind != "f" and np.result_type(b).kind != "f"
    if whole and (b == 0 if isinstance(b, (int, np.generic)) else (b == 0).any()):
        raise ZeroDivisionError(f"{name}: integers cannot be divided by 0, which `other` holds.")
