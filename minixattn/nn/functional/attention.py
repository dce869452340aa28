"""Scaled dot-product attention, as the equation and step by step.

    Attention(Q, K, V) = softmax(Q Kᵀ / √d_k) V

Vaswani et al., "Attention Is All You Need" (2017), equation 1. With masks, PyTorch's conventions:
a boolean mask says where a query *may* look (True), a float mask is added to the scores.

| paper      | identifier          | shape                                            |
|------------|---------------------|--------------------------------------------------|
| Q, K, V    | query, key, value   | (…, L, d_k), (…, S, d_k), (…, S, d_v)            |
| Q Kᵀ / √d_k | scores             | (…, L, S): row l holds query l's score of each key |
| softmax(·) | weights             | (…, L, S): each row sums to 1                    |
"""

import math
from typing import NamedTuple

import numpy as np

from ...creation import as_tensor
from ...engine import constant, tapes
from ...errors import DTypeError, ShapeError
from ...mask_type import Mask
from ...ops.elementwise import masked_fill, tanh
from ...ops.shape import broadcast_to, reshape
from ...ops.softmax import softmax
from ...pending import ask
from ...precision import as_one_product
from ...tensor import Tensor
from .blockwise import as_it_is, blockwise, causal
from .regularization import dropout

FEW = 1 << 12  # scores


class AttentionSteps(NamedTuple):
    """Every intermediate of one attention, in the order of the equation."""

    scores: Tensor  # Q Kᵀ · scale          (…, L, S)
    capped: Tensor  # c tanh(scores / c)    (…, L, S); the scores where there is no cap
    masked: Tensor  # −∞ where forbidden    (…, L, S)
    weights: Tensor  # softmax over keys    (…, L, S)
    output: Tensor  # weights V             (…, L, d_v)


@as_one_product
def attention_steps(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, *,
                    scale=None, enable_gqa=False, softcap=None):  # fmt: skip
    """softmax(Q Kᵀ / √d_k) V, keeping each step.

    Takes the arguments of `scaled_dot_product_attention`, which returns the last step alone.

    Returns
    -------
    AttentionSteps
        `scores`, `capped`, `masked`, `weights` of shape (…, L, S) and `output` (…, L, d_v). The
        weights are those before dropout. A query that may look nowhere has weights and output 0.
        What comes before the softmax is float32 for float16 inputs, as it may not fit in 16 bits.
    """
    Q, K, V = widened(query, key, value)
    if enable_gqa:
        K, V = shared_heads("key", K, Q), shared_heads("value", V, Q)
    if softcap is not None and not softcap > 0:
        raise ValueError(f"softcap bounds the scores' size, so it is positive; got {softcap}.")
    scale = 1 / math.sqrt(max(Q.shape[-1], 1)) if scale is None else scale

    scores = (Q * scale) @ K.mT
    capped = scores if softcap is None else softcap * tanh(scores / softcap)
    masked = apply_mask(capped, attn_mask, is_causal)
    weights = softmax(masked, dim=-1)
    output = dropout(weights, dropout_p) @ V

    weights, output = weights.to(query.dtype), output.to(query.dtype)
    return AttentionSteps(scores, capped, masked, weights, output)


def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0,
                                 is_causal=False, *, scale=None, enable_gqa=False,
                                 softcap=None):  # fmt: skip
    """softmax(Q Kᵀ / √d_k) V (Vaswani et al. 2017, equation 1).

    Parameters
    ----------
    query : (…, L, d_k)
    key : (…, S, d_k)
    value : (…, S, d_v)
    attn_mask : of `minixattn.masks`; or bool, True = may attend, or float, added to the scores,
        that broadcasts to (…, L, S)
    dropout_p : probability with which a weight is dropped (always applied, as in PyTorch)
    is_causal : query l may look at keys 0 … l only (the mask's upper left corner is aligned)
    scale : what the scores are multiplied with; 1/√d_k where None
    enable_gqa : several query heads (dimension −3) share a key and value head: query head i of h
        reads key head ⌊i · h_k / h⌋ of h_k
    softcap : c > 0, to squash the scores to c tanh(score / c) before the mask

    Returns
    -------
    Tensor (…, L, d_v). A query that may look nowhere gets zeros, with zero gradient.

    Raises
    ------
    ShapeError
        Naming which of query, key, value and mask does not fit, with both numbers.
    """
    steps = attention(
        query, key, value, attn_mask, dropout_p, is_causal,
        scale=scale, enable_gqa=enable_gqa, softcap=softcap, need_weights=False,
    )  # fmt: skip
    return steps.output


@as_one_product
def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, *, scale=None,
              enable_gqa=False, softcap=None, need_weights=True):  # fmt: skip
    """`attention_steps`, as one operation where scores are many and nobody traces.

    Takes the arguments of `scaled_dot_product_attention`, and whether the weights are wanted: where
    there are many, they are never stored if not.

    Returns
    -------
    AttentionSteps, in which all but the output, and the weights if wanted, may be None
    """

    def equation(query, key, value):
        return attention_steps(
            query, key, value, attn_mask, dropout_p, is_causal,
            scale=scale, enable_gqa=enable_gqa, softcap=softcap,
        )  # fmt: skip

    simple = not dropout_p and softcap is None and not isinstance(scale, Tensor)
    if tapes or not (simple and is_plain(query, key, value)):
        return equation(query, key, value)
    check_streams(query, key, value)
    shape = (*query.shape[:-1], key.shape[-2])
    mask = checked_mask(attn_mask, is_causal, shape, query)
    if mask is not None and mask.requires_grad:  # a learned mask
        return equation(query, key, value)
    if attn_mask is not None:
        mask = attn_mask = constant(as_it_is(mask.array))  # what `equation` uses from here on
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    mask = None if mask is None else mask.array
    output, weights = blockwise(equation, query, key, value, mask, scale, need_weights)
    return AttentionSteps(None, None, None, weights, output)


