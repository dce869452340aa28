"""PyTorch's layers of the Transformer, under its names; the stacks are in `transformer.py`.

    post-norm (Vaswani et al. 2017, section 3.1)    x ← LayerNorm(x + Dropout(f(x)))
    pre-norm (Xiong et al. 2020, figure 1 b)        x ← x + Dropout(f(LayerNorm(x)))

`models/transformer.py` has the Transformer once more, by the paper's symbols, with `CrossAttention`
in it and weights returned; these here are for lessons and weights that come from PyTorch.
"""

from . import functional as F
from .layers import Dropout, Linear
from .module import Module
from .multihead import MultiheadAttention
from .normalization import LayerNorm

ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


def post_norm(x, f, norm, dropout):
    """LayerNorm(x + Dropout(f(x)))."""
    return norm(x + dropout(f(x)))


def pre_norm(x, f, norm, dropout):
    """x + Dropout(f(LayerNorm(x)))."""
    return x + dropout(f(norm(x)))


class TransformerEncoderLayer(Module):
    r"""A sequence looks at itself, then each token thinks for itself.

        x ← x ⊕ SelfAttention(x),  x ← x ⊕ W₂ σ(W₁ x + b₁) + b₂

    where ⊕ is a residual connection with a norm, after it or before it (`norm_first`).

    Parameters
    ----------
    d_model, nhead : E and h
    dim_feedforward : width of σ(W₁ x)
    dropout : probability, on attention weights, on σ, and on what each part adds
    activation : σ, "relu", "gelu" or a function
    layer_norm_eps : ε of the norms
    batch_first : (B, L, E) instead of (L, B, E)
    norm_first : norm before each part instead of after it
    bias : whether projections and norms have biases
    device, dtype : of the parameters

    Raises
    ------
    RuntimeError
        If `activation` is a word that is not known.

    References
    ----------
    Vaswani et al., "Attention Is All You Need" (2017), section 3.1; Xiong et al., "On Layer
    Normalization in the Transformer Architecture" (2020).

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.TransformerEncoderLayer(8, 2, batch_first=True)
    >>> layer(mx.randn(1, 5, 8)).shape
    (1, 5, 8)
    """

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation=F.relu,
                 layer_norm_eps=1e-5, batch_first=False, norm_first=False, bias=True, device=None,
                 dtype=None):  # fmt: skip
        super().__init__()
        E, n, place = d_model, dim_feedforward, {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(E, nhead, dropout, bias, batch_first=batch_first,
                                            **place)  # fmt: skip
        self.linear1, self.dropout = Linear(E, n, bias, **place), Dropout(dropout)
        self.linear2 = Linear(n, E, bias, **place)
        self.norm_first, self.activation = norm_first, function(activation)
        self.norm1, self.norm2 = (
            LayerNorm(E, layer_norm_eps, bias=bias, **place) for _ in range(2)
        )
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        """Let the source look at itself.

        Parameters
        ----------
        src : (S, B, E), or (B, S, E) with batch_first, or (S, E)
        src_mask, src_key_padding_mask, is_causal : `attn_mask`, `key_padding_mask` and `is_causal`
            of `MultiheadAttention`; True = may not attend

        Returns
        -------
        like src
        """
        around = pre_norm if self.norm_first else post_norm

        def look(x):
            return self.self_attn(x, x, x, src_key_padding_mask, need_weights=False,
                                  attn_mask=src_mask, is_causal=is_causal)[0]  # fmt: skip

        x = around(src, look, self.norm1, self.dropout1)
        return around(x, self.think, self.norm2, self.dropout2)

    def think(self, x):
        """W₂ σ(W₁ x + b₁) + b₂ (equation 2)."""
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerDecoderLayer(Module):
    r"""The target looks at itself, then at the memory, then each token thinks for itself.

        x ← x ⊕ SelfAttention(x),  x ← x ⊕ CrossAttention(x, m),  x ← x ⊕ W₂ σ(W₁ x + b₁) + b₂

    where ⊕ is a residual connection with a norm, after it or before it (`norm_first`).

    Parameters and errors are those of `TransformerEncoderLayer`.

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.TransformerDecoderLayer(8, 2, batch_first=True)
    >>> layer(mx.randn(1, 3, 8), mx.randn(1, 5, 8)).shape
    (1, 3, 8)
    """

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation=F.relu,
                 layer_norm_eps=1e-5, batch_first=False, norm_first=False, bias=True, device=None,
                 dtype=None):  # fmt: skip
        super().__init__()
        E, n, place = d_model, dim_feedforward, {"device": device, "dtype": dtype}
        self.self_attn, self.multihead_attn = (
            MultiheadAttention(E, nhead, dropout, bias, batch_first=batch_first, **place)
            for _ in range(2)
        )
        self.linear1, self.dropout = Linear(E, n, bias, **place), Dropout(dropout)
        self.linear2 = Linear(n, E, bias, **place)
        self.norm_first, self.activation = norm_first, function(activation)
        self.norm1, self.norm2, self.norm3 = (
            LayerNorm(E, layer_norm_eps, bias=bias, **place) for _ in range(3)
        )
        self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout) for _ in range(3))

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
                memory_key_padding_mask=None, tgt_is_causal=False,
                memory_is_causal=False):  # fmt: skip
        """Let the target look at itself, then at the memory.

        Parameters
        ----------
        tgt : (L, B, E), or (B, L, E) with batch_first, or (L, E)
        memory : (S, B, E), or (B, S, E) with batch_first, or (S, E): the encoder's output
        tgt_mask, memory_mask : `attn_mask` of the two attentions, True = may not attend
        tgt_key_padding_mask, memory_key_padding_mask : their `key_padding_mask`
        tgt_is_causal, memory_is_causal : hints that the masks are causal; they change nothing

        Returns
        -------
        like tgt
        """
        return self.with_weights(
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
            tgt_is_causal, memory_is_causal, need_weights=False,
        )[0]  # fmt: skip

    def with_weights(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
                     memory_key_padding_mask=None, tgt_is_causal=False, memory_is_causal=False,
                     *, need_weights=True):  # fmt: skip
        """As `forward`; returns the output and the weights of the look at memory (B, h, L, S)."""
        around = pre_norm if self.norm_first else post_norm
        weights = None

        def recall(x):
            return self.self_attn(x, x, x, tgt_key_padding_mask, need_weights=False,
                                  attn_mask=tgt_mask, is_causal=tgt_is_causal)[0]  # fmt: skip

        def look(x):
            nonlocal weights
            found, weights = self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, need_weights=need_weights,
                attn_mask=memory_mask, average_attn_weights=False, is_causal=memory_is_causal,
            )  # fmt: skip
            return found

        x = around(tgt, recall, self.norm1, self.dropout1)
        x = around(x, look, self.norm2, self.dropout2)
        return around(x, self.think, self.norm3, self.dropout3), weights

    think = TransformerEncoderLayer.think


def function(activation):
    """σ by its name, or as it was given."""
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise RuntimeError(
            f"activation should be 'relu', 'gelu' or a function, not {activation!r}."
        )
    return ACTIVATIONS[activation]
