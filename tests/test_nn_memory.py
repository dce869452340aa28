"""Learned slots beside the context, and the feed-forward network as attention."""

import warnings

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted
from layer_checks import (
    attended,
    check_derivatives,
    check_one_sample,
    check_precisions,
    check_stream_names,
    check_trace,
)

import minixattn as mx

B, L, S, D_Q, D_C, H, D_K, D_V, N = 2, 3, 5, 6, 7, 4, 8, 9, 10


def made(device="cpu", **options):
    mx.manual_seed(0)
    options = {"num_slots": N, "head_dim": D_K, "value_dim": D_V} | options
    layer = mx.nn.PersistentMemoryAttention(D_Q, D_C, num_heads=H, **options)
    return layer.to(mx.float64).to(device)


def streams(rng, device="cpu"):
    return (
        leaf(rng.standard_normal((B, L, D_Q)), device),
        leaf(rng.standard_normal((B, S, D_C)), device),
    )


def test_every_documented_shape_is_true(rng, device):
    layer = made(device, out_dim=11)
    output, weights = layer(*streams(rng, device))
    assert output.shape == (B, L, 11) and weights.shape == (B, H, L, S + N)
    assert layer.P_k.shape == (H, N, D_K) and layer.P_v.shape == (H, N, D_V)


def test_slots_start_standard_normal():
    layer = made(num_slots=500)
    for slots in (layer.P_k, layer.P_v):
        assert abs(values(slots).mean()) < 0.05 and abs(values(slots).std() - 1) < 0.05


def test_context_and_slots_share_one_softmax_head_by_head(rng, device):
    layer, (x, c) = made(device), streams(rng, device)
    keep = rng.random((B, L, S)) < 0.6
    output, weights = layer(x, c, mx.tensor(keep, device=device))
    slots = layer.P_k, layer.P_v
    expected, expected_weights = attended(layer, values(x), values(c), keep=keep, slots=slots)
    assert_close(output, expected)
    assert_close(weights, expected_weights)


@pytest.mark.parametrize("masked", (False, True))
def test_without_slots_it_is_cross_attention(rng, device, masked):
    layer, (x, c) = made(device, num_slots=0), streams(rng, device)
    plain = mx.nn.CrossAttention(D_Q, D_C, num_heads=H, head_dim=D_K, value_dim=D_V)
    plain = plain.to(mx.float64).to(device)
    missing, unexpected = plain.load_state_dict(layer.state_dict(), strict=False)
    assert not missing and sorted(unexpected) == ["P_k", "P_v"]
    mask = mx.tensor(np.tri(L, S, 1, dtype=bool), device=device) if masked else None
    for ours, theirs in zip(layer(x, c, mask), plain(x, c, mask)):
        assert_close(ours, theirs, 1e-14, 1e-14)


