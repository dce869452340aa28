"""The network of the diffusion model, part by part."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values
from layer_checks import check_derivatives

import minixattn as mx
from minixattn.models.unet import Modulation, ResBlock, SpatialTransformer, UNet, sinusoids


def randomised(layer, rng, device="cpu"):
    """float64, and no parameter at 0 or 1, where a part would have no say."""
    layer.to(mx.float64)
    with mx.no_grad():
        for p in layer.parameters():
            p.copy_(mx.tensor(rng.standard_normal(p.shape) * 0.3))
    return layer.to(device)


def test_time_steps_become_waves_of_falling_frequency(device):
    e = values(sinusoids(mx.tensor([0, 3, 250], device=device), 8))
    omega = 10000.0 ** (-np.arange(4) / 4)
    angle = np.array([0, 3, 250])[:, None] * omega
    np.testing.assert_allclose(e, np.concatenate([np.cos(angle), np.sin(angle)], 1), atol=2e-5)


def test_a_res_block_begins_as_its_shortcut(rng, device):
    block = ResBlock(8, 8, 5).to(device)
    x, time = mx.randn(2, 8, 4, 6, device=device), mx.randn(2, 5, device=device)
    assert_close(block(x, time), x)
    assert ResBlock(8, 16, 5).to(device)(x, time).shape == (2, 16, 4, 6)


def test_a_res_block_has_its_derivatives(rng):
    block = randomised(ResBlock(8, 16, 3), rng)
    x, time = leaf(rng.standard_normal((1, 8, 2, 1))), leaf(rng.standard_normal((1, 3)))
    check_derivatives(block, x, time, parameters=["norm_out.weight"])


def test_pixels_look_at_words_with_weights_that_sum_to_one(rng, device):
    layer = randomised(SpatialTransformer(8, 5, num_heads=2), rng, device)
    x = mx.tensor(rng.standard_normal((3, 8, 4, 6)), device=device)
    c = mx.tensor(rng.standard_normal((3, 7, 5)), device=device)
    mask = mx.tensor(np.arange(7) < [[2], [7], [1]], device=device)
    output, weights = layer(x, c, mask.unsqueeze(1))
    assert output.shape == x.shape and weights.shape == (3, 2, 24, 7)
    assert_close(weights.sum(-1), np.ones((3, 2, 24)))
    assert (values(weights)[0, :, :, 2:] == 0).all() and (values(weights)[2, :, :, 0] == 1).all()


def test_pixels_are_rows_in_reading_order(rng):
    layer = randomised(SpatialTransformer(8, 5, num_heads=2), rng)
    x, c = mx.tensor(rng.standard_normal((1, 8, 2, 3))), mx.tensor(rng.standard_normal((1, 4, 5)))
    _, weights = layer(x, c)
    _, mirrored = layer(x.flip(-1), c)
    grid = values(weights).reshape(1, 2, 2, 3, 4)
    assert_close(values(mirrored).reshape(1, 2, 2, 3, 4), grid[:, :, :, ::-1], rtol=1e-9)


def test_a_spatial_transformer_has_its_derivatives_and_trace(rng):
    layer = randomised(SpatialTransformer(8, 3, num_heads=2), rng)
    x, c = leaf(rng.standard_normal((1, 8, 1, 2))), leaf(rng.standard_normal((1, 2, 3)))
    check_derivatives(layer, x, c, parameters=["look.W_K.weight"])
    with mx.trace() as t:
        layer(x, c)
    steps = {step.symbol: step for step in t.layers["SpatialTransformer 1"]}
    assert list(steps) == list(SpatialTransformer.equations)


def test_modulation_gives_every_pixel_the_same_scale_and_shift(rng, device):
    layer = randomised(Modulation(6, 5, num_heads=2), rng, device)
    x = mx.tensor(rng.standard_normal((2, 4, 6)), device=device)
    c = mx.tensor(rng.standard_normal((2, 3, 5)), device=device)
    mask = mx.tensor([[[True, True, False]], [[True, True, True]]], device=device)
    output, weights = layer(x, c, mask)
    assert_close(weights, np.broadcast_to([[[[0.5, 0.5, 0]]], [[[1 / 3] * 3]]], (2, 2, 4, 3)))
    a, b, more = values(x), values(output), values(layer(x + 1, c, mask)[0])
    slope = more - b  # δ, one number a channel, whatever the pixel
    assert_close(slope, np.broadcast_to(slope[:, :1], slope.shape))
    assert_close(b - slope * a, np.broadcast_to((b - slope * a)[:, :1], b.shape), rtol=1e-9)
    changed = mx.tensor(np.where(values(mask)[:, 0, :, None], values(c), 9), device=device)
    assert_close(layer(x, changed, mask)[0], output)  # what the mask hides has no say


@pytest.mark.parametrize("look", [mx.nn.CrossAttention, Modulation])
def test_the_network_keeps_the_images_size_and_returns_its_maps(look, rng, device):
    net = randomised(UNet(3, 5, widths=(8, 16), num_heads=2, look=look), rng, device)
    z = mx.tensor(rng.standard_normal((2, 3, 4, 6)), device=device)
    c = mx.tensor(rng.standard_normal((2, 7, 5)), device=device)
    y, maps = net(z, mx.tensor([1, 900], device=device), c)
    assert y.shape == z.shape
    assert [m.shape for m in maps] == [(2, 2, 6, 7), (2, 2, 24, 7)]
    other, _ = net(z, mx.tensor([1, 900], device=device), c + 1)
    later, _ = net(z, mx.tensor([2, 900], device=device), c)
    assert (abs(values(other - y)) > 1e-6).all()  # the words matter everywhere
    assert (values(later - y)[0] != 0).all() and (values(later - y)[1] == 0).all()


def test_the_network_predicts_nothing_at_first():
    net = UNet(3, 5, widths=(8, 16), num_heads=2)
    y, _ = net(mx.randn(1, 3, 4, 4), mx.tensor([5]), mx.randn(1, 2, 5))
    assert (values(y) == 0).all()


def test_inputs_that_do_not_fit_are_named():
    net, c = UNet(3, 5, widths=(8, 16), num_heads=2), mx.ones(2, 4, 5)
    for shape in ((2, 4, 4, 4), (2, 3, 5, 4), (3, 4, 4)):
        with pytest.raises(mx.ShapeError, match=r"expected \(B, 3, H, W\) with even H and W"):
            net(mx.ones(*shape), mx.tensor([1, 2]), c)
    with pytest.raises(mx.ShapeError, match=r"z holds 2 images, so t must have shape \(2,\)"):
        net(mx.ones(2, 3, 4, 4), mx.tensor([1]), c)
    with pytest.raises(mx.ShapeError, match=r"context has shape \(2, 4, 6\).*context_dim=5"):
        net(mx.ones(2, 3, 4, 4), mx.tensor([1, 2]), mx.ones(2, 4, 6))
