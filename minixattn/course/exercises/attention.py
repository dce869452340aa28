"""softmax(Q Kᵀ / √d_k) V, step by step (Vaswani et al. 2017, equation 1)."""

import numpy as np

from ..exercise import Exercise, Mistake


def softmax(scores, axis=-1):
    """eˢ / Σ eˢ."""
    e = np.exp(scores - scores.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def T(x):
    """The last two dimensions exchanged."""
    return np.swapaxes(x, -1, -2)


# Scores ------------------------------------------------------------------------------------------


def scores(Q, K):
    """Q Kᵀ / √d_k."""
    return Q @ T(K) / np.sqrt(Q.shape[-1])


def draw_scores(rng):
    """Cases."""
    return [(rng.standard_normal((*lead, L, d)), rng.standard_normal((*lead, S, d)))
            for lead, L, S, d in (((), 3, 3, 5), ((), 3, 5, 4), ((2,), 4, 7, 6))]  # fmt: skip


SCORES = Exercise(
    "attention.scores", "scores(Q, K) → Q Kᵀ / √d_k, (…, L, S)", scores, draw_scores,
    (
        Mistake("Queries and keys are swapped.",
                "Row l belongs to query l, and has a number for each key.",
                lambda Q, K: K @ T(Q) / np.sqrt(Q.shape[-1])),
        Mistake("The scale is missing.",
                "How large does a sum of d_k products get?",
                lambda Q, K: Q @ T(K)),
        Mistake("The scores are divided by d_k, not by its square root.",
                "The standard deviation of a sum grows like a square root.",
                lambda Q, K: Q @ T(K) / Q.shape[-1]),
        Mistake("The scores are multiplied by √d_k instead of divided.",
                "The scale shall make the scores smaller.",
                lambda Q, K: Q @ T(K) * np.sqrt(Q.shape[-1])),
        Mistake("The scale is the root of the number of keys, not of the width d_k.",
                "What is added up in one score: the keys, or the coordinates of one key?",
                lambda Q, K: Q @ T(K) / np.sqrt(K.shape[-2])),
    ),
)  # fmt: skip

# Weights -----------------------------------------------------------------------------------------


def draw_weights(rng):
    """Cases."""
    return [(rng.standard_normal((3, 3)),), (rng.standard_normal((2, 4, 6)),),
            (1000 + 50 * rng.standard_normal((3, 5)),)]  # fmt: skip


def exponentials(s, axis=-1):
    """Without subtracting the greatest score."""
    with np.errstate(all="ignore"):
        e = np.exp(s)
        return e / e.sum(axis, keepdims=True)


def whole(s):
    """Softmax over all numbers of each matrix."""
    flat = s.reshape(*s.shape[:-2], -1)
    return softmax(flat).reshape(s.shape)


WEIGHTS = Exercise(
    "attention.weights", "weights(scores) → softmax over the keys, (…, L, S)", softmax,
    draw_weights,
    (
        Mistake("Softmax is taken over the queries.",
                "Which sums shall be 1: those of the rows, or those of the columns?",
                lambda s: softmax(s, -2)),
        Mistake("Softmax is taken over the first dimension.",
                "Count from the end: keys are the last dimension, whatever stands before.",
                lambda s: softmax(s, 0)),
        Mistake("Softmax is taken over dimension 1, which are the keys of a matrix only.",
                "Count from the end: keys are the last dimension, whatever stands before.",
                lambda s: softmax(s, 1)),
        Mistake("Softmax is taken over all numbers of the matrix at once.",
                "Each query spends an attention of 1 of its own.", whole),
        Mistake("The exponential overflows for large scores.",
                "Softmax stays the same if you subtract one number from a whole row.",
                exponentials),
        Mistake("The exponentials are not divided by their sum.",
                "Each row shall sum to 1.",
                lambda s: np.exp(s - s.max(-1, keepdims=True))),
        Mistake("The scores are divided by their sum, without the exponential.",
                "A weight must not be negative, whatever the score is.",
                lambda s: s / s.sum(-1, keepdims=True)),
        Mistake("That is a sigmoid: each key is judged by itself.",
                "The keys compete: what one gets the others lose.",
                lambda s: 1 / (1 + np.exp(-s))),
    ),
)  # fmt: skip

# Output ------------------------------------------------------------------------------------------


def draw_output(rng):
    """Cases."""
    return [(softmax(rng.standard_normal((*lead, L, S))), rng.standard_normal((*lead, S, d)))
            for lead, L, S, d in (((), 4, 4, 4), ((), 3, 5, 2), ((2,), 2, 3, 4))]  # fmt: skip


OUTPUT = Exercise(
    "attention.output", "output(weights, V) → weights V, (…, L, d_v)",
    lambda weights, V: weights @ V, draw_output,
    (
        Mistake("The weights are transposed.",
                "Row l of the output is what query l found.", lambda A, V: T(A) @ V),
        Mistake("The values are averaged, whatever the weights.",
                "A value counts as much as its weight says.",
                lambda A, V: np.broadcast_to(V.mean(-2, keepdims=True),
                                             (*A.shape[:-1], V.shape[-1]))),
        Mistake("Values stand to the left of the weights.",
                "The keys are what is summed over: which of the two has them in its columns?",
                lambda A, V: V @ A),
    ),
)  # fmt: skip

# All of it ---------------------------------------------------------------------------------------


def attention(Q, K, V):
    """softmax(Q Kᵀ / √d_k) V."""
    return softmax(scores(Q, K)) @ V


def draw_attention(rng):
    """Cases."""
    return [tuple(2 * rng.standard_normal((*lead, n, d))
                  for n, d in ((L, d_k), (S, d_k), (S, d_v)))
            for lead, L, S, d_k, d_v in (((), 4, 4, 4, 4), ((), 3, 5, 4, 2), ((2,), 2, 6, 3, 5))
            ]  # fmt: skip


ATTENTION = Exercise(
    "attention.attention", "attention(Q, K, V) → softmax(Q Kᵀ / √d_k) V, (…, L, d_v)", attention,
    draw_attention,
    (
        Mistake("Queries and keys are swapped.",
                "Who asks? Row l of the scores belongs to query l.",
                lambda Q, K, V: attention(K, Q, V)),
        Mistake("The scale is missing.", "How large does a sum of d_k products get?",
                lambda Q, K, V: softmax(Q @ T(K)) @ V),
        Mistake("The scores are divided by d_k, not by its square root.",
                "The standard deviation of a sum grows like a square root.",
                lambda Q, K, V: softmax(Q @ T(K) / Q.shape[-1]) @ V),
        Mistake("Softmax is taken over the queries.",
                "Which sums shall be 1: those of the rows, or those of the columns?",
                lambda Q, K, V: softmax(scores(Q, K), -2) @ V),
        Mistake("The keys are averaged in place of the values.",
                "What is found by and what is found are two things.",
                lambda Q, K, _V: softmax(scores(Q, K)) @ K),
        Mistake("The softmax is missing.", "Scores can be negative; weights cannot.",
                lambda Q, K, V: scores(Q, K) @ V),
    ),
)  # fmt: skip


def cross(x, c, W_Q, W_K, W_V):
    """softmax(x W_Qᵀ (c W_Kᵀ)ᵀ / √d_k) c W_Vᵀ."""
    return attention(x @ W_Q.T, c @ W_K.T, c @ W_V.T)


def draw_cross(rng):
    """Where all widths and lengths are the same, and where all differ."""
    return [(rng.standard_normal((L, D_x)), rng.standard_normal((S, D_c)),
             rng.standard_normal((d, D_x)), rng.standard_normal((d, D_c)),
             rng.standard_normal((d, D_c)))
            for L, S, D_x, D_c, d in ((4, 4, 4, 4, 4), (3, 5, 6, 6, 2), (3, 5, 6, 4, 2))
            ]  # fmt: skip


CROSS = Exercise(
    "attention.cross", "cross(x, c, W_Q, W_K, W_V) → what x finds in c, (L, d)", cross, draw_cross,
    (
        Mistake("Keys and values come from the query stream x: that is self-attention.",
                "x asks; what is asked is c.",
                lambda x, _c, *W: cross(x, x, *W)),
        Mistake("The two streams are exchanged: c asks, and x is asked.",
                "One row of the output for each row of x.",
                lambda x, c, *W: cross(c, x, *W)),
        Mistake("The queries come from the context c too: that is self-attention of c.",
                "One row of the output for each row of x.",
                lambda _x, c, *W: cross(c, c, *W)),
        Mistake("The values come from the query stream x.",
                "What is found by a key is the value of the same place.",
                lambda x, c, W_Q, W_K, W_V: attention(x @ W_Q.T, c @ W_K.T, x @ W_V.T)),
        Mistake("The scale is missing.", "How large does a sum of d_k products get?",
                lambda x, c, W_Q, W_K, W_V: softmax(x @ W_Q.T @ (c @ W_K.T).T) @ (c @ W_V.T)),
        Mistake("The scale is the root of the model's width D, not of the head's width d_k.",
                "Which vectors are multiplied, before the projection or after it?",
                lambda x, c, W_Q, W_K, W_V: softmax(
                    x @ W_Q.T @ (c @ W_K.T).T / np.sqrt(x.shape[-1])) @ (c @ W_V.T)),
        Mistake("The projections are not transposed.",
                "A weight of nn.Linear is (out, in): y = x Wᵀ.",
                lambda x, c, W_Q, W_K, W_V: attention(x @ W_Q, c @ W_K, c @ W_V)),
        Mistake("Softmax is taken over the queries.",
                "Which sums shall be 1: those of the rows, or those of the columns?",
                lambda x, c, W_Q, W_K, W_V: softmax(
                    scores(x @ W_Q.T, c @ W_K.T), -2) @ (c @ W_V.T)),
    ),
)  # fmt: skip


# Before it all -----------------------------------------------------------------------------------


def additive(q, K, W_q, W_k, v):
    """softmax_s(vᵀ tanh(W_q q + W_k k_s)) (Bahdanau et al. 2015)."""
    return softmax(np.tanh(W_q @ q + K @ W_k.T) @ v)


def draw_additive(rng):
    """Cases."""
    return [(rng.standard_normal(d_q), rng.standard_normal((S, d_k)),
             rng.standard_normal((a, d_q)), rng.standard_normal((a, d_k)), rng.standard_normal(a))
            for S, d_q, d_k, a in ((4, 3, 3, 5), (6, 2, 4, 3))]  # fmt: skip


ADDITIVE = Exercise(
    "attention.additive", "additive(q, K, W_q, W_k, v) → softmax(vᵀ tanh(W_q q + W_k k_s)), (S,)",
    additive, draw_additive,
    (
        Mistake("The hyperbolic tangent is missing.",
                "Without it the query adds the same number to every score, and softmax forgets it.",
                lambda q, K, W_q, W_k, v: softmax((W_q @ q + K @ W_k.T) @ v)),
        Mistake("The softmax is missing.", "Weights are positive and sum to 1.",
                lambda q, K, W_q, W_k, v: np.tanh(W_q @ q + K @ W_k.T) @ v),
        Mistake("The two projections are exchanged.", "W_q belongs to the query.",
                lambda q, K, W_q, W_k, v: additive(q, K, W_k, W_q, v)),
        Mistake("The vector v is left out: the coordinates are summed instead.",
                "v says how much each coordinate counts.",
                lambda q, K, W_q, W_k, _v: softmax(np.tanh(W_q @ q + K @ W_k.T).sum(-1))),
    ),
)  # fmt: skip

EXERCISES = (SCORES, WEIGHTS, OUTPUT, ATTENTION, CROSS, ADDITIVE)
