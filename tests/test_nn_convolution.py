"""Layers for images."""

import math

import pytest
from helpers import assert_close, values

import minixattn as mx
from minixattn import nn
from minixattn.nn import functional as F


def test_the_layer_computes_the_function_with_its_options(device):
    layer = nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, device=device, dtype=mx.float64)
    x = mx.randn(2, 4, 7, 5, dtype=mx.float64, device=device)
    assert layer.weight.shape == (6, 2, 3, 2) and layer.bias.shape == (6,)
    assert_close(layer(x), F.conv2d(x, layer.weight, layer.bias, (2, 1), (1, 0), (1, 2), 2))
    assert nn.Conv2d(4, 6, 3, bias=False).bias is None
    assert nn.Conv2d(4, 6, 3, padding="same")(mx.ones(1, 4, 5, 2)).shape == (1, 6, 5, 2)


def test_parameters_start_uniform_within_one_over_the_root_of_the_inputs():
    mx.manual_seed(0)
    layer = nn.Conv2d(8, 64, 3)
    bound = 1 / math.sqrt(8 * 9)
    for p in layer.parameters():
        a = values(p)
        assert 0.9 * bound < abs(a).max() <= bound
    assert abs(values(layer.weight).std() - bound / math.sqrt(3)) < 0.05 * bound


def test_gradients_reach_all_parameters(device):
    layer = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.SiLU(), nn.AvgPool2d(2)).to(device)
    layer(mx.randn(3, 1, 4, 4, device=device)).square().sum().backward()
    assert all(p.grad is not None and (values(p.grad) != 0).any() for p in layer.parameters())


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Upsample(scale_factor=2), (2, 4, 8, 12)),
        (nn.Upsample((5, 7)), (2, 4, 5, 7)),
        (nn.AvgPool2d(2), (2, 4, 2, 3)),
        (nn.AvgPool2d(3, 1, 1), (2, 4, 4, 6)),
        (nn.PixelUnshuffle(2), (2, 16, 2, 3)),
        (nn.PixelShuffle(2), (2, 1, 8, 12)),
    ],
)
def test_other_layers_change_the_size(layer, shape):
    assert layer(mx.ones(2, 4, 4, 6)).shape == shape


def test_layers_print_their_options():
    assert repr(nn.Conv2d(1, 2, 3)) == "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))"
    text = repr(nn.Conv2d(4, 2, 3, padding=1, dilation=2, groups=2, bias=False))
    assert "padding=(1, 1), dilation=(2, 2), groups=2, bias=False" in text
    assert repr(nn.Upsample(scale_factor=2)) == "Upsample(scale_factor=2, mode='nearest')"
    assert repr(nn.AvgPool2d(2)) == "AvgPool2d(kernel_size=2, stride=2, padding=0)"
    assert repr(nn.PixelShuffle(2)) == "PixelShuffle(upscale_factor=2)"


def test_options_that_do_not_fit_are_named():
    with pytest.raises(mx.ShapeError, match="in_channels=3 and out_channels=4.*groups=2"):
        nn.Conv2d(3, 4, 3, groups=2)
    with pytest.raises(NotImplementedError, match="padding_mode 'reflect' is not offered"):
        nn.Conv2d(3, 4, 3, padding_mode="reflect")
    with pytest.raises(mx.ShapeError, match=r"input has shape \(1, 2, 4, 4\), expected \(N, 3"):
        nn.Conv2d(3, 4, 3)(mx.ones(1, 2, 4, 4))
