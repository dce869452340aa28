"""The options of cross-attention: each published form is its equation in NumPy, head by head."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck

B, L, S, D_Q, D_C, H, D_K, D_V, D_O = 2, 3, 5, 6, 7, 4, 8, 9, 10


def made(device="cpu", **options):
    mx.manual_seed(0)
    sizes = {"num_heads": H, "head_dim": D_K, "value_dim": D_V, "out_dim": D_O} | options
    return mx.nn.CrossAttention(D_Q, D_C, **sizes).to(mx.float64).to(device)


def streams(rng, device="cpu"):
    return (
        leaf(rng.standard_normal((B, L, D_Q)), device),
        leaf(rng.standard_normal((B, S, D_C)), device),
    )


def linear(layer, name, a):
    part = getattr(layer, name)
    y = a @ values(part.weight).T
    return y if part.bias is None else y + values(part.bias)


def by_hand(layer, x, c, kv_heads, scale, norm=lambda a: a, cap=None):
    """(output, weights) of one batch element in NumPy, head by head."""
    Q, K, V = linear(layer, "W_Q", x), linear(layer, "W_K", c), linear(layer, "W_V", c)
    heads, weights = [], []
    for i in range(H):
        j = i * kv_heads // H
        q, k, v = Q[:, i * D_K :][:, :D_K], K[:, j * D_K :][:, :D_K], V[:, j * D_V :][:, :D_V]
        scores = norm(q) @ norm(k).T * scale
        e = np.exp(scores if cap is None else cap * np.tanh(scores / cap))
        weights.append(e / e.sum(-1, keepdims=True))
        heads.append(weights[-1] @ v)
    return linear(layer, "W_O", np.concatenate(heads, -1)), np.stack(weights)


def agrees_with_hand(layer, rng, device, *args, **options):
    x, c = streams(rng, device)
    output, weights = layer(x, c)
    for b in range(B):
        o, w = by_hand(layer, values(x)[b], values(c)[b], *args, **options)
        assert_close(weights[b], w)
        assert_close(output[b], o)


@pytest.mark.parametrize("kv_heads", (1, 2, 4))
def test_query_heads_share_key_heads_in_order(rng, device, kv_heads):
    layer = made(device, kv_heads=kv_heads)
    assert layer.W_K.weight.shape == (kv_heads * D_K, D_C)
    assert layer.W_V.weight.shape == (kv_heads * D_V, D_C)
    agrees_with_hand(layer, rng, device, kv_heads, 1 / np.sqrt(D_K))


@pytest.mark.parametrize("scale", (1.0, 0.3))
def test_the_scale_is_free_and_shown(rng, device, scale):
    layer = made(device, scale=scale)
    agrees_with_hand(layer, rng, device, H, scale)
    assert f"softmax(Q Kᵀ · {scale:g}) V" in repr(layer)
    assert "√d_k" not in layer.equations["scores"][0]
    assert "softmax(Q Kᵀ / √d_k) V" in repr(made())


def test_a_cap_bounds_the_scores(rng, device):
    agrees_with_hand(made(device, softcap=0.2), rng, device, H, 1 / np.sqrt(D_K), cap=0.2)


def layer_norm(a):
    a = a - a.mean(-1, keepdims=True)
    return a / np.sqrt((a * a).mean(-1, keepdims=True) + 1e-5)


def rms_norm(a):
    return a / np.sqrt((a * a).mean(-1, keepdims=True) + 1e-6)


class RMSNormOf6(mx.nn.RMSNorm):
    def __init__(self, width):
        super().__init__(width, eps=1e-6)


@pytest.mark.parametrize("qk_norm, norm", (("layer_norm", layer_norm), (RMSNormOf6, rms_norm)))
def test_queries_and_keys_of_each_head_are_normalised(rng, device, qk_norm, norm):
    layer = made(device, qk_norm=qk_norm)
    agrees_with_hand(layer, rng, device, H, 1 / np.sqrt(D_K), norm=norm)
    with mx.no_grad():
        layer.norm_Q.weight.fill_(2.0)
    agrees_with_hand(layer, rng, device, H, 2 / np.sqrt(D_K), norm=norm)
    assert made(qk_norm="rms_norm").norm_K.normalized_shape == (D_K,)


def test_without_a_norm_there_is_nothing_to_learn_or_save_for_it():
    assert list(made().state_dict()) == [
        f"{W}.{p}" for W in ("W_Q", "W_K", "W_V", "W_O") for p in ("weight", "bias")
    ]


def test_the_output_has_a_bias_of_its_own(rng, device):
    layer = made(device, bias=False, out_bias=True)
    assert [n for n, _ in layer.named_parameters() if "bias" in n] == ["W_O.bias"]
    agrees_with_hand(layer, rng, device, H, 1 / np.sqrt(D_K))
    assert not [n for n, _ in made(bias=False).named_parameters() if "bias" in n]


def test_dropout_of_the_output_comes_after_its_projection(rng, device):
    layer, (x, c) = made(device, out_dropout=0.5), streams(rng, device)
    output, weights = layer(x, c)
    dropped, kept = values(output) == 0, values(output) != 0
    assert dropped.any() and kept.any()
    plain, same = layer.eval()(x, c)
    assert_close(values(output)[kept], 2 * values(plain)[kept])
    assert_close(weights, same, 1e-14, 1e-14)
    mx.manual_seed(3)
    first = layer.train()(x, c)[0]
    mx.manual_seed(3)
    assert_close(layer(x, c)[0], first, 0, 0)


def test_one_matrix_can_make_the_keys_and_the_values(rng, device):
    layer = made(device, value_dim=D_K)
    layer.W_V = layer.W_K
    assert len(list(layer.parameters())) == 6
    x, c = streams(rng, device)
    _, weights = layer(x, c)
    keys = linear(layer, "W_K", values(c)).reshape(B, S, H, D_K).transpose(0, 2, 1, 3)
    heads = (values(weights) @ keys).transpose(0, 2, 1, 3).reshape(B, L, H * D_K)
    assert_close(layer(x, c)[0], linear(layer, "W_O", heads))
    weighted(layer(x, c)[0]).backward()
    assert np.abs(values(layer.W_K.bias.grad)).max() > 1e-3  # as values it matters, as keys not


def test_options_are_differentiable_together(rng):
    layer = mx.nn.CrossAttention(
        3, 2, num_heads=2, head_dim=2, kv_heads=1, qk_norm="layer_norm", softcap=1.5, bias=False
    ).to(mx.float64)
    x, c = leaf(rng.standard_normal((1, 2, 3))), leaf(rng.standard_normal((1, 3, 2)))
    gradcheck(layer, (x, c))
    gradgradcheck(layer, (x, c))


def test_options_that_cannot_be_say_what_could():
    with pytest.raises(mx.ShapeError, match="num_heads 4 is not a multiple of kv_heads 3"):
        made(kv_heads=3)
    with pytest.raises(mx.ShapeError, match="num_heads 0 is not a multiple"):
        made(num_heads=0)
    with pytest.raises(mx.ShapeError, match="head_dim is a width, so at least 1; got 0"):
        made(head_dim=0)
    with pytest.raises(ValueError, match="None, 'layer_norm', 'rms_norm' or a Module class.*'l2'"):
        made(qk_norm="l2")
