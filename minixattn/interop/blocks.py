"""The blocks around an attention, where a system stores both under one name."""

from ..nn import Module, TransformerDecoderLayer


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


class DecoderLayer(TransformerDecoderLayer):
    """`nn.TransformerDecoderLayer`, which returns the weights of its look at the memory as well."""

    forward = TransformerDecoderLayer.with_weights


class PreNormDecoderLayer(DecoderLayer):
    """`DecoderLayer` with the norms first."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, norm_first=True, **options)
