"""How operations read sizes and dimensions, in PyTorch's forms and with NumPy's names."""

from functools import wraps
from operator import index


def numpy_names(function):
    """Accept `axis` for `dim` and `keepdims` for `keepdim`."""

    @wraps(function)
    def accept(*args, **names):
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
