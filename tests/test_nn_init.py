"""Initialisers: bounds, variances and determinism."""

import math

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.nn import Parameter, init

SHAPE = (300, 200)  # fan-out 300, fan-in 200
LEAKY = math.sqrt(2 / (1 + 0.5**2))
UNIFORM = {
    "uniform_": (init.uniform_, (-2.0, 3.0), -2, 3),
    "xavier_uniform_": (init.xavier_uniform_, (), *(s * math.sqrt(6 / 500) for s in (-1, 1))),
    "xavier gain": (init.xavier_uniform_, (2.0,), *(s * 2 * math.sqrt(6 / 500) for s in (-1, 1))),
    "kaiming_uniform_": (
        init.kaiming_uniform_, (0.5,), *(s * LEAKY * math.sqrt(3 / 200) for s in (-1, 1)),
    ),
    "kaiming fan_out": (
        init.kaiming_uniform_, (0, "fan_out", "relu"), *(s * math.sqrt(6 / 300) for s in (-1, 1)),
    ),
}  # fmt: skip
NORMAL = {
    "normal_": (init.normal_, (1.0, 2.0), 1, 2),
    "xavier_normal_": (init.xavier_normal_, (3.0,), 0, 3 * math.sqrt(2 / 500)),
    "kaiming_normal_": (init.kaiming_normal_, (), 0, math.sqrt(2 / 200)),
    "kaiming fan_out": (init.kaiming_normal_, (0, "fan_out", "tanh"), 0, 5 / 3 / math.sqrt(300)),
}


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_numbers_fill_their_interval(name, device):
    fill, options, low, high = UNIFORM[name]
    mx.manual_seed(0)
    x = values(fill(mx.empty(SHAPE, device=device), *options)).astype(float)
    assert low <= x.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < x.max() <= high * (1 + 1e-6)
    assert x.mean() == pytest.approx((low + high) / 2, abs=0.01 * (high - low))
    assert x.var() == pytest.approx((high - low) ** 2 / 12, rel=0.02)


@pytest.mark.parametrize("name", NORMAL)
def test_normal_numbers_have_their_mean_and_spread(name, device):
    fill, options, mean, std = NORMAL[name]
    mx.manual_seed(0)
    x = values(fill(mx.empty(SHAPE, device=device), *options)).astype(float)
    assert x.mean() == pytest.approx(mean, abs=0.02 * std)
    assert x.std() == pytest.approx(std, rel=0.01)
    assert np.mean(np.abs(x - mean) < std) == pytest.approx(0.6827, abs=0.01)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0, 1, -2, 2), (0, 0.02, -2, 2), (1, 2, 0, 1.5), (0, 1, 3, 9), (0, 1, -40, -30),
     (0, 1, 6, 6.1)],
)  # fmt: skip
def test_truncated_normal_numbers_stay_inside_with_the_right_density(mean, std, a, b, device):
    mx.manual_seed(0)
    x = values(init.trunc_normal_(mx.zeros(40_000, device=device).double(), mean, std, a, b))
    assert a <= x.min()
    assert x.max() <= b
    grid = np.linspace(max(a, mean - 60 * std), min(b, mean + 60 * std), 400_001)
    log_density = -(((grid - mean) / std) ** 2) / 2
    density = np.exp(log_density - log_density.max())
    cdf = np.cumsum(density) / density.sum()
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        expected = grid[np.searchsorted(cdf, q)]
        spread = grid[np.searchsorted(cdf, 0.95)] - grid[np.searchsorted(cdf, 0.05)]
        assert np.quantile(x, q) == pytest.approx(expected, abs=0.03 * spread)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3)])
def test_orthogonal_rows_or_columns_have_length_gain(shape, device):
    mx.manual_seed(0)
    W = values(init.orthogonal_(mx.zeros(shape, device=device).double(), gain=2.0))
    W = W.reshape(shape[0], -1)
    G = W @ W.T if len(W) <= W.shape[1] else W.T @ W
    np.testing.assert_allclose(G, 4 * np.eye(len(G)), atol=1e-12)


def test_orthogonal_matrices_prefer_no_sign():
    mx.manual_seed(0)
    corners = [values(init.orthogonal_(mx.empty(3, 3)))[0, 0] for _ in range(200)]
    assert abs(np.mean(np.sign(corners))) < 0.2


def test_constants_and_the_identity(device):
    x = mx.empty(2, 3, device=device)
    assert values(init.constant_(x, 2.5)).tolist() == [[2.5] * 3] * 2
    assert not values(init.zeros_(x)).any()
    assert values(init.ones_(x)).tolist() == [[1] * 3] * 2
    assert values(init.eye_(x)).tolist() == [[1, 0, 0], [0, 1, 0]]


FILLS = [init.uniform_, init.normal_, init.zeros_, init.ones_, init.eye_, init.xavier_uniform_,
         init.xavier_normal_, init.kaiming_uniform_, init.kaiming_normal_, init.trunc_normal_,
         init.orthogonal_, lambda x: init.constant_(x, 1.0)]  # fmt: skip


@pytest.mark.parametrize("fill", FILLS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [mx.float16, mx.float32, mx.float64])
def test_a_parameter_is_filled_in_place_and_returned(fill, dtype, device):
    p = Parameter(mx.empty(3, 4, dtype=dtype, device=device))
    memory = p.array
    mx.manual_seed(1)
    assert fill(p) is p
    assert p.array is memory
    assert p.requires_grad
    first = values(p).copy()
    mx.manual_seed(1)
    np.testing.assert_array_equal(values(fill(p)), first)


def test_fans_count_further_dimensions():
    fans = init._calculate_fan_in_and_fan_out
    assert fans(mx.empty(5, 3)) == (3, 5)
    assert fans(mx.empty(5, 3, 2, 4)) == (24, 40)


def test_gains():
    gains = {"linear": 1, "sigmoid": 1, "tanh": 5 / 3, "relu": 2**0.5, "selu": 0.75}
    for name, gain in gains.items():
        assert init.calculate_gain(name) == pytest.approx(gain)
    assert init.calculate_gain("leaky_relu") == pytest.approx(math.sqrt(2 / 1.0001))
    assert init.calculate_gain("leaky_relu", 1) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: init.xavier_uniform_(mx.ones(3)), r"at least 2 dimensions.*got shape \(3,\)"),
        (lambda: init.kaiming_normal_(mx.ones(3)), "fan-in and fan-out need a weight"),
        (lambda: init.kaiming_normal_(mx.ones(3, 3), mode="in"), "mode must be \"fan_in\".*'in'"),
        (lambda: init.calculate_gain("swish"), "unknown nonlinearity 'swish': .*leaky_relu"),
        (lambda: init.eye_(mx.ones(3)), r"eye_ fills matrices, got a tensor of shape \(3,\)"),
        (lambda: init.orthogonal_(mx.ones(3)), r"at least 2 dimensions, got shape \(3,\)"),
        (lambda: init.trunc_normal_(mx.ones(3), a=1, b=1), "needs a < b and std > 0, got 1, 1"),
        (lambda: init.trunc_normal_(mx.ones(3), std=0), "std > 0, got -2.0, 2.0 and 0"),
    ],
)
def test_what_cannot_be_filled_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
