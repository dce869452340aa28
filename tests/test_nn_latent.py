"""Learned queries that read a long input: Perceiver's latents, BLIP-2's Q-Former."""

import math

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted
from layer_checks import (
    attended,
    check_derivatives,
    check_one_sample,
    check_precisions,
    check_trace,
    projected,
)

import minixattn as mx
from minixattn.nn.latent import contrastive_mask, generation_mask, matching_mask

B, S, D_Z, D_X, H, N = 2, 5, 6, 7, 3, 4
E, T, D_C = 6, 3, 8


def gelu(a):
    return a * 0.5 * (1 + np.vectorize(math.erf)(a / math.sqrt(2)))


def normalised(a, eps=1e-5):
    return (a - a.mean(-1, keepdims=True)) / np.sqrt(a.var(-1, keepdims=True) + eps)


def thought(network, a):
    return projected(network.W_2, gelu(projected(network.W_1, a)))


# Perceiver ---------------------------------------------------------------------------------------


def latent(device="cpu", **options):
    mx.manual_seed(0)
    layer = mx.nn.LatentAttention(D_Z, D_X, num_latents=N, num_heads=H, **options)
    return layer.to(mx.float64).to(device)


def test_the_latents_read_the_input_as_the_equation_says(rng, device):
    layer, x = latent(device), leaf(rng.standard_normal((B, S, D_X)), device)
    keep = rng.random((B, N, S)) < 0.7
    keep[..., 0] = True
    output, weights = layer(x, mx.tensor(keep, device=device))
    assert output.shape == (B, N, D_Z) and weights.shape == (B, H, N, S)
    z = np.broadcast_to(values(layer.z), (B, N, D_Z))
    seen, expected = attended(layer.attention, normalised(z), normalised(values(x)), keep=keep)
    y = z + seen
    assert_close(output, y + thought(layer.feed_forward, normalised(y)))
    assert_close(weights, expected)


def test_the_result_is_as_long_as_the_latents_for_every_input(rng, device):
    layer = latent(device)
    for length in (1, 40):
        output, weights = layer(leaf(rng.standard_normal((B, length, D_X)), device))
        assert output.shape == (B, N, D_Z) and weights.shape == (B, H, N, length)


def test_the_order_of_the_input_does_not_matter(rng, device):
    layer, x = latent(device), leaf(rng.standard_normal((B, S, D_X)), device)
    assert_close(layer(x[:, [3, 0, 4, 1, 2]])[0], layer(x)[0])


def test_latents_start_small_and_learn(rng, device):
    layer = mx.nn.LatentAttention(64, D_X, num_latents=64)
    assert abs(values(layer.z).std() - 0.02) < 0.001 and layer.attention.num_heads == 1
    layer, x = latent(device), leaf(rng.standard_normal((B, S, D_X)), device)
    weighted(layer(x)[0]).backward()
    assert np.abs(values(layer.z.grad)).min() > 0 and np.abs(values(x.grad)).min() > 0


def test_latent_attention_does_what_every_layer_does(rng, device):
    layer, x = latent(device), leaf(rng.standard_normal((B, S, D_X)), device)
    check_precisions(layer, x)
    check_one_sample(layer, x)
    check_trace(layer, x)


def test_latent_derivatives_agree_with_central_differences(rng):
    layer = mx.nn.LatentAttention(2, 2, num_latents=2, hidden_dim=2).to(mx.float64)
    layer.z = mx.nn.Parameter(rng.standard_normal((2, 2)))  # too small numbers are ill-conditioned
    check_derivatives(layer, leaf(rng.standard_normal((1, 2, 2))))


def test_an_input_of_the_wrong_width_is_named():
    with pytest.raises(mx.ShapeError, match=r"context has shape \(2, 5, 6\).*context_dim=7"):
        latent()(mx.ones(B, S, 6, dtype=mx.float64))


# Q-Former ----------------------------------------------------------------------------------------


def block(device="cpu"):
    mx.manual_seed(0)
    layer = mx.nn.QFormerBlock(E, D_C, num_heads=H, hidden_dim=9)
    return layer.to(mx.float64).to(device)


def streams(rng, device="cpu"):
    shapes = ((B, N, E), (B, T, E), (B, S, D_C))
    return tuple(leaf(rng.standard_normal(shape), device) for shape in shapes)


@pytest.mark.parametrize("make", (contrastive_mask, matching_mask, generation_mask))
def test_the_block_is_its_equation_step_by_step(rng, device, make):
    layer, (q, t, c) = block(device), streams(rng, device)
    mask, image_mask = make(N, T), mx.masks.padding([3, 5], S)
    (queries, text), (shared, seen) = layer(q, t, c, mask, image_mask)
    assert queries.shape == (B, N, E) and text.shape == (B, T, E)
    assert shared.shape == (B, H, N + T, N + T) and seen.shape == (B, H, N, S)

    x = np.concatenate([values(q), values(t)], 1)
    read, expected_shared = attended(layer.self_attention, x, x, keep=mask.numpy())
    x = normalised(x + read, 1e-12)
    q, t = x[:, :N], x[:, N:]
    looked, expected_seen = attended(
        layer.cross_attention, q, values(c), keep=image_mask.numpy()
    )
    q = normalised(q + looked, 1e-12)
    assert_close(queries, normalised(q + thought(layer.feed_forward_query, q), 1e-12))
    assert_close(text, normalised(t + thought(layer.feed_forward_text, t), 1e-12))
    assert_close(shared, expected_shared)
    assert_close(seen, expected_seen)


