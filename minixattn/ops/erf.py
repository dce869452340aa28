"""The error function, which NumPy lacks: erf(x) = 2/√π ∫₀ˣ exp(−t²) dt.

For float64, rational approximations on three intervals of |x|, accurate to about 1e-16: W. J. Cody,
"Rational Chebyshev approximations for the error function", Mathematics of Computation 23 (1969)
631-637. For float32 one ratio of polynomials in x² does for all x; its relative error, 2.4e-9, is
far below what float32 can hold.
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


# Fitted to erf(x)/x for |x| up to 4.2, where erf is 1 in float32.
SINGLE = (
    (-1.36717087382e-8, 4.77532482635e-6, 3.83012659977e-4, 3.86012513651e-3,
     5.43958464771e-2, 1.85212282255e-1, 1.12837916971),
    (6.39692546085e-5, 1.314292486e-3, 1.54949412933e-2, 1.14030986447e-1,
     4.97473536177e-1, 1.0),
)  # fmt: skip
PIECE = 1 << 14  # elements; the four arrays of a piece stay in a processor's cache


def horner(coefficients, x):
    """A polynomial in x, highest power first."""
    y = x * coefficients[0]
    for c in coefficients[1:-1]:
        y += c
        y *= x
    y += coefficients[-1]
    return y


def ratio(coefficients, x):
    """P(x) / Q(x)."""
    y = horner(coefficients[0], x)
    y /= horner(coefficients[1], x)
    return y


def erf(x):
    """erf of every element of a float array, to the last or last but one digit of its type."""
    if x.dtype == np.float64:
        return in_intervals(x)
    if type(x) is not np.ndarray or x.size <= PIECE:
        return in_single(x)
    y = np.empty(x.shape, x.dtype)
    flat, out = x.reshape(-1), y.reshape(-1)
    for i in range(0, x.size, PIECE):
        out[i : i + PIECE] = in_single(flat[i : i + PIECE])
    return y


def in_single(x):
    """x · P(x²)/Q(x²), which is computed in float64 and exact in float32."""
    z = np.minimum(np.maximum(x, -4.2), 4.2).astype(np.float64)
    y = ratio(SINGLE, z * z)
    y *= z
    return y.astype(x.dtype)


def in_intervals(x):
    """Each element by the approximation of the interval that it lies in."""
    size = np.minimum(np.abs(x), 6.0)  # erf(6) is 1 in float64
    if type(x) is not np.ndarray:  # a GPU computes all three rather than wait to be told which
        y = np.where(size <= 4.0, middle(size), large(np.maximum(size, 4.0)))
        return np.copysign(np.where(size <= 0.46875, small(size), y), x)
    y = np.where(np.isnan(size), size, 1.0)
    for low, high, value in ((-1.0, 0.46875, small), (0.46875, 4.0, middle), (4.0, 6.0, large)):
        inside = (size > low) & (size <= high)
        if inside.any():
            y[inside] = value(size[inside])
    return np.copysign(y, x)


def small(x):
    """x · P(x²)/Q(x²) for 0 ≤ x ≤ 0.46875."""
    return x * ratio(SMALL, x * x)


def middle(x):
    """1 − exp(−x²) P(x)/Q(x) for 0.46875 ≤ x ≤ 4."""
    return 1.0 - np.exp(-x * x) * ratio(MIDDLE, x)


def large(x):
    """The same for x ≥ 4, with the asymptotic series in 1/x²."""
    inverse = 1.0 / (x * x)
    tail = 1.0 / math.sqrt(math.pi) - inverse * ratio(LARGE, inverse)
    return 1.0 - np.exp(-x * x) * tail / x
