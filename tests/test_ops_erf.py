"""The error function against the standard library's, over all its intervals and types."""

import math

import numpy as np
import pytest
from helpers import assert_close, leaf, values

import minixattn as mx
from minixattn.ops.erf import erf

exact = np.vectorize(math.erf)


def test_erf_is_exact_to_the_last_digit_on_every_interval():
    x = np.concatenate([np.linspace(-7, 7, 20_001), np.linspace(-0.5, 0.5, 2001), [0.46875, 4.0]])
    np.testing.assert_allclose(erf(x), exact(x), rtol=0, atol=4e-16)


def test_small_numbers_keep_all_their_digits():
    x = np.logspace(-300, -1, 500)
    np.testing.assert_allclose(erf(x), exact(x), rtol=4e-16)


def test_erf_of_float32_and_float16_is_exact_to_their_precision(device):
    for dtype, limit in (("float32", 2.5e-7), ("float16", 1e-3)):
        x = np.linspace(-5, 5, 1001).astype(dtype)
        y = mx.tensor(x, device=device).erf()
        assert y.dtype == dtype
        np.testing.assert_allclose(
            values(y).astype(float), exact(x.astype(float)), rtol=0, atol=limit
        )


@pytest.mark.filterwarnings("error")
def test_extreme_numbers_have_their_limits(device):
    y = mx.tensor([-np.inf, -1e300, 0.0, 1e300, np.inf], dtype=mx.float64, device=device).erf()
    assert y.tolist() == [-1, -1, 0, 1, 1]
    assert mx.tensor(np.nan).erf().isnan().item()
    assert math.copysign(1, mx.tensor(-0.0).erf().item()) == -1


def test_its_derivative_is_a_gaussian(device):
    x = leaf(np.linspace(-3, 3, 7), device)
    x.erf().sum().backward()
    assert_close(x.grad, 2 / math.sqrt(math.pi) * np.exp(-(values(x) ** 2)))


def test_erf_of_float32_is_the_nearest_number_or_its_neighbour():
    x = np.concatenate([np.linspace(-6, 6, 100_003), np.logspace(-30, 0, 1000)]).astype(np.float32)
    y, expected = erf(x), exact(x.astype(float))  # several pieces
    assert y.dtype == np.float32 and np.abs(y).max() == 1
    assert (np.abs(y - expected) <= 0.6 * np.spacing(np.abs(expected).astype(np.float32))).all()
    np.testing.assert_array_equal(erf(x[:100]), y[:100])
    square, its_erf = (a[:100_000].reshape(100, 1000).T for a in (x, y))  # not row by row
    np.testing.assert_array_equal(erf(square), its_erf)