def test_one_slot_is_the_learned_key_and_value_of_multihead_attention(rng, device):
    E = 12
    theirs = mx.nn.MultiheadAttention(E, H, add_bias_kv=True, batch_first=True, dtype=mx.float64)
    theirs = theirs.to(device)
    ours = mx.nn.PersistentMemoryAttention(E, num_heads=H, num_slots=1).to(mx.float64).to(device)
    state = {name: values(p) for name, p in theirs.state_dict().items()}
    projections = zip("QKV", np.split(state["in_proj_weight"], 3), range(3))
    ours.load_state_dict({
        **{f"W_{name}.weight": W for name, W, _ in projections},
        **{f"W_{n}.bias": b for n, b in zip("QKV", np.split(state["in_proj_bias"], 3))},
        "W_O.weight": state["out_proj.weight"], "W_O.bias": state["out_proj.bias"],
        "P_k": state["bias_k"].reshape(H, 1, E // H), "P_v": state["bias_v"].reshape(H, 1, E // H),
    })  # fmt: skip
    x, c = (leaf(rng.standard_normal((B, n, E)), device) for n in (L, S))
    output, weights = ours(x, c)
    expected, expected_weights = theirs(x, c, c, average_attn_weights=False)
    assert_close(output, expected)
    assert_close(weights, expected_weights)


def test_slots_stay_visible_where_the_mask_forbids_the_whole_context(rng, device):
    layer, (x, c) = made(device), streams(rng, device)
    nothing = mx.zeros(L, S, device=device).bool()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        output, weights = layer(x, c, nothing)
    assert (values(weights)[..., :S] == 0).all()
    assert_close(weights.sum(-1), np.ones((B, H, L)))
    other, _ = layer(x, c * 7 - 2, nothing)
    assert_close(other, output)


@pytest.mark.parametrize("shape", ((L, S), (B, 1, S), (B, L, S), (B, H, L, S)))
def test_masks_of_every_documented_shape_fit(rng, device, shape):
    layer, (x, c) = made(device), streams(rng, device)
    keep = rng.random(shape) < 0.6
    weights = values(layer(x, c, mx.tensor(keep, device=device))[1])
    full = keep[:, None] if len(shape) == 3 else keep
    assert ((weights[..., :S] > 0) == np.broadcast_to(full, (B, H, L, S))).all()
    assert (weights[..., S:] > 0).all()
    seen = layer(x, c, mx.masks.causal(L, S))[1]
    assert ((values(seen)[0, 0, :, :S] > 0) == np.tri(L, S, dtype=bool)).all()


@pytest.mark.parametrize("pieces", ([1] * L, [2, 1], [L]))
def test_a_cache_holds_the_context_and_not_the_slots(rng, device, pieces):
    """Piece by piece, with a causal mask, is the whole at once; the slots count once a call."""
    mx.manual_seed(0)
    layer = mx.nn.PersistentMemoryAttention(D_Q, num_heads=2, num_slots=N).to(mx.float64).to(device)
    x = mx.tensor(rng.standard_normal((B, L, D_Q)), device=device)
    full, weights = layer(x, x, mx.masks.causal(L, L))
    cache, parts = mx.nn.KVCache(), []
    with mx.no_grad():
        for n in pieces:
            start = len(cache)
            new, past = x[:, start : start + n], mx.masks.causal(n, start + n, offset=start)
            output, A = layer(new, new, past, cache=cache)
            parts.append(output)
            seen = [*range(start + n), *range(L, L + N)]
            assert_close(A, values(weights)[:, :, start : start + n][..., seen])
    assert_close(mx.cat(parts, 1), full)
    assert len(cache) == L and cache.keys.shape == (B, 2, L, D_Q // 2)


def test_a_context_in_a_cache_is_looked_at_again_without_being_given(rng, device):
    layer, (x, c) = made(device), streams(rng, device)
    keep = mx.tensor(np.arange(S) < np.array([5, 3])[:, None, None], device=device)
    expected, _ = layer(x, c, keep)
    cache, contexts = mx.nn.KVCache(), [c, *[None] * (L - 1)]
    with mx.no_grad():
        parts = [
            layer(x[:, t : t + 1], context, keep, cache=cache)[0]
            for t, context in enumerate(contexts)
        ]
    assert_close(mx.cat(parts, 1), expected)
    assert len(cache) == S


def test_gradients_reach_the_slots(rng, device):
    layer, (x, c) = made(device), streams(rng, device)
    weighted(layer(x, c)[0]).backward()
    for name in ("P_k", "P_v"):
        assert np.abs(values(getattr(layer, name).grad)).min() > 0, name


def test_dropout_leaves_the_returned_weights_whole(rng):
    layer, (x, c) = made(dropout=0.5), streams(rng)
    output, weights = layer(x, c)
    assert_close(weights.sum(-1), np.ones((B, H, L)))
    assert np.abs(values(output) - values(layer.eval()(x, c)[0])).max() > 0.01


def test_all_derivatives_agree_with_central_differences(rng):
    layer = mx.nn.PersistentMemoryAttention(2, 3, num_heads=2, num_slots=2, head_dim=1)
    x, c = leaf(rng.standard_normal((1, 2, 2))), leaf(rng.standard_normal((1, 2, 3)))
    check_derivatives(layer.to(mx.float64), x, c)


def test_it_runs_in_every_precision_for_one_sample_and_under_a_trace(rng, device):
    layer, (x, c) = made(device), streams(rng, device)
    check_precisions(layer, x, c)
    check_one_sample(layer, x, c)
    assert check_trace(layer, x, c)["K"].shape == (B, H, S + N, D_K)
    assert f"num_slots={N}" in repr(layer)


def test_streams_masks_and_options_that_do_not_fit_are_named(rng):
    layer, (x, c) = made(), streams(rng)
    check_stream_names(layer, x, c)
    with pytest.raises(mx.ShapeError, match=r"mask of shape \(3, 15\) .* 3 queries and 5 keys"):
        layer(x, c, mx.ones(L, S + N).bool())
    with pytest.raises(ValueError, match="num_slots must be 0 or more, got -1"):
        made(num_slots=-1)


# The feed-forward network ------------------------------------------------------------------------


def network(device="cpu", **options):
    mx.manual_seed(0)
    return mx.nn.FeedForward(D_Q, N, **options).to(mx.float64).to(device)


def test_the_feed_forward_network_is_its_equation(rng, device):
    layer, x = network(device), leaf(rng.standard_normal((B, L, D_Q)), device)
    W_1, b_1, W_2, b_2 = (values(p) for p in layer.parameters())
    assert_close(layer(x), np.maximum(values(x) @ W_1.T + b_1, 0) @ W_2.T + b_2)
    assert mx.nn.FeedForward(D_Q).W_1.out_features == 4 * D_Q
    assert [n for n, _ in network(bias=False).named_parameters()] == ["W_1.weight", "W_2.weight"]


@pytest.mark.parametrize("bias", (True, False))
@pytest.mark.parametrize("activation", (mx.nn.functional.relu, mx.nn.functional.gelu))
def test_as_attention_it_is_a_sum_over_fixed_keys_and_values(rng, device, activation, bias):
    layer = network(device, activation=activation, bias=bias)
    x = leaf(rng.standard_normal((B, L, D_Q)), device)
    view = layer.as_attention()
    output, weights = view(x)
    assert output.shape == (B, L, D_Q) and weights.shape == (B, 1, L, N)
    assert view.keys.shape == view.values.shape == (N, D_Q)
    assert_close(output, layer(x))
    b = values(layer.W_1.bias) if bias else np.zeros(N)
    total = np.zeros((B, L, D_Q)) + (values(layer.W_2.bias) if bias else 0)
    for i in range(N):
        score = (values(x) @ values(view.keys)[i] + b[i]).reshape(-1)
        weight = values(activation(mx.tensor(score, device=device))).reshape(B, L)
        assert_close(weights[:, 0, :, i], weight)
        total += weight[..., None] * values(view.values)[i]
    assert_close(output, total)


def test_the_view_and_the_network_share_their_parameters_and_gradients(rng, device):
    layer, x = network(device), leaf(rng.standard_normal((B, L, D_Q)), device)
    view = layer.as_attention()
    weighted(layer(x)).backward()
    expected = [values(p.grad).copy() for p in layer.parameters()]
    layer.zero_grad()
    weighted(view(x)[0]).backward()
    for p, g in zip(layer.parameters(), expected):
        assert_close(p.grad, g)
    with mx.no_grad():
        layer.W_2.weight *= 2
    assert_close(view(x)[0], layer(x))


def test_the_network_and_its_view_do_what_every_layer_does(rng, device):
    x = leaf(rng.standard_normal((B, L, D_Q)), device)
    layer = network(device, activation=mx.nn.functional.gelu)
    for module in (layer, layer.as_attention()):
        check_precisions(module, x)
        check_one_sample(module, x)
        check_trace(module, x)
    small = mx.nn.FeedForward(2, 3, mx.nn.functional.gelu).to(mx.float64)
    check_derivatives(small, leaf(rng.standard_normal((2, 2, 2))))
    check_derivatives(small.as_attention(), leaf(rng.standard_normal((1, 2, 2))))
    assert "σ=gelu" in repr(layer)


def test_an_input_of_the_wrong_width_is_named():
    layer, x = network(), mx.ones(B, L, 7, dtype=mx.float64)
    with pytest.raises(mx.ShapeError, match=r"shape \(\.\.\., 6\), got \(2, 3, 7\)"):
        layer(x)
    with pytest.raises(mx.ShapeError, match=r"input has shape \(2, 3, 7\).*embed_dim=6"):
        layer.as_attention()(x)
