"""The attention layers: the equation with its learned projections.

    MultiHead(Q, K, V) = concat(head₁, …, head_h) W_O
    headᵢ = Attention(Q W_Qⁱ, K W_Kⁱ, V W_Vⁱ)

Vaswani et al., "Attention Is All You Need" (2017), section 3.2.2. In cross-attention the queries
come from one sequence and the keys and values from another, the context.
"""

import math
from typing import Annotated

from ..creation import as_tensor
from ..errors import ShapeError
from ..tracing import note
from .empty_rows import warn_of_empty_rows
from .functional.attention import attention
from .functional.regularization import dropout
from .fused import Projections, attention_layer, is_plain
from .heads import merge_heads, split_heads
from .layers import Identity, Linear
from .module import Module
from .normalization import LayerNorm, RMSNorm

NORMS = {None: Identity, "layer_norm": LayerNorm, "rms_norm": RMSNorm}


MayAttend = Annotated[object, "bool, True = may attend"]  # what a mask means, in the signature


class CrossAttention(Module):
    r"""Queries from one sequence look at the context, another one.

        Q = x W_Q,  K = c W_K,  V = c W_V
        A = softmax(Q Kᵀ / √d_k)  for each head
        output = concat(A₁V₁, …, A_hV_h) W_O

    Every width is free. All projections are `Linear` layers and start as such.

    Parameters
    ----------
    query_dim : width D_q of the queries' sequence x
    context_dim : width D_c of the context; `query_dim` where None
    num_heads : h
    head_dim : d_k, the width of one head's queries and keys; query_dim / h where None
    value_dim : d_v, the width of one head's values; d_k where None
    out_dim : width D_o of the output; `query_dim` where None
    kv_heads : h_kv, how many heads K and V have: h / h_kv query heads share each; h where None
    bias : whether W_Q, W_K and W_V add a bias
    out_bias : whether W_O does; as `bias` where None
    dropout : probability with which a weight is dropped in training
    out_dropout : probability with which an element of the output is dropped in training
    qk_norm : a norm over the d_k of each query and key: "layer_norm", "rms_norm", or a Module
        class, which is called with d_k; None for none
    softcap : m, to squash the scores to m tanh(score / m)
    scale : what the scores are multiplied with; 1/√d_k where None

    Attributes
    ----------
    W_Q, W_K, W_V, W_O : Linear, D_q → h·d_k, D_c → h_kv·d_k, D_c → h_kv·d_v, h·d_v → D_o
    norm_Q, norm_K : the norms; Identity where there are none

    Notes
    -----
    The published forms are choices of these widths and numbers:

    - the original: `num_heads` alone, heads of width query_dim / h
    - Diffusers: `head_dim=40, bias=False, out_bias=True, out_dropout=p`
    - T5: `head_dim=64, bias=False, scale=1.0`; its scores are not scaled
    - Kosar's equation: `num_heads=1, scale=1.0`
    - one K and V for all heads (Shazeer 2019): `kv_heads=1`; for half of them (as Ainslie et al.
      2023): `kv_heads=2`
    - keys that are the values too: `layer.W_V = layer.W_K`, one parameter under two names

    References
    ----------
    Vaswani et al. (2017), section 3.2.3, first use ("encoder-decoder attention").

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.CrossAttention(32, 20, num_heads=4)
    >>> output, weights = layer(mx.randn(2, 5, 32), mx.randn(2, 9, 20))
    >>> output.shape, weights.shape
    ((2, 5, 32), (2, 4, 5, 9))
    """

    equation = "softmax(Q Kᵀ / √d_k) V"
    equations = {
        "x": (r"x", "(B, L, D_q)"),
        "c": (r"c", "(B, S, D_c)"),
        "Q": (r"Q = x W_Q", "(B, h, L, d_k)"),
        "K": (r"K = c W_K", "(B, h_kv, S, d_k)"),
        "V": (r"V = c W_V", "(B, h_kv, S, d_v)"),
        "scores": (r"\frac{Q K^\top}{\sqrt{d_k}}", "(B, h, L, S)"),
        "capped": (r"m \tanh(\mathrm{scores} / m)", "(B, h, L, S)"),
        "masked": (r"\mathrm{scores},\; -\infty \text{ where forbidden}", "(B, h, L, S)"),
        "weights": (r"A = \operatorname{softmax}(\mathrm{scores})", "(B, h, L, S)"),
        "heads": (r"A V", "(B, h, L, d_v)"),
        "output": (r"\operatorname{concat}(A_1 V_1, …, A_h V_h)\, W_O", "(B, L, D_o)"),
    }

    def __init__(self, query_dim, context_dim=None, *, num_heads, head_dim=None, value_dim=None,
                 out_dim=None, kv_heads=None, bias=True, out_bias=None, dropout=0.0,
                 out_dropout=0.0, qk_norm=None, softcap=None, scale=None):  # fmt: skip
        super().__init__()
        self.query_dim, self.num_heads = query_dim, num_heads
        self.context_dim = query_dim if context_dim is None else context_dim
        self.kv_heads = shared_between(num_heads, num_heads if kv_heads is None else kv_heads)
        d_k = width_of_head(query_dim, num_heads) if head_dim is None else head_dim
        d_v = d_k if value_dim is None else value_dim
        out_dim = query_dim if out_dim is None else out_dim
        positive(query_dim=query_dim, context_dim=self.context_dim, head_dim=d_k, value_dim=d_v,
                 out_dim=out_dim)  # fmt: skip

        self.W_Q = Linear(query_dim, num_heads * d_k, bias)
        self.W_K = Linear(self.context_dim, self.kv_heads * d_k, bias)
        self.W_V = Linear(self.context_dim, self.kv_heads * d_v, bias)
        self.W_O = Linear(num_heads * d_v, out_dim, bias if out_bias is None else out_bias)
        self.norm_Q, self.norm_K = norm_of(qk_norm, d_k), norm_of(qk_norm, d_k)
        self.dropout, self.out_dropout, self.softcap = dropout, out_dropout, softcap
        self.scale = 1 / math.sqrt(d_k) if scale is None else scale
        if scale is not None:
            self.equation = f"softmax(Q Kᵀ · {scale:g}) V"
            scores = (rf"Q K^\top \cdot {scale:g}", "(B, h, L, S)")
            self.equations = self.equations | {"scores": scores}

    def forward(self, query, context=None, mask: MayAttend = None, *, cache=None,
                need_weights=True):  # fmt: skip
        """Look at the context.

        Parameters
        ----------
        query : (B, L, D_q)
        context : (B, S, D_c); with a cache, what to add to it, or None to look at it as it is
        mask : of `minixattn.masks`, or bool, True = may attend; (L, S), (B, 1, S), (B, L, S) or
            (B, h, L, S), where S counts the keys in the cache too
        cache : KVCache, the keys and values of earlier calls, which come before the context's
        need_weights : return the weights as well; without them long sequences need far less memory

        Returns
        -------
        output : (B, L, D_o)
        weights : (B, h, L, S), before dropout; each row sums to 1, or is 0 where the mask
            forbids every key; None without need_weights
        """
        self.check(query, context, cache)
        mask = boolean_mask(mask, query, context, self.num_heads, cached=len(cache or ()))
        if cache is None and self.is_bare_equation():
            parameters = [p for W in self.projections() for p in (W.weight, W.bias)]
            if is_plain(query, context, parameters, side_by_side, self.num_heads, mask):
                return attention_layer(query, context, parameters, side_by_side, self.num_heads,
                                       self.scale, mask, need_weights)  # fmt: skip

        Q = self.norm_Q(split_heads(self.W_Q(query), self.num_heads))  # (B, h, L, d_k)
        K, V = self.keys_and_values(context, cache)  # (B, h_kv, S, d_k), (B, h_kv, S, d_v)
        steps = attention(
            Q, K, V, mask, self.dropout if self.training else 0.0,
            scale=self.scale, softcap=self.softcap, enable_gqa=True, need_weights=need_weights,
        )  # fmt: skip
        output = self.W_O(merge_heads(steps.output))
        output = dropout(output, self.out_dropout, self.training)
        note(self, x=query, c=context, Q=Q, K=K, V=V, scores=steps.scores, capped=steps.capped,
             masked=steps.masked, weights=steps.weights, heads=steps.output,
             output=output)  # fmt: skip
        return output, steps.weights if need_weights else None

    def projections(self):
        """W_Q, W_K, W_V and W_O."""
        return self.W_Q, self.W_K, self.W_V, self.W_O

    def is_bare_equation(self):
        """Whether nothing but the equation is asked for, of projections that are plain ones."""
        drops = self.training and (self.dropout or self.out_dropout)
        return (
            not drops and self.softcap is None and self.kv_heads == self.num_heads
            and isinstance(self.scale, (int, float))
            and type(self).keys_and_values is CrossAttention.keys_and_values
            and all(type(W) is Linear for W in self.projections())
            and type(self.norm_Q) is type(self.norm_K) is Identity
        )  # fmt: skip

    def keys_and_values(self, context, cache=None):
        """K = c W_K and V = c W_V, after those in the cache: (B, h_kv, S, d_k), (…, S, d_v)."""
        if context is None:
            return cache.keys, cache.values
        K = self.norm_K(split_heads(self.W_K(context), self.kv_heads))
        V = split_heads(self.W_V(context), self.kv_heads)
        return (K, V) if cache is None else cache.append(K, V, self, context)

    def check(self, query, context, cache):
        """Widths and batch fit, and there is something to look at."""
        check_width("query", query, self.query_dim, "query_dim")
        if context is not None:
            check_width("context", context, self.context_dim, "context_dim")
        elif cache is None:
            raise TypeError(
                "CrossAttention needs a context to look at: layer(query, context). The sequence "
                "itself, layer(x, x), makes it self-attention; only with a cache=KVCache() that "
                "holds keys already can it be left out."
            )
        if cache is not None:
            cache.admit(self, query, context)

    def extra_repr(self):
        text = f"num_heads={self.num_heads}, dropout={self.dropout}"
        text += f", kv_heads={self.kv_heads}" if self.kv_heads != self.num_heads else ""
        text += f", out_dropout={self.out_dropout}" if self.out_dropout else ""
        return text + (f", softcap={self.softcap}" if self.softcap is not None else "")


