"""Cross-attention in the four forms in which lessons for PyTorch write it.

Each form is a function of the libraries alone, `form(torch, nn, F, ...)`, and runs unchanged with
either; the weights are copied into both as NumPy arrays. Outputs, attention weights and the
gradients of every weight and input agree to float64 precision.
"""

import math

import numpy as np
import pytest
import torch
from compare import array, normal
from torch import nn
from torch.nn import functional as F

import minixattn as mx
from minixattn import nn as mx_nn
from minixattn.nn import functional as mx_F

B, L, S, H, E = 2, 3, 5, 4, 8
PYTORCH, OURS = (torch, nn, F), (mx, mx_nn, mx_F)


def with_projections(torch, nn, F):
    """Linear projections, heads made with .view(...).permute(0, 2, 1, 3)."""

    class CrossAttention(nn.Module):
        def __init__(self, d_model, n_heads, dropout=0.0):
            super().__init__()
            assert d_model % n_heads == 0
            self.n_heads = n_heads
            self.d_k = d_model // n_heads
            self.W_q = nn.Linear(d_model, d_model)
            self.W_k = nn.Linear(d_model, d_model)
            self.W_v = nn.Linear(d_model, d_model, bias=False)
            self.W_o = nn.Linear(d_model, d_model)
            self.dropout = nn.Dropout(dropout)

        def forward(self, x, context, mask=None):
            b, length, _ = x.shape
            s = context.size(1)
            q = self.W_q(x).view(b, length, self.n_heads, self.d_k).permute(0, 2, 1, 3)
            k = self.W_k(context).view(b, s, self.n_heads, self.d_k).permute(0, 2, 1, 3)
            v = self.W_v(context).view(b, s, self.n_heads, self.d_k).permute(0, 2, 1, 3)
            scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(self.d_k)
            if mask is not None:
                scores = scores.masked_fill(mask[:, None, None, :] == 0, float("-inf"))
            weights = self.dropout(F.softmax(scores, dim=-1))
            out = torch.matmul(weights, v)
            out = out.permute(0, 2, 1, 3).contiguous().view(b, length, -1)
            return self.W_o(out), weights

    return CrossAttention(E, H)


