"""A warning, once a mask, of rows that may look nowhere."""

import gc
import time
import warnings

import numpy as np
import pytest
from helpers import leaf

import minixattn as mx
from minixattn.masks import EmptyRowWarning, causal, padding
from minixattn.nn.empty_rows import _checked, warn_of_empty_rows

B, H, L, S = 2, 3, 5, 7


def layer(device="cpu"):
    mx.manual_seed(0)
    return mx.nn.CrossAttention(6, 8, num_heads=H).to(mx.float64).to(device)


def inputs(rng, device="cpu"):
    shapes = (B, L, 6), (B, S, 8)
    return [leaf(rng.standard_normal(s), device) for s in shapes]


def caught(call):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    assert all(w.category is EmptyRowWarning for w in found)
    return [str(w.message) for w in found]


def test_a_layer_warns_once_of_each_mask_that_forbids_a_row_every_key(rng, device):
    cross, (x, c) = layer(device), inputs(rng, device)
    mask = causal(L, S, offset=-2)
    (message,) = caught(lambda: cross(x, c, mask))
    assert message.startswith("mask forbids these every key: query 0, 1. With nothing to look at")
    assert caught(lambda: cross(x, c, mask)) == []
    assert len(caught(lambda: cross(x, c, causal(L, S, offset=-2)))) == 1
    assert caught(lambda: cross(x, c, causal(L, S))) == []


def test_a_bare_boolean_array_is_warned_of_with_the_polarity_in_question(rng, device):
    cross, (x, c) = layer(device), inputs(rng, device)
    allowed = np.ones((B, L, S), bool)
    allowed[1] = allowed[0, 3] = False
    tensor = mx.tensor(allowed, device=device)
    (message,) = caught(lambda: cross(x, c, tensor))
    assert "batch 0, query 3; batch 1, every query" in message
    assert "here True = may attend; masks.keep(array) and masks.drop(array)" in message
    assert caught(lambda: cross(x, c, tensor)) == []
    assert len(caught(lambda: cross(x, c, tensor.clone()))) == 1


def test_multihead_attention_warns_in_its_own_polarity(rng):
    mha = mx.nn.MultiheadAttention(6, H, kdim=8, vdim=8, batch_first=True).to(mx.float64)
    x, c = inputs(rng)
    dropped = np.zeros((L, S), bool)
    dropped[2] = True
    (message,) = caught(lambda: mha(x, c, c, attn_mask=mx.tensor(dropped)))
    assert "attn_mask forbids these every key: query 2." in message
    assert "here True = may not attend" in message
    (message,) = caught(lambda: mha(x, c, c, attn_mask=mx.tensor(np.tile(dropped, (B * H, 1, 1)))))
    assert "batch·head 0, query 2; batch·head 1, query 2" in message
    (message,) = caught(lambda: mha(x, c, c, key_padding_mask=padding([0, S], S)))
    assert "key_padding_mask forbids these every key: batch 0, every query" in message
    left_out = mx.tensor(padding([S, 0], S).for_key_padding())
    (message,) = caught(lambda: mha(x, c, c, key_padding_mask=left_out))
    assert "key_padding_mask forbids these every key: batch 1." in message
    one = mx.tensor(np.ones(S, bool))
    (message,) = caught(lambda: mha(x[0], c[0], c[0], key_padding_mask=one))
    assert "every query" in message


def test_multihead_attention_with_an_added_key_leaves_no_row_empty(rng):
    x, c = inputs(rng)
    for option in ("add_bias_kv", "add_zero_attn"):
        mha = mx.nn.MultiheadAttention(6, H, kdim=8, vdim=8, batch_first=True, **{option: True})
        mha = mha.to(mx.float64)
        assert caught(lambda mha=mha: mha(x, c, c, attn_mask=causal(L, S, offset=-9))) == []


def test_the_warning_points_at_the_line_outside_the_package(rng):
    cross, (x, c) = mx.nn.Sequential(layer()), inputs(rng)
    with pytest.warns(EmptyRowWarning) as found:
        cross[0](x, c, causal(L, S, offset=-1))
    assert found[0].filename == __file__


def test_many_empty_rows_are_counted_not_listed(rng):
    x, c = leaf(rng.standard_normal((9, 20, 6))), leaf(rng.standard_normal((9, S, 8)))
    (message,) = caught(lambda: layer()(x, c, causal(20, S, offset=-15)))
    assert "query 0, 1, 2, 3, 4, 5 and 9 more" in message
    (message,) = caught(lambda: layer()(x, c, padding([0] * 9, S)))
    assert message.count("every query") == 6 and "; batch 5, every query and 3 more" in message


def test_masks_that_were_looked_at_are_forgotten_with_the_mask(rng):
    gc.collect()
    before, (x, c) = len(_checked), inputs(rng)
    for _ in range(5):
        layer()(x, c, causal(L, S))
        layer()(x, c, np.ones((L, S), bool))
    gc.collect()
    assert len(_checked) == before


def test_looking_for_empty_rows_costs_little(rng):
    cross = mx.nn.CrossAttention(64, num_heads=4)
    x, c = mx.randn(4, 128, 64), mx.randn(4, 128, 64)
    allowed = rng.random((4, 4, 128, 128)) < 0.9

    def seconds(call):
        times = []
        for _ in range(7):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return min(times)

    with mx.no_grad():
        whole = seconds(lambda: cross(x, c, mx.tensor(allowed)))
    check = seconds(lambda: warn_of_empty_rows("mask", mx.tensor(allowed)))
    assert check < 0.1 * whole, (check, whole)
