"""Self-attention against PyTorch's own layer."""

import torch
from layer_parity import close, compare, fill, flat, inputs

import minixattn as mx

B, L, E, H = 2, 5, 12, 3


def test_self_attention_is_pytorchs_multihead_attention_to_one_sequence():
    ours = fill(mx.nn.SelfAttention(E, num_heads=H))
    theirs = torch.nn.MultiheadAttention(E, H, batch_first=True, dtype=torch.float64)
    state = {name: torch.tensor(p.numpy(force=True)) for name, p in ours.named_parameters()}
    with torch.no_grad():
        for kind in ("weight", "bias"):
            packed = torch.cat([state[f"W_{name}.{kind}"] for name in "QKV"])
            getattr(theirs, f"in_proj_{kind}").copy_(packed)
            getattr(theirs.out_proj, kind).copy_(state[f"W_O.{kind}"])
    mine, its = inputs((B, L, E))
    forbidden = torch.ones(L, L).triu(1).bool()
    outputs = flat(ours(mine[0], mx.masks.causal(L, L)))
    expected = theirs(*its * 3, attn_mask=forbidden, average_attn_weights=False)
    compare(outputs, flat(expected), mine, its)
    for kind in ("weight", "bias"):
        packed = mx.cat([getattr(getattr(ours, f"W_{name}"), kind).grad for name in "QKV"])
        close(packed, getattr(theirs, f"in_proj_{kind}").grad, kind)
        close(getattr(ours.W_O, kind).grad, getattr(theirs.out_proj, kind).grad, kind)