def side_by_side(parameters):
    """W_Q, b_Q, W_K, b_K, W_V, b_V, W_O, b_O as what projects to Q, to [K V] and to the output."""
    Q, K, V, O = zip(parameters[::2], parameters[1::2])
    return Projections([Q], [K, V], [O])


def norm_of(qk_norm, width):
    """The norm that is asked for, over vectors of that width."""
    made = NORMS.get(qk_norm, qk_norm)
    if not callable(made):
        known = ", ".join(repr(name) for name in NORMS)
        raise ValueError(f"qk_norm is one of {known} or a Module class, got {qk_norm!r}.")
    return made(width)


def positive(**sizes):
    """No width is 0 or less."""
    for name, n in sizes.items():
        if n < 1:
            raise ShapeError(f"{name} is a width, so at least 1; got {n}.")


def shared_between(num_heads, kv_heads):
    """kv_heads, each of which must serve equally many query heads."""
    if min(num_heads, kv_heads) < 1 or num_heads % kv_heads:
        raise ShapeError(
            f"num_heads {num_heads} is not a multiple of kv_heads {kv_heads}: each key and value "
            f"head serves an equal number of query heads."
        )
    return kv_heads


def width_of_head(width, num_heads):
    """width / num_heads, which must be whole."""
    if num_heads < 1 or width % num_heads:
        divisors = [h for h in range(1, width + 1) if width % h == 0]
        raise ShapeError(
            f"embed_dim {width} is not divisible by num_heads {num_heads}: each head takes an "
            f"equal part. Heads that would fit: {', '.join(map(str, divisors))}."
        )
    return width // num_heads


