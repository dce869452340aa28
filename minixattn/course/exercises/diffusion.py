"""Diffusion: noise in, and guidance out (Ho et al. 2020; Ho and Salimans 2022)."""

import numpy as np

from ..exercise import Exercise, Mistake


def draw_noised(rng):
    """Cases."""
    return [(rng.standard_normal(shape), alpha_bar, rng.standard_normal(shape))
            for shape, alpha_bar in (((3, 4), 0.7), ((2, 2, 3), 0.2))]  # fmt: skip


NOISED = Exercise(
    "diffusion.noised", "noised(x_0, alpha_bar, noise) → √ᾱ x_0 + √(1 − ᾱ) ε",
    lambda x, a, e: np.sqrt(a) * x + np.sqrt(1 - a) * e, draw_noised,
    (
        Mistake("The roots are missing.", "Variances add up to 1; what is added here are not they.",
                lambda x, a, e: a * x + (1 - a) * e),
        Mistake("Image and noise are exchanged.", "With ᾱ = 1 there is no noise yet.",
                lambda x, a, e: np.sqrt(1 - a) * x + np.sqrt(a) * e),
        Mistake("The image is not made smaller: its variance grows with the noise.",
                "The variance shall stay 1.", lambda x, a, e: x + np.sqrt(1 - a) * e),
        Mistake("The second root is taken before the difference: 1 − √ᾱ.",
                "The squares of both factors sum to 1.",
                lambda x, a, e: np.sqrt(a) * x + (1 - np.sqrt(a)) * e),
    ),
)  # fmt: skip


GUIDED = Exercise(
    "diffusion.guided", "guided(eps_cond, eps_uncond, w) → ε_u + w (ε_c − ε_u)",
    lambda c, u, w: u + w * (c - u),
    lambda rng: [(rng.standard_normal((2, 3)), rng.standard_normal((2, 3)), w) for w in (3.0, 0.5)],
    (
        Mistake("The two predictions are exchanged: that leads away from the words.",
                "With w = 1 the result is the one with the words.",
                lambda c, u, w: c + w * (u - c)),
        Mistake("The weight counts from the other end: (1 + w) ε_c − w ε_u.",
                "Ho and Salimans write it so; here w = 1 means no guidance.",
                lambda c, u, w: (1 + w) * c - w * u),
        Mistake("The unconditional prediction is missing from the sum.",
                "With w = 0 it is all that remains.", lambda c, u, w: w * (c - u)),
        Mistake("Only the prediction with the words is made larger.",
                "Guidance goes on along the difference of the two.", lambda c, _u, w: w * c),
    ),
)  # fmt: skip

EXERCISES = (NOISED, GUIDED)
