"""Several heads (Vaswani et al. 2017, section 3.2.2)."""

import numpy as np

from ..exercise import Exercise, Mistake
from .attention import T, scores, softmax


def split(x, h):
    """(B, L, h·d) → (B, h, L, d)."""
    B, L, E = x.shape
    return x.reshape(B, L, h, E // h).swapaxes(1, 2)


def merge(x):
    """(B, h, L, d) → (B, L, h·d)."""
    B, h, L, d = x.shape
    return x.swapaxes(1, 2).reshape(B, L, h * d)


def split_by_reshape(x, h):
    """The mistake: no transpose."""
    B, L, E = x.shape
    return x.reshape(B, h, L, E // h)


def merge_by_reshape(x):
    """The mistake: no transpose."""
    B, h, L, d = x.shape
    return x.reshape(B, L, h * d)


def draw_split(rng):
    """Cases."""
    return [(rng.standard_normal((B, L, h * d)), h)
            for B, L, h, d in ((1, 2, 2, 2), (2, 3, 2, 4), (2, 5, 4, 3))]  # fmt: skip


def draw_merge(rng):
    """Cases."""
    return [(rng.standard_normal((B, h, L, d)),)
            for B, h, L, d in ((1, 2, 2, 2), (2, 2, 3, 4), (2, 4, 5, 3))]  # fmt: skip


WITHOUT_TRANSPOSE = (
    "The heads are reshaped without a transpose: numbers of different tokens get mixed.",
    "In memory a token's heads lie side by side; reshape keeps the order, it cannot exchange dims.",
)

SPLIT = Exercise(
    "attention.split_heads", "split_heads(x, h): (B, L, h·d) → (B, h, L, d)", split, draw_split,
    (
        Mistake(*WITHOUT_TRANSPOSE, split_by_reshape),
        Mistake("The heads are interleaved: head i gets every h-th number.",
                "Head 0 has the first d numbers of each token.",
                lambda x, h: x.reshape(*x.shape[:2], -1, h).transpose(0, 3, 1, 2)),
        Mistake("The heads are still behind the tokens: (B, L, h, d).",
                "Matrix products work on the last two dimensions: which shall these be?",
                lambda x, h: x.reshape(*x.shape[:2], h, -1)),
    ),
)  # fmt: skip

MERGE = Exercise(
    "attention.merge_heads", "merge_heads(x): (B, h, L, d) → (B, L, h·d)", merge, draw_merge,
    (
        Mistake(*WITHOUT_TRANSPOSE, merge_by_reshape),
        Mistake("The heads are interleaved.", "Head 0 gives the first d numbers of each token.",
                lambda x: x.transpose(0, 2, 3, 1).reshape(x.shape[0], x.shape[2], -1)),
        Mistake("The heads are averaged instead of laid side by side.",
                "Nothing is lost: d numbers of each of h heads are h·d numbers.",
                lambda x: x.mean(1)),
    ),
)  # fmt: skip


def multihead(x, c, W_Q, W_K, W_V, W_O, h, *, split=split, merge=merge, scale=None,
              softmax=softmax):  # fmt: skip
    """concat(softmax(Q_i K_iᵀ / √d_k) V_i) W_Oᵀ."""
    Q, K, V = split(x @ W_Q.T, h), split(c @ W_K.T, h), split(c @ W_V.T, h)
    scale = 1 / np.sqrt(Q.shape[-1]) if scale is None else scale
    return merge(softmax(Q @ T(K) * scale) @ V) @ W_O.T


def draw_multihead(rng):
    """Cases."""
    return [(rng.standard_normal((B, L, E)), rng.standard_normal((B, S, E)),
             *(rng.standard_normal((E, E)) for _ in range(4)), h)
            for B, L, S, E, h in ((2, 4, 4, 4, 2), (1, 3, 5, 6, 3))]  # fmt: skip


def without_W_O(x, c, W_Q, W_K, W_V, _W_O, h):
    """The mistake."""
    return multihead(x, c, W_Q, W_K, W_V, np.eye(len(W_Q)), h)


MULTIHEAD = Exercise(
    "attention.multihead", "multihead(x, c, W_Q, W_K, W_V, W_O, h) → (B, L, E)", multihead,
    draw_multihead,
    (
        Mistake("The scale is √E of the whole model, not √d_k of one head.",
                "How many products are added up in one score of one head?",
                lambda *a: multihead(*a, scale=1 / np.sqrt(a[2].shape[0]))),
        Mistake("The scale is missing.", "How large does a sum of d_k products get?",
                lambda *a: multihead(*a, scale=1)),
        Mistake(*WITHOUT_TRANSPOSE,
                lambda *a: multihead(*a, split=split_by_reshape, merge=merge_by_reshape)),
        Mistake("The heads are split with a transpose, but merged without one.",
                "Merging is the inverse of splitting.",
                lambda *a: multihead(*a, merge=merge_by_reshape)),
        Mistake("The last projection W_O is missing.",
                "The heads lie side by side; what mixes them?", without_W_O),
        Mistake("Keys and values come from the query stream x: that is self-attention.",
                "x asks; what is asked is c.", lambda x, _c, *rest: multihead(x, x, *rest)),
        Mistake("Softmax is taken over the queries.",
                "Which sums shall be 1: those of the rows, or those of the columns?",
                lambda *a: multihead(*a, softmax=lambda s: softmax(s, -2))),
        Mistake("That is one head: h is not used.",
                "Each head has its own softmax, over its own d_k coordinates.",
                lambda *a: multihead(*a[:6], 1)),
    ),
)  # fmt: skip


AVERAGE = Exercise(
    "attention.average_weights", "average_weights(scores): (h, L, S) → the mean weights, (L, S)",
    lambda s: softmax(s).mean(0),
    lambda rng: [(3 * rng.standard_normal(shape),) for shape in ((2, 3, 3), (4, 2, 5))],
    (
        Mistake("The heads are averaged too early: their scores, before the softmax.",
                "The mean of two softmaxes is not the softmax of the mean.",
                lambda s: softmax(s.mean(0))),
        Mistake("The softmax is missing: these are the mean scores.",
                "Weights are asked for: none is negative, and each row sums to 1.",
                lambda s: s.mean(0)),
        Mistake("The weights are summed over the heads, not averaged.",
                "Each row shall sum to 1 again.", lambda s: softmax(s).sum(0)),
        Mistake("Softmax is taken over the queries.",
                "Which sums shall be 1: those of the rows, or those of the columns?",
                lambda s: softmax(s, -2).mean(0)),
        Mistake("Softmax is taken over the heads.",
                "Heads do not compete with one another; keys do.",
                lambda s: softmax(s, 0).mean(0)),
    ),
)  # fmt: skip


def grouped(Q, K, V, *, which=None):
    """Head i of H reads key and value head ⌊i / (H / G)⌋ of G (Ainslie et al. 2023)."""
    H, G = len(Q), len(K)
    which = np.arange(H) // (H // G) if which is None else which(H, G)
    return softmax(scores(Q, K[which])) @ V[which]


GROUPED = Exercise(
    "scale.grouped", "grouped(Q, K, V): (H, L, d), (G, S, d), (G, S, d) → (H, L, d)", grouped,
    lambda rng: [tuple(rng.standard_normal((n, m, 4)) for n, m in ((H, 3), (G, 5), (G, 5)))
                 for H, G in ((4, 2), (6, 3))],
    (
        Mistake("Neighbouring heads read different groups: the groups are tiled, not repeated.",
                "With H = 4 and G = 2 the heads read groups 0, 0, 1, 1.",
                lambda *a: grouped(*a, which=lambda H, G: np.arange(H) % G)),
        Mistake("All heads read the first group.", "Each group serves H / G heads.",
                lambda *a: grouped(*a, which=lambda H, _G: np.zeros(H, int))),
        Mistake("The keys and values of the groups are averaged.",
                "A head reads one group, whole.",
                lambda Q, K, V: softmax(scores(Q, K.mean(0))) @ V.mean(0)),
    ),
)  # fmt: skip

EXERCISES = (SPLIT, MERGE, MULTIHEAD, AVERAGE, GROUPED)
