"""Attention to a context and to slots that a whole batch shares, in one softmax.

    A = softmax([Q Kᵀ, Q P_kᵀ] · scale),  O = A [V; P_v]

| symbol   | identifier     | shape                                                     |
|----------|----------------|-----------------------------------------------------------|
| Q        | query          | (B, h, L, d_k)                                            |
| K, V     | key, value     | (B, h, S, d_k), (B, h, S, d_v): each element's own        |
| P_k, P_v | P_k, P_v       | (h, N, d_k), (h, N, d_v): the same for all elements       |
| A        | weights        | (B, h, L, S + N): the slots are the last N columns        |

`equation` repeats the slots for every element, as the formula has it. `look` and `look_back`
compute the same numbers and repeat nothing: the queries of all elements meet the slots in one
product for each head, of (B·L, d_k) and (d_k, N), instead of in B products of (L, d_k) and
(d_k, N). That takes half the time, and Zᵀ Q, the derivative with respect to P_k, comes out summed
over the batch.

Source: Sukhbaatar et al., "Augmenting Self-attention with Persistent Memory" (2019).
"""

import numpy as np

from ...creation import ones
from ...engine import Node, constant, record, tapes
from ...ops.shape import cat, expand
from ...precision import autocasting
from ...recompute import through
from ...workspace import empty
from .attention import FEW, attention
from .blockwise import as_it_is
from .exponentials import bounded, exponential, exponentials
from .fast_attention import turned
from .merging import collect, row_dots, row_sums

SHORT = 1 << 16  # scores of one head of one element
MANY = 1 / 4  # slots, of the number of keys


def equation(query, key, value, P_k, P_v, mask=None, *, scale=None):
    """`AttentionSteps` of the equation above.

    Parameters
    ----------
    query, key, value, P_k, P_v : Tensors as above; N may be 0
    mask : bool (True = may attend), broadcasting to (B, h, L, S): no mask hides a slot
    scale : what the scores are multiplied with
    """
    K, V = with_slots(key, P_k), with_slots(value, P_v)  # (B, h, S + N, d)
    return attention(query, K, V, with_more(mask, key.shape[2], P_k.shape[1]), scale=scale)


def with_slots(x, slots):
    """[x; P]: (B, h, S, d) and (h, N, d) → (B, h, S + N, d); x itself where N = 0."""
    if not slots.shape[1]:
        return x
    return cat([x, expand(slots, *x.shape[:-3], *slots.shape)], -2)


def with_more(mask, S, N):
    """The mask of S keys with N more columns, all True."""
    if mask is None or not N:
        return mask
    mask = expand(mask, *mask.shape[:-1], S)
    return cat([mask, ones(*mask.shape[:-1], N, device=mask.device).bool()], -1)


# The same with arrays ----------------------------------------------------------------------------


def look(Q, K, V, P_k, P_v, mask, A, O):
    """A = softmax([Q Kᵀ, Q P_kᵀ]), O = A [V; P_v]; Q has the scale, and A is (h, B, L, S + N)."""
    to_context, to_slots = columns(A, K.shape[2])
    safe = bounded(Q, K, mask) and bounded(Q, P_k, mask)
    power, log_of_e = exponential() if safe else (None, 1.0)
    q = Q * log_of_e if safe else Q
    np.matmul(q, turned(K), out=to_context)
    np.matmul(of_all(q), turned(P_k), out=to_slots)
    exponentials(A, to_context, mask, power)
    A /= row_sums(A)
    collect(to_context, V, O)
    o = of_all(O)
    o += collect(to_slots, P_v, empty(o.shape, o))


def look_back(Q, K, V, P_k, P_v, A, O, dO, dQ, dK, dV, dP_k, dP_v):
    """dV = Aᵀ dO, dA = dO Vᵀ, Z = A ⊙ (dA − dO·o), dQ = Z K, dK = Zᵀ Q; with slots likewise."""
    Z = empty(A.shape, A)
    to_context, to_slots = columns(A, K.shape[2])
    of_context, of_slots = columns(Z, K.shape[2])
    np.matmul(to_context.swapaxes(-1, -2), dO, out=dV)
    np.matmul(to_slots.swapaxes(-1, -2), of_all(dO), out=dP_v)
    np.matmul(dO, turned(V), out=of_context)
    np.matmul(of_all(dO), turned(P_v), out=of_slots)
    Z -= row_dots(dO, O).swapaxes(0, 1)
    Z *= A
    np.matmul(of_context, K, out=dQ)
    dq = of_all(dQ)
    dq += np.matmul(of_slots, P_k, out=empty(dq.shape, dq))
    np.matmul(of_context.swapaxes(-1, -2), Q, out=dK)
    np.matmul(of_slots.swapaxes(-1, -2), of_all(Q), out=dP_k)


