"""Derivatives: g = ∂L/∂y comes in, ∂L/∂ of each input goes out."""

import numpy as np

from ..exercise import Exercise, Mistake
from .attention import T, scores, softmax


def draw_pair(rng):
    """Cases."""
    return [tuple(rng.standard_normal(shape) for _ in range(3)) for shape in ((3,), (2, 4))]


MUL = Exercise(
    "autodiff.mul", "mul(g, x, y) → (dx, dy) of x·y", lambda g, x, y: (g * y, g * x), draw_pair,
    (
        Mistake("The two derivatives are exchanged.",
                "∂(x y)/∂x: which of the two is constant?", lambda g, x, y: (g * x, g * y)),
        Mistake("The gradient g from above is left out.",
                "The chain rule multiplies by what comes after.", lambda _g, x, y: (y, x)),
        Mistake("g is passed on as it is, as for a sum.", "A product scales what passes through.",
                lambda g, _x, _y: (g, g)),
    ),
)  # fmt: skip


def summed_to(g, shape):
    """Σ over the dimensions along which an input was repeated."""
    g = g.sum(tuple(range(g.ndim - len(shape))))
    return g.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def add(g, x, y):
    """Each input gets g, summed over what it was broadcast along."""
    return summed_to(g, x.shape), summed_to(g, y.shape)


def draw_add(rng):
    """Cases."""
    return [tuple(rng.standard_normal(shape) for shape in shapes)
            for shapes in (((3, 4), (3, 4), (4,)), ((3, 4), (3, 1), (1, 4)),
                           ((2, 3, 4), (3, 1), (2, 1, 4)), ((3, 3), (3, 3), (3,)))]  # fmt: skip


def without_kept_dims(g, shape):
    """The mistake: dimensions of size 1 get lost."""
    found = summed_to(g, shape)
    return found.reshape([n for n in shape if n != 1])


def meaned(g, shape):
    """The mistake."""
    return summed_to(g, shape) * (np.prod(shape) / g.size)


ADD = Exercise(
    "autodiff.add", "add(g, x, y) → (dx, dy) of x + y, with broadcasting", add, draw_add,
    (
        Mistake("The gradient is not summed over a broadcast: it has another shape than its input.",
                "A number that was used four times gets four gradients.",
                lambda g, _x, _y: (g, g)),
        Mistake("The gradient is averaged over a broadcast, not summed.",
                "A number that was used four times moves all four results.",
                lambda g, x, y: (meaned(g, x.shape), meaned(g, y.shape))),
        Mistake("Dimensions of size 1 get lost: sum with keepdims=True.",
                "A gradient has its input's shape.",
                lambda g, x, y: (without_kept_dims(g, x.shape), without_kept_dims(g, y.shape))),
        Mistake("The gradient is multiplied by the other input, as for a product.",
                "What is ∂(x + y)/∂x?",
                lambda g, x, y: (summed_to(g * y, x.shape), summed_to(g * x, y.shape))),
    ),
)  # fmt: skip


def matmul(g, A, B):
    """∂L/∂A = g Bᵀ, ∂L/∂B = Aᵀ g."""
    return g @ T(B), T(A) @ g


def draw_matmul(rng):
    """Cases."""
    return [(rng.standard_normal((n, m)), rng.standard_normal((n, k)), rng.standard_normal((k, m)))
            for n, k, m in ((3, 3, 3), (2, 4, 3))]  # fmt: skip


MATMUL = Exercise(
    "autodiff.matmul", "matmul(g, A, B) → (dA, dB) of A B", matmul, draw_matmul,
    (
        Mistake("The transposes are missing.",
                "A gradient has its input's shape; which product of g and B has that of A?",
                lambda g, A, B: (g @ B, A @ g)),
        Mistake("The two derivatives are exchanged.", "dA has the shape of A.",
                lambda g, A, B: matmul(g, A, B)[::-1]),
        Mistake("The factors stand on the wrong side: Bᵀ g in place of g Bᵀ.",
                "Follow the shapes: (n, m) and (k, m) give (n, k).",
                lambda g, A, B: (T(B) @ g, g @ T(A))),
        Mistake("The gradient g from above is left out.",
                "The chain rule multiplies by what comes after.",
                lambda g, A, B: (np.ones_like(g) @ T(B), T(A) @ np.ones_like(g))),
    ),
)  # fmt: skip


