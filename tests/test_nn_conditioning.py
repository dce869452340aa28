"""FiLM, gated cross-attention and GEGLU: one stream steers another."""

import math

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted
from layer_checks import (
    check_derivatives,
    check_one_sample,
    check_precisions,
    check_stream_names,
    check_trace,
)

import minixattn as mx
from minixattn.nn.conditioning import latest_image

B, L, S, D_Q, D_C, H, D_K = 2, 3, 5, 6, 7, 4, 8
CHANNELS, D_Z = 3, 5


def film(device="cpu"):
    mx.manual_seed(0)
    return mx.nn.FiLM(D_Z, CHANNELS).to(mx.float64).to(device)


def gated(device="cpu", gates=(0.0, 0.0)):
    mx.manual_seed(0)
    layer = mx.nn.GatedCrossAttention(D_Q, D_C, num_heads=H, head_dim=D_K, hidden_dim=9)
    layer = layer.to(mx.float64).to(device)
    with mx.no_grad():
        layer.a.fill_(gates[0])
        layer.b.fill_(gates[1])
    return layer


def streams(rng, device="cpu"):
    return (
        leaf(rng.standard_normal((B, L, D_Q)), device),
        leaf(rng.standard_normal((B, S, D_C)), device),
    )


def gelu(a):
    return a * 0.5 * (1 + np.vectorize(math.erf)(a / math.sqrt(2)))


def normalised(a):
    return (a - a.mean(-1, keepdims=True)) / np.sqrt(a.var(-1, keepdims=True) + 1e-5)


# FiLM --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("positions", ((), (4,), (4, 6)))
def test_film_scales_and_shifts_each_channel(rng, device, positions):
    layer = film(device)
    F = leaf(rng.standard_normal((B, CHANNELS, *positions)), device)
    z = leaf(rng.standard_normal((B, D_Z)), device)
    output = layer(F, z)
    assert output.shape == F.shape and layer.W.weight.shape == (2 * CHANNELS, D_Z)
    both = values(z) @ values(layer.W.weight).T + values(layer.W.bias)
    for b in range(B):
        for i in range(CHANNELS):
            gamma, beta = 1 + both[b, i], both[b, CHANNELS + i]
            assert_close(output[b, i], gamma * values(F)[b, i] + beta)


def test_a_generator_of_zeros_leaves_the_features_alone(rng, device):
    layer = film(device)
    mx.nn.init.zeros_(layer.W.weight)
    mx.nn.init.zeros_(layer.W.bias)
    F = leaf(rng.standard_normal((B, CHANNELS, 4)), device)
    assert_close(layer(F, mx.ones(B, D_Z, dtype=mx.float64, device=device)), F, 0, 0)


def test_film_does_what_every_layer_does(rng, device):
    F = leaf(rng.standard_normal((B, CHANNELS, 4, 6)), device)
    z = leaf(rng.standard_normal((B, D_Z)), device)
    check_precisions(film(device), F, z)
    check_one_sample(film(device), F, z)
    check_trace(film(device), F, z)


def test_films_derivatives_agree_with_central_differences(rng):
    layer = mx.nn.FiLM(2, 2).to(mx.float64)
    check_derivatives(
        layer, leaf(rng.standard_normal((2, 2, 3))), leaf(rng.standard_normal((2, 2)))
    )


def test_film_names_features_and_condition_that_do_not_fit():
    F, z = mx.ones(B, CHANNELS, 4, dtype=mx.float64), mx.ones(B, D_Z, dtype=mx.float64)
    with pytest.raises(mx.ShapeError, match=r"condition has shape \(2, 4\).*condition_dim=5"):
        film()(F, z[:, :4])
    with pytest.raises(mx.ShapeError, match=r"features has shape \(2, 4, 3\).*\(2, 3\).*transpose"):
        film()(F.transpose(1, 2), z)
    with pytest.raises(TypeError, match="FiLM: condition must be a Tensor, got list"):
        film()(F, [[1.0] * D_Z] * B)
    with pytest.raises(mx.ShapeError, match=r"features has shape \(1, 3, 4\): expected \(2, 3\)"):
        film()(F[:1], z)


# Gated cross-attention ---------------------------------------------------------------------------


def test_closed_gates_are_the_identity_bit_for_bit(rng, device):
    for dtype in (mx.float64, mx.float32, mx.float16):
        layer, (x, c) = gated(device).to(dtype), (t.to(dtype) for t in streams(rng, device))
        output, weights = layer(x, c)
        assert (values(output) == values(x)).all() and output.dtype == dtype
        assert weights.shape == (B, H, L, S)


