"""relu, gelu, silu and logsigmoid: formulas, derivatives, and numbers far out."""

import math

import numpy as np
import pytest
from helpers import assert_close, leaf, values

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn import functional as F

erf = np.vectorize(math.erf, otypes=[float])
FORMULAS = {
    "relu": (F.relu, lambda x: np.maximum(x, 0)),
    "gelu": (F.gelu, lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2)))),
    "gelu tanh": (
        lambda x: F.gelu(x, approximate="tanh"),
        lambda x: x * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ),
    "silu": (F.silu, lambda x: x / (1 + np.exp(-x))),
    "logsigmoid": (F.logsigmoid, lambda x: -np.log1p(np.exp(-x))),
    "sigmoid": (F.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "tanh": (F.tanh, np.tanh),
}
each = pytest.mark.parametrize("name", FORMULAS)


@each
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_values_are_the_formula(name, shape, rng, device):
    function, formula = FORMULAS[name]
    x = rng.standard_normal(shape) * 3
    assert_close(function(mx.tensor(x, device=device)), formula(x), rtol=1e-12, atol=1e-14)


@each
def test_derivatives_agree_with_central_differences(name, rng, device):
    x = leaf(rng.standard_normal((3, 4)) * 2, device)
    assert gradcheck(FORMULAS[name][0], (x,))
    assert gradgradcheck(FORMULAS[name][0], (x,))


@each
@pytest.mark.parametrize("dtype", [mx.float16, mx.float32, mx.float64])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_the_type_stays(name, dtype, shape, device):
    x = mx.ones(shape, dtype=dtype, device=device, requires_grad=True)
    y = FORMULAS[name][0](x)
    assert y.dtype == dtype
    y.sum().backward()
    assert x.grad.dtype == dtype


@each
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nothing_overflows(name, dtype, device):
    x = mx.tensor(np.array([-60000, -100, 0, 100, 60000], dtype), device=device, requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        y = FORMULAS[name][0](x)
    assert np.isfinite(values(y)).all()
    y.backward(mx.ones_like(y))
    assert np.isfinite(values(x.grad)).all()


def test_integers_become_floats(device):
    assert F.gelu(mx.arange(3, device=device)).dtype == mx.float32
    assert F.relu(mx.arange(-1, 2, device=device)).tolist() == [0, 0, 1]


def test_inplace_leaves_the_input_as_it_is(device):
    x = mx.tensor([-1.0, 1.0], device=device)
    assert F.relu(x, inplace=True).tolist() == [0, 1]
    F.silu(x, inplace=True)
    assert x.tolist() == [-1, 1]


def test_an_unknown_approximation_is_named():
    with pytest.raises(ValueError, match='approximate must be "none" or "tanh", got \'fast\''):
        F.gelu(mx.ones(2), approximate="fast")
