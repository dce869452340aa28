"""A whole attention layer as one operation: what the layers run where nobody looks inside.

    Q = x W_Qᵀ + b_Q,  [K V] = c W_KVᵀ + b_KV,  output = concat(softmax(Q Kᵀ · scale) V) W_Oᵀ + b_O

`equation` says it with tensors. `forward` and `backward` say it with arrays, and write each result
where it is needed: the scale goes into Q, one weight for K and V is one product, the heads are
views, and every gradient is written straight into an array laid out as its parameter.
"""

from typing import NamedTuple

import numpy as np

from ..backend import namespace
from ..engine import Node, record, tapes
from ..precision import autocasting
from ..recompute import through
from ..threads import share
from ..workspace import empty
from .functional.attention import attention_steps, checked_mask
from .functional.blockwise import as_it_is
from .functional.fast_attention import attend, attend_back, room
from .functional.linear import linear, sum_of_rows
from .heads import merge_heads, split_heads
from .products import multiplier, multiply_in_pieces, multiply_rows, multiply_shared


class Projections(NamedTuple):
    """What projects: for each, (weight, bias) pairs."""

    Q: list
    KV: list  # one pair for both, or one for K and one for V
    O: list


def equation(x, c, projections, h, scale, mask=None):
    """(output, weights) of the layer, as Tensors: the equation above."""
    Q = linear(x, *projections.Q[0])
    K, V = keys_and_values(c, projections)
    Q, K, V = (split_heads(stream, h) for stream in (Q, K, V))
    steps = attention_steps(Q, K, V, mask, scale=scale)
    return linear(merge_heads(steps.output), *projections.O[0]), steps.weights


def keys_and_values(c, projections):
    """K and V, as Tensors."""
    return two([linear(c, W, b) for W, b in projections.KV], len(projections.Q[0][0]))


def two(found, width):
    """K and V, where one array may hold both: K, its first `width` columns, and V, the others."""
    if len(found) == 2:
        return found
    return found[0][..., :width], found[0][..., width:]


def is_plain(x, c, parameters, arrange, h, mask):
    """Whether `attention_layer` takes these, or the readable form does, which can explain errors.

    Batches and parameters of one float type, whose widths fit; keys to look at; no mask that is
    learned; and nobody traces or casts.
    """
    if tapes or autocasting(x) or not (isinstance(x, Node) and isinstance(c, Node)):
        return False
    given = [None if t is None else t.array for t in (x, c, *parameters)]
    a, b, *values = given
    return (
        a.ndim == 3 == b.ndim and b.size > 0 and a.dtype.kind == "f" and a.dtype.itemsize > 2
        and all(type(t) is type(a) and t.dtype == a.dtype for t in given if t is not None)
        and not (mask is not None and mask.requires_grad)
        and widths_fit(a.shape[-1], b.shape[-1], arrange(values), h)
    )  # fmt: skip


def widths_fit(D_q, D_c, projections, h):
    """Whether all that is multiplied fits: x W_Qᵀ, c W_KVᵀ, Q Kᵀ by heads, and concat(…) W_Oᵀ."""
    d_Q, d_KV = (sum([len(W) for W, _ in pairs]) for pairs in projections[:2])
    d_V, d_K = d_KV - d_Q, len(projections.KV[0][0])
    return d_Q % h == d_V % h == 0 and d_K in (d_Q, d_KV) and all(
        W.shape[1:] == (width,) and (b is None or b.shape == W.shape[:1])
        for pairs, width in zip(projections, (D_q, D_c, d_V)) for W, b in pairs
    )  # fmt: skip


# The same with arrays ----------------------------------------------------------------------------


class Saved(NamedTuple):
    """What the derivatives need of the forward pass."""

    Q: np.ndarray  # (B, h, L, d_k), times the scale
    K: np.ndarray  # (B, h, S, d_k)
    V: np.ndarray  # (B, h, S, d_v)
    O: np.ndarray  # (B·L, h·d_v)
    P: np.ndarray  # (B, h, L, S), the weights; None where they were tiled
    sums: np.ndarray  # (B, h, L, 2), m and Σ e^(s−m) of each row, where they were


