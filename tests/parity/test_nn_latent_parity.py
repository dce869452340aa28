"""Perceiver's latents and the Q-Former block against PyTorch and the transformers package."""

import numpy as np
import pytest
import torch
from layer_parity import agree, attention, close, compare, fill, flat, inputs
from torch.nn import functional as F

import minixattn as mx
from minixattn.nn.latent import contrastive_mask, generation_mask, matching_mask

B, S, D_Z, D_X, H, N, T, E, D_C = 2, 7, 6, 9, 3, 4, 5, 6, 8


def norm(p, name, t, eps=1e-5):
    return F.layer_norm(t, t.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], eps)


def think(p, name, t):
    hidden = F.gelu(F.linear(t, p[f"{name}.W_1.weight"], p[f"{name}.W_1.bias"]))
    return F.linear(hidden, p[f"{name}.W_2.weight"], p[f"{name}.W_2.bias"])


@pytest.mark.parametrize("masked", (False, True))
def test_latent_attention_is_its_formula(masked):
    keep = torch.tensor(np.arange(S) < np.array([[3], [7]]))[:, None, None] if masked else None

    def restated(p, x):
        z = p["z"].expand(B, N, D_Z)
        keys = norm(p, "norm_input", x)
        seen, A = attention(p, "attention.", H, norm(p, "norm_latents", z), keys, keep=keep)
        y = z + seen
        return y + think(p, "feed_forward", norm(p, "norm_feed_forward", y)), A

    layer = mx.nn.LatentAttention(D_Z, D_X, num_latents=N, num_heads=H)
    agree(layer, restated, (B, S, D_X), mask=mx.masks.padding([3, 7], S) if masked else None)


@pytest.mark.parametrize("make", (contrastive_mask, matching_mask, generation_mask))
def test_the_qformer_block_is_its_formula(make):
    mask = make(N, T)

    def restated(p, q, t, c):
        x = torch.cat([q, t], 1)
        read, shared = attention(p, "self_attention.", H, x, x, keep=mask.numpy())
        x = norm(p, "norm_self", x + read, 1e-12)
        q, t = x[:, :N], x[:, N:]
        looked, seen = attention(p, "cross_attention.", H, q, c)
        q = norm(p, "norm_cross", q + looked, 1e-12)
        q = norm(p, "norm_query", q + think(p, "feed_forward_query", q), 1e-12)
        t = norm(p, "norm_text", t + think(p, "feed_forward_text", t), 1e-12)
        return q, t, shared, seen

    layer = mx.nn.QFormerBlock(E, D_C, num_heads=H, hidden_dim=11)
    agree(layer, restated, (B, N, E), (B, T, E), (B, S, D_C), mask=mask)


def moved(ours, theirs, names):
    """Our parameters put into their module; names = {their prefix: our prefix}."""
    held = dict(ours.named_parameters())
    pairs = {
        f"{there}.{kind}": held[f"{here}.{kind}"]
        for there, here in names.items() for kind in ("weight", "bias")
    }  # fmt: skip
    theirs.load_state_dict({n: torch.tensor(p.numpy(force=True)) for n, p in pairs.items()})
    return pairs


def same_gradients(theirs, pairs):
    for name, p in theirs.named_parameters():
        close(pairs[name].grad, p.grad, f"gradient of {name}", 1e-9)


def test_latent_attention_is_the_perceiver_layer_of_transformers():
    perceiver = pytest.importorskip("transformers.models.perceiver.modeling_perceiver")
    from transformers import PerceiverConfig

    ours = fill(mx.nn.LatentAttention(D_Z, D_X, num_latents=N, num_heads=H, head_dim=D_X // H))
    theirs = perceiver.PerceiverLayer(
        PerceiverConfig(attention_probs_dropout_prob=0.0), is_cross_attention=True, num_heads=H,
        q_dim=D_Z, kv_dim=D_X, widening_factor=1,
    ).double()  # fmt: skip
    pairs = moved(ours, theirs, {
        "attention.self.layernorm1": "norm_latents", "attention.self.layernorm2": "norm_input",
        "attention.self.query": "attention.W_Q", "attention.self.key": "attention.W_K",
        "attention.self.value": "attention.W_V", "attention.output.dense": "attention.W_O",
        "layernorm": "norm_feed_forward", "mlp.dense1": "feed_forward.W_1",
        "mlp.dense2": "feed_forward.W_2",
    })  # fmt: skip
    mine, its = inputs((B, S, D_X))
    z = torch.tensor(ours.z.numpy(force=True), requires_grad=True)
    expected = theirs(z.expand(B, N, D_Z), inputs=its[0], output_attentions=True)
    compare(flat(ours(*mine)), flat(expected), mine, its)
    close(ours.z.grad, z.grad, "gradient of z")
    same_gradients(theirs, pairs)


def test_the_qformer_block_is_blip_2s_layer_of_transformers():
    blip_2 = pytest.importorskip("transformers.models.blip_2.modeling_blip_2")
    from transformers import Blip2QFormerConfig

    ours = fill(mx.nn.QFormerBlock(E, D_C, num_heads=H, hidden_dim=11))
    config = Blip2QFormerConfig(
        hidden_size=E, num_attention_heads=H, intermediate_size=11, encoder_hidden_size=D_C,
        use_qformer_text_input=True, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    config._attn_implementation = "eager"
    theirs = blip_2.Blip2QFormerLayer(config, 0).double()
    parts = {}
    for there, here in (("attention", "self"), ("crossattention", "cross")):
        for name, symbol in (("query", "Q"), ("key", "K"), ("value", "V")):
            parts[f"{there}.attention.{name}"] = f"{here}_attention.W_{symbol}"
        parts[f"{there}.output.dense"] = f"{here}_attention.W_O"
        parts[f"{there}.output.LayerNorm"] = f"norm_{here}"
    for there, here in (("", "text"), ("_query", "query")):
        parts[f"intermediate{there}.dense"] = f"feed_forward_{here}.W_1"
        parts[f"output{there}.dense"] = f"feed_forward_{here}.W_2"
        parts[f"output{there}.LayerNorm"] = f"norm_{here}"
    pairs = moved(ours, theirs, parts)

    mask = generation_mask(N, T)
    added = torch.zeros(N + T, N + T, dtype=torch.float64)
    added.masked_fill_(torch.tensor(~mask.numpy()), -torch.inf)
    mine, its = inputs((B, N, E), (B, T, E), (B, S, D_C))
    expected = theirs(
        torch.cat(its[:2], 1), added[None, None], encoder_hidden_states=its[2], query_length=N
    )
    (queries, text), _ = ours(*mine, mask)
    compare([mx.cat([queries, text], 1)], [expected], mine, its)
    same_gradients(theirs, pairs)