def check_width(name, x, width, option):
    """The stream's last dimension is what the layer was made for."""
    if x.ndim < 2 or x.shape[-1] != width:
        got = tuple(x.shape)
        mend = f" Make it with {option}={got[-1]} to take this." if x.ndim >= 2 else ""
        raise ShapeError(
            f"{name} has shape {got}: expected (batch, length, {width}), since the layer was made "
            f"with {option}={width}.{mend}"
        )


def boolean_mask(mask, query, context, h, cached=0):
    """The mask with its head dimension, checked: bool, and of a shape that fits.

    `cached` keys come before those of the context, which may be None.
    """
    if context is not None and query.shape[:-2] != context.shape[:-2]:
        raise ShapeError(
            f"query has shape {query.shape} and context {context.shape}: all dimensions before "
            f"the length must be equal (the same batch)."
        )
    if mask is None:
        return None
    given, mask = mask, as_tensor(mask, device=query.device)
    *batch, L, _ = query.shape
    S = cached + (0 if context is None else context.shape[-2])
    if mask.dtype.kind != "b":
        raise TypeError(
            f"mask must be bool with True = may attend, got {mask.dtype}. For a mask of 0 and 1 "
            f"use mask.bool(); MultiheadAttention takes float masks."
        )
    grown = mask.unsqueeze(-3) if mask.ndim == len(batch) + 2 and batch else mask
    full = (*batch, h, L, S)
    fit = mask.ndim >= 2 and mask.shape[-1] == S and len(grown.shape) in (2, len(full)) and all(
        m in (1, n) for m, n in zip(reversed(grown.shape), reversed(full))
    )  # fmt: skip
    if not fit:
        shapes = ", ".join(str(s) for s in ((L, S), (*batch, 1, S), (*batch, L, S), full))
        raise ShapeError(
            f"mask of shape {mask.shape} does not fit {L} queries and {S} keys: expected one of "
            f"{shapes} (True = may attend)."
        )
    warn_of_empty_rows("mask", given)
    return grown
