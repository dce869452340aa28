"""LayerNorm, RMSNorm and GroupNorm as modules."""

import copy

import numpy as np
import pytest
from helpers import leaf, values, weighted

import minixattn as mx
from minixattn.autograd import gradcheck
from minixattn.nn import GroupNorm, LayerNorm, RMSNorm

MADE = [(LayerNorm((3, 4)), (2, 3, 4)), (RMSNorm(4), (2, 3, 4)), (GroupNorm(2, 6), (2, 6, 5))]


@pytest.mark.parametrize(("layer", "shape"), MADE, ids=repr)
def test_layers_start_as_the_plain_normalisation(layer, shape, rng, device):
    layer = copy.deepcopy(layer).double().to(device)
    x = mx.tensor(rng.standard_normal(shape) * 3 + 1, device=device)
    y = values(layer(x))
    assert y.shape == shape
    groups = {LayerNorm: (2, -1), RMSNorm: (6, -1), GroupNorm: (4, -1)}[type(layer)]
    y = y.reshape(groups)
    np.testing.assert_allclose((y * y).mean(1), 1, rtol=1e-4)
    if type(layer) is not RMSNorm:
        np.testing.assert_allclose(y.mean(1), 0, atol=1e-12)


def test_parameters_have_the_documented_shapes_and_starts():
    for layer, shape in ((LayerNorm((3, 4)), (3, 4)), (RMSNorm(4), (4,)), (GroupNorm(2, 6), (6,))):
        assert layer.weight.shape == shape
        assert (values(layer.weight) == 1).all()
        if layer.bias is not None:
            assert layer.bias.shape == shape
            assert not values(layer.bias).any()


def test_options_leave_parameters_out():
    assert list(LayerNorm(3).state_dict()) == ["weight", "bias"]
    assert list(LayerNorm(3, bias=False).state_dict()) == ["weight"]
    assert list(LayerNorm(3, elementwise_affine=False).state_dict()) == []
    assert list(RMSNorm(3).state_dict()) == ["weight"]
    assert list(RMSNorm(3, elementwise_affine=False).state_dict()) == []
    assert list(GroupNorm(1, 3).state_dict()) == ["weight", "bias"]
    assert list(GroupNorm(1, 3, affine=False).state_dict()) == []
    assert list(GroupNorm(1, 3, bias=False).state_dict()) == ["weight"]


def test_reset_parameters_restores_the_start(device):
    layer = LayerNorm(3).to(device)
    mx.nn.init.normal_(layer.weight)
    mx.nn.init.normal_(layer.bias)
    layer.reset_parameters()
    assert values(layer.weight).tolist() == [1, 1, 1]
    assert values(layer.bias).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("layer", "shape"), MADE, ids=repr)
def test_gradients_reach_every_parameter(layer, shape, rng, device):
    layer = copy.deepcopy(layer).double().to(device)
    x = leaf(rng.standard_normal(shape), device)
    layer.zero_grad()
    weighted(layer(x)).backward()
    for p in (x, *layer.parameters()):
        assert p.grad.shape == p.shape
        assert np.abs(values(p.grad)).min() > 0
    assert gradcheck(layer, (x,))


def test_a_wrong_number_of_channels_names_the_layer():
    with pytest.raises(mx.ShapeError, match=r"GroupNorm\(2, 6.*\(N, 6, \.\.\.\), got \(2, 4\)"):
        GroupNorm(2, 6)(mx.ones(2, 4))
    with pytest.raises(mx.ShapeError, match=r"num_channels \(6\) must be a multiple of.*\(4\)"):
        GroupNorm(4, 6)


def test_layers_print_their_options():
    assert repr(LayerNorm(3)) == "LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=True)"
    assert repr(RMSNorm(3)) == "RMSNorm((3,), eps=None, elementwise_affine=True)"
    assert repr(GroupNorm(1, 3)) == "GroupNorm(1, 3, eps=1e-05, affine=True, bias=True)"
