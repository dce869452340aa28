"""What stands around attention: residuals, norms, feed-forward, FiLM."""

import numpy as np

from ..exercise import Exercise, Mistake
from .attention import softmax


def draw_norm(rng):
    """x, a norm and a sublayer, both of which can be told from the identity."""
    shift = rng.standard_normal(4)

    def norm(x):
        return (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)

    def sublayer(x):
        return np.tanh(x * 2 + shift)

    return [(rng.standard_normal(shape), norm, sublayer) for shape in ((3, 4), (2, 5, 4))]


PRE_NORM = Exercise(
    "blocks.pre_norm", "pre_norm(x, norm, sublayer) → x + sublayer(norm(x))",
    lambda x, norm, sublayer: x + sublayer(norm(x)), draw_norm,
    (
        Mistake("The residual is dropped.", "What the sublayer gives is added to something.",
                lambda x, norm, sublayer: sublayer(norm(x))),
        Mistake("That is post-norm: the norm comes after the sum.",
                "In pre-norm nothing stands between x and the output.",
                lambda x, norm, sublayer: norm(x + sublayer(x))),
        Mistake("The residual is normalised too.", "What is added is x as it came.",
                lambda x, norm, sublayer: norm(x) + sublayer(norm(x))),
        Mistake("The norm is missing.", "What does the sublayer get?",
                lambda x, _norm, sublayer: x + sublayer(x)),
        Mistake("The norm comes after the sublayer, not before it.",
                "Pre-norm: what does the sublayer get?",
                lambda x, norm, sublayer: x + norm(sublayer(x))),
    ),
)  # fmt: skip


def layer_norm(x, weight, bias, eps, *, axis=-1, ddof=0):
    """weight ⊙ (x − mean) / √(var + ε) + bias."""
    mean, var = x.mean(axis, keepdims=True), x.var(axis, ddof=ddof, keepdims=True)
    return weight * (x - mean) / np.sqrt(var + eps) + bias


def draw_layer_norm(rng):
    """Cases."""
    return [(rng.standard_normal((*lead, E)) + 1, rng.uniform(0.5, 2, E), rng.standard_normal(E),
             0.3) for lead, E in (((4,), 4), ((2, 3), 5))]  # fmt: skip


def outside(x, weight, bias, eps):
    """The mistake: √var + ε."""
    mean, std = x.mean(-1, keepdims=True), x.std(-1, keepdims=True)
    return weight * (x - mean) / (std + eps) + bias


LAYER_NORM = Exercise(
    "blocks.layer_norm", "layer_norm(x, weight, bias, eps) → (…, E)", layer_norm, draw_layer_norm,
    (
        Mistake("Each feature is normalised over the tokens, not each token over its features.",
                "A token's norm must not depend on other tokens.",
                lambda *a: layer_norm(*a, axis=-2)),
        Mistake("The variance is divided by E − 1.", "LayerNorm takes the plain mean of squares.",
                lambda *a: layer_norm(*a, ddof=1)),
        Mistake("ε stands outside of the root.", "√(var + ε).", outside),
        Mistake("Weight and bias are left out.", "They are what is learned.",
                lambda x, _w, _b, eps: layer_norm(x, 1, 0, eps)),
        Mistake("The mean is not subtracted: that is RMSNorm without it.",
                "A norm centres before it scales.",
                lambda x, w, b, eps: w * x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) + b),
        Mistake("It is divided by the variance, not by its root.",
                "In which unit is a variance?",
                lambda x, w, b, eps: w * (x - x.mean(-1, keepdims=True))
                / (x.var(-1, keepdims=True) + eps) + b),
    ),
)  # fmt: skip

FILM = Exercise(
    "blocks.film", "film(x, gamma, beta) → γ ⊙ x + β: (B, L, E), (B, E), (B, E)",
    lambda x, gamma, beta: gamma[:, None] * x + beta[:, None],
    lambda rng: [(rng.standard_normal((B, L, E)), rng.standard_normal((B, E)),
                  rng.standard_normal((B, E))) for B, L, E in ((3, 3, 3), (2, 4, 3))],
    (
        Mistake("Scale and shift are exchanged.", "γ multiplies, β is added.",
                lambda x, g, b: b[:, None] * x + g[:, None]),
        Mistake("The scale is 1 + γ.", "Some code writes it so; the equation here does not.",
                lambda x, g, b: (1 + g[:, None]) * x + b[:, None]),
        Mistake("γ and β of the batch are laid along the tokens.",
                "γ is (B, E): each image has its own, the same for all its tokens.",
                lambda x, g, b: g * x + b),
        Mistake("The shift is missing.", "γ ⊙ x + β.", lambda x, g, _b: g[:, None] * x),
    ),
)  # fmt: skip


def draw_feed_forward(rng):
    """Cases."""
    return [(rng.standard_normal((3, E)), rng.standard_normal((M, E)), rng.standard_normal((M, E)))
            for M, E in ((4, 4), (6, 3))]  # fmt: skip


FEED_FORWARD = Exercise(
    "blocks.feed_forward_as_attention",
    "memory(x, W_1, W_2) → relu(x W_1ᵀ) W_2: rows of W_1 are keys, rows of W_2 values",
    lambda x, W_1, W_2: np.maximum(x @ W_1.T, 0) @ W_2, draw_feed_forward,
    (
        Mistake("That is attention with softmax: in a feed-forward network the slots do not "
                "compete.", "Which function stands in the equation?",
                lambda x, W_1, W_2: softmax(x @ W_1.T) @ W_2),
        Mistake("The rectifier is missing.", "Without it the two matrices are one.",
                lambda x, W_1, W_2: x @ W_1.T @ W_2),
        Mistake("The rectifier comes last.", "It decides which slots are open.",
                lambda x, W_1, W_2: np.maximum(x @ W_1.T @ W_2, 0)),
        Mistake("Keys and values are exchanged.", "x is compared with the keys.",
                lambda x, W_1, W_2: np.maximum(x @ W_2.T, 0) @ W_1),
        Mistake("The values are transposed.", "Row m of W_2 is what slot m gives.",
                lambda x, W_1, W_2: np.maximum(x @ W_1.T, 0) @ W_2.T),
    ),
)  # fmt: skip

EXERCISES = (PRE_NORM, LAYER_NORM, FILM, FEED_FORWARD)
