"""Rounding, and division with a remainder."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx


def test_rounding_goes_to_the_even_neighbour_and_to_decimals(device):
    x = mx.tensor([0.5, 1.5, -2.5, 1.25], device=device)
    np.testing.assert_array_equal(values(x.round()), [0, 2, -2, 1])
    np.testing.assert_allclose(values(mx.round(x, decimals=1)), [0.5, 1.5, -2.5, 1.2])


def test_whole_numbers_stay_the_whole_numbers_they_are(device):
    x = mx.tensor([3, -4], device=device)
    for f in (mx.round, mx.floor, mx.ceil, mx.trunc):
        assert f(x).dtype == mx.int64 and values(f(x)).tolist() == [3, -4]


def test_floor_ceil_and_trunc_differ_below_zero(device):
    x = mx.tensor([-1.5, 1.5], device=device)
    found = [values(f(x)).tolist() for f in (mx.floor, mx.ceil, mx.trunc)]
    assert found == [[-2, 1], [-1, 2], [-1, 1]]


def test_integers_cannot_be_divided_by_zero():
    for f in (mx.floor_divide, mx.remainder):
        with pytest.raises(ZeroDivisionError, match=f"{f.__name__}: integers cannot be divided"):
            f(mx.tensor([1, 2]), mx.tensor([1, 0]))


def test_a_quotient_is_rounded_down_or_towards_zero(device):
    a, b = mx.tensor([7, -7, 6], device=device), mx.tensor([2, 2, -3], device=device)
    for kind in (mx.int64, mx.float64):
        x, y = a.to(kind), b.to(kind)
        assert values(mx.div(x, y, rounding_mode="floor")).tolist() == [3, -4, -2]
        assert values(x.div(y, rounding_mode="trunc")).tolist() == [3, -3, -2]
    with pytest.raises(ValueError, match='must be None, "floor" or "trunc", got \'up\''):
        mx.div(a, b, rounding_mode="up")
    with pytest.raises(ZeroDivisionError, match="div: integers cannot be divided by 0"):
        mx.div(a, 0, rounding_mode="floor")
