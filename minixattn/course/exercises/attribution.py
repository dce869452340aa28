"""Attention through several layers (Abnar and Zuidema 2020)."""

import functools

import numpy as np

from ..exercise import Exercise, Mistake
from .attention import T, softmax


def rollout(layers, *, mix=lambda A: (A + np.eye(len(A))) / 2):
    """Ã_n … Ã_1 with Ã = ½A + ½I."""
    return functools.reduce(lambda R, A: mix(A) @ R, layers, np.eye(layers.shape[-1]))


ROLLOUT = Exercise(
    "attribution.rollout", "rollout(layers): (n, L, L), the first layer first → (L, L)", rollout,
    lambda rng: [(softmax(2 * rng.standard_normal((n, L, L))),) for n, L in ((2, 3), (3, 4))],
    (
        Mistake("The layers are multiplied in the wrong order.",
                "The last layer looks at what the layers before it made.",
                lambda layers: rollout(layers[::-1])),
        Mistake("The residual is left out.", "Half of what a token is comes from itself.",
                lambda layers: rollout(layers, mix=lambda A: A)),
        Mistake("A + I is not halved: the rows no longer sum to 1.",
                "Attention and residual share the token.",
                lambda layers: rollout(layers, mix=lambda A: A + np.eye(len(A)))),
        Mistake("The layers are averaged instead of multiplied.",
                "A path goes through one layer after another.",
                lambda layers: (layers.mean(0) + np.eye(layers.shape[-1])) / 2),
        Mistake("The result is transposed.",
                "Row l tells where token l of the last layer came from.",
                lambda layers: T(rollout(layers))),
    ),
)  # fmt: skip

EXERCISES = (ROLLOUT,)
