"""Keys and values that a decoder keeps: the full pass, one token at a time."""

import copy
import pickle

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn import masks
from minixattn.nn import CrossAttention, KVCache

B, T, S, D, H, D_K, D_V = 2, 7, 5, 6, 4, 3, 2
FORMS = {
    "plain": {},
    "shared heads": {"kv_heads": 2},
    "one key head": {"kv_heads": 1, "qk_norm": "rms_norm"},
    "capped": {"softcap": 1.0, "qk_norm": "layer_norm"},
}


def made(device="cpu", dtype=mx.float64, **options):
    mx.manual_seed(0)
    options = {"num_heads": H, "head_dim": D_K, "value_dim": D_V} | options
    return CrossAttention(D, **options).to(dtype).to(device)


def sequence(rng, length, device="cpu", dtype=np.float64):
    return mx.tensor(rng.standard_normal((B, length, D)).astype(dtype), device=device)


@pytest.mark.parametrize("dtype, tolerance", ((np.float32, 1e-6), (np.float64, 1e-12)))
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pieces", ([1] * T, [4, 1, 2], [T]))
def test_piece_by_piece_is_the_full_causal_pass(rng, device, dtype, tolerance, form, pieces):
    layer, x = made(device, dtype, **FORMS[form]), sequence(rng, T, device, dtype)
    full, weights = layer(x, x, masks.causal(T, T))
    cache, parts = KVCache(), []
    with mx.no_grad():
        for n in pieces:
            start = len(cache)
            x_t = x[:, start : start + n]
            causal = masks.causal(n, start + n, offset=start)
            parts.append(layer(x_t, x_t, causal, cache=cache))
            assert_close(parts[-1][1], weights[:, :, start : start + n, : start + n],
                         tolerance, tolerance)  # fmt: skip
    assert_close(mx.cat([output for output, _ in parts], 1), full, tolerance, tolerance)
    assert cache.keys.shape == (B, layer.kv_heads, T, D_K) and len(cache) == T
    assert cache.values.shape == (B, layer.kv_heads, T, D_V)


@pytest.mark.parametrize("dtype, tolerance", ((np.float32, 1e-6), (np.float64, 1e-12)))
@pytest.mark.parametrize("form", FORMS)
def test_a_context_given_once_is_looked_at_in_every_step(rng, device, dtype, tolerance, form):
    layer = made(device, dtype, **FORMS[form])
    x, context = sequence(rng, T, device, dtype), sequence(rng, S, device, dtype)
    keep = masks.padding([3, 5], S)
    full, _ = layer(x, context, keep)
    cache = KVCache()
    with mx.no_grad():
        steps = [
            layer(x[:, t : t + 1], context if t == 0 else None, keep, cache=cache)[0]
            for t in range(T)
        ]
    assert_close(mx.cat(steps, 1), full, tolerance, tolerance)
    assert len(cache) == S


def projected(layer, monkeypatch):
    """A list that grows by the shape of each input that W_K and W_V are given."""
    shapes = []
    for name in ("W_K", "W_V"):
        part = getattr(layer, name)

        def forward(x, part=part, name=name):
            shapes.append((name, x.shape))
            return mx.nn.Linear.forward(part, x)

        monkeypatch.setattr(part, "forward", forward)
    return shapes


def test_no_step_projects_what_an_earlier_one_did(rng, monkeypatch):
    layer, x, context = made(), sequence(rng, T), sequence(rng, S)
    shapes = projected(layer, monkeypatch)
    cache = KVCache()
    with mx.no_grad():
        for t in range(T):
            layer(x[:, t : t + 1], context if t == 0 else None, cache=cache)
    assert shapes == [("W_K", (B, S, D)), ("W_V", (B, S, D))]
    shapes.clear()
    cache = KVCache()
    with mx.no_grad():
        for t in range(T):
            layer(x[:, t : t + 1], x[:, t : t + 1], cache=cache)
    assert shapes == [("W_K", (B, 1, D)), ("W_V", (B, 1, D))] * T


def test_memory_is_copied_in_proportion_to_the_tokens_not_to_their_square():
    cache, copied, held = KVCache(), 0, None
    n = 1000
    for t in range(n):
        cache.append(mx.full((1, 1, 1, 2), float(t)), mx.full((1, 1, 1, 3), float(t)))
        if held is not None and cache._keys is not held:
            copied += t
        held = cache._keys
    assert copied < 2 * n and held.shape[-2] < 2 * n
    assert_close(cache.keys, np.repeat(np.arange(n, dtype=np.float32), 2).reshape(1, 1, n, 2))
    assert_close(cache.values, np.repeat(np.arange(n, dtype=np.float32), 3).reshape(1, 1, n, 3))


def test_what_was_handed_out_does_not_change_when_more_is_added(rng, device):
    cache = KVCache()
    first, _ = cache.append(*(leaf(rng.standard_normal((B, H, 3, d)), device).detach()
                              for d in (D_K, D_V)))  # fmt: skip
    before = values(first).copy()
    for _ in range(5):
        cache.append(mx.ones(B, H, 1, D_K, dtype=mx.float64, device=device),
                     mx.ones(B, H, 1, D_V, dtype=mx.float64, device=device))  # fmt: skip
    assert_close(first, before, 0, 0)
    assert_close(cache.keys[..., :3, :], before, 0, 0)


def test_batch_elements_are_selected_and_repeated(rng, device):
    layer, x = made(device), sequence(rng, 3, device)
    cache, both = KVCache(), KVCache()
    with mx.no_grad():
        layer(x[:, :2], x[:, :2], cache=cache)
        layer(x[:, :2], x[:, :2], cache=both)
        kept = cache.select([1, 1, 0])
        assert kept is cache and cache.keys.shape == (3, H, 2, D_K)
        last = x[:, 2:]
        output, _ = layer(last[[1, 1, 0]], last[[1, 1, 0]], cache=cache)
        plain, _ = layer(last, last, cache=both)
    assert_close(output, plain[[1, 1, 0]])


