"""Self-attention is cross-attention whose context is the sequence itself."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values
from layer_checks import check_derivatives, check_one_sample, check_precisions

import minixattn as mx

B, L, E, H, D = 2, 5, 6, 4, 3


def made(device="cpu"):
    mx.manual_seed(0)
    return mx.nn.SelfAttention(E, num_heads=H, head_dim=D).to(mx.float64).to(device)


def test_it_is_cross_attention_to_itself_bit_for_bit(rng, device):
    layer, x = made(device), leaf(rng.standard_normal((B, L, E)), device)
    cross = mx.nn.CrossAttention(E, num_heads=H, head_dim=D).to(mx.float64).to(device)
    cross.load_state_dict(layer.state_dict())
    keep = mx.tensor(np.tri(L, dtype=bool), device=device)
    for mask in (None, keep):
        output, weights = layer(x, mask)
        assert output.shape == (B, L, E) and weights.shape == (B, H, L, L)
        expected, expected_weights = cross(x, x, mask)
        assert_close(output, expected, 0, 0)
        assert_close(weights, expected_weights, 0, 0)
    assert (values(weights)[..., ~np.tri(L, dtype=bool)] == 0).all()


def test_it_gives_the_same_to_a_shuffled_sequence_in_shuffled_order(rng, device):
    layer, x = made(device), leaf(rng.standard_normal((B, L, E)), device)
    order = [3, 0, 4, 1, 2]
    output, weights = layer(x)
    output2, weights2 = layer(x[:, order])
    assert_close(output2, output[:, order])
    assert_close(weights2, values(weights)[:, :, order][..., order])


def test_position_by_position_with_a_cache_it_gives_what_the_causal_mask_gives(rng, device):
    layer, x = made(device), leaf(rng.standard_normal((B, L, E)), device)
    output, weights = layer(x, mx.masks.causal(L, L))
    cache = mx.nn.KVCache()
    for i in range(L):
        with mx.no_grad():
            step, step_weights = layer(x[:, i : i + 1], cache=cache)
        assert_close(step[:, 0], output[:, i])
        assert_close(step_weights[:, :, 0], weights[:, :, i, : i + 1])


def test_all_derivatives_agree_with_central_differences(rng):
    layer = mx.nn.SelfAttention(3, num_heads=2, head_dim=1).to(mx.float64)
    check_derivatives(layer, leaf(rng.standard_normal((2, 3, 3))))


def test_it_runs_in_every_precision_and_for_one_sample(rng, device):
    layer, x = made(device), leaf(rng.standard_normal((B, L, E)), device)
    check_precisions(layer, x)
    check_one_sample(layer, x)


def test_a_sequence_of_the_wrong_width_is_named_and_a_context_refused():
    with pytest.raises(mx.ShapeError, match=r"has shape \(2, 5, 7\): expected .* 6\)"):
        made()(mx.ones(B, L, 7, dtype=mx.float64))
    with pytest.raises(TypeError, match="context_dim"):
        mx.nn.SelfAttention(E, num_heads=H, context_dim=7)
