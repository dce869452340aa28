"""FiLM, Flamingo's gated block and GEGLU against their formulas in PyTorch's operations."""

import torch
from layer_parity import agree, attention
from torch.nn import functional as F

import minixattn as mx
from minixattn.nn.conditioning import latest_image

B, L, S, D_Q, D_C, H, N = 2, 5, 6, 8, 7, 2, 9


def test_film_is_its_formula():
    def restated(p, features, z):
        gamma, beta = F.linear(z, p["W.weight"], p["W.bias"]).chunk(2, 1)
        return (1 + gamma)[:, :, None, None] * features + beta[:, :, None, None]

    agree(mx.nn.FiLM(5, 3), restated, (B, 3, 4, 6), (B, 5))


def test_gated_cross_attention_is_its_formula():
    starts = torch.tensor([[1, 0, 1, 0, 0], [1, 0, 0, 0, 1]]).bool()
    number = torch.arange(2).repeat_interleave(3)
    keep = (starts.cumsum(1)[:, :, None] - 1 == number)[:, None]

    def restated(p, x, c):
        def norm(name, t):
            return F.layer_norm(t, (D_Q,), p[f"{name}.weight"], p[f"{name}.bias"])

        seen, A = attention(p, "attention.", H, norm("norm_attention", x), c, keep=keep)
        y = x + p["a"].tanh() * seen
        hidden = F.gelu(norm("norm_feed_forward", y) @ p["feed_forward.W_1.weight"].T)
        return y + p["b"].tanh() * (hidden @ p["feed_forward.W_2.weight"].T), A

    layer = mx.nn.GatedCrossAttention(D_Q, D_C, num_heads=H, hidden_dim=N)
    mask = latest_image(starts, images=2, tokens=3)
    agree(layer, restated, (B, L, D_Q), (B, S, D_C), mask=mask)


def test_geglu_is_its_formula():
    def restated(p, x):
        u, g = F.linear(x, p["W.weight"], p["W.bias"]).chunk(2, -1)
        return u * F.gelu(g)

    agree(mx.nn.GEGLU(D_Q, N), restated, (B, L, D_Q))