def softmax_back(g, p, axis=-1):
    """p ⊙ (g − Σ p g)."""
    return p * (g - (p * g).sum(axis, keepdims=True))


def draw_softmax(rng):
    """Cases."""
    return [(rng.standard_normal(shape), softmax(rng.standard_normal(shape)))
            for shape in ((3, 3), (2, 3, 5))]  # fmt: skip


SOFTMAX = Exercise(
    "autodiff.softmax", "softmax(g, p) → dx, where p = softmax(x) over the last dimension",
    softmax_back, draw_softmax,
    (
        Mistake("Only the diagonal of the derivative is there: p (1 − p) g.",
                "Raising one score lowers all the other weights of its row.",
                lambda g, p: p * (1 - p) * g),
        Mistake("The sum over the row is missing: p g.",
                "The weights of a row sum to 1, so their changes sum to 0.",
                lambda g, p: p * g),
        Mistake("The sum goes over the wrong dimension.",
                "Which numbers competed in the softmax?",
                lambda g, p: softmax_back(g, p, -2)),
        Mistake("Σ g is subtracted, not Σ p g.",
                "Each weight counts as much as it is large.",
                lambda g, p: p * (g - g.sum(-1, keepdims=True))),
        Mistake("The mean of g is subtracted, not Σ p g.",
                "Each weight counts as much as it is large.",
                lambda g, p: p * (g - g.mean(-1, keepdims=True))),
        Mistake("The factor p in front is missing.",
                "Where a weight is 0, does its score matter?",
                lambda g, p: g - (p * g).sum(-1, keepdims=True)),
    ),
)  # fmt: skip


def attention_back(dO, Q, K, V, *, back=softmax_back, scale_back=True, turned=True, dV_turned=True):
    """The five steps backward; the options leave one out, for the mistakes."""
    P = softmax(scores(Q, K))
    dV = (T(P) if dV_turned else P) @ dO
    Z = back(dO @ T(V), P) / (np.sqrt(Q.shape[-1]) if scale_back else 1)
    return Z @ K, (T(Z) if turned else Z) @ Q, dV


def draw_attention_back(rng):
    """Cases."""
    return [tuple(rng.standard_normal((n, d)) for n, d in ((L, d_v), (L, d_k), (S, d_k), (S, d_v)))
            for L, S, d_k, d_v in ((4, 4, 4, 4), (3, 5, 4, 2))]  # fmt: skip


ATTENTION = Exercise(
    "autodiff.attention", "attention(dO, Q, K, V) → (dQ, dK, dV)", attention_back,
    draw_attention_back,
    (
        Mistake("The scale 1/√d_k is missing on the way back.",
                "Q Kᵀ was divided by √d_k; so is its gradient.",
                lambda *a: attention_back(*a, scale_back=False)),
        Mistake("dK is computed without a transpose.",
                "Row s of dK gathers what all queries say about key s.",
                lambda *a: attention_back(*a, turned=False)),
        Mistake("dV is computed without a transpose.",
                "Row s of dV gathers what all queries say about value s.",
                lambda *a: attention_back(*a, dV_turned=False)),
        Mistake("In the softmax the sum over the row is missing.",
                "The weights of a row sum to 1, so their changes sum to 0.",
                lambda *a: attention_back(*a, back=lambda g, p: p * g)),
        Mistake("In the softmax only the diagonal is there: p (1 − p) g.",
                "Raising one score lowers all the other weights of its row.",
                lambda *a: attention_back(*a, back=lambda g, p: p * (1 - p) * g)),
        Mistake("The gradients of the queries and the keys are exchanged.",
                "A gradient has its input's shape.",
                lambda *a: (lambda q, k, v: (k, q, v))(*attention_back(*a))),
    ),
)  # fmt: skip

EXERCISES = (MUL, ADD, MATMUL, SOFTMAX, ATTENTION)
