"""Cross-attention whose keys and values are spread over ranks (as in Liu et al. 2023).

Each of n ranks has some of the queries, and some of the keys and values. These are passed round:

    n times:  (o, total, m) ← merge((o, total, m), part(Q kᵀ, v)),  then k, v go to the right

`part` and `merge` are those of blockwise attention (`nn/functional/merging.py`): one equation for
blocks on one machine and for parts on several. On the way back keys and values go round once more,
and with them what is owed to them, which is complete when it comes home:

    P = e^(Q kᵀ − m) / total,  Z = P ⊙ (dO vᵀ − dO·o),  dQ += Z k,  dk += Zᵀ Q,  dv += Pᵀ dO

With N = B h (S/n) d, the numbers in one rank's keys, for d = d_k = d_v in float32:

| each rank | forward                                              | backward               |
|-----------|------------------------------------------------------|------------------------|
| holds     | 8 N bytes of keys and values, and as much on its way | twice that             |
| sends     | (n − 1) · 8 N bytes                                  | (n − 1) · 16 N + 8 N   |
| computes  | 4 · B h (L/n) S d flops                              | 10 · B h (L/n) S d     |

One turn computes 4 B h (L/n) (S/n) d flops while 8 B h (S/n) d bytes
travel: communication can hide behind computing if L/n is at least twice the flops that a rank does
in the time in which a byte travels. (Here one follows the other.)
"""

import numpy as np

from ..backend import namespace
from ..engine import Node, record
from ..errors import GraphError, ShapeError
from ..nn.functional.merging import merge, part
from .total import total


def ring_attention(query, key, value, comm, *, scale=None):
    """softmax(Q Kᵀ / √d_k) V over the keys and values of all ranks.

    Parameters
    ----------
    query : (…, L, d_k), this rank's queries
    key, value : (…, S_r, d_k), (…, S_r, d_v), this rank's keys and values; the ranks may have
        different numbers of them
    comm : a communicator, see `ranks.py`
    scale : what the scores are multiplied with; 1/√d_k where None

    Returns
    -------
    Tensor (…, L, d_v), for this rank's queries. Its gradient with respect to key and value has what
    the queries of *all* ranks say about this rank's.

    Raises
    ------
    ShapeError
        If keys and values differ in number, or the ranks in other dimensions.
    """
    check(query, key, value, comm)
    lengths = lengths_of(comm, key.shape[-2])
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    Q, K, V = (np.ascontiguousarray(t.array) for t in (query, key, value))
    Q = Q * Q.dtype.type(scale)
    O, total_, m = look_round(Q, K, V, comm, lengths)

    def ring_attention(g, _output, _query, _key, _value):
        if isinstance(g, Node):
            raise GraphError("ring_attention has no second derivative.")
        dQ, dK, dV = look_back(Q, K, V, O, total_, m, g, comm, lengths)
        return dQ * Q.dtype.type(scale), dK, dV

    return record(O, (query, key, value), ring_attention)


def look_round(Q, K, V, comm, lengths):
    """(O, total, m): every part of the keys comes by, and is merged."""
    found = None
    for turn in range(comm.size):
        one = part(Q @ np.swapaxes(K, -1, -2), V)
        found = one if found is None else merge(*found, *one)
        if turn < comm.size - 1:
            K, V = passed(comm, lengths, turn, K, V)
    o, total_, m = found
    return o / total_, total_, m


def look_back(Q, K, V, O, total_, m, dO, comm, lengths):
    """dQ (for the scaled queries), dK, dV: keys, values and their gradients go round once."""
    dO = namespace(dO).ascontiguousarray(dO)
    D = (dO * O).sum(-1, keepdims=True)
    dQ, dK, dV = np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V)
    for turn in range(comm.size):
        P = np.exp(Q @ np.swapaxes(K, -1, -2) - m) / total_
        Z = P * (dO @ np.swapaxes(V, -1, -2) - D)
        dQ += Z @ K
        dK += np.swapaxes(Z, -1, -2) @ Q
        dV += np.swapaxes(P, -1, -2) @ dO
        if turn < comm.size - 1:
            K, V, dK, dV = passed(comm, lengths, turn, K, V, dK, dV)
        else:
            dK, dV = passed(comm, lengths, turn, dK, dV)
    return dQ, dK, dV


def passed(comm, lengths, turn, *arrays):
    """The arrays (…, S_r, d) go to the right; returns those that come from the left."""
    coming = lengths[(comm.rank - turn - 1) % comm.size]
    found = []
    for x in arrays:
        out = np.empty((*x.shape[:-2], coming, x.shape[-1]), x.dtype)
        comm.exchange(x, out)
        found.append(out)
    return found


def lengths_of(comm, own):
    """How many keys each rank has."""
    counts = np.zeros(comm.size)
    counts[comm.rank] = own
    return total(comm, counts).astype(int).tolist()


def check(query, key, value, comm):
    """Raise unless all fits, on all ranks."""
    shapes = tuple(map(tuple, (query.shape, key.shape, value.shape)))
    (*lead, _, d_q), (*lead_k, S, d_k), (*lead_v, S_v, _) = shapes
    if not (lead == lead_k == lead_v and S_v == S and d_q == d_k):
        raise ShapeError(
            f"ring_attention: query, key and value have the shapes {', '.join(map(str, shapes))}, "
            f"expected (…, L, d_k), (…, S, d_k), (…, S, d_v)."
        )
    own = np.zeros(8)
    own[: len(lead) + 2] = *lead, d_q, shapes[2][-1]
    if not np.array_equal(total(comm, own.copy()), own * comm.size):
        raise ShapeError(
            f"ring_attention: rank {comm.rank} has query, key and value of the shapes "
            f"{', '.join(map(str, shapes))}, another rank has others: all dimensions but the "
            f"lengths must be the same on every rank."
        )


def bytes_of_ring(B, h, S, d_k, d_v, n, itemsize=4, *, backward=False):
    """The bytes that all n ranks send together for one look, or for its way back.

    The lengths' and shapes' few numbers, which `check` and `lengths_of` compare, are not counted.
    """
    once = B * h * S * (d_k + d_v) * itemsize  # all keys and values
    return (2 * (n - 1) + 1) * once if backward else (n - 1) * once