def test_a_fresh_layer_has_closed_gates_that_learn(rng, device):
    layer, (x, c) = gated(device), streams(rng, device)
    weighted(layer(x, c)[0]).backward()
    for gate in (layer.a, layer.b):
        assert (values(gate) == 0).all() and np.abs(values(gate.grad)).min() > 1e-6


def test_open_gates_add_what_was_seen_and_thought(rng, device):
    layer, (x, c) = gated(device, (0.7, -0.4)), streams(rng, device)
    output, weights = layer(x, c)
    seen, expected_weights = layer.attention(
        mx.tensor(normalised(values(x)), device=device), c
    )
    y = values(x) + np.tanh(0.7) * values(seen)
    W_1, W_2 = values(layer.feed_forward.W_1.weight), values(layer.feed_forward.W_2.weight)
    assert_close(output, y + np.tanh(-0.4) * (gelu(normalised(y) @ W_1.T) @ W_2.T))
    assert_close(weights, expected_weights)


def test_a_word_that_may_see_no_image_keeps_what_the_feed_forward_part_makes_of_it(rng, device):
    layer, (x, c) = gated(device, (0.7, 0.0)), streams(rng, device)
    keep = np.ones((B, L, S), bool)
    keep[1, 2] = False
    with pytest.warns(mx.masks.EmptyRowWarning, match="batch 1, query 2"):
        output, weights = layer(x, c, mx.tensor(keep, device=device))
    assert_close(output[1, 2], x[1, 2], 0, 0)
    assert (values(weights)[1, :, 2] == 0).all()
    assert np.abs(values(output) - values(x)).max(-1)[keep.any(-1)].min() > 1e-3


def test_gated_cross_attention_does_what_every_layer_does(rng, device):
    layer, (x, c) = gated(device, (0.7, -0.4)), streams(rng, device)
    check_precisions(layer, x, c)
    check_one_sample(layer, x, c)
    check_trace(layer, x, c)


def test_gated_derivatives_agree_with_central_differences(rng):
    layer = mx.nn.GatedCrossAttention(2, 3, num_heads=1, hidden_dim=2).to(mx.float64)
    with mx.no_grad():
        layer.a.fill_(0.5)
        layer.b.fill_(-0.8)
    x, c = leaf([[[0.3, -1.1], [1.2, 0.4]]]), leaf(rng.standard_normal((1, 2, 3)))
    check_derivatives(layer, x, c)


def test_gated_streams_that_do_not_fit_are_named(rng):
    check_stream_names(gated(), *streams(rng))


def test_the_latest_image_is_the_one_a_word_may_see():
    starts = mx.tensor([[False, True, False, True], [True, False, False, False]])
    mask = latest_image(starts, images=2, tokens=3)
    first, second = [True] * 3 + [False] * 3, [False] * 3 + [True] * 3
    expected = [[[False] * 6, first, first, second], [first] * 4]
    np.testing.assert_array_equal(mask.numpy(), expected)
    np.testing.assert_array_equal(latest_image(starts[0], 2, 3).numpy(), expected[0])


def test_marks_that_fit_no_image_are_counted():
    with pytest.raises(mx.ShapeError, match="marks 2 images .* images=1"):
        latest_image([True, True], images=1, tokens=4)
    with pytest.raises(mx.DTypeError, match=r"starts must be bool.* int64 of shape \(2,\)"):
        latest_image(np.array([0, 1]), images=1, tokens=4)


# GEGLU -------------------------------------------------------------------------------------------


def test_geglu_is_its_equation(rng, device):
    mx.manual_seed(0)
    layer = mx.nn.GEGLU(D_Q, 4).to(mx.float64).to(device)
    x = leaf(rng.standard_normal((B, L, D_Q)), device)
    both = values(x) @ values(layer.W.weight).T + values(layer.W.bias)
    assert layer.W.weight.shape == (8, D_Q)
    assert_close(layer(x), both[..., :4] * gelu(both[..., 4:]))
    check_precisions(layer, x)
    check_one_sample(layer, x)
    check_trace(layer, x)
    check_derivatives(mx.nn.GEGLU(2, 2).to(mx.float64), leaf(rng.standard_normal((2, 2))))


def test_geglu_names_the_width_that_does_not_fit():
    with pytest.raises(mx.ShapeError, match=r"shape \(\.\.\., 6\), got \(2, 7\).*in_features=7"):
        mx.nn.GEGLU(D_Q, 4)(mx.ones(2, 7))
