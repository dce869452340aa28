"""The blocks around an attention, where a system stores both under one name."""

from ..nn import Dropout, LayerNorm, Linear, Module, MultiheadAttention
from ..nn import functional as F


class PostNormAttention(Module):
    """y = LN(x + Attention(x, c)): BERT's attention with its residual and norm.

    Parameters
    ----------
    attention : CrossAttention
    norm : LayerNorm of x's width
    """

    def __init__(self, attention, norm):
        super().__init__()
        self.attention, self.norm = attention, norm

    def forward(self, query, context, mask=None):
        """(B, L, D_q), (B, S, D_c) → (B, L, D_q) and the weights (B, h, L, S)."""
        attended, weights = self.attention(query, context, mask)
        return self.norm(query + attended), weights


class PreNormAttention(Module):
    """y = Attention(LN(x), LN(c)): Perceiver's cross-attention, before its residual.

    Parameters
    ----------
    attention : CrossAttention
    norm_query, norm_context : LayerNorms of the two widths; one and the same in self-attention
    """

    def __init__(self, attention, norm_query, norm_context):
        super().__init__()
        self.attention, self.norm_query, self.norm_context = attention, norm_query, norm_context

    def forward(self, query, context, mask=None):
        """(B, L, D_q), (B, S, D_c) → (B, L, D_o) and the weights (B, h, L, S)."""
        return self.attention(self.norm_query(query), self.norm_context(context), mask)


class DecoderLayer(Module):
    """The decoder layer of the Transformer, under the names of PyTorch's `TransformerDecoderLayer`.

        x ← LN₁(x + SelfAttention(x))
        x ← LN₂(x + CrossAttention(x, m))
        x ← LN₃(x + W₂ σ(W₁ x))

    Parameters
    ----------
    d_model : E
    nhead : h
    dim_feedforward : width of the hidden layer of the feed-forward part
    dropout : probability, on the attention weights and on each part's output
    activation : σ
    layer_norm_eps : ε of the three norms
    batch_first : (batch, length, width) instead of (length, batch, width)
    bias : whether projections and norms have biases

    References
    ----------
    Vaswani et al., "Attention Is All You Need" (2017), section 3.1.
    """

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation=F.relu,
                 layer_norm_eps=1e-5, batch_first=False, bias=True):  # fmt: skip
        super().__init__()
        E, n = d_model, dim_feedforward
        options = {"dropout": dropout, "bias": bias, "batch_first": batch_first}
        self.self_attn = MultiheadAttention(E, nhead, **options)
        self.multihead_attn = MultiheadAttention(E, nhead, **options)
        self.linear1, self.linear2 = Linear(E, n, bias), Linear(n, E, bias)
        self.norm1, self.norm2, self.norm3 = (
            LayerNorm(E, layer_norm_eps, bias=bias) for _ in range(3)
        )
        self.dropout, self.activation = Dropout(dropout), activation

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
                memory_key_padding_mask=None):  # fmt: skip
        """Let the target look at itself, then at the memory.

        Parameters
        ----------
        tgt : (L, B, E), or (B, L, E) with batch_first
        memory : (S, B, E), or (B, S, E) with batch_first
        tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask : as
            `MultiheadAttention` takes them, True = may not attend

        Returns
        -------
        output : like tgt
        weights : (B, h, L, S) of the cross-attention
        """
        itself, there = (tgt_mask, tgt_key_padding_mask), (memory_mask, memory_key_padding_mask)
        x = self.norm1(tgt + self.attend(self.self_attn, tgt, tgt, *itself)[0])
        attended, weights = self.attend(self.multihead_attn, x, memory, *there)
        x = self.norm2(x + attended)
        return self.norm3(x + self.feed_forward(x)), weights

    def attend(self, attention, x, context, mask, padding):
        """One of the two attentions: output, after dropout, and weights."""
        output, weights = attention(
            x, context, context, padding, attn_mask=mask, average_attn_weights=False
        )
        return self.dropout(output), weights

    def feed_forward(self, x):
        """W₂ σ(W₁ x)."""
        return self.dropout(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class PreNormDecoderLayer(DecoderLayer):
    """`DecoderLayer` with the norms first, PyTorch's `norm_first=True`.

    x ← x + SelfAttention(LN₁(x))
    x ← x + CrossAttention(LN₂(x), m)
    x ← x + W₂ σ(W₁ LN₃(x))

    References
    ----------
    Xiong et al., "On Layer Normalization in the Transformer Architecture" (2020), table 1.
    """

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
                memory_key_padding_mask=None):  # fmt: skip
        """As in `DecoderLayer`."""
        itself, there = (tgt_mask, tgt_key_padding_mask), (memory_mask, memory_key_padding_mask)
        x = self.norm1(tgt)
        x = tgt + self.attend(self.self_attn, x, x, *itself)[0]
        attended, weights = self.attend(self.multihead_attn, self.norm2(x), memory, *there)
        x = x + attended
        return x + self.feed_forward(self.norm3(x)), weights