def is_plain(query, key, value):
    """Whether these are batches of one shape, with more than a FEW scores, in 32 or 64 bits.

    Few are left to the readable form, which costs next to nothing more there.
    """
    streams = (query, key, value)
    return query.ndim > 1 and key.ndim > 1 and all(
        x.shape[:-2] == query.shape[:-2] and x.dtype != np.float16 and x.array.size for x in streams
    ) and math.prod(query.shape[:-1]) * key.shape[-2] > FEW  # fmt: skip


def apply_mask(scores, attn_mask, is_causal):
    """The scores with −∞ where a query may not look, or with a float mask added."""
    mask = checked_mask(attn_mask, is_causal, scores.shape, scores)
    if mask is None:
        return scores
    if mask.dtype.kind == "b":
        return masked_fill(scores, ~mask, -math.inf)
    return scores + mask.to(scores.dtype)


def checked_mask(attn_mask, is_causal, shape, like):
    """The mask of scores (…, L, S): a bool or float Tensor, or None where every query may look.

    It is brought to the device of `like`.
    """
    L, S = shape[-2:]
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError(
                "is_causal=True and an attn_mask were both given: put the causal part into the "
                "mask with `mask & ones(L, S).tril().bool()`, or leave one out."
            )
        return constant(causal(like.array, L, S))
    if attn_mask is None:
        return None
    if isinstance(attn_mask, Mask):
        attn_mask = attn_mask.for_sdpa(heads=len(shape) > 3)
    attn_mask = as_tensor(attn_mask, device=like.device)
    if not fits(attn_mask.shape, shape):
        raise ShapeError(
            f"attn_mask of shape {attn_mask.shape} does not fit scores of shape {shape}: "
            f"expected (L, S) = {(L, S)}, or a shape that broadcasts to {shape}."
        )
    if attn_mask.dtype.kind not in "bf":
        raise DTypeError(
            f"attn_mask must be bool (True = may attend) or float (added to the scores), got "
            f"{attn_mask.dtype}: use .bool()."
        )
    if attn_mask.dtype.kind == "f":
        ask(~(attn_mask.array < math.inf), lambda: refuse(attn_mask))
    return attn_mask


def refuse(attn_mask):
    """Raise for a float mask that would make NaN of a score."""
    raise ValueError(
        f"attn_mask of shape {attn_mask.shape} holds +inf or NaN. A float mask is added to the "
        f"scores: 0 leaves a score as it is, -inf forbids the key."
    )


def fits(shape, target):
    """Whether `shape` broadcasts to `target`."""
    short = len(shape) <= len(target)
    return short and all(m in (n, 1) for m, n in zip(reversed(shape), reversed(target)))


def shared_heads(name, x, query):
    """The heads of a key or value repeated, so that query head i uses head ⌊i · h_x / h⌋."""
    if min(x.ndim, query.ndim) < 3:
        raise ShapeError(
            f"enable_gqa: the heads are dimension -3, but the query has shape {query.shape} and "
            f"the {name} {x.shape}: expected (..., heads, length, width)."
        )
    (*batch, h_x, S, d), h = x.shape, query.shape[-3]
    if h_x == h:
        return x
    if not h_x or h % h_x:
        raise ShapeError(
            f"enable_gqa: {h} query heads cannot share {h_x} {name} heads: each serves an equal "
            f"number of query heads, so {h_x} must divide {h}."
        )
    return reshape(broadcast_to(x.unsqueeze(-3), (*batch, h_x, h // h_x, S, d)), (*batch, h, S, d))


def widened(query, key, value):
    """The three, checked; float16 as float32, in which its attention is computed."""
    check_streams(query, key, value)
    return (x.float() if x.dtype == np.float16 else x for x in (query, key, value))


def check_streams(query, key, value):
    """Widths of query and key, and lengths of key and value, must agree."""
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.ndim < 2:
            raise ShapeError(
                f"{name} has shape {tuple(x.shape)}: expected at least (length, width)."
            )
    if query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            f"query has width {query.shape[-1]} (shape {query.shape}) and key width "
            f"{key.shape[-1]} (shape {key.shape}): their dot product needs one width d_k. "
            f"Project one of them, or use CrossAttention with context_dim={key.shape[-1]}."
        )
    if key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"key has length {key.shape[-2]} (shape {key.shape}) and value length "
            f"{value.shape[-2]} (shape {value.shape}): each key needs its value. Take both from "
            f"the same sequence."
        )
    if not query.dtype == key.dtype == value.dtype or query.dtype.kind != "f":
        raise DTypeError(
            f"query, key and value must have one float type, got {query.dtype}, {key.dtype} and "
            f"{value.dtype}: bring them to one with .float() or .to(dtype)."
        )
