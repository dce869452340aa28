"""The parts of `minixattn.models.PerceiverIO` in PyTorch, for its twin.

Each is made like a part of ours, with its sizes and names, and returns its weights too.
"""

import torch
from torch import nn
from torch.nn.functional import gelu

from .twin_transformer import Attention, FeedForward


def norm(like):
    """A LayerNorm of the width of that one."""
    return nn.LayerNorm(like.weight.shape)


class Encode(nn.Module):
    """`LatentAttention`: z ← Attend(z, x)."""

    def __init__(self, like):
        super().__init__()
        self.z = nn.Parameter(torch.empty(like.z.shape))
        self.norm_latents, self.norm_input = norm(like.norm_latents), norm(like.norm_input)
        self.attention = Attention(like.attention, returns=True)
        self.norm_feed_forward = norm(like.norm_feed_forward)
        self.feed_forward = FeedForward(like.feed_forward, gelu)

    def forward(self, x):
        """(B, M, C) → (B, N, D), weights."""
        z = self.z.expand(len(x), *self.z.shape)
        seen, A = self.attention(self.norm_latents(z), self.norm_input(x))
        y = z + seen
        return y + self.feed_forward(self.norm_feed_forward(y)), A


class Process(nn.Module):
    """`ProcessBlock`: z ← Attend(z, z)."""

    def __init__(self, like):
        super().__init__()
        self.norm_attention, self.norm_mlp = norm(like.norm_attention), norm(like.norm_mlp)
        self.attention = Attention(like.attention, returns=True)
        self.mlp = FeedForward(like.mlp, gelu)

    def forward(self, z):
        """(B, N, D) → (B, N, D), weights."""
        n = self.norm_attention(z)
        seen, A = self.attention(n, n)
        y = z + seen
        return y + self.mlp(self.norm_mlp(y)), A


class Decode(nn.Module):
    """`DecodeBlock`: y ← Attend(q, z), without the residual sum of q."""

    def __init__(self, like):
        super().__init__()
        self.norm_query, self.norm_latents = norm(like.norm_query), norm(like.norm_latents)
        self.attention = Attention(like.attention, returns=True)
        self.norm_mlp, self.mlp = norm(like.norm_mlp), FeedForward(like.mlp, gelu)

    def forward(self, q, z):
        """(B, 1 + O, F), (B, N, D) → (B, 1 + O, D), weights."""
        y, A = self.attention(self.norm_query(q), self.norm_latents(z))
        return y + self.mlp(self.norm_mlp(y)), A


class PerceiverIO(nn.Module):
    """`minixattn.models.PerceiverIO`."""

    def __init__(self, like):
        super().__init__()
        self.frequencies = torch.linspace(1, like.side / 2, like.bands)
        self.encode, self.decode = Encode(like.encode), Decode(like.decode)
        self.process = nn.ModuleList(Process(block) for block in like.process)
        self.q_class = nn.Parameter(torch.empty(like.q_class.shape))
        self.to_digit = nn.Linear(*reversed(like.to_digit.weight.shape))
        self.to_ink = nn.Linear(*reversed(like.to_ink.weight.shape))

    def phi(self, p):
        """[p, sin(f_k π p), cos(f_k π p)]: (B, M, 2) → (B, M, F)."""
        angle = torch.pi * p.unsqueeze(-1) * self.frequencies
        return torch.cat([p, angle.sin().flatten(-2), angle.cos().flatten(-2)], -1)

    def forward(self, values, positions, queries):
        """digit (B, 10), ink (B, O, 1), and the weights of every attention."""
        z, A = self.encode(torch.cat([values, self.phi(positions)], -1))
        maps = [A]
        for block in self.process:
            z, A = block(z)
            maps.append(A)
        q_class = self.q_class.expand(len(values), *self.q_class.shape)
        y, A = self.decode(torch.cat([q_class, self.phi(queries)], 1), z)
        return self.to_digit(y[:, 0]), self.to_ink(y[:, 1:]), (*maps, A)
