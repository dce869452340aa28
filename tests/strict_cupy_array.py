"""The array of the stand-in for CuPy: see strict_cupy.py."""

import functools
import types

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from strict_cupy_names import FUNCTIONS, METHODS, UFUNCS, WAITING

SCALARS = (bool, int, float, complex, np.generic)
ARRAY_PRIORITY = 100
waits = []  # every moment at which a program would have to wait for the GPU, by name


def waiting(what):
    """Note that the host waits here until the GPU has worked off its queue."""
    waits.append(what)


def refuse(kind):
    raise TypeError(f"Unsupported type {kind}")


def bare(value):
    """What NumPy may compute on: our arrays unwrapped; NumPy's own arrays are refused."""
    if isinstance(value, ndarray):
        return value._array
    if isinstance(value, np.ndarray):
        refuse(type(value))
    if isinstance(value, (list, tuple)):
        return type(value)(bare(v) for v in value)
    return value


def check_axis(array, axis):
    """NumPy lets a 0-d array be reduced along axis 0; CuPy does not."""
    if not array.ndim and axis not in (None, ()):
        raise np.exceptions.AxisError(f"axis {axis} is out of bounds for array of dimension 0")


def wrapped(value, base=None):
    """A NumPy result as ours; scalars become 0-d arrays."""
    if isinstance(value, (np.ndarray, np.generic)):
        return ndarray(np.asarray(value), base)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(wrapped(v, base) for v in value))
    if isinstance(value, (list, tuple)):
        return type(value)(wrapped(v, base) for v in value)
    return value


def weak(values):
    """Python numbers beside arrays take on the arrays' type, whatever NumPy's version does."""
    arrays = [v for v in values if isinstance(v, np.ndarray)]
    if not arrays:
        return values
    dtype = np.result_type(*[a.dtype for a in arrays])
    return [
        dtype.type(v)
        if (type(v) is float and dtype.kind == "f") or (type(v) is int and dtype.kind in "iuf")
        else v
        for v in values
    ]


class ndarray(NDArrayOperatorsMixin):
    """CuPy's array, on the CPU."""

    __array_priority__ = ARRAY_PRIORITY

    def __init__(self, array, base=None):
        self._array = array
        if base is not None and not np.may_share_memory(array, base._array):
            base = None
        self.base = None if base is None else base if base.base is None else base.base

    shape = property(lambda self: self._array.shape)
    dtype = property(lambda self: self._array.dtype)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    itemsize = property(lambda self: self._array.itemsize)
    nbytes = property(lambda self: self._array.nbytes)
    strides = property(lambda self: self._array.strides)
    T = property(lambda self: wrapped(self._array.T, self))
    device = property(lambda self: "<CUDA Device 0>")

    @property
    def flags(self):
        flags = self._array.flags
        return types.SimpleNamespace(
            c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous,
            owndata=self.base is None,
        )  # fmt: skip

    def get(self):
        """A copy on the host, the one way out."""
        waiting("get()")
        return self._array.copy()

    def item(self):
        waiting("item()")
        return self._array.item()

    def tolist(self):
        waiting("tolist()")
        return self._array.tolist()

    def fill(self, value):
        self._array.fill(bare(value))

    def __array__(self, *_args, **_options):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __dlpack__(self, **_options):
        raise BufferError("this array is on a GPU")

    def __dlpack_device__(self):
        return (2, 0)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if method != "__call__" or ufunc.__name__ not in UFUNCS:
            return NotImplemented
        for x in (*inputs, *(out or ())):
            if isinstance(x, np.ndarray):
                refuse(type(x))
            if not isinstance(x, (ndarray, *SCALARS)):
                return NotImplemented
        for x in inputs:
            if not isinstance(x, ndarray) and ufunc.__name__ == "matmul":
                raise ValueError("matmul: an operand is a scalar")
        values = weak([bare(x) for x in inputs])
        if out:
            ufunc(*values, out=tuple(bare(x) for x in out), **options)
            return out[0]
        return wrapped(ufunc(*values, **options))

    def __array_function__(self, func, types, args, kwargs):
        name = func.__name__
        if name not in FUNCTIONS or func.__module__ != "numpy":
            return NotImplemented
        for kind in types:
            if kind not in (ndarray, np.ndarray):
                return NotImplemented
        return call(func, *args, **kwargs)

    def __getitem__(self, key):
        key = around(index(key), self.shape)
        if by_mask(key):  # how many elements there are is for the GPU to say
            waiting("x[mask]")
        value = self._array[key]
        if isinstance(value, np.generic):  # CuPy's is a view of no dimensions, not a copy
            value = self._array[(*(key if isinstance(key, tuple) else (key,)), ...)]
        return wrapped(value, self)

    def __setitem__(self, key, value):
        if not isinstance(value, (ndarray, *SCALARS)):
            refuse(type(value))
        key, value = around(index(key), self.shape), bare(value)
        if by_mask(key) and np.ndim(value):
            waiting("x[mask] = array")
        self._array[key] = value

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self._array)))

    def __len__(self):
        return len(self._array)

    def __bool__(self):
        waiting("bool()")
        return bool(self._array)

    def __int__(self):
        waiting("int()")
        return int(self._array)

    def __float__(self):
        waiting("float()")
        return float(self._array)

    def __index__(self):
        waiting("index()")
        return self._array.__index__()

    def __repr__(self):
        waiting("repr()")
        return repr(self._array)

    def __format__(self, spec):
        waiting("format()")
        return format(self._array, spec)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        return from_host, (self.get(),)

    __hash__ = None


