"""Division with a remainder, of arrays, as NumPy and PyTorch define it on either device.

0.9 / 0.1 rounds up to 9, but 0.1 fits into 0.9 (as float64 holds them) only 8 times. NumPy starts
from the remainder, which `fmod` knows exactly. CuPy rounds the quotient, so a GPU's is done here.
"""

import numpy as np

from ..backend import namespace


def floor_divide(a, b):
    """⌊a / b⌋ = (a − remainder) / b, a whole number but for rounding."""
    if _exact(a, b):
        return np.floor_divide(a, b)
    return np.rint((a - remainder(a, b)) / b)


def remainder(a, b):
    """a − b ⌊a / b⌋, of b's sign; `fmod` is of a's."""
    if _exact(a, b):
        return np.remainder(a, b)
    r = np.fmod(a, b)
    return r + b * ((r != 0) & ((r < 0) != (b < 0)))


def _exact(a, b):
    """Whether the library's own functions are exact: NumPy's are, and those for whole numbers."""
    arrays = [x for x in (a, b) if hasattr(x, "dtype")]
    return all(namespace(x) is np or x.dtype.kind != "f" for x in arrays)


def trunc_divide(a, b):
    """a / b without its decimals: ⌊a / b⌋, and 1 more below 0 where something remains."""
    if np.result_type(a, b).kind == "f":
        return np.trunc(a / b)
    quotient = floor_divide(a, b)
    return quotient + ((quotient < 0) & (remainder(a, b) != 0)).astype(quotient.dtype)
