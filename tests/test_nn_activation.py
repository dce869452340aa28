"""Activations as modules compute their functions."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn import nn
from minixattn.nn import functional as F

PAIRS = [
    (nn.ReLU(), F.relu), (nn.ReLU(inplace=True), F.relu), (nn.GELU(), F.gelu), (nn.SiLU(), F.silu),
    (nn.GELU("tanh"), lambda x: F.gelu(x, "tanh")), (nn.Tanh(), mx.tanh),
    (nn.Sigmoid(), mx.sigmoid), (nn.Softmax(dim=0), lambda x: mx.softmax(x, 0)),
    (nn.LogSoftmax(-1), lambda x: mx.log_softmax(x, -1)),
]  # fmt: skip


@pytest.mark.parametrize(("module", "function"), PAIRS, ids=lambda x: getattr(x, "__name__", x))
def test_a_module_is_its_function(module, function, rng, device):
    x = mx.tensor(rng.standard_normal((3, 4)), device=device)
    before = values(x).copy()
    y = module(x)
    assert y.shape == (3, 4)
    np.testing.assert_array_equal(values(y), values(function(x)))
    np.testing.assert_array_equal(values(x), before)
    assert not list(module.parameters())


def test_softmax_without_a_dimension_is_refused():
    with pytest.raises(TypeError, match=r"softmax\(\) needs dim"):
        nn.Softmax()(mx.ones(2))


def test_activations_print_their_options():
    assert repr(nn.ReLU()) == "ReLU()"
    assert repr(nn.ReLU(True)) == "ReLU(inplace=True)"
    assert repr(nn.GELU()) == "GELU(approximate='none')"
    assert repr(nn.Softmax(dim=-1)) == "Softmax(dim=-1)"
