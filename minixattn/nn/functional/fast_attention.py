"""softmax(Q Kᵀ) V and its derivatives again, as fast as NumPy can.

`attention.attention_steps` is the equation; this file computes the same numbers on bare arrays, and
explains how to do it without waste. There are L × S scores: one head of 4,096 tokens fills 64 MiB,
where the cache beside a core has 1 or 2. A core multiplies and adds some 50 float32 numbers in a
nanosecond, but memory brings it only a few. So what counts is how often the L × S numbers are
touched, and where they are then.

What one score costs, for heads of width d, forward and backward:

    products          2d + 4d multiplications   (2d more where the tile is made again)
    exp               one, of about the price of 20 multiplications
    any other pass    one number read and written: nearly free in the cache, dear in memory

The plain expression makes about 20 passes through memory. Here is how they go away:

1. The scale 1/√d goes into Q: L·d multiplications instead of a pass over L·S.
2. Everything happens in place (`out=`), in arrays that are used again (`workspace.py`).
3. A row's sum is a product with a column of ones, which the matrix library does faster than `sum`.
4. The derivative of softmax, Z = P ⊙ (dP − Σ_s P dP), sums each row of P ⊙ dP. As dP = dO Vᵀ, that
   sum is Σ_s P (dO·v_s) = dO·o: L·d numbers instead of L·S.
5. Tiles: the scores of 1024 queries × 256 keys are made, exponentiated and used while they are in
   the cache, and then forgotten. Softmax allows it: sums of exponentials over parts of the keys can
   be merged (`merging.py`), whatever each part has subtracted for safety.
6. The backward pass makes each tile again, P = exp(Q Kᵀ − m) / Σ, from m and the sum of each
   row. One product more costs no more than bringing a stored P back from memory.
7. Where |q·k| ≤ |q||k| (Cauchy and Schwarz) says that exp cannot overflow, no maximum is searched
   for: L·d numbers are looked at instead of L·S. A bool mask is a factor then, not −∞ before exp
   (`exponentials.py`).
8. Threads take elements of a batch (`fused.py`), heads, or parts of one; the matrix library is
   held to one thread meanwhile (`threads.py`).

`WHOLE` picks between two forms. Scores that are few, or wanted as weights, are kept; they are
worked on one head at a time where there is work for two threads. Others are tiled: never stored.
Keys that are the same for a whole batch have a file of their own, `slots.py`; so has a GPU, whose
costs are others: `gpu_attention.py`. `benchmarks/` measures it all.

Sources: Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018), algorithm 3;
Rabe and Staats, "Self-attention does not need O(n²) memory" (2021); Dao et al., "FlashAttention"
(2022), section 3.1 and algorithm 4 for the backward pass.
"""

import threading

import numpy as np

from ...backend import namespace
from ...threads import blocks, parts, share, threads_pay
from ...workspace import empty
from . import gpu_attention
from .exponentials import bounded, exponential, exponentials
from .merging import collect, forbid, keep, look_and_merge, row_dots, row_sums

WHOLE = 1 << 22  # scores: more of them are tiled, unless the weights are wanted
TILE = 1024, 256  # queries, keys: 1 MiB of scores in float32, about a core's own cache
ROWS = 1 << 20  # scores that are worked on at a time where they are kept
PIECE = 128  # keys or queries that are summed over one after another, where scores are kept
NARROW, FEW = 24, 1 << 19  # a head's width, and elements, up to which `turned` copies


# All scores at once ------------------------------------------------------------------------------


def look(Q, K, V, mask, P, O):
    """P = softmax(Q Kᵀ), O = P V, for (…, L, d_k), (…, S, d_k), (…, S, d_v); Q has the scale."""
    safe = Q.size + K.size < P.size and bounded(Q, K, mask)
    power, log_of_e = exponential() if safe else (None, 1.0)
    np.matmul(Q * log_of_e if safe else Q, turned(K), out=P)
    exponentials(P, P, mask, power)
    total = row_sums(P)
    if mask is not None:
        total += total == 0  # a row that is forbidden every key: 0 / 1
    P /= total
    collect(P, V, O, PIECE)


