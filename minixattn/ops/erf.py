"""The error function, which NumPy lacks: erf(x) = 2/√π ∫₀ˣ exp(−t²) dt.

Rational approximations on three intervals of |x|, accurate to about 1e-16: W. J. Cody, "Rational
Chebyshev approximations for the error function", Mathematics of Computation 23 (1969) 631-637.
"""

import math

import numpy as np

# Numerator and denominator, highest power first.
SMALL = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2,
     3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3,
     2.84423683343917062e3),
)  # fmt: skip
MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0,
     6.61191906371416295e1, 2.98635138197400131e2, 8.81952221241769090e2,
     1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
     1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3,
     3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
LARGE = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
     1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e0, 1.87295284992346047e0, 5.27905102951428412e-1,
     6.05183413124413191e-2, 2.33520497626869185e-3),
)  # fmt: skip


def ratio(coefficients, x):
    """P(x) / Q(x) by Horner's rule."""
    numerator, denominator = (x * c[0] + c[1] for c in coefficients)
    for p, q in zip(coefficients[0][2:], coefficients[1][2:]):
        numerator = numerator * x + p
        denominator = denominator * x + q
    return numerator / denominator


def erf(x):
    """erf of every element of a float array, in the array's own precision.

    x · P(x²)/Q(x²) up to 0.46875; 1 − exp(−x²) P(|x|)/Q(|x|) up to 4; beyond, the same with the
    asymptotic series in 1/x².
    """
    work = x.astype(np.float32) if x.dtype == np.float16 else x
    size = np.minimum(np.abs(work), 6.0)  # erf(6) is 1 in float64
    square = size * size
    inverse = 1.0 / np.maximum(square, 16.0)
    tail = (1.0 / math.sqrt(math.pi) - inverse * ratio(LARGE, inverse)) / np.maximum(size, 4.0)
    outer = 1.0 - np.exp(-square) * np.where(size <= 4.0, ratio(MIDDLE, size), tail)
    inner = size * ratio(SMALL, np.minimum(square, 0.25))
    value = np.copysign(np.where(size <= 0.46875, inner, outer), work)
    return value.astype(x.dtype)
