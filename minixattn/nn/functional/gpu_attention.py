"""softmax(Q Kᵀ) V and its derivatives on a GPU: every head at once, some whole rows at a time.

What counts is the same as on the CPU (`fast_attention.py`): how often the L × S scores go through
memory. But a GPU wants few large tasks, each of which costs some microseconds to start. So there
are no loops over heads, and no tiles of keys: a block of queries gets its scores with *all* keys,
as one batched product, and softmax runs over them in one pass (`kernels.py`).

    forward     P = Q Kᵀ (written), softmax (read, written), O = P V (read)
    backward    dV = Pᵀ dO (read), Z = dO Vᵀ (written), Z ← P ⊙ (Z − dO·o) (2 read, written),
                dQ = Z K (read), dK = Zᵀ Q (read)

CuPy's batched product takes matrices that lie row after row, and copies others first. A copy of
L × d numbers is cheap, one of L × S is not: so Pᵀ dO is computed as (dOᵀ P)ᵀ, and Zᵀ Q likewise.

Where more than WHOLE scores are not wanted as weights, P is forgotten after each block and made
again on the way back. Rows are whole, so nothing has to be merged.
"""

import math

import numpy as np

from ...backend import namespace
from ...kernels import row_dots, softmax_rows, softmax_rows_back
from ...threads import blocks
from .merging import forbid

WHOLE = 1 << 28  # scores: 1 GiB in float32


def attend(Q, K, V, mask, O, P):
    """O = softmax(Q Kᵀ) V, and P the weights where they are kept; see `fast_attention.attend`."""
    Kt, V = contiguous(K.swapaxes(-1, -2)), contiguous(V)
    for i in parts_of_rows(Q, K, P):
        np.copyto(O[..., i, :], look(Q[..., i, :], Kt, rows_of(mask, Q, K, i), P) @ V)


def attend_back(Q, K, V, mask, O, P, dO, dQ, dK, dV):
    """∂L/∂Q, ∂L/∂K and ∂L/∂V from dO, written into dQ, dK and dV; see `fast_attention`."""
    D = row_dots(dO, O)
    Kt, Vt, K = (contiguous(x) for x in (K.swapaxes(-1, -2), V.swapaxes(-1, -2), K))
    for i in parts_of_rows(Q, K, P):
        put = add if i.start else np.copyto  # keys and values add up what each block gives them
        q, do = Q[..., i, :], dO[..., i, :]
        p = P if P is not None else look(q, Kt, rows_of(mask, Q, K, i))
        put(dV, transposed_product(p, do))
        Z = softmax_rows_back(np.matmul(do, Vt), p, D[..., i, :])
        np.copyto(dQ[..., i, :], Z @ K)
        put(dK, transposed_product(Z, q))


def add(total, part):
    """total += part."""
    total += part


def look(Q, Kt, mask, P=None):
    """P = softmax(Q Kᵀ) of a block of rows, Kᵀ being at hand."""
    P = np.matmul(Q, Kt, out=P)
    if mask is not None:
        forbid(P, mask)
    return softmax_rows(P, out=P)


def transposed_product(a, b):
    """aᵀ b = (bᵀ a)ᵀ, so that the narrow b is copied and not a."""
    return np.matmul(b.swapaxes(-1, -2), a).swapaxes(-1, -2)


def parts_of_rows(Q, K, P):
    """The queries in blocks of at most WHOLE scores; in one where all weights are kept."""
    L = Q.shape[-2]
    size = L if P is not None else WHOLE // (math.prod(Q.shape[:-2]) * K.shape[-2])
    return blocks(slice(0, L), max(1, size))


def rows_of(mask, Q, K, i):
    """The mask of some rows."""
    if mask is None:
        return None
    return np.broadcast_to(mask, (*Q.shape[:-1], K.shape[-2]))[..., i, :]


def contiguous(x):
    """x row after row in memory."""
    return namespace(x).ascontiguousarray(x)