def test_the_three_masks_are_those_of_the_three_losses():
    N, T = 2, 3
    q_q, q_t, t_q, t_t = (slice(N), slice(N)), (slice(N), slice(N, None)), None, None
    t_q, t_t = (slice(N, None), slice(N)), (slice(N, None), slice(N, None))
    blind, full, causal = np.zeros, np.ones, np.tri(T, dtype=bool)
    for mask, q_to_t, t_to_q, t_to_t in (
        (contrastive_mask(N, T), blind((N, T)), blind((T, N)), full((T, T))),
        (matching_mask(N, T), full((N, T)), full((T, N)), full((T, T))),
        (generation_mask(N, T), blind((N, T)), full((T, N)), causal),
    ):
        allowed = mask.numpy()
        assert allowed.dtype == bool and allowed[q_q].all()
        np.testing.assert_array_equal(allowed[q_t], q_to_t)
        np.testing.assert_array_equal(allowed[t_q], t_to_q)
        np.testing.assert_array_equal(allowed[t_t], t_to_t)


def test_a_mask_of_the_block_joins_with_padding():
    mask = generation_mask(2, 3) & mx.masks.padding([4, 5], 5)
    assert mask.shape == (2, 5, 5) and not mask.numpy()[0, :, 4].any()


def test_under_the_contrastive_mask_neither_stream_hears_of_the_other(rng, device):
    layer, (q, t, c) = block(device), streams(rng, device)
    mask = contrastive_mask(N, T)
    (queries, text), _ = layer(q, t, c, mask)
    assert_close(layer(q, t * 2 + 1, c, mask)[0][0], queries)
    assert_close(layer(q * 2 + 1, t, c * 3, mask)[0][1], text)


def test_under_the_generation_mask_a_word_does_not_hear_of_later_words(rng, device):
    layer, (q, t, c) = block(device), streams(rng, device)
    mask = generation_mask(N, T)
    (queries, text), _ = layer(q, t, c, mask)
    changed = values(t).copy()
    changed[:, -1] += 5
    (queries2, text2), _ = layer(q, mx.tensor(changed, device=device), c, mask)
    assert_close(queries2, queries)
    assert_close(text2[:, :-1], text[:, :-1])
    assert np.abs(values(text2)[:, -1] - values(text)[:, -1]).min() > 1e-6
    assert np.abs(values(layer(q * 2, t, c, mask)[0][1]) - values(text)).min() > 1e-9


def test_without_text_the_queries_stand_alone(rng, device):
    layer, (q, t, c) = block(device), streams(rng, device)
    (queries, text), (shared, _) = layer(q, t[:, :0], c)
    assert text.shape == (B, 0, E) and shared.shape == (B, H, N, N)
    assert_close(queries, layer(q, t, c, contrastive_mask(N, T))[0][0])


def test_one_set_of_learned_queries_serves_a_batch(rng, device):
    layer, (_, t, c) = block(device), streams(rng, device)
    learned = mx.nn.Parameter(mx.tensor(rng.standard_normal((N, E)), device=device))
    (queries, text), _ = layer(learned.expand(B, N, E), t, c)
    (weighted(queries) + weighted(text)).backward()
    assert learned.grad.shape == (N, E) and np.abs(values(learned.grad)).min() > 0


def test_the_block_does_what_every_layer_does(rng, device):
    layer, inputs = block(device), streams(rng, device)
    check_precisions(layer, *inputs)
    check_one_sample(layer, *inputs)
    check_trace(layer, *inputs, mask=generation_mask(N, T))


def test_the_blocks_derivatives_agree_with_central_differences(rng):
    layer = mx.nn.QFormerBlock(3, 2, num_heads=1, hidden_dim=2).to(mx.float64)
    inputs = (leaf(rng.standard_normal(s)) for s in ((1, 2, 3), (1, 1, 3), (1, 2, 2)))
    some = ["self_attention.W_V.weight", "norm_cross.bias", "feed_forward_text.W_1.weight"]
    check_derivatives(layer, *inputs, parameters=some, mask=generation_mask(2, 1))


def test_streams_that_do_not_fit_the_block_are_named(rng):
    layer, (q, t, c) = block(), streams(rng)
    with pytest.raises(mx.ShapeError, match=r"queries has shape \(2, 5, 8\).*embed_dim=6"):
        layer(c, t, c)
    with pytest.raises(mx.ShapeError, match=r"text has shape \(2, 5, 8\).*embed_dim=6"):
        layer(q, c, c)
    with pytest.raises(mx.ShapeError, match=r"context has shape \(2, 4, 6\).*context_dim=8"):
        layer(q, t, q)
    with pytest.raises(mx.ShapeError, match=r"queries has shape \(4, 6\) .*queries\.expand"):
        layer(q[0], t, c)
    with pytest.raises(mx.ShapeError, match=r"mask of shape \(4, 4\) does not fit 7 queries"):
        layer(q, t, c, matching_mask(N, 0))
