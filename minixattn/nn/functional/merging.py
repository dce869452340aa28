"""Attention over some of the keys, and how two such parts become one.

Softmax over all keys can be computed a part of the keys at a time, in any order and in different
places: each part gives its sums Σ e^(s−m) v and Σ e^(s−m) with an m of its own, and `merge` brings
them to one m. The quotient of the two sums is attention.

The logarithm m + ln Σ e^(s−m) would be one number instead of two. But where a mask has added −10⁹
to every score of a row, float32 has no digits left for the second term.

Source: Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018), section 3.1.
"""

import functools
import math

import numpy as np

from ...backend import namespace
from ...ops.product import rows
from ...ops.softmax import LOWEST
from ...threads import blocks
from ...workspace import empty

PIECE = 512  # keys


def part(S, V, mask=None):
    """(Σ e^(S−m) V, Σ e^(S−m), m) over the keys of one part; the scores S (…, L, n) are used up.

    For a query that is forbidden every key of the part: 0, 0 and the lowest number.
    """
    if mask is not None:
        forbid(S, mask)
    m = np.maximum(S.max(-1, keepdims=True), LOWEST[S.dtype])  # −∞ − (−∞) would be NaN
    S -= m
    np.exp(S, out=S)
    return S @ V, row_sums(S), m


def merge(o_a, total_a, m_a, o_b, total_b, m_b):
    """The sums over two sets of keys from the sums over each.

        m = max(m_a, m_b),  o = e^(m_a − m) o_a + e^(m_b − m) o_b,  likewise total

    Parameters
    ----------
    o_a, o_b : (…, L, d_v), each Σ e^(s−m) v over its own keys
    total_a, total_b : (…, L, 1), each Σ e^(s−m)
    m_a, m_b : (…, L, 1), what was subtracted from the scores

    Returns
    -------
    o, total, m : of the same shapes, over all keys
    """
    m = np.maximum(m_a, m_b)
    a, b = np.exp(m_a - m), np.exp(m_b - m)
    return a * o_a + b * o_b, a * total_a + b * total_b, m


def look_and_merge(Q, K, V, mask, O, sums, rows, tile):
    """O = softmax(Q Kᵀ) V and sums = (m, Σ e^(s−m)) of one head, for the queries `rows`."""
    for i in blocks(rows, tile[0]):
        found = (part(Q[i] @ K[j].T, V[j], None if mask is None else mask[i, j])
                 for j in blocks(slice(0, len(V)), tile[1]))  # fmt: skip
        keep(*functools.reduce(lambda a, b: merge(*a, *b), found), O[i], sums[i])


def keep(o, total, m, O, sums):
    """Write o / total into O (L, d_v), m and total into `sums` (L, 2)."""
    total += total == 0  # a query that is forbidden every key keeps o = 0
    O[...] = o / total
    sums[:, :1], sums[:, 1:] = m, total


def forbid(scores, mask):
    """The scores with −∞ where a bool mask is False, or with a float mask added; in place."""
    if mask.dtype.kind == "b":
        np.copyto(scores, -math.inf, where=~mask)
    else:
        scores += mask


def collect(P, V, O, piece=PIECE):
    """O = P V, summed over many keys in pieces, lest rounding errors add up; returns O."""
    if P.shape[-1] <= piece:
        return np.matmul(P, V, out=O)
    np.matmul(P[..., :piece], V[..., :piece, :], out=O)
    more = empty(O.shape, O)
    for j in blocks(slice(piece, P.shape[-1]), piece):
        O += np.matmul(P[..., j], V[..., j, :], out=more)
    return O


def row_sums(P):
    """Σ over the last dimension, which stays as 1: all rows times a column of ones."""
    if P.shape[-1] > PIECE:
        return collect(P, ones(P), np.empty_like(P, shape=(*P.shape[:-1], 1)))
    return rows(P).dot(ones(P)).reshape(*P.shape[:-1], 1)


def row_dots(a, b):
    """Σ a b over the last dimension, which stays as 1."""
    if hasattr(np, "vecdot"):  # four times faster, from NumPy 2.0 on
        return np.vecdot(a, b)[..., None]
    return np.einsum("...d,...d->...", a, b)[..., None]


def ones(scores):
    """A column of ones to multiply (…, L, S) with: the product is each row's sum."""
    return column(namespace(scores), scores.shape[-1], scores.dtype.char)


@functools.lru_cache(maxsize=64)
def column(xp, n, dtype):
    """Ones (n, 1), made once."""
    return xp.ones((n, 1), dtype)