def forward(x, c, projections, h, scale, mask, need_weights):
    """(output, Saved) from x (B, L, D_q) and c (B, S, D_c)."""
    (B, L, _), ((W_O, _),) = x.shape, projections.O
    out = empty((B, L, len(W_O)), x)
    x, c, split = rows(x), rows(c), splitting(B, h)
    (Q,), KV = results(x, projections.Q), results(c, projections.KV)
    q, k, v = map(split, (Q, *two(KV, Q.shape[1])))
    O = empty((B * L, W_O.shape[1]), x)
    saved = Saved(q, k, v, O, *room(q, k, need_weights))

    def some(of, multiply):
        scaled = of(Q)
        project([scaled], of(x), projections.Q, multiply)
        scaled *= scale
        project([of(y) for y in KV], of(c), projections.KV, multiply)
        attend(of(q), of(k), of(v), of(mask), of(split(O)), of(saved.P), of(saved.sums))
        project([rows(of(out))], of(O), projections.O, multiply)

    in_parts(some, q, k, saved.P)
    return out, saved


def backward(g, x, c, projections, gradients, h, scale, mask, saved, wanted=(True, True)):
    """∂L/∂x and ∂L/∂c from g = ∂L/∂output, None for what is not wanted.

    The derivatives with respect to the projections are written into `gradients`.
    """
    q, k, v, O, P, sums = saved
    dx, dc = (empty(s.shape, s) if want else None for s, want in zip((x, c), wanted))
    g, x, c, split = rows(g), rows(x), rows(c), splitting(len(x), h)
    (dQ,), dKV = results(x, projections.Q), results(c, projections.KV)
    dO = empty(O.shape, O)
    dq, dk, dv = map(split, (dQ, *two(dKV, dQ.shape[1])))

    def some(of, multiply):
        project_back([of(g)], projections.O, of(dO), multiply)
        attend_back(of(q), of(k), of(v), of(mask), of(split(O)), of(P), of(sums),
                    of(split(dO)), of(dq), of(dk), of(dv))  # fmt: skip
        scaled = of(dQ)
        scaled *= scale
        project_back([scaled], projections.Q, of(dx), multiply)
        project_back([of(d) for d in dKV], projections.KV, of(dc), multiply)

    multiply = in_parts(some, q, k, P)
    parameters_back([g], O, projections.O, gradients.O, multiply)
    parameters_back([dQ], x, projections.Q, gradients.Q, multiply)
    parameters_back(dKV, c, projections.KV, gradients.KV, multiply)
    return dx, dc


def in_parts(some, Q, K, P):
    """some(of, multiply) for the batch as a whole; where threads pay, for one element at a time.

    `of` takes that part of an array, which may lie in rows. What is made of one element is still
    in the cache when the next line needs it. Returns the product to use for the whole batch.
    """
    B, multiply = len(Q), multiplier(Q, K)
    if multiply is not multiply_shared or P is None or B == 1:
        some(lambda x: x, multiply)
    else:
        share(lambda i: some(lambda x: x if x is None else part(x, i, B), multiply_in_pieces), B)
    return multiply


def part(x, i, n):
    """Part i of n parts of x."""
    size = len(x) // n
    return x[i * size : (i + 1) * size]


def rows(x):
    """(B, L, width) → (B·L, width), a view."""
    return x.reshape(-1, x.shape[-1])


