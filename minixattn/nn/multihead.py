"""PyTorch's attention layer, to the letter: its options, layouts, masks and parameter names.

    MultiHead(Q, K, V) = concat(head₁, …, head_h) W_O
    headᵢ = Attention(Q W_Qⁱ, K W_Kⁱ, V W_Vⁱ)

Vaswani et al., "Attention Is All You Need" (2017), section 3.2.2. `CrossAttention` is the same
equation without the history.
"""

import math

from ..creation import empty, zeros
from ..errors import ShapeError
from ..ops.shape import cat, expand
from ..tracing import note
from . import init
from .attention import positive, width_of_head
from .functional import linear
from .functional.attention import attention
from .fused import Projections, attention_layer, is_plain
from .heads import merge_heads, split_heads
from .layers import Linear
from .module import Module
from .multihead_mask import joint_mask
from .parameter import Parameter


class MultiheadAttention(Module):
    r"""Multi-head attention with PyTorch's interface.

    Parameters
    ----------
    embed_dim : width E of query and output, divisible by `num_heads`
    num_heads : h; each head has width d = E / h
    dropout : probability with which a weight is dropped in training
    bias : whether the projections add a bias
    add_bias_kv : add one learned key and value, the same for every batch element
    add_zero_attn : add one key and value of zeros
    kdim, vdim : widths of key and value; E where None
    batch_first : (batch, length, width) instead of (length, batch, width)
    device, dtype : of the parameters

    Attributes
    ----------
    in_proj_weight : (3E, E), W_Q, W_K and W_V below one another; None where kdim or vdim differ
        from E, which have the next three instead
    q_proj_weight, k_proj_weight, v_proj_weight : (E, E), (E, kdim) and (E, vdim), or None
    in_proj_bias : (3E,), or None
    out_proj : Linear, W_O
    bias_k, bias_v : (1, 1, E), or None

    Notes
    -----
    Boolean masks say what to *leave out* (True = may not attend), the inverse of
    `CrossAttention` and of `scaled_dot_product_attention`; so PyTorch has it.

    Two things differ from PyTorch. The returned weights are those before dropout, so their rows
    sum to 1 in training too. A query that may look nowhere has weights 0 and passes no gradient,
    where PyTorch gives NaN.

    W_Q, W_K, W_V start Xavier-uniform, W_O as `Linear`, the biases at 0.
    """

    equation = "softmax(Q Kᵀ / √d) V"
    equations = {
        "query": (r"\mathrm{query}", "(B, L, E)"),
        "key": (r"\mathrm{key}", "(B, S, kdim)"),
        "value": (r"\mathrm{value}", "(B, S, vdim)"),
        "Q": (r"Q = \mathrm{query}\, W_Q", "(B, h, L, d)"),
        "K": (r"K = \mathrm{key}\, W_K", "(B, h, S, d)"),
        "V": (r"V = \mathrm{value}\, W_V", "(B, h, S, d)"),
        "scores": (r"\frac{Q K^\top}{\sqrt{d}}", "(B, h, L, S)"),
        "masked": (r"\mathrm{scores} + \mathrm{mask}", "(B, h, L, S)"),
        "weights": (r"A = \operatorname{softmax}(\mathrm{scores})", "(B, h, L, S)"),
        "heads": (r"A V", "(B, h, L, d)"),
        "output": (r"\operatorname{concat}(A_1 V_1, …, A_h V_h)\, W_O", "(B, L, E)"),
        "returned": (r"\text{output, laid out as the query came}", "(…, E)"),
    }

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False,
                 add_zero_attn=False, kdim=None, vdim=None, batch_first=False, device=None,
                 dtype=None):  # fmt: skip
        super().__init__()
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        positive(embed_dim=embed_dim, kdim=self.kdim, vdim=self.vdim)
        self.head_dim = width_of_head(embed_dim, num_heads)
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn

        def weight(*shape):
            return Parameter(empty(*shape, device=device, dtype=dtype))

        E = embed_dim
        self.in_proj_weight = self.q_proj_weight = self.k_proj_weight = self.v_proj_weight = None
        if self.kdim == self.vdim == E:
            self.in_proj_weight = weight(3 * E, E)
        else:
            self.q_proj_weight = weight(E, E)
            self.k_proj_weight = weight(E, self.kdim)
            self.v_proj_weight = weight(E, self.vdim)
        self.in_proj_bias = weight(3 * E) if bias else None
        self.bias_k = weight(1, 1, E) if add_bias_kv else None
        self.bias_v = weight(1, 1, E) if add_bias_kv else None
        self.out_proj = Linear(E, E, bias, device=device, dtype=dtype)
        self._reset_parameters()

    def _reset_parameters(self):
        for name, p in self.named_parameters():
            if name.endswith("proj_weight"):
                init.xavier_uniform_(p)
            elif name in ("bias_k", "bias_v"):
                init.xavier_normal_(p)
            elif name in ("in_proj_bias", "out_proj.bias"):
                init.zeros_(p)

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True,
                attn_mask=None, average_attn_weights=True, is_causal=False):  # fmt: skip
        """Let the queries look at the keys and collect the values.

        Parameters
        ----------
        query : (L, B, E), or (B, L, E) with batch_first, or (L, E)
        key : (S, B, kdim), (B, S, kdim) or (S, kdim)
        value : (S, B, vdim), (B, S, vdim) or (S, vdim)
        key_padding_mask : (B, S) or (S,); bool, True = leave this key out, or float, added; or one
            of `minixattn.masks`, which knows its polarity
        need_weights : return the weights as well
        attn_mask : (L, S) or (B·h, L, S); bool, True = may not attend, or float, added; or one of
            `minixattn.masks`
        average_attn_weights : return the mean over the heads instead of each head's weights
        is_causal : a hint that `attn_mask` is causal; needs that mask, changes nothing

        Returns
        -------
        output : like the query
        weights : (B, L, S), or (B, h, L, S) where not averaged; None without need_weights
        """
        batched = self.check(query, key, value)
        if is_causal and attn_mask is None:
            raise RuntimeError(
                "is_causal is only a hint: give the causal mask as attn_mask too, such as "
                "ones(L, S).triu(1).bool()."
            )
        shared = key is value
        if not batched:
            query, key, value = (x.unsqueeze(0) for x in (query, key, value))
        elif not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        extra = (self.bias_k is not None) + self.add_zero_attn
        mask = joint_mask(query, key, key_padding_mask, attn_mask, self.num_heads, extra)

        given = query, key, self.packed(), below_one_another, self.num_heads
        if shared and self.is_bare_equation() and is_plain(*given, mask):
            scale = 1 / math.sqrt(self.head_dim)
            output, weights = attention_layer(*given, scale, mask, need_weights)
            return self.laid_out(output, weights, average_attn_weights, batched)

        Q, K, V = self.project(query, key, value)  # (B, L, E), (B, S, E), (B, S, E)
        Q, K, V = (split_heads(x, self.num_heads) for x in (Q, K, V))  # (B, h, length, d)
        p = self.dropout if self.training else 0.0
        steps = attention(Q, K, V, mask, p, need_weights=need_weights)
        output = self.out_proj(merge_heads(steps.output))

        weights = steps.weights if need_weights else None
        returned = self.laid_out(output, weights, average_attn_weights, batched)
        note(self, query=query, key=key, value=value, Q=Q, K=K, V=V, scores=steps.scores,
             masked=steps.masked, weights=steps.weights, heads=steps.output, output=output,
             returned=returned[0])  # fmt: skip
        return returned

    def laid_out(self, output, weights, average, batched):
        """Output (B, L, E) and weights (B, h, L, S) as the query came, averaged if asked for."""
        if weights is not None and average:
            weights = weights.mean(1)
        if not batched:
            return output.squeeze(0), None if weights is None else weights.squeeze(0)
        return output if self.batch_first else output.transpose(0, 1), weights

    def packed(self):
        """The parameters where W_Q, W_K and W_V are one."""
        return [self.in_proj_weight, self.in_proj_bias, self.out_proj.weight, self.out_proj.bias]

    def is_bare_equation(self):
        """Whether nothing but the equation is asked for, of one packed projection."""
        return (
            self.in_proj_weight is not None and self.bias_k is None and not self.add_zero_attn
            and not (self.training and self.dropout) and type(self.out_proj) is Linear
            and type(self).project is MultiheadAttention.project
        )  # fmt: skip

    def project(self, query, key, value):
        """Q, K and V of width E, with the learned and the zero key appended where asked for."""
        E = self.embed_dim
        if self.in_proj_weight is not None:
            W_Q, W_K, W_V = self.in_proj_weight.split(E)
        else:
            W_Q, W_K, W_V = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.split(E)
        streams = zip((query, key, value), (W_Q, W_K, W_V), biases)
        Q, K, V = (linear(x, W, b) for x, W, b in streams)
        B = len(K)
        if self.bias_k is not None:
            K = cat([K, expand(self.bias_k, B, 1, E)], 1)
            V = cat([V, expand(self.bias_v, B, 1, E)], 1)
        if self.add_zero_attn:
            zero = zeros(B, 1, E, dtype=K.dtype, device=K.device)
            K, V = cat([K, zero], 1), cat([V, zero], 1)
        return Q, K, V

    def check(self, query, key, value):
        """Whether there is a batch dimension; raises where the streams do not fit the layer."""
        q, k, v = query.shape, key.shape, value.shape

        def shapes():
            return f"query {tuple(q)}, key {tuple(k)}, value {tuple(v)}"

        if len(q) not in (2, 3) or not len(q) == len(k) == len(v):
            raise ShapeError(
                f"query, key and value must all be 3-d (with a batch) or all 2-d, got {shapes()}."
            )
        for name, shape, option, width in (
            ("query", q, "embed_dim", self.embed_dim), ("key", k, "kdim", self.kdim),
            ("value", v, "vdim", self.vdim),
        ):  # fmt: skip
            if shape[-1] != width:
                raise ShapeError(
                    f"{name} has width {shape[-1]}, but the layer was made with "
                    f"{option}={width}; the shapes are {shapes()}."
                )
        length = 1 if len(q) == 3 and self.batch_first else 0
        if k[length] != v[length]:
            raise ShapeError(
                f"key has length {k[length]} and value {v[length]}: each key needs its value; the "
                f"shapes are {shapes()}."
            )
        if len(q) == 3 and not q[1 - length] == k[1 - length] == v[1 - length]:
            raise ShapeError(
                f"query, key and value have different batch sizes: {shapes()}. With "
                f"batch_first={self.batch_first} the batch is dimension {1 - length}."
            )
        return len(q) == 3

    def extra_repr(self):
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"


def below_one_another(parameters):
    """The packed parameters as what projects to Q, to [K V] and to the output."""
    W, b, W_O, b_O = parameters
    E = W.shape[1]
    b_Q, b_KV = (None, None) if b is None else (b[:E], b[E:])
    return Projections([(W[:E], b_Q)], [(W[E:], b_KV)], [(W_O, b_O)])
