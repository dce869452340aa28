"""How operations read sizes, dimensions, masks and fill values, in PyTorch's forms."""

import math
from functools import wraps
from operator import index

import numpy as np

from ..errors import DTypeError


def numpy_names(function):
    """Accept `axis` for `dim` and `keepdims` for `keepdim`."""

    @wraps(function)
    def accept(*args, **names):
        if names:
            if "axis" in names:
                names["dim"] = names.pop("axis")
            if "keepdims" in names:
                names["keepdim"] = names.pop("keepdims")
        return function(*args, **names)

    return accept


def sizes(given, named=None):
    """Sizes as one tuple, as separate numbers, or by name: view(2, 3) is view((2, 3))."""
    if named is not None:
        given = (*given, named)
    if len(given) == 1 and isinstance(given[0], (tuple, list)):
        given = given[0]
    return tuple(map(whole, given))


def whole(n):
    """A size or dimension as an int; a float would be cut, a bool is a slip: both are errors."""
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(
            f"sizes and dimensions are ints, got {n!r} ({type(n).__name__}). Divide with //, not /."
        )
    return index(n)


def axis(x, dim, extra=0):
    """`dim` as a non-negative number, checked; `extra` more are allowed for a new dimension."""
    n, dim = max(x.ndim + extra, 1), whole(dim)
    if not -n <= dim < n:
        raise IndexError(
            f"dim {dim} is out of range for a tensor of shape {tuple(x.shape)}: expected {-n} to "
            f"{n - 1}."
        )
    return dim % n


def not_bool(name, what, mask, comparison):
    """The error for a mask of numbers, which may be meant either way round."""
    kind = getattr(mask, "dtype", None) or f"a Python {type(mask).__name__}"
    return DTypeError(
        f"{name}: {what} must be bool, got {kind}: use {comparison}, or {what}.bool()."
    )


def check_range(name, value, dtype):
    """Raise `DTypeError` for a number that `dtype` can only hold as another one."""
    if dtype.kind == "b" or not isinstance(value, (int, float, np.generic)):
        return
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    low, high = limits.min.item() if dtype.kind == "f" else limits.min, limits.max
    if not low <= value <= high and (dtype.kind != "f" or math.isfinite(value)):
        raise DTypeError(
            f"{name}: {value} does not fit into {dtype}, which holds {low} to {high}: use "
            + ('float("-inf") or finfo(x.dtype).min.' if dtype.kind == "f" else "x.float() first.")
        )