def splitting(B, h):
    """The function (B·L, h·d) → (B, h, L, d), a view."""
    return lambda x: x.reshape(B, len(x) // B, h, x.shape[1] // h).swapaxes(1, 2)


def results(x, pairs):
    """Room for x Wᵀ of each pair."""
    return [empty((len(x), len(W)), x) for W, _ in pairs]


def project(ys, x, pairs, multiply):
    """y = x Wᵀ + b of each pair."""
    for y, (W, b) in zip(ys, pairs):
        multiply_rows(x, W.T, y, multiply)
        if b is not None:
            y += b


def project_back(gs, pairs, dx, multiply):
    """dx = ∂L/∂x = Σ g W; nothing where dx is None."""
    if dx is None:
        return
    dx, ((first, W), *others) = rows(dx), zip(gs, (W for W, _ in pairs))
    multiply(first, W, out=dx)
    for g, W in others:
        dx += multiply(g, W, out=empty(dx.shape, dx))


def parameters_back(gs, x, pairs, gradients, multiply):
    """∂L/∂W = gᵀ x and ∂L/∂b = Σ g, written into `gradients`."""
    for g, (_, b), (dW, db) in zip(gs, pairs, gradients):
        multiply(g.T, x, out=dW)
        if b is not None:
            sum_of_rows(g, out=db)


def mask_of(x, c, h, mask):
    """The array of a mask Tensor as it is now, (B, h, L, S)."""
    shape = len(x), h, x.shape[1], c.shape[1]
    mask = checked_mask(mask, False, shape, x)
    return None if mask is None else namespace(x.array).broadcast_to(as_it_is(mask.array), shape)


def around_gaps(arrange, parameters):
    """`arrange` for the values of those parameters that there are; None stays for the others."""

    def arranged(values):
        values = iter(values)
        return arrange([None if p is None else next(values) for p in parameters])

    return arranged


# As an operation ---------------------------------------------------------------------------------


def attention_layer(x, c, parameters, arrange, h, scale, mask=None, need_weights=True):
    """(output, weights) of the layer; differentiable, any number of times.

    Parameters
    ----------
    x, c : (B, L, D_q), (B, S, D_c)
    parameters : the layer's Tensors; None for a bias that it does without
    arrange : function that makes `Projections` of parameters, or of arrays laid out as these
    h : number of heads
    scale : what the scores are multiplied with
    mask : bool (True = may attend) or float (is added), a Tensor that broadcasts to (B, h, L, S)
    need_weights : whether to return the weights

    Returns
    -------
    output : Tensor (B, L, D_o)
    weights : Tensor (B, h, L, S), or None
    """
    given = [p for p in parameters if p is not None]
    arranged = arrange if len(given) == len(parameters) else around_gaps(arrange, parameters)
    mask = mask_of(x, c, h, mask)

    def by_the_equation(x, c, *values):
        return equation(x, c, arranged(values), h, scale, mask)

    def from_weights(_x, c, *values):
        *values, P = values
        projections = arranged(values)
        _, V = keys_and_values(c, projections)
        return linear(merge_heads(P @ split_heads(V, h)), *projections.O[0])

    inputs, wanted = (x, c, *given), (x.requires_grad, c.requires_grad)
    arrays = [t.array for t in inputs]
    out, saved = forward(arrays[0], arrays[1], arranged(arrays[2:]), h, scale, mask, need_weights)
    weights = None
    if need_weights:
        weights = record(saved.P, inputs, lambda g, _P, *inputs: through(
            lambda *inputs: by_the_equation(*inputs)[1], inputs, g))  # fmt: skip
        inputs += (weights,)

    def attention_layer(g, _output, x, c, *values):
        if need_weights:
            *values, P = values
            if weights.retains_grad:
                return through(from_weights, (x, c, *values, P), g)
        if isinstance(g, Node):
            return (*through(lambda *inputs: by_the_equation(*inputs)[0], (x, c, *values), g), None)
        gradients = [empty(p.shape, p) for p in values]
        dx, dc = backward(g, x, c, arranged(values), arranged(gradients), h, scale, mask, saved,
                          wanted)  # fmt: skip
        return (dx, dc, *gradients, None)

    return record(out, inputs, attention_layer), weights
