"""Comparisons and tests: NumPy's answers, as constants of type bool."""

import numpy as np
import pytest
from helpers import assert_close, leaf
from hypothesis import given
from strategies import broadcasting_arrays

import minixattn as mx
from minixattn.ops import comparison

NAMES = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "logical_and": np.logical_and, "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}  # fmt: skip


@pytest.mark.parametrize("name, numpy_function", NAMES.items(), ids=NAMES)
@given(pair=broadcasting_arrays())
def test_comparisons_broadcast_as_numpys_do(name, numpy_function, pair):
    a, b = map(leaf, pair)
    y = getattr(comparison, name)(a, b)
    assert y.dtype == mx.bool and not y.requires_grad and y.inputs == ()
    assert_close(y, numpy_function(*pair))


def test_comparisons_take_numbers_and_live_on_the_device(device):
    x = mx.tensor([1.0, 2.0, np.nan], device=device)
    for y, expected in (
        (x == 2, [False, True, False]), (x != 2, [True, False, True]),
        (x < 2, [True, False, False]),
        (x <= 1.5, [True, False, False]), (x.isnan(), [False, False, True]),
        (mx.isfinite(x / 0.5), [True, True, False]), (mx.isinf(x), [False, False, False]),
    ):  # fmt: skip
        assert y.device == device and y.tolist() == expected


def test_their_names_and_docstrings_say_what_they_test():
    assert comparison.le.__name__ == "le"
    assert comparison.le.__doc__ == "Elementwise less equal, as a bool tensor."


def test_what_is_no_number_is_unequal_as_a_plain_bool(device):
    x = mx.zeros(2, device=device)
    for other in (None, "a", [0, 0], {}):
        assert (x == other) is False and (x != other) is True
    assert None in (x, None) and None not in (x, x)
    assert (x == np.float32(0)).tolist() == [True, True] and hash(x) == hash(x)
    with pytest.raises(mx.DTypeError, match=r"`in` looks for a number or a Tensor .* got str: 'a'"):
        assert "a" in x


def test_allclose_and_equal_are_functions_and_methods(device):
    x, y = mx.ones(2, device=device), mx.ones(2, device=device) + 1e-7
    assert mx.allclose(x, y) is True and mx.allclose(x, y, rtol=0, atol=0) is False
    assert mx.equal(x, x.clone()) is True and x.equal(y) is False
    assert mx.equal(x, mx.ones(3, device=device)) is False
    with pytest.raises(mx.ShapeError, match=r"allclose: shapes \(2,\) and \(3,\) do not broadcast"):
        mx.allclose(x, mx.ones(3, device=device))
