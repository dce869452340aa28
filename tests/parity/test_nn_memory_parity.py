"""Persistent memory and the feed-forward view against PyTorch, and against the authors' way."""

import math

import numpy as np
import pytest
import torch
from layer_parity import agree, close, compare, fill, flat, inputs

import minixattn as mx

B, L, S, D_Q, D_C, H, N = 2, 3, 5, 8, 6, 2, 7


@pytest.mark.parametrize("masked", (False, True))
def test_the_slots_are_concatenated_keys_and_values(masked):
    keep = torch.tensor(np.tri(L, S, 1, dtype=bool))

    def restated(p, x, c):
        def heads(name, t):
            return torch.nn.functional.linear(
                t, p[f"W_{name}.weight"], p[f"W_{name}.bias"]
            ).unflatten(-1, (H, -1)).transpose(1, 2)  # fmt: skip

        Q, K, V = heads("Q", x), heads("K", c), heads("V", c)
        K = torch.cat([K, p["P_k"].expand(B, -1, -1, -1)], 2)
        V = torch.cat([V, p["P_v"].expand(B, -1, -1, -1)], 2)
        scores = Q @ K.mT / math.sqrt(D_Q // H)
        if masked:
            seen = torch.cat([keep, torch.ones(L, N).bool()], 1)
            scores = scores.masked_fill(~seen, -math.inf)
        A = scores.softmax(-1)
        out = (A @ V).transpose(1, 2).flatten(-2)
        return torch.nn.functional.linear(out, p["W_O.weight"], p["W_O.bias"]), A

    layer = mx.nn.PersistentMemoryAttention(D_Q, D_C, num_heads=H, num_slots=N)
    mask = mx.tensor(keep.numpy()) if masked else None
    agree(layer, restated, (B, L, D_Q), (B, S, D_C), mask=mask)


def test_storing_the_slots_scaled_down_computes_the_same():
    """The authors' parameters are P_k / √d_k and P_v / √N, multiplied back where they are used."""
    d = D_Q // H

    def restated(p, x, c):
        key, val = p["P_k"].mT / math.sqrt(d), p["P_v"] / math.sqrt(N)
        Q, K, V = (
            (t @ p[f"W_{n}.weight"].T + p[f"W_{n}.bias"]).unflatten(-1, (H, -1)).transpose(1, 2)
            for n, t in (("Q", x), ("K", c), ("V", c))
        )
        scores = torch.cat([Q @ K.mT, Q @ (key * math.sqrt(d))], -1) / math.sqrt(d)
        A = scores.softmax(-1)
        out = A[..., :S] @ V + A[..., S:] @ (val * math.sqrt(N))
        return out.transpose(1, 2).flatten(-2) @ p["W_O.weight"].T + p["W_O.bias"], A

    layer = mx.nn.PersistentMemoryAttention(D_Q, D_C, num_heads=H, num_slots=N)
    agree(layer, restated, (B, L, D_Q), (B, S, D_C))


def test_one_slot_is_pytorchs_add_bias_kv():
    ours = fill(mx.nn.PersistentMemoryAttention(D_Q, D_C, num_heads=H, num_slots=1))
    theirs = torch.nn.MultiheadAttention(
        D_Q, H, add_bias_kv=True, kdim=D_C, vdim=D_C, batch_first=True, dtype=torch.float64
    )
    state = {name: torch.tensor(p.numpy(force=True)) for name, p in ours.named_parameters()}
    pairs = {
        "q_proj_weight": state["W_Q.weight"], "k_proj_weight": state["W_K.weight"],
        "v_proj_weight": state["W_V.weight"], "out_proj.weight": state["W_O.weight"],
        "out_proj.bias": state["W_O.bias"], "bias_k": state["P_k"].reshape(1, 1, D_Q),
        "bias_v": state["P_v"].reshape(1, 1, D_Q),
        "in_proj_bias": torch.cat([state[f"W_{name}.bias"] for name in "QKV"]),
    }  # fmt: skip
    theirs.load_state_dict(pairs)
    mine, its = inputs((B, L, D_Q), (B, S, D_C))
    padding = torch.arange(S) >= torch.tensor([[3], [5]])
    outputs = flat(ours(*mine, mx.masks.padding([3, 5], S)))
    expected = theirs(
        its[0], its[1], its[1], key_padding_mask=padding, average_attn_weights=False
    )
    compare(outputs, flat(expected), mine, its)
    close(ours.P_k.grad.reshape(1, 1, D_Q), theirs.bias_k.grad, "P_k")
    close(ours.P_v.grad.reshape(1, 1, D_Q), theirs.bias_v.grad, "P_v")


@pytest.mark.parametrize("name", ("relu", "gelu"))
def test_the_feed_forward_network_and_its_view_are_pytorchs(name):
    def restated(p, x):
        p = {n.removeprefix("network."): t for n, t in p.items()}
        activation = getattr(torch.nn.functional, name)
        hidden = activation(torch.nn.functional.linear(x, p["W_1.weight"], p["W_1.bias"]))
        return torch.nn.functional.linear(hidden, p["W_2.weight"], p["W_2.bias"]), hidden[:, None]

    layer = mx.nn.FeedForward(D_Q, N, getattr(mx.nn.functional, name))
    agree(layer, lambda p, x: restated(p, x)[0], (B, L, D_Q))
    agree(layer.as_attention(), restated, (B, L, D_Q))
