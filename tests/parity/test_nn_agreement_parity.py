"""Agreement attention against its formula in PyTorch's operations."""

import numpy as np
from layer_parity import agree, attention

import minixattn as mx

B, L, D_A, D_B, H = 2, 5, 6, 9, 3


def test_both_directions_are_the_formula():
    keep_a, keep_b = np.tri(L, dtype=bool), ~np.tri(L, k=-2, dtype=bool)

    def restated(p, a, b):
        o_a, w_a = attention(p, "A.", H, a, keys=b, values=a, keep=keep_a)
        o_b, w_b = attention(p, "B.", H, b, keys=a, values=b, keep=keep_b)
        return o_a, o_b, w_a, w_b

    layer = mx.nn.AgreementAttention(D_A, D_B, num_heads=H)
    masks = {"mask_a": mx.tensor(keep_a), "mask_b": mx.masks.keep(keep_b)}
    agree(layer, restated, (B, L, D_A), (B, L, D_B), **masks)
