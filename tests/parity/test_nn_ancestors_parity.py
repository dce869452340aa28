"""Bahdanau's and Luong's attention against their formulas in PyTorch's operations."""

import pytest
import torch
from layer_parity import agree

import minixattn as mx

B, L, S, D_Q, D_C, N = 2, 3, 5, 6, 7, 8
KEEP = torch.tensor([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1], [1, 0, 0, 0, 0]]).bool()


def read(scores, context, keep):
    """α = softmax(score), c = Σ α h; the weights with their single head."""
    if keep is not None:
        scores = scores.masked_fill(~keep, float("-inf"))
    alpha = torch.softmax(scores, -1)
    return torch.einsum("bls,bsd->bld", alpha, context), alpha[:, None]


masked = pytest.mark.parametrize("keep", (None, KEEP), ids=("all", "masked"))


def options(keep):
    return {"mask": None if keep is None else mx.tensor(keep.numpy())}


@masked
def test_additive_attention_is_bahdanaus_formula(keep):
    def restated(p, s, h):
        W, U, v = p["W_a.weight"], p["U_a.weight"], p["v_a.weight"][0]
        rows = [
            [torch.tanh(s[:, i] @ W.T + h[:, j] @ U.T) @ v for j in range(S)] for i in range(L)
        ]
        return read(torch.stack([torch.stack(row, -1) for row in rows], 1), h, keep)

    layer = mx.nn.AdditiveAttention(D_Q, D_C, hidden_dim=N)
    agree(layer, restated, (B, L, D_Q), (B, S, D_C), **options(keep))


@masked
def test_dot_attention_is_luongs_formula(keep):
    def restated(p, s, h):
        return read(torch.einsum("bld,bsd->bls", s, h), h, keep)

    agree(mx.nn.DotAttention(), restated, (B, L, D_C), (B, S, D_C), **options(keep))


@masked
def test_general_attention_is_pytorchs_bilinear_form(keep):
    def restated(p, s, h):
        pairs = (t.expand(B, L, S, -1).contiguous() for t in (s[:, :, None], h[:, None]))
        W = p["W_a.weight"][None]
        return read(torch.nn.functional.bilinear(*pairs, W).squeeze(-1), h, keep)

    layer = mx.nn.GeneralAttention(D_Q, D_C)
    agree(layer, restated, (B, L, D_Q), (B, S, D_C), **options(keep))


@masked
def test_concat_attention_is_luongs_formula(keep):
    def restated(p, s, h):
        W, v = p["W_a.weight"], p["v_a.weight"]
        score = s @ W[:, :D_Q].T, h @ W[:, D_Q:].T
        scores = torch.tanh(score[0][:, :, None] + score[1][:, None]) @ v[0]
        return read(scores, h, keep)

    layer = mx.nn.ConcatAttention(D_Q, D_C, hidden_dim=N)
    agree(layer, restated, (B, L, D_Q), (B, S, D_C), **options(keep))


def test_the_attentional_state_is_luongs_formula():
    def restated(p, c, h):
        return torch.tanh(torch.cat([c, h], -1) @ p["W_c.weight"].T)

    agree(mx.nn.AttentionalState(D_Q, D_C), restated, (B, L, D_C), (B, L, D_Q))