def turned(x):
    """xᵀ of each head, (…, d, S); of narrow heads laid out anew, which halves their product's time.

    OpenBLAS multiplies small matrices by rows in half the time that it takes by columns.
    """
    xt = x.swapaxes(-1, -2)
    return xt.copy() if x.shape[-1] <= NARROW and x.size <= FEW else xt


def look_back(Q, K, V, P, O, dO, dQ, dK, dV):
    """dV = Pᵀ dO, dP = dO Vᵀ, Z = P ⊙ (dP − dO·o), dQ = Z K, dK = Zᵀ Q."""
    Z = empty(P.shape, P)
    collect(P.swapaxes(-1, -2), dO, dV, PIECE)
    np.matmul(dO, turned(V), out=Z)
    Z -= row_dots(dO, O)
    Z *= P
    collect(Z, K, dQ, PIECE)
    collect(Z.swapaxes(-1, -2), Q, dK, PIECE)


def look_back_in_blocks(Q, K, V, P, O, dO, dQ, dK, dV, keys, lock):
    """`look_back` of one head with respect to the keys and values `keys`; dQ is added to."""
    K, V, dK, dV = K[keys], V[keys], dK[keys], dV[keys]
    dK[...], dV[...] = 0, 0
    for i in blocks(slice(0, len(Q)), max(1, ROWS // len(K))):
        dq, dk, dv = empty(Q[i].shape, Q), empty(K.shape, Q), empty(V.shape, Q)
        look_back(Q[i], K, V, P[i, keys], O[i], dO[i], dq, dk, dv)
        dK += dk
        dV += dv
        with lock:
            dQ[i] += dq


# A tile at a time --------------------------------------------------------------------------------


def look_in_tiles(Q, K, V, mask, O, sums, rows):
    """O = softmax(Q Kᵀ) V and sums = (m, Σ e^(s−m)) of one head, for the queries `rows`.

    With m = 0, a row's parts are added up: o = Σ_j exp(s_j) V_j, total = Σ_j exp(s_j) 1. Where the
    scores may be too large for that, each part subtracts its own m, and they are merged.
    """
    if not bounded(Q, K, mask):
        look_and_merge(Q, K, V, mask, O, sums, rows, TILE)
        return
    power, log_of_e = exponential()
    Kt, V = contiguous(K.T), contiguous(V)
    for i in blocks(rows, TILE[0]):
        q = Q[i] * log_of_e
        o, total = np.zeros((len(q), V.shape[-1]), q.dtype), np.zeros((len(q), 1), q.dtype)
        o_j = empty(o.shape, q)
        for j in blocks(slice(0, len(V)), TILE[1]):
            P = np.matmul(q, Kt[:, j], out=empty((len(q), j.stop - j.start), q))
            power(P, out=P)
            if mask is not None:
                P *= mask[i, j]
            total += row_sums(P)
            o += np.matmul(P, V[j], out=o_j)
        keep(o, total, 0, O[i], sums[i])


def look_back_in_tiles(Q, K, V, mask, O, sums, dO, dQ, dK, dV, keys, lock):
    """The derivatives of one head with respect to the keys and values `keys`; dQ is added to.

    Every tile is made again, as exp(Q Kᵀ − m). The factor 1 / total that is missing from P is given
    to dO and dO·o, L·d numbers, instead.
    """
    safe = bounded(Q, K, mask)
    power, log_of_e = exponential() if safe else (np.exp, 1.0)
    m, missing = sums[:, :1], 1 / sums[:, 1:]
    D = row_dots(dO, O) * missing
    Q, K, V, dO = contiguous(Q) * log_of_e, K[keys], V[keys], contiguous(dO) * missing
    dq = np.zeros_like(Q)
    for j in blocks(slice(0, len(K)), TILE[1]):
        k, kt, vt = contiguous(K[j]), contiguous(K[j].T), contiguous(V[j].T)
        dk, dv = np.zeros_like(k), np.zeros_like(vt.T)
        dk_i, dv_i = empty(dk.shape, Q), empty(dv.shape, Q)
        for i in blocks(slice(0, len(Q)), TILE[0]):
            P = np.matmul(Q[i], kt, out=empty((i.stop - i.start, len(k)), Q))
            allowed = None if mask is None else mask[i, keys][:, j]
            if not safe:
                if allowed is not None:
                    forbid(P, allowed)
                P -= m[i]
            power(P, out=P)
            if safe and allowed is not None:
                P *= allowed
            Z = np.matmul(dO[i], vt, out=empty(P.shape, P))
            Z -= D[i]
            Z *= P
            dv += np.matmul(P.T, dO[i], out=dv_i)
            dk += np.matmul(Z.T, Q[i], out=dk_i)
            dq[i] += np.matmul(Z, k, out=empty(Q[i].shape, Q))
        dK[keys][j], dV[keys][j] = dk * (1 / log_of_e), dv
    with lock:
        dQ += dq


def contiguous(x):
    """x with its numbers side by side: products of heads that are are 5 to 10 % faster."""
    return x if x.flags.c_contiguous else x.copy()


# Every head --------------------------------------------------------------------------------------


def room(Q, K, weights):
    """Where `attend` leaves what `attend_back` needs of each row of scores.

    Parameters
    ----------
    Q, K : (B, h, L, d_k), (B, h, S, d_k)
    weights : whether the weights are wanted

    Returns
    -------
    P : (B, h, L, S), for the weights, where they are wanted or few; else None
    sums : (B, h, L, 2), for m and Σ e^(s−m), where they are not; else None
    """
    (B, h, L, _), S = Q.shape, K.shape[-2]
    if weights or B * h * L * S <= WHOLE:
        return empty((B, h, L, S), Q), None
    return None, None if namespace(Q) is not np else empty((B, h, L, 2), Q)


def attend(Q, K, V, mask, O, P, sums):
    """O = softmax(Q Kᵀ) V for every head, where Q carries the scale.

    Parameters
    ----------
    Q, K, V : (B, h, L, d_k), (B, h, S, d_k), (B, h, S, d_v)
    mask : bool (True = may attend) or float (is added), broadcasting to (B, h, L, S), or None
    O : (B, h, L, d_v), is filled
    P, sums : from `room`, are filled
    """
    if namespace(Q) is not np:
        gpu_attention.attend(Q, K, V, mask, O, P)
        return
    (B, h, L, _), S = Q.shape, K.shape[-2]
    if P is not None and not threads_pay(Q, Q.size * S):
        look(Q, K, V, mask, P, O)
        return
    mask = mask if mask is None else np.broadcast_to(mask, (B, h, L, S))

    def one_head(n, rows):
        i = divmod(n, h)
        m = None if mask is None else mask[i]
        if P is None:
            look_in_tiles(Q[i], K[i], V[i], m, O[i], sums[i], rows)
            return
        for r in blocks(rows, max(1, ROWS // S)):
            look(Q[i][r], K[i], V[i], m if m is None else m[r], P[i][r], O[i][r])

    share(*parts(one_head, B * h, L))


def attend_back(Q, K, V, mask, O, P, sums, dO, dQ, dK, dV):
    """∂L/∂Q, ∂L/∂K and ∂L/∂V for every head, from dO = ∂L/∂O, written into dQ, dK and dV.

    The other arguments are those of `attend`.
    """
    if namespace(Q) is not np:
        gpu_attention.attend_back(Q, K, V, mask, O, P, dO, dQ, dK, dV)
        return
    (B, h, L, _), S = Q.shape, K.shape[-2]
    if P is not None and not threads_pay(Q, Q.size * S):
        look_back(Q, K, V, P, O, dO, dQ, dK, dV)
        return
    mask = mask if mask is None else np.broadcast_to(mask, (B, h, L, S))
    dQ[...] = 0
    locks = [threading.Lock() for _ in range(B * h)]

    def one_head(n, keys):
        i = divmod(n, h)
        m = None if mask is None else mask[i]
        if P is None:
            look_back_in_tiles(Q[i], K[i], V[i], m, O[i], sums[i], dO[i], dQ[i], dK[i], dV[i], keys,
                               locks[n])  # fmt: skip
        else:
            look_back_in_blocks(Q[i], K[i], V[i], P[i], O[i], dO[i], dQ[i], dK[i], dV[i], keys,
                                locks[n])  # fmt: skip

    share(*parts(one_head, B * h, S))
