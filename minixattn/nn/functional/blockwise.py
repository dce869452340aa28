"""Attention as one operation on tensors, which never has all scores in memory if they are many.

`fast_attention.py` computes it and explains how; here it gets its history.
"""

import numpy as np

from ...backend import namespace
from ...engine import Node, record, same_device
from ...recompute import through
from ...workspace import empty
from .fast_attention import attend, attend_back, room


def blockwise(equation, query, key, value, mask, scale, need_weights=False):
    """softmax(Q Kᵀ · scale) V for (…, L, d_k), (…, S, d_k), (…, S, d_v).

    Parameters
    ----------
    equation : function (query, key, value) -> AttentionSteps, the same readable; second derivatives
        are its
    query, key, value : Tensors with equal leading dimensions, none of them empty
    mask : array that broadcasts to (…, L, S), bool (True = may attend) or float (added), or None
    scale : what the scores are multiplied with
    need_weights : whether the weights are kept and returned

    Returns
    -------
    output : Tensor (…, L, d_v)
    weights : Tensor (…, L, S), or None
    """
    inputs = same_device((query, key, value), (blockwise,))
    Q, K, V = (four(x.array) for x in inputs)
    Q = Q * Q.dtype.type(scale)
    scores = (*query.shape[:-1], key.shape[-2])
    if mask is not None:
        mask = four(np.broadcast_to(mask, scores))
    O = empty((*Q.shape[:-1], V.shape[-1]), Q)
    P, sums = room(Q, K, need_weights)
    attend(Q, K, V, mask, O, P, sums)
    weights = None
    if need_weights:
        weights = record(P.reshape(scores), inputs, lambda g, _P, *inputs: through(
            lambda *inputs: equation(*inputs).weights, inputs, g))  # fmt: skip
        inputs += (weights,)

    def scaled_dot_product_attention(g, output, query, key, value, *of_weights):
        if weights is not None and weights.retains_grad:
            return through(lambda _q, _k, v, P: P @ v, (query, key, value, *of_weights), g)
        if isinstance(g, Node):
            return through(lambda *inputs: equation(*inputs).output, (query, key, value), g)
        dQ, dK, dV = (empty(x.shape, x) for x in (Q, K, V))
        attend_back(Q, K, V, mask, four(output), P, sums, four(g), dQ, dK, dV)
        dQ *= Q.dtype.type(scale)
        return [d.reshape(x.shape) for d, x in zip((dQ, dK, dV), (query, key, value))]

    shape = (*query.shape[:-1], value.shape[-1])
    return record(O.reshape(shape), inputs, scaled_dot_product_attention), weights


def four(x):
    """(…, h, L, d) as (B, h, L, d)."""
    return x.reshape((1,) * (4 - x.ndim) + x.shape if x.ndim < 4 else (-1, *x.shape[-3:]))


def as_it_is(mask):
    """A copy of a mask, which the caller may change before the backward pass looks at it again.

    Rows that are only repeated (by `expand`) are copied once, as the copy still broadcasts.
    """
    return mask[tuple(slice(0, 1) if step == 0 else slice(None) for step in mask.strides)].copy()


def causal(like, L, S):
    """True where key s ≤ query l, (L, S).

    On the CPU in the memory of one row: the mask is the same along every diagonal, so row l is row
    0 read from l places earlier.
    """
    xp = namespace(like)
    if xp is not np:
        return xp.arange(L)[:, None] >= xp.arange(S)
    row = np.arange(L + S - 1) >= S - 1
    return np.lib.stride_tricks.as_strided(row[S - 1 :], (L, S), (row.itemsize, -row.itemsize))
