"""Attention over some of the keys at a time, and putting the parts together."""

import numpy as np

from ..exercise import Exercise, Mistake
from .attention import attention, scores


def part(Q, K, V):
    """(Σ e^(s−m) v, Σ e^(s−m), m) over some keys."""
    s = scores(Q, K)
    m = s.max(-1, keepdims=True)
    e = np.exp(s - m)
    return e @ V, e.sum(-1, keepdims=True), m


def merge(o_a, total_a, m_a, o_b, total_b, m_b):
    """Both sums brought to the greater m, and added."""
    m = np.maximum(m_a, m_b)
    a, b = np.exp(m_a - m), np.exp(m_b - m)
    return a * o_a + b * o_b, a * total_a + b * total_b, m


def draw_parts(rng):
    """Cases."""
    found = []
    for L, d in ((3, 2), (4, 3)):
        Q, K, V = (2 * rng.standard_normal((n, d)) for n in (L, 6, 6))
        found.append((*part(Q, K[:2], V[:2]), *part(Q, K[2:], V[2:])))
    return found


def without_rescaling(o_a, total_a, m_a, o_b, total_b, m_b):
    """The mistake."""
    return o_a + o_b, total_a + total_b, np.maximum(m_a, m_b)


def with_the_signs_exchanged(o_a, total_a, m_a, o_b, total_b, m_b):
    """The mistake."""
    m = np.maximum(m_a, m_b)
    a, b = np.exp(m - m_a), np.exp(m - m_b)
    return a * o_a + b * o_b, a * total_a + b * total_b, m


def each_by_itself(o_a, total_a, m_a, o_b, total_b, m_b):
    """The mistake: the sum of two softmaxes."""
    total = total_a + total_b
    return (o_a / total_a + o_b / total_b) * total, total, np.maximum(m_a, m_b)


def totals_alone(o_a, total_a, m_a, o_b, total_b, m_b):
    """The mistake: o keeps its old m."""
    _, total, m = merge(o_a, total_a, m_a, o_b, total_b, m_b)
    return o_a + o_b, total, m


MERGE = Exercise(
    "scale.merge", "merge(o_a, total_a, m_a, o_b, total_b, m_b) → (o, total, m)", merge, draw_parts,
    (
        Mistake("The sums are added as they are, though each has subtracted another m.",
                "e^(s−m_a) and e^(s−m_b) differ by a factor.", without_rescaling),
        Mistake("The factor is upside down: e^(m−m_a) in place of e^(m_a−m).",
                "Sums to a smaller m must become smaller.", with_the_signs_exchanged),
        Mistake("Two softmaxes are added.", "The keys of both parts compete with one another.",
                each_by_itself),
        Mistake("Only the totals are brought to the new m, not the sums o.",
                "Both were computed with the old m.", totals_alone),
        Mistake("The smaller m is taken.", "e^(s−m) shall not overflow.",
                lambda *p: (lambda m, a, b: (a * p[0] + b * p[3], a * p[1] + b * p[4], m))(
                    np.minimum(p[2], p[5]), np.exp(p[2] - np.minimum(p[2], p[5])),
                    np.exp(p[5] - np.minimum(p[2], p[5])))),
    ),
)  # fmt: skip


def blocks_of(K, V, block):
    """Some keys and values at a time."""
    return [(K[i : i + block], V[i : i + block]) for i in range(0, len(K), block)]


def blockwise(Q, K, V, block):
    """The parts merged, and divided at the end."""
    o, total, m = None, None, None
    for k, v in blocks_of(K, V, block):
        found = part(Q, k, v)
        o, total, m = found if o is None else merge(o, total, m, *found)
    return o / total


def draw_blocks(rng):
    """Cases."""
    return [tuple(2 * rng.standard_normal((n, 3)) for n in (4, S, S)) + (block,)
            for S, block in ((6, 2), (7, 3))]  # fmt: skip


def last_m(Q, K, V, block):
    """The mistake: every part keeps its own m."""
    parts = [part(Q, k, v) for k, v in blocks_of(K, V, block)]
    return sum(o for o, _, _ in parts) / sum(total for _, total, _ in parts)


BLOCKWISE = Exercise(
    "scale.blockwise", "blockwise(Q, K, V, block) → softmax(Q Kᵀ / √d_k) V, `block` keys at a time",
    blockwise, draw_blocks,
    (
        Mistake("The blocks' outputs are averaged.", "A block whose scores are low counts less.",
                lambda Q, K, V, n: np.mean([attention(Q, k, v) for k, v in blocks_of(K, V, n)], 0)),
        Mistake("The blocks' outputs are added.", "The keys of all blocks compete.",
                lambda Q, K, V, n: np.sum([attention(Q, k, v) for k, v in blocks_of(K, V, n)], 0)),
        Mistake("Each block subtracts its own m, and the sums are added all the same.",
                "Bring them to one m first.", last_m),
        Mistake("The last block, which is smaller, is left out.", "7 keys in blocks of 3.",
                lambda Q, K, V, n: blockwise(Q, K[: len(K) // n * n], V[: len(V) // n * n], n)),
        Mistake("Only the last block counts.", "The parts add up.",
                lambda Q, K, V, n: attention(Q, *blocks_of(K, V, n)[-1])),
    ),
)  # fmt: skip

EXERCISES = (MERGE, BLOCKWISE)
