"""Number types: their names, the default, and which one a mixture of two gives.

The rules are PyTorch's, not NumPy's: an integer tensor times a float32 tensor is float32 (NumPy
says float64), and a Python number or a 0-d tensor never widens a tensor of its own kind.
"""

import numpy as np

from .errors import DTypeError

float16 = half = np.dtype("float16")
float32 = np.dtype("float32")
float64 = double = np.dtype("float64")
uint8 = np.dtype("uint8")
int8 = np.dtype("int8")
int16 = short = np.dtype("int16")
int32 = np.dtype("int32")
int64 = long = np.dtype("int64")
bool_ = np.dtype("bool")  # `minixattn.bool`

SUPPORTED = (float16, float32, float64, uint8, int8, int16, int32, int64, bool_)
_default = [float32]


def get_default_dtype():
    """The float type of new tensors: float32 unless `set_default_dtype` changed it."""
    return _default[0]


def set_default_dtype(dtype):
    """Choose the float type of new tensors.

    Raises
    ------
    DTypeError
        If `dtype` is not float16, float32 or float64.
    """
    dtype = resolve(dtype)
    if dtype.kind != "f":
        raise DTypeError(f"the default dtype must be a float type, got {dtype}.")
    _default[0] = dtype


def resolve(dtype):
    """The `numpy.dtype` for a dtype or its name; an unknown one lists the known ones."""
    if isinstance(dtype, np.dtype) and dtype in SUPPORTED:
        return dtype
    known = [str(d) for d in SUPPORTED]
    try:
        found = None if dtype is None or isinstance(dtype, str) else np.dtype(dtype)
    except TypeError:
        found = None
    if dtype in known:
        found = np.dtype(dtype)
    if found is None or found not in SUPPORTED:
        raise DTypeError(f"unknown dtype {dtype!r}: expected one of {', '.join(known)}.")
    return found


def promote(a, b):
    """The type of a mixture: float beats int beats bool, then the wider one."""
    if a.kind == "f" and b.kind != "f":
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    return np.promote_types(a, b)


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2}


def result_type(a, b):
    """The type of `a` (op) `b` for two arrays: a 0-d one counts only if its kind is higher."""
    if (a.ndim == 0) != (b.ndim == 0):
        wide, scalar = (b, a) if a.ndim == 0 else (a, b)
        if _RANK[scalar.dtype.kind] <= _RANK[wide.dtype.kind]:
            return wide.dtype
    return promote(a.dtype, b.dtype)


def number_type(value, dtype):
    """The type that a Python number takes on beside a tensor of type `dtype`."""
    if isinstance(value, float):
        return dtype if dtype.kind == "f" else _default[0]
    if isinstance(value, bool):
        return dtype
    if isinstance(value, int):
        return int64 if dtype.kind == "b" else dtype
    mend = ""
    if value is None:
        mend = " A function without return, or .grad before backward(), gives None."
    elif isinstance(value, (list, tuple)):
        mend = " Make it a tensor with minixattn.tensor(...)."
    raise DTypeError(
        f"expected a number or a Tensor, got {type(value).__name__}: {value!r:.60}.{mend}"
    )
