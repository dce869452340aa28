"""eˢ of all scores: when no maximum needs to be subtracted, and which function is fastest.

    P = exp(S − m), with m the largest score of each row

The shift changes no weight, as it cancels in P / Σ P, and keeps exp from overflowing. Where scores
are known to be small it is left out, with two passes over them.
"""

import functools
import math

import numpy as np

from ...ops.softmax import LOWEST
from .merging import forbid, row_dots

BOUND = 60.0  # e⁶⁰ times a long row is far from overflow, e⁻⁶⁰ from underflow


def exponentials(S, part, mask, power=None):
    """S ← e^(S − m), in place; `part` is the view of S in which the mask applies.

    `power` is given where no score can be large: exp or exp2, as `exponential` says, for scores
    that were multiplied with what it says.
    """
    added = mask is not None and mask.dtype.kind != "b"
    if power or (not added and all_small(S)):
        (power or np.exp)(S, out=S)
        if mask is not None:
            part *= mask  # a third of the price of −∞ before
    else:
        if mask is not None:
            forbid(part, mask)
        S -= np.maximum(S.max(-1, keepdims=True), LOWEST[S.dtype])  # −∞ − (−∞) would be NaN
        np.exp(S, out=S)


def all_small(S):
    """Whether no exponential overflows or vanishes, so that no row needs a shift.

    Where rows are short, finding each row's largest score takes longer than anything else.
    """
    return S.size > 0 and S.max() < BOUND and S.min() > -BOUND


def bounded(Q, K, mask):
    """Whether no score can be large: |q·k| ≤ |q||k|. A float mask may add anything."""
    if mask is not None and mask.dtype.kind != "b":
        return False
    return math.sqrt(row_dots(Q, Q).max() * row_dots(K, K).max()) < BOUND


@functools.cache
def exponential():
    """The faster of exp and exp2 on this CPU, and what its argument is multiplied with.

    eˢ = 2^(s / ln 2), and exp2 takes half the time of exp where NumPy has AVX-512 instructions for
    it, but longer elsewhere.
    """
    try:
        from numpy.lib.introspect import opt_func_info

        target = opt_func_info("^exp2$")["exp2"]["ff"]["current"]
    except (ImportError, KeyError):  # NumPy before 2.0 does not tell
        target = ""
    wide = "AVX512" in target or "X86_V4" in target
    return (np.exp2, math.log2(math.e)) if wide else (np.exp, 1.0)
