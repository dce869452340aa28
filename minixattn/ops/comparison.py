"""Elementwise questions: comparisons, logic and tests. Their answers are flat: no gradient."""

import numpy as np

from ..engine import Node, binary, broadcasts, constant
from ..errors import DTypeError, broadcast_error
from .rounding import detached


def compare(name, forward):
    """An elementwise test as a function of two tensors, or of a tensor and a number."""

    def test(input, other):
        return binary(forward, detached(input), detached(other))

    test.__name__ = test.__qualname__ = name
    test.__doc__ = f"Elementwise {forward.__name__.replace('_', ' ')}, as a bool tensor."
    return test


eq = compare("eq", np.equal)
ne = compare("ne", np.not_equal)
lt = compare("lt", np.less)
le = compare("le", np.less_equal)
gt = compare("gt", np.greater)
ge = compare("ge", np.greater_equal)
logical_and = compare("logical_and", np.logical_and)
logical_or = compare("logical_or", np.logical_or)
logical_xor = compare("logical_xor", np.logical_xor)


def bits(x):
    """A bool or integer operand as it is; a float one has no bits to combine."""
    if isinstance(x, float) or (isinstance(x, Node) and x.array.dtype.kind == "f"):
        raise DTypeError("&, |, ^ and ~ take bool or integer tensors, got a float one: compare "
                         "first, as in (a > 0) & (b > 0), or use .bool().")  # fmt: skip
    return x


def bitwise_and(input, other):
    """a & b for bool and integer tensors."""
    return binary(np.bitwise_and, bits(input), bits(other))


def bitwise_or(input, other):
    """a | b for bool and integer tensors."""
    return binary(np.bitwise_or, bits(input), bits(other))


def bitwise_xor(input, other):
    """a ^ b for bool and integer tensors."""
    return binary(np.bitwise_xor, bits(input), bits(other))


def logical_not(input):
    """True where x is False or 0."""
    return constant(np.logical_not(input.array))


def bitwise_not(input):
    """~x for bool and integer tensors."""
    return constant(np.invert(bits(input).array))


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether |input − other| ≤ atol + rtol |other| everywhere, as True or False."""
    if not broadcasts(input.shape, other.shape):
        raise broadcast_error("allclose", input.shape, other.shape)
    return bool(np.allclose(input.array, other.array, rtol, atol, equal_nan))


def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Where |input − other| ≤ atol + rtol |other|."""
    if not broadcasts(input.shape, other.shape):
        raise broadcast_error("isclose", input.shape, other.shape)
    return constant(np.isclose(input.array, other.array, rtol, atol, equal_nan))


def equal(input, other):
    """Whether both have the same shape and elements, as True or False."""
    return input.shape == other.shape and bool((input.array == other.array).all())


def isnan(input):
    """True where x is not a number."""
    return constant(np.isnan(input.array))


def isinf(input):
    """True where x is +∞ or −∞."""
    return constant(np.isinf(input.array))


def isfinite(input):
    """True where x is neither infinite nor NaN."""
    return constant(np.isfinite(input.array))
