"""Dropout: seeded, unbiased, and off outside training."""

import numpy as np
import pytest
from helpers import leaf, values

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn.functional import dropout


def seeded(x, p=0.3):
    mx.manual_seed(5)
    return dropout(x, p)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_share_p_is_dropped_and_the_mean_stays(p, device):
    mx.manual_seed(0)
    y = values(dropout(mx.ones(40_000, dtype=mx.float64, device=device), p))
    assert set(np.unique(y)) == {0, 1 / (1 - p)}
    assert (y == 0).mean() == pytest.approx(p, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.02 / (1 - p))


def test_elements_are_dropped_independently(device):
    mx.manual_seed(0)
    y = values(dropout(mx.ones(200, 200, device=device))) > 0
    for a, b in ((y[1:], y[:-1]), (y[:, 1:], y[:, :-1])):
        assert abs((a == b).mean() - 0.5) < 0.02


def test_the_seed_decides_what_is_dropped(device):
    x = mx.ones(100, device=device)
    first, again, other = values(seeded(x)), values(seeded(x)), values(dropout(x, 0.3))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_without_training_or_with_p_zero_nothing_happens(device):
    x = mx.ones(3, device=device)
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0.0) is x


def test_with_p_one_nothing_is_left(device):
    assert values(dropout(mx.ones(3, device=device), 1.0)).tolist() == [0, 0, 0]


def test_the_gradient_passes_where_the_value_did(device):
    x = mx.ones(50, device=device, requires_grad=True)
    y = seeded(x)
    y.sum().backward()
    np.testing.assert_array_equal(values(x.grad), values(y))


def test_derivatives_agree_with_central_differences(rng, device):
    x = leaf(rng.standard_normal((3, 4)), device)
    assert gradcheck(seeded, (x,))
    assert gradgradcheck(seeded, (x,))


@pytest.mark.parametrize("dtype", [mx.float16, mx.float32, mx.float64])
@pytest.mark.parametrize("shape", [(), (4,), (0, 2)])
def test_type_and_shape_stay(dtype, shape, device):
    y = dropout(mx.ones(shape, dtype=dtype, device=device))
    assert (y.dtype, y.shape) == (dtype, shape)


@pytest.mark.parametrize("p", [-0.5, 1.5, float("nan")])
def test_a_probability_outside_its_range_is_named(p):
    with pytest.raises(ValueError, match=f"dropout: the probability p must be .*, got {p}"):
        dropout(mx.ones(2), p)