def test_a_copy_goes_its_own_way(rng):
    layer, x = made(), sequence(rng, 3)
    cache = KVCache()
    with mx.no_grad():
        layer(x[:, :2], x[:, :2], cache=cache)
        other = copy.deepcopy(cache)
        layer(x[:, 2:], x[:, 2:], cache=other)
    assert len(cache) == 2 and len(other) == 3


def test_the_same_token_twice_is_two_tokens(rng):
    layer, x, cache = made(), sequence(rng, 1), KVCache()
    with mx.no_grad():
        layer(x, x, cache=cache)
        _, weights = layer(x, x, cache=cache)
    assert_close(weights, np.full((B, H, 1, 2), 0.5))


def test_a_gradient_still_reaches_the_query_of_a_frozen_layer(rng):
    layer = made().requires_grad_(False)
    x, context = leaf(rng.standard_normal((B, 1, D))), sequence(rng, S)
    weighted(layer(x, context, cache=KVCache())[0]).backward()
    through_cache, x.grad = x.grad, None
    weighted(layer(x, context)[0]).backward()
    assert_close(through_cache, x.grad)


def test_it_prints_what_it_holds():
    cache = KVCache()
    assert repr(cache) == "KVCache(empty)" and cache.keys is None and cache.values is None
    cache.append(mx.ones(2, 4, 5, 3), mx.ones(2, 4, 5, 6))
    assert repr(cache) == "KVCache(keys (2, 4, 5, 3), values (2, 4, 5, 6))"


def test_a_gradient_that_would_be_lost_is_an_error_and_changes_nothing(rng):
    layer, context, cache = made(), sequence(rng, S), KVCache()
    x = sequence(rng, 1)
    with pytest.raises(mx.GraphError, match=r"these keys of shape \(2, 4, 5, 3\).*no_grad\(\)"):
        layer(x, context, cache=cache)
    assert len(cache) == 0
    with mx.no_grad():
        layer(x, context, cache=cache)
    assert len(cache) == S


def test_a_mask_that_does_not_fit_leaves_the_cache_as_it_was(rng):
    layer, x, cache = made(), sequence(rng, 2), KVCache()
    with mx.no_grad():
        layer(x[:, :1], x[:, :1], cache=cache)
        with pytest.raises(mx.ShapeError, match="1 queries and 2 keys"):
            layer(x[:, 1:], x[:, 1:], np.ones((1, 1), bool), cache=cache)
    assert len(cache) == 1


def test_the_wrong_cache_is_named(rng):
    layer, x, context = made(), sequence(rng, 1), sequence(rng, S)
    cache = KVCache()
    with mx.no_grad():
        with pytest.raises(ValueError, match=r"cache is empty.*layer\(query, context, cache=cache"):
            layer(x, cache=cache)
        layer(x, context, cache=cache)
        with pytest.raises(ValueError, match="holds 5 keys of another CrossAttention layer"):
            made()(x, context, cache=cache)
        with pytest.raises(ValueError, match="in the cache already.*leave it out"):
            layer(x, context, cache=cache)
        with pytest.raises(mx.ShapeError, match=r"shape \(1, 1, 6\).*filled by a batch of .*\(2,"):
            layer(x[:1], cache=cache)
        layer.to(mx.float32)
        with pytest.raises(mx.DTypeError, match="holds keys of float64, but the new ones are"):
            layer(x.float(), x.float(), cache=cache)
    assert len(cache) == S


def test_keys_that_do_not_continue_the_cache_are_refused():
    def append(k, v, **options):
        return cache.append(mx.ones(*k, **options), mx.ones(*v, **options))

    cache = KVCache()
    append((2, 4, 5, 3), (2, 4, 5, 6))
    for k, v, words in (
        ((3, 4, 1, 3), (3, 4, 1, 6), r"keys of shape \(2, 4, 'S', 3\).*\(3, 4, 'S', 3\)"),
        ((2, 4, 1, 2), (2, 4, 1, 6), r"keys of shape \(2, 4, 'S', 3\).*\(2, 4, 'S', 2\)"),
        ((2, 4, 1, 3), (2, 4, 1, 5), r"values of shape \(2, 4, 'S', 6\).*\(2, 4, 'S', 5\)"),
        ((2, 4, 1, 3), (2, 4, 2, 6), r"each key needs its value"),
    ):
        with pytest.raises(mx.ShapeError, match=words):
            append(k, v)
    with pytest.raises(mx.DTypeError, match="keys of float32, but the new ones are float64"):
        append((2, 4, 1, 3), (2, 4, 1, 6), dtype=mx.float64)
    assert len(cache) == 5


def test_a_cache_stays_on_its_device(stand_in):
    cache = KVCache()
    cache.append(mx.ones(1, 1, 2, 3, device="cuda"), mx.ones(1, 1, 2, 3, device="cuda"))
    with pytest.raises(mx.DeviceError, match="keys on cuda, but the new ones are on cpu"):
        cache.append(mx.ones(1, 1, 2, 3), mx.ones(1, 1, 2, 3))


def test_a_cache_can_be_pickled_with_what_it_holds():
    layer = mx.nn.CrossAttention(8, num_heads=2)
    x, cache = mx.randn(2, 3, 8), mx.nn.KVCache()
    with mx.no_grad():
        layer(x, x, cache=cache)
        again = pickle.loads(pickle.dumps(cache))
        assert len(again) == 3
        assert_close(layer(x, cache=again)[0], layer(x, cache=cache)[0], 0, 0)
