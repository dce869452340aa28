"""Bahdanau's and Luong's attention: four scores, one way to use them."""

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

B, L, S, D_Q, D_C, N = 2, 3, 5, 6, 7, 8

LAYERS = {
    "AdditiveAttention": lambda: mx.nn.AdditiveAttention(D_Q, D_C, hidden_dim=N),
    "DotAttention": mx.nn.DotAttention,
    "GeneralAttention": lambda: mx.nn.GeneralAttention(D_Q, D_C),
    "ConcatAttention": lambda: mx.nn.ConcatAttention(D_Q, D_C, hidden_dim=N),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def made(name, device="cpu"):
    mx.manual_seed(0)
    return LAYERS[name]().to(mx.float64).to(device)


def streams(rng, name, device="cpu"):
    D = D_C if name == "DotAttention" else D_Q
    return (
        leaf(rng.standard_normal((B, L, D)), device),
        leaf(rng.standard_normal((B, S, D_C)), device),
    )


def score_by_hand(name, layer, s, h):
    """The score of one pair of vectors."""
    p = {n.split(".")[0]: values(w) for n, w in layer.named_parameters()}
    if name == "AdditiveAttention":
        return p["v_a"][0] @ np.tanh(p["W_a"] @ s + p["U_a"] @ h)
    if name == "DotAttention":
        return s @ h
    if name == "GeneralAttention":
        return s @ p["W_a"] @ h
    return p["v_a"][0] @ np.tanh(p["W_a"] @ np.concatenate([s, h]))


@every_layer
def test_the_layer_is_its_equation_pair_by_pair(rng, device, name):
    layer, (x, c) = made(name, device), streams(rng, name, device)
    output, weights = layer(x, c)
    assert output.shape == (B, L, D_C) and weights.shape == (B, 1, L, S)
    x, c = values(x), values(c)
    for b in range(B):
        for i in range(L):
            e = np.exp([score_by_hand(name, layer, x[b, i], c[b, j]) for j in range(S)])
            assert_close(weights[b, 0, i], e / e.sum())
            assert_close(output[b, i], (e / e.sum()) @ c[b])


def test_every_documented_parameter_shape_is_true():
    shapes = {
        name: [(n, p.shape) for n, p in make().named_parameters()] for name, make in LAYERS.items()
    }
    assert shapes == {
        "AdditiveAttention": [
            ("W_a.weight", (N, D_Q)), ("U_a.weight", (N, D_C)), ("v_a.weight", (1, N)),
        ],
        "DotAttention": [],
        "GeneralAttention": [("W_a.weight", (D_Q, D_C))],
        "ConcatAttention": [("W_a.weight", (N, D_Q + D_C)), ("v_a.weight", (1, N))],
    }  # fmt: skip


def test_concat_is_additive_with_its_matrix_cut_in_two(rng, device):
    concat, (x, c) = made("ConcatAttention", device), streams(rng, "ConcatAttention", device)
    additive = made("AdditiveAttention", device)
    W = values(concat.W_a.weight)
    additive.load_state_dict({
        "W_a.weight": W[:, :D_Q], "U_a.weight": W[:, D_Q:],
        "v_a.weight": values(concat.v_a.weight),
    })  # fmt: skip
    for ours, theirs in zip(concat(x, c), additive(x, c)):
        assert_close(ours, theirs)


def test_general_with_the_identity_between_is_dot(rng, device):
    x, c = streams(rng, "DotAttention", device)
    general = mx.nn.GeneralAttention(D_C).to(mx.float64).to(device)
    mx.nn.init.eye_(general.W_a.weight)
    for ours, theirs in zip(general(x, c), mx.nn.DotAttention()(x, c)):
        assert_close(ours, theirs)


@every_layer
def test_forbidden_keys_get_no_weight_and_a_query_without_keys_gets_zeros(rng, device, name):
    layer, (x, c) = made(name, device), streams(rng, name, device)
    keep = np.ones((B, L, S), bool)
    keep[:, 0, 2:] = keep[1, 1] = False
    with pytest.warns(mx.masks.EmptyRowWarning, match="batch 1, query 1"):
        output, weights = layer(x, c, mx.tensor(keep, device=device))
    assert ((values(weights)[:, 0] > 0) == keep).all()
    assert_close(weights.sum(-1)[:, 0], keep.any(-1).astype(float))
    assert (values(output)[1, 1] == 0).all()
    weighted(output).backward()
    assert (values(x.grad)[1, 1] == 0).all() and np.isfinite(values(c.grad)).all()


@every_layer
@pytest.mark.parametrize("shape", ((L, S), (B, 1, S), (B, L, S), (B, 1, L, S)))
def test_masks_of_every_documented_shape_fit(rng, device, name, shape):
    layer, (x, c) = made(name, device), streams(rng, name, device)
    keep = rng.random(shape) < 0.6
    weights = layer(x, c, mx.tensor(keep, device=device))[1]
    full = keep[:, None] if len(shape) == 3 else keep
    assert ((values(weights) > 0) == np.broadcast_to(full, weights.shape)).all()


@every_layer
def test_all_derivatives_agree_with_central_differences(rng, name):
    small = {
        "AdditiveAttention": lambda: mx.nn.AdditiveAttention(2, 3, hidden_dim=2),
        "DotAttention": mx.nn.DotAttention,
        "GeneralAttention": lambda: mx.nn.GeneralAttention(2, 3),
        "ConcatAttention": lambda: mx.nn.ConcatAttention(2, 3, hidden_dim=2),
    }
    D = 3 if name == "DotAttention" else 2
    x, c = leaf(rng.standard_normal((2, 2, D))), leaf(rng.standard_normal((2, 3, 3)))
    check_derivatives(small[name]().to(mx.float64), x, c)


@every_layer
def test_it_runs_in_every_precision_for_one_sample_and_under_a_trace(rng, device, name):
    layer, (x, c) = made(name, device), streams(rng, name, device)
    check_precisions(layer, x, c)
    check_one_sample(layer, x, c)
    assert check_trace(layer, x, c)["weights"].shape == (B, 1, L, S)


def test_large_scores_in_float16_do_not_become_nan(device):
    x = mx.full((1, L, D_C), 200.0, dtype=mx.float16, device=device)
    output, weights = mx.nn.DotAttention()(x, x)
    assert_close(weights, np.full((1, 1, L, L), 1 / L, np.float16), 1e-3)
    assert_close(output, np.full((1, L, D_C), 200, np.float16), 1e-2)


def test_the_attentional_state_is_its_equation(rng, device):
    layer = mx.nn.AttentionalState(D_Q, D_C).to(mx.float64).to(device)
    c, h = leaf(rng.standard_normal((B, L, D_C)), device), leaf(rng.standard_normal((B, L, D_Q)))
    h = h.detach().to(device)
    W = values(layer.W_c.weight)
    both = np.concatenate([values(c), values(h)], -1)
    assert_close(layer(c, h), np.tanh(both @ W.T))
    with pytest.raises(mx.ShapeError, match=r"mean has shape .*context_dim=7"):
        layer(h, c)


def test_the_family_name_tells_its_three_members():
    with pytest.raises(TypeError, match=r"DotAttention\(\) .*GeneralAttention.*ConcatAttention"):
        mx.nn.MultiplicativeAttention()
    for name in ("DotAttention", "GeneralAttention", "ConcatAttention"):
        assert isinstance(made(name), mx.nn.MultiplicativeAttention)


@pytest.mark.parametrize("name", [n for n in LAYERS if n != "DotAttention"])
def test_streams_that_do_not_fit_are_named_with_the_option(rng, name):
    check_stream_names(made(name), *streams(rng, name))


def test_dot_attention_names_both_widths_and_who_can_join_them():
    x, c = mx.ones(B, L, D_Q), mx.ones(B, S, D_C)
    with pytest.raises(mx.ShapeError, match=r"width 6 .* width 7 .*GeneralAttention\(6, 7\)"):
        mx.nn.DotAttention()(x, c)


def test_dot_attention_needs_tensors_of_one_float_type_with_a_length():
    layer, x = mx.nn.DotAttention(), mx.ones(L, D_C)
    with pytest.raises(mx.DTypeError, match="query is float32 and context float64"):
        layer(x, x.double())
    with pytest.raises(mx.DTypeError, match="query is int32 and context int32"):
        layer(x.int(), x.int())
    with pytest.raises(mx.ShapeError, match=r"query has shape \(7,\) .*\(length, width\)"):
        layer(x[0], x)
    with pytest.raises(TypeError, match="DotAttention: context must be a Tensor, got list"):
        layer(x, [[1.0] * D_C])


def test_a_mask_of_the_wrong_shape_lists_those_that_would_do():
    x, c = mx.ones(B, L, D_C), mx.ones(B, S, D_C)
    with pytest.raises(mx.ShapeError, match=r"\(5, 3\) does not fit .*\(3, 5\), \(2, 1, 5\)"):
        mx.nn.DotAttention()(x, c, mx.ones(S, L).bool())