def index(key):
    """A key for getitem: ints, slices, lists, our arrays. CuPy copies NumPy's over; we refuse."""
    if isinstance(key, tuple):
        return tuple(index(k) for k in key)
    if isinstance(key, np.ndarray):
        refuse(type(key))
    return bare(key)


def around(key, shape):
    """The index as CuPy takes it: numbers in arrays that are out of range wrap around."""
    parts = key if isinstance(key, tuple) else (key,)
    kinds = [np.asarray(k).dtype if isinstance(k, (list, np.ndarray)) else None for k in parts]
    widths = [np.ndim(k) if kind == np.bool_ else int(k is not None and k is not Ellipsis)
              for k, kind in zip(parts, kinds)]  # fmt: skip
    found, d = [], 0
    for k, kind, width in zip(parts, kinds, widths):
        numbers = kind is not None and kind.kind in "iu" and d < len(shape) and shape[d]
        found.append(np.mod(k, shape[d]) if numbers else k)
        d += len(shape) - sum(widths) if k is Ellipsis else width
    return tuple(found) if isinstance(key, tuple) else found[0]


def by_mask(key):
    """Whether an index holds a mask, of which only the GPU knows how much it picks."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(k, np.ndarray) and k.dtype.kind == "b" for k in parts)


def method(name):
    def call_method(self, *args, **options):
        if name in WAITING:
            waiting(f"{name}()")
        plain = getattr(np.ndarray, name)
        check_axis(self._array, options.get("axis"))
        result = plain(self._array, *map(bare, args), **{k: bare(v) for k, v in options.items()})
        return self if result is self._array else wrapped(result, self)

    call_method.__name__ = name
    return call_method


for _name in METHODS:
    setattr(ndarray, _name, method(_name))


def priority(name):
    """An operator that leaves the work to an operand of higher priority, as CuPy's do."""
    plain = getattr(NDArrayOperatorsMixin, name)

    @functools.wraps(plain)
    def operator(self, other):
        if getattr(other, "__array_priority__", 0) > ARRAY_PRIORITY:
            return NotImplemented
        if isinstance(other, np.ndarray):
            refuse(type(other))
        return plain(self, other)

    return operator


for _name, _operator in vars(NDArrayOperatorsMixin).items():
    if isinstance(_operator, types.FunctionType) and _operator.__code__.co_argcount == 2:
        setattr(ndarray, _name, priority(_name))

ndarray.__module__ = "cupy"
ndarray.__qualname__ = "ndarray"


def call(func, *args, **options):
    """A NumPy function on our arrays."""
    if func.__name__ in WAITING:
        waiting(f"{func.__name__}()")
    args = [bare(a) for a in args]
    options = {k: bare(v) for k, v in options.items() if k != "out"}
    if func.__name__ == "where" and len(args) == 3:
        args[1:] = weak(args[1:])
    first = args[0] if args else None
    if isinstance(first, np.ndarray):
        check_axis(first, options.get("axis"))
    result = func(*args, **options)
    if isinstance(result, np.ndarray) and isinstance(first, np.ndarray):
        if np.may_share_memory(result, first):
            return wrapped(result, ndarray(first))
    return wrapped(result)


def from_host(array):
    """`cupy.asarray` of something on the host: a copy on the device."""
    return ndarray(np.array(array))