def columns(A, S):
    """Views of (h, B, L, S + N): the columns of the context (B, h, L, S), of slots (h, B·L, N)."""
    return A.swapaxes(0, 1)[..., :S], of_all(A.swapaxes(0, 1))[..., S:]


def of_all(x):
    """(B, h, L, d) → (h, B·L, d): the rows of all elements, head by head."""
    return x.swapaxes(0, 1).reshape(x.shape[1], -1, x.shape[3])


# As an operation ---------------------------------------------------------------------------------


def attention_with_slots(query, key, value, P_k, P_v, mask, scale):
    """(output, weights) of `equation`; differentiable, any number of times.

    Parameters
    ----------
    query, key, value, P_k, P_v, mask, scale : as in `equation`, and as `is_shared` takes them

    Returns
    -------
    output : Tensor (B, h, L, d_v)
    weights : Tensor (B, h, L, S + N)
    """
    inputs = query, key, value, P_k, P_v
    q, K, V, k, v = (x.array for x in inputs)
    (B, h, L, _), (_, _, S, d_v) = q.shape, V.shape
    scale = q.dtype.type(scale)
    Q = q * scale
    A, O = empty((h, B, L, S + k.shape[1]), Q), by_rows(Q, d_v)
    mask = None if mask is None else constant(as_it_is(mask.array))
    look(Q, K, V, k, v, None if mask is None else mask.array, A, O)

    def steps(*inputs):
        return equation(*inputs, mask, scale=float(scale))

    def collected(_query, _key, value, _P_k, P_v, weights):
        return weights @ with_slots(value, P_v)

    weights = record(A.swapaxes(0, 1), inputs, lambda g, _A, *inputs: through(
        lambda *inputs: steps(*inputs).weights, inputs, g))  # fmt: skip

    def attention_with_slots(g, output, query, key, value, P_k, P_v, weights_):
        inputs = query, key, value, P_k, P_v
        if weights.retains_grad:
            return through(collected, (*inputs, weights_), g)
        if isinstance(g, Node):
            return through(lambda *inputs: steps(*inputs).output, inputs, g)
        dQ, dK, dV = (by_rows(x, x.shape[3]) for x in inputs[:3])
        dP_k, dP_v = empty(P_k.shape, Q), empty(P_v.shape, Q)
        look_back(Q, key, value, P_k, P_v, A, output, g, dQ, dK, dV, dP_k, dP_v)
        dQ *= scale
        return dQ, dK, dV, dP_k, dP_v

    return record(O, (*inputs, weights), attention_with_slots), weights


def is_shared(query, key, value, P_k, P_v):
    """Whether `attention_with_slots` takes these, or `equation` does, which explains errors.

    Batches on the CPU, of one float type of 32 or 64 bits, with more than a FEW scores, in which
    repeating the slots is much of the work: of SHORT sequences with MANY slots. And nobody traces
    or casts.
    """
    inputs = query, key, value, P_k, P_v
    if tapes or autocasting(query) or not all(x.ndim == 4 for x in inputs[:3]):
        return False
    (B, h, L, d_k), (_, _, S, d_v), N = query.shape, value.shape, P_k.shape[1]
    return (
        N >= MANY * S and key.shape == (B, h, S, d_k) and value.shape == (B, h, S, d_v)
        and P_k.shape == (h, N, d_k) and P_v.shape == (h, N, d_v)
        and all(type(x.array) is np.ndarray and x.dtype == query.dtype for x in inputs)
        and query.dtype.kind == "f" and query.dtype.itemsize > 2 and S > 0
        and B * h * L * (S + N) > FEW and L * (S + N) <= SHORT
    )  # fmt: skip


def by_rows(x, d):
    """Room for (B, h, n, d) that lies in memory as (B, n, h, d) does, the heads side by side."""
    B, h, n, _ = x.shape
    return empty((B, n, h, d), x).swapaxes(1, 2)
