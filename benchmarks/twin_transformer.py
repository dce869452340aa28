"""The parts of `minixattn.models.Transformer` in PyTorch, for the twins that are made of them.

Each is made like a part of ours, with its sizes and names. Attention is the fused one, unless the
model returns its weights, as `Transformer` does those of its cross-attention. There is no dropout.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """`CrossAttention`: softmax(Q Kᵀ / √d) V for each head, and its weights where `returns`."""

    def __init__(self, like, returns=False):
        super().__init__()
        projections = like.W_Q, like.W_K, like.W_V, like.W_O
        self.W_Q, self.W_K, self.W_V, self.W_O = (
            nn.Linear(W.in_features, W.out_features, W.bias is not None) for W in projections
        )
        self.heads, self.scale, self.returns = like.num_heads, like.scale, returns

    def split(self, x):
        """(B, L, E) → (B, h, L, d)."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def keys_and_values(self, c):
        """K and V, (B, h, S, d) each."""
        return self.split(self.W_K(c)), self.split(self.W_V(c))

    def forward(self, x, c, mask=None, causal=False):
        """(B, L, E), (B, S, E), mask → (B, L, E), weights (B, h, L, S) or None."""
        return self.attend(self.split(self.W_Q(x)), *self.keys_and_values(c), mask, causal)

    def attend(self, Q, K, V, mask=None, causal=False):
        """The same from projected queries (B, h, L, d), keys and values (B, h, S, d)."""
        if self.returns:
            scores = Q @ K.transpose(-2, -1) * self.scale
            A = (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)
            heads = A @ V
        else:
            A, heads = None, F.scaled_dot_product_attention(Q, K, V, mask, is_causal=causal)
        return self.W_O(heads.transpose(1, 2).flatten(2)), A


class FeedForward(nn.Module):
    """σ(x W_1 + b_1) W_2 + b_2."""

    def __init__(self, like, activation=F.relu):
        super().__init__()
        self.activation = activation
        E, N = like.W_1.in_features, like.W_1.out_features
        self.W_1, self.W_2 = nn.Linear(E, N), nn.Linear(N, E)

    def forward(self, x):
        """(B, L, E) → the same shape."""
        return self.W_2(self.activation(self.W_1(x)))


class Around(nn.Module):
    """The norm before a sublayer: `PreNorm`, whose residual sum the layers write themselves."""

    def __init__(self, like):
        super().__init__()
        self.norm = nn.LayerNorm(like.norm.weight.shape)

    def forward(self, x):
        """LayerNorm(x)."""
        return self.norm(x)


class EncoderLayer(nn.Module):
    """x ← x + SelfAttention(x), x ← x + FFN(x)."""

    def __init__(self, like):
        super().__init__()
        self.read, self.think = Attention(like.read), FeedForward(like.think)
        self.around_read, self.around_think = Around(like.around_read), Around(like.around_think)

    def forward(self, x, mask=None):
        """(B, S, E), mask (B, 1, 1, S) → (B, S, E)."""
        n = self.around_read(x)
        x = x + self.read(n, n, mask)[0]
        return x + self.think(self.around_think(x))


class DecoderLayer(nn.Module):
    """x ← x + SelfAttention(x), x ← x + CrossAttention(x, memory), x ← x + FFN(x)."""

    def __init__(self, like):
        super().__init__()
        self.recall, self.look = Attention(like.recall), Attention(like.look, returns=True)
        self.think = FeedForward(like.think)
        self.around_recall, self.around_look = Around(like.around_recall), Around(like.around_look)
        self.around_think = Around(like.around_think)

    def forward(self, x, memory, mask=None):
        """(B, L, E), (B, S, E), mask (B, 1, 1, S) → (B, L, E), weights (B, h, L, S)."""
        n = self.around_recall(x)
        x = x + self.recall(n, n, causal=True)[0]
        y, A = self.look(self.around_look(x), memory, mask)
        x = x + y
        return x + self.think(self.around_think(x)), A


class Transformer(nn.Module):
    """`minixattn.models.Transformer`."""

    encoder_layer, decoder_layer = EncoderLayer, DecoderLayer

    def __init__(self, like):
        super().__init__()
        self.scale = math.sqrt(like.width)
        self.source = nn.Embedding(*like.source.weight.shape)
        shared = like.target is like.source
        self.target = self.source if shared else nn.Embedding(*like.target.weight.shape)
        self.register_buffer("position", torch.tensor(like.position.numpy()), persistent=False)
        self.encoder = nn.ModuleList(self.encoder_layer(part) for part in like.encoder)
        self.decoder = nn.ModuleList(self.decoder_layer(part) for part in like.decoder)
        self.norm_encoder, self.norm_decoder = nn.LayerNorm(like.width), nn.LayerNorm(like.width)

    def forward(self, source, given, mask=None):
        """Logits (B, L, V) and the weights of each cross-attention."""
        mask = None if mask is None else mask[:, None, None]  # (B, 1, 1, S)
        return self.decode(given, self.encode(source, mask), mask)

    def encode(self, source, mask):
        """(B, S) → (B, S, E)."""
        return self.read(self.embed(self.source, source), mask)

    def read(self, x, mask=None):
        """The encoder's layers: (B, S, E) → (B, S, E)."""
        for layer in self.encoder:
            x = layer(x, mask)
        return self.norm_encoder(x)

    def decode(self, given, memory, mask=None):
        """The decoder's layers: (B, L), (B, S, E) → logits (B, L, V), weights."""
        x, weights = self.embed(self.target, given), []
        for layer in self.decoder:
            x, A = layer(x, memory, mask)
            weights.append(A)
        return F.linear(self.norm_decoder(x), self.target.weight), tuple(weights)

    def embed(self, table, ids):
        """√E · table[ids] + PE."""
        return table(ids) * self.scale + self.position[: ids.shape[1]]
