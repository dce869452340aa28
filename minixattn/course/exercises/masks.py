"""Masks: True where a query may look."""

import numpy as np

from ..exercise import Exercise, Mistake
from .attention import softmax


def apply(scores, mask):
    """softmax over the keys that the mask allows; 0 where it allows none."""
    seen = np.where(mask, scores, -np.inf)
    m = np.where(mask.any(-1, keepdims=True), seen.max(-1, keepdims=True), 0)
    e = np.exp(seen - m)
    return e / np.maximum(e.sum(-1, keepdims=True), np.finfo(e.dtype).tiny)


def draw_apply(rng):
    """The last case has a query that may look nowhere."""
    found = []
    for shape, hide in (((3, 4), False), ((2, 4, 4), False), ((3, 5), True)):
        mask = rng.random(shape) < 0.6
        mask[..., 0, 0], mask[..., 1, 1], mask[..., 2, 2] = True, True, True
        mask[..., 0, 1] = False
        mask[(mask.all(-1)), -1] = False
        if not hide:
            mask[..., 0] |= ~mask.any(-1)
        else:
            mask[1] = False
        found.append((rng.standard_normal(shape), mask))
    return found


def nan_where_nothing_is_seen(scores, mask):
    """The mistake."""
    with np.errstate(all="ignore"):
        seen = np.where(mask, scores, -np.inf)
        e = np.exp(seen - seen.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)


APPLY = Exercise(
    "masks.apply", "masked(scores, mask) → weights, 0 where the mask is False, (…, L, S)", apply,
    draw_apply,
    (
        Mistake("The mask is inverted: what may be seen is hidden.",
                "True means: may attend.", lambda s, m: apply(s, ~m)),
        Mistake("The mask comes after the softmax: the rows no longer sum to 1.",
                "What is hidden has taken its share already.",
                lambda s, m: softmax(s) * m),
        Mistake("Hidden scores are set to 0, which is a score like any other.",
                "e⁰ is 1. Which score has the exponential 0?",
                lambda s, m: softmax(s * m)),
        Mistake("A query that may look nowhere gets NaN.",
                "−∞ − (−∞) is not a number; and what is 0 / 0?", nan_where_nothing_is_seen),
        Mistake("A query that may look nowhere looks everywhere: −10⁹ is a number too.",
                "What is left of −10⁹ once the greatest score of the row is subtracted?",
                lambda s, m: softmax(np.where(m, s, -1e9))),
        Mistake("The mask is added as 0 and 1, which moves the scores but hides none.",
                "Forbidden means −∞.", lambda s, m: softmax(s + m)),
    ),
)  # fmt: skip


def causal(L, S):
    """Key j ≤ query i."""
    return np.arange(S) <= np.arange(L)[:, None]


CAUSAL = Exercise(
    "masks.causal", "causal(L, S) → bool (L, S), True where query i may see key j ≤ i", causal,
    lambda _rng: [(4, 4), (3, 5), (5, 3)],
    (
        Mistake("The mask is inverted: True means hidden there.",
                "Here True means: may attend.", lambda L, S: ~causal(L, S)),
        Mistake("A query may not see its own place.", "Is key i in query i's past?",
                lambda L, S: causal(L, S) & (np.arange(S) != np.arange(L)[:, None])),
        Mistake("Queries see the future instead of the past.",
                "Rows are queries: what does the first row see?",
                lambda L, S: np.arange(S) >= np.arange(L)[:, None]),
        Mistake("The mask is transposed: rows are queries, columns are keys.",
                "Which of the two numbers comes first in the shape?",
                lambda L, S: causal(S, L)),
        Mistake("The last query sees all keys: the lower right corner is aligned.",
                "The first query sees one key, whatever S is.",
                lambda L, S: np.arange(S) - (S - L) <= np.arange(L)[:, None]),
    ),
)  # fmt: skip


def padding(lengths, S):
    """Place j is real where j < length."""
    return np.arange(S) < np.asarray(lengths)[:, None]


PADDING = Exercise(
    "masks.padding", "padding(lengths, S) → bool (B, S), True for a real token", padding,
    lambda rng: [(np.array([2, 4, 1]), 4), (rng.integers(1, 6, 3), 6)],
    (
        Mistake("The mask is inverted: True marks the padding.",
                "nn.MultiheadAttention's key_padding_mask is so; here True means real.",
                lambda n, S: ~padding(n, S)),
        Mistake("One token too many is real.", "A text of 2 tokens has the places 0 and 1.",
                lambda n, S: np.arange(S) <= np.asarray(n)[:, None]),
        Mistake("One token too few is real.", "A text of 2 tokens has the places 0 and 1.",
                lambda n, S: np.arange(S) < np.asarray(n)[:, None] - 1),
        Mistake("The padding is in front.", "Here texts begin at place 0.",
                lambda n, S: padding(n, S)[:, ::-1]),
    ),
)  # fmt: skip


def window(L, S, w):
    """|i − j| ≤ w."""
    return abs(np.arange(L)[:, None] - np.arange(S)) <= w


WINDOW = Exercise(
    "masks.window", "window(L, S, w) → bool (L, S), True where |i − j| ≤ w", window,
    lambda _rng: [(5, 5, 1), (7, 6, 3)],
    (
        Mistake("The window is too narrow by one on both sides: < in place of ≤.",
                "With w = 1 a query sees three keys.",
                lambda L, S, w: window(L, S, w - 1)),
        Mistake("The window reaches into the past only.", "|i − j| has two signs.",
                lambda L, S, w: window(L, S, w) & causal(L, S)),
        Mistake("The mask is inverted.", "True means: may attend.",
                lambda L, S, w: ~window(L, S, w)),
        Mistake("w is the width of the whole window, not of one side.",
                "With w = 1 a query sees three keys.",
                lambda L, S, w: window(L, S, w // 2)),
    ),
)  # fmt: skip

EXERCISES = (APPLY, CAUSAL, PADDING, WINDOW)