def with_heads_in_the_batch(torch, nn, F):
    """Heads folded into the batch, products by torch.bmm."""

    class CrossAttention(nn.Module):
        def __init__(self, query_dim, context_dim, heads, dim_head):
            super().__init__()
            self.scale = dim_head**-0.5
            self.heads = heads
            self.to_q = nn.Linear(query_dim, heads * dim_head, bias=False)
            self.to_k = nn.Linear(context_dim, heads * dim_head, bias=False)
            self.to_v = nn.Linear(context_dim, heads * dim_head, bias=False)
            self.to_out = nn.Sequential(nn.Linear(heads * dim_head, query_dim), nn.Dropout(0.0))

        def fold(self, t):
            b, n, width = t.shape
            t = t.reshape(b, n, self.heads, width // self.heads).permute(0, 2, 1, 3)
            return t.reshape(b * self.heads, n, width // self.heads)

        def unfold(self, t):
            b, n, width = t.shape
            t = t.reshape(b // self.heads, self.heads, n, width).permute(0, 2, 1, 3)
            return t.reshape(b // self.heads, n, self.heads * width)

        def forward(self, x, context=None, mask=None):
            context = x if context is None else context
            q, k, v = map(self.fold, (self.to_q(x), self.to_k(context), self.to_v(context)))
            sim = torch.bmm(q, k.transpose(1, 2)) * self.scale
            if mask is not None:
                mask = mask[:, None, None, :].expand(-1, self.heads, -1, -1)
                sim = sim.masked_fill(~mask.reshape(-1, 1, mask.shape[-1]), -1e30)
            attn = sim.softmax(dim=-1)
            return self.to_out(self.unfold(torch.bmm(attn, v))), attn

    return CrossAttention(E, E, H, 3)


def with_bare_matrices(torch, nn, F):
    """One head, parameters as matrices, the scale as a tensor."""

    class CrossAttention(nn.Module):
        def __init__(self, d_in, d_out_kq, d_out_v):
            super().__init__()
            self.d_out_kq = d_out_kq
            self.W_query = nn.Parameter(torch.rand(d_in, d_out_kq))
            self.W_key = nn.Parameter(torch.rand(d_in, d_out_kq))
            self.W_value = nn.Parameter(torch.rand(d_in, d_out_v))

        def forward(self, x_1, x_2, mask=None):
            q, k, v = x_1 @ self.W_query, x_2 @ self.W_key, x_2 @ self.W_value
            d_k = k.size()[-1]
            scores = torch.matmul(q, k.transpose(-2, -1))
            scores = scores / torch.sqrt(torch.tensor(d_k, dtype=torch.float32))
            if mask is not None:
                scores = scores.masked_fill(mask.unsqueeze(1) == 0, -1e9)
            weights = torch.softmax(scores, dim=-1)
            return torch.matmul(weights, v), weights

    return CrossAttention(E, 6, 5)


def with_multihead_attention(torch, nn, F):
    """A block around nn.MultiheadAttention in its (length, batch, width) layout."""

    class CrossAttentionBlock(nn.Module):
        def __init__(self, embed_dim, num_heads):
            super().__init__()
            self.attn = nn.MultiheadAttention(embed_dim, num_heads, dropout=0.0)
            self.norm = nn.LayerNorm(embed_dim)
            self.ff = nn.Sequential(
                nn.Linear(embed_dim, 2 * embed_dim), nn.ReLU(), nn.Linear(2 * embed_dim, embed_dim)
            )

        def forward(self, query, key_value, mask=None):
            query, key_value = query.permute(1, 0, 2), key_value.permute(1, 0, 2)
            missing = None if mask is None else mask == 0
            out, weights = self.attn(query, key_value, key_value, key_padding_mask=missing)
            out = self.norm(query + out)
            return (out + self.ff(out)).permute(1, 0, 2), weights

    return CrossAttentionBlock(E, H)


FORMS = [
    with_projections, with_heads_in_the_batch, with_bare_matrices, with_multihead_attention,
]  # fmt: skip


def run(form, libraries, mask):
    """Outputs, attention weights and every gradient of one form with one library."""
    t = libraries[0]
    module = form(*libraries).double()
    names = sorted(name for name, _ in module.named_parameters())
    parameters = dict(module.named_parameters())
    with t.no_grad():
        for i, name in enumerate(names):
            weights = normal(*parameters[name].shape, seed=i) / math.sqrt(E)
            parameters[name].copy_(t.from_numpy(weights))
    x = t.tensor(normal(B, L, E), requires_grad=True)
    context = t.tensor(normal(B, S, E, seed=1), requires_grad=True)
    present = t.tensor([[True] * S, [True] * 3 + [False] * (S - 3)]) if mask else None
    out, attention = module(x, context, present)
    loss = (out * t.tensor(normal(*out.shape, seed=2))).sum()
    loss = loss + (attention * t.tensor(normal(*attention.shape, seed=3))).sum()
    loss.backward()
    grads = {name: array(parameters[name].grad) for name in names}
    return {"out": array(out), "attention": array(attention), "x": array(x.grad),
            "context": array(context.grad), **grads}  # fmt: skip


@pytest.mark.parametrize("mask", [False, True], ids=["all present", "padded"])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_lesson_runs_with_only_the_import_changed(form, mask):
    ours, theirs = run(form, OURS, mask), run(form, PYTORCH, mask)
    assert ours.keys() == theirs.keys() and len(ours) >= 7
    for name, expected in theirs.items():
        assert ours[name].dtype == expected.dtype == np.float64, name
        np.testing.assert_allclose(ours[name], expected, rtol=1e-10, atol=1e-12, err_msg=name)
    if mask:
        assert np.abs(ours["context"][1, 3:]).max() == 0


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_lesson_trains_to_pytorchs_loss(form):
    losses = []
    for libraries in (OURS, PYTORCH):
        t, functions = libraries[0], libraries[2]
        module = form(*libraries).double()
        with t.no_grad():
            for i, (_, p) in enumerate(sorted(module.named_parameters())):
                p.copy_(t.from_numpy(normal(*p.shape, seed=i) / math.sqrt(E)))
        x, context = t.tensor(normal(B, L, E)), t.tensor(normal(B, S, E, seed=1))
        optimizer = t.optim.Adam(module.parameters(), lr=0.01)
        for _ in range(10):
            optimizer.zero_grad()
            out, _ = module(x, context)
            loss = functions.mse_loss(out, t.tensor(normal(*out.shape, seed=7)))
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-8)


# What lessons do around attention ----------------------------------------------------------------


def smoothed(t, x, target):
    """Labels smoothed by hand, with 0 for padding, and the divergence from them."""
    size = x.shape[1]
    true = t.full_like(x.detach(), 0.1 / (size - 2))
    true.scatter_(1, target.data.unsqueeze(1), 0.9)
    true[:, 0] = 0
    padding = t.nonzero(target.data == 0)
    if padding.dim() > 0:
        true.index_fill_(0, padding.squeeze(), 0.0)
    criterion = t.nn.KLDivLoss(reduction="sum")
    return criterion(t.log_softmax(x, dim=-1), true.clone().detach())


def relevance(t, x, _target):
    """Gradient times attention: the weights are watched by a hook on the module and on them."""
    seen = {}
    layer = t.nn.Softmax(-1)
    handle = layer.register_forward_hook(lambda _module, _args, out: seen.update(weights=out))
    weights = layer(x @ x.T)
    weights.register_hook(lambda g: seen.update(gradient=g))
    loss = (weights @ x).square().sum()
    t.autograd.grad(loss, x, retain_graph=True)
    handle.remove()
    kept = (seen["gradient"] * seen["weights"]).clamp(min=0).detach()
    return loss + (kept * weights).sum()


def most_likely_few(t, x, _target):
    """Scores below the best two are cut off before the softmax."""
    scores = x.detach().clone()
    best, _ = t.topk(scores, min(2, scores.size(-1)))
    scores[scores < best[:, [-1]]] = -float("Inf")
    allowed = scores != -float("Inf")
    assert t.multinomial(t.softmax(scores, -1), num_samples=2).sort(-1)[0].equal(
        t.nonzero(allowed)[:, 1].reshape(-1, 2)
    )
    return (t.log_softmax(x.masked_fill(~allowed, -1e9), -1) * allowed).sum()


def contrast(t, x, target):
    """Images and texts that belong together are on the diagonal."""
    F = t.nn.functional
    a, b = F.normalize(x, dim=-1), F.normalize(x.roll(1, 0) + 0.5, dim=-1)
    scores = a @ b.t() * t.tensor(0.7).double().exp()
    labels = t.arange(len(scores))
    loss = (F.cross_entropy(scores, labels) + F.cross_entropy(scores.t(), labels)) / 2
    return loss + F.cosine_similarity(a, b).mean() + scores.diagonal().sum() * target.float().mean()


def windowed(t, x, _target):
    """Scores of near positions alone, their distances penalised, the rows batched."""
    n = len(x)
    rows, columns = t.meshgrid(t.arange(n), t.arange(n), indexing="ij")
    near = (rows - columns).abs() <= 1
    batch = t.stack([x, x + 1])
    scores = t.baddbmm(-(rows - columns).abs().double(), batch, batch.mT, beta=0.3, alpha=0.5)
    lower, upper = t.tril_indices(n, n, -1), t.triu_indices(n, n, 1)
    picked = scores[0][lower[0], lower[1]].sum() - scores[1][upper[0], upper[1]].sum()
    weights = scores.masked_fill(~near, float("-inf")).softmax(-1)
    return (weights @ batch).square().sum() + picked


AROUND = [smoothed, relevance, most_likely_few, contrast, windowed]


@pytest.mark.parametrize("passage", AROUND, ids=lambda passage: passage.__name__)
def test_what_a_lesson_does_around_attention_has_pytorchs_loss_and_gradient(passage):
    found = []
    for t in (OURS[0], PYTORCH[0]):
        x = t.tensor(normal(5, 6), requires_grad=True)
        loss = passage(t, x, t.tensor([3, 0, 1, 5, 0]))
        loss.backward()
        found.append((array(loss), array(x.grad)))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
