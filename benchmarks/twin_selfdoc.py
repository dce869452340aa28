"""The parts of `minixattn.models.SelfDoc` in PyTorch, for its twin.

Each is made like a part of ours, with its sizes and names, and returns its weights too.
"""

import torch
from torch import nn

from .twin_transformer import Attention, FeedForward


class Agreement(Attention):
    """`OneWayAgreement`: softmax(Q Kᵀ / √d) V, with K of the other stream, V of the own."""

    def __init__(self, like):
        super().__init__(like, returns=True)

    def forward(self, x, y, mask):
        """x, y (B, N, E), mask (B, 1, 1, N) → (B, N, E), weights (B, h, N, N)."""
        Q, K, V = self.split(self.W_Q(x)), self.split(self.W_K(y)), self.split(self.W_V(x))
        return self.attend(Q, K, V, mask)


class AgreementAttention(nn.Module):
    """Both directions."""

    def __init__(self, like):
        super().__init__()
        self.A, self.B = Agreement(like.A), Agreement(like.B)

    def forward(self, a, b, mask):
        """Each direction's output and weights."""
        return self.A(a, b, mask), self.B(b, a, mask)


class PrintedWords(nn.Module):
    """W′ mean_c ReLU(W [e_{c−1}; e_c; e_{c+1}] + b) + b′."""

    def __init__(self, like):
        super().__init__()
        self.character = nn.Embedding(*like.character.weight.shape, padding_idx=0)
        self.three = nn.Linear(like.three.in_features, like.three.out_features)
        self.word = nn.Linear(like.word.in_features, like.word.out_features)

    def forward(self, text):
        """(B, N, C) → (B, N, E)."""
        flat = text.flatten(0, 1)
        e = self.character(flat)
        edge = torch.zeros_like(e[:, :1])
        before, after = torch.cat([edge, e[:, :-1]], 1), torch.cat([e[:, 1:], edge], 1)
        u = self.three(torch.cat([before, e, after], -1)).relu()
        real = (flat != 0).unsqueeze(-1).to(e.dtype)
        mean = (u * real).sum(1) / real.sum(1).clamp(min=1)
        return self.word(mean).unflatten(0, text.shape[:2])


class CrossModalityLayer(nn.Module):
    """Both streams agree, then look at one another, then think."""

    def __init__(self, like):
        super().__init__()
        E = like.norms_t[0].weight.shape
        self.agree = AgreementAttention(like.agree)
        self.to_vision = Attention(like.to_vision, returns=True)
        self.to_text = Attention(like.to_text, returns=True)
        self.think_t, self.think_v = FeedForward(like.think_t), FeedForward(like.think_v)
        self.norms_t, self.norms_v = (
            nn.ModuleList(nn.LayerNorm(E) for _ in range(3)) for _ in "tv"
        )

    def forward(self, t, v, mask):
        """t, v (B, N, E), mask (B, 1, 1, N) → t, v, the weights of the four attentions."""
        (dt, A_t), (dv, A_v) = self.agree(self.norms_t[0](t), self.norms_v[0](v), mask)
        t, v = t + dt, v + dv
        n, m = self.norms_t[1](t), self.norms_v[1](v)
        (dt, A_tv), (dv, A_vt) = self.to_vision(n, m, mask), self.to_text(m, n, mask)
        t, v = t + dt, v + dv
        t = t + self.think_t(self.norms_t[2](t))
        v = v + self.think_v(self.norms_v[2](v))
        return t, v, (A_t, A_v, A_tv, A_vt)


class SelfDoc(nn.Module):
    """`minixattn.models.SelfDoc`."""

    def __init__(self, like):
        super().__init__()
        (regions, E), first, last = like.place.shape, like.ink[0], like.ink[2]
        self.words = PrintedWords(like.words)
        self.ink = nn.Sequential(
            nn.Linear(first.in_features, first.out_features), nn.ReLU(),
            nn.Linear(last.in_features, last.out_features),
        )  # fmt: skip
        self.place = nn.Parameter(torch.empty(regions, E))
        self.layers = nn.ModuleList(CrossModalityLayer(layer) for layer in like.layers)
        self.norm_t, self.norm_v = nn.LayerNorm(E), nn.LayerNorm(E)
        self.label = nn.Linear(like.label.in_features, like.label.out_features)

    def forward(self, text, images, mask):
        """Logits (B, N, labels) and the weights of each layer."""
        t, v, looks = self.words(text) + self.place, self.ink(images) + self.place, []
        for layer in self.layers:
            t, v, seen = layer(t, v, mask[:, None, None])
            looks.append(seen)
        return self.label(torch.cat([self.norm_t(t), self.norm_v(v)], -1)), tuple(looks)
