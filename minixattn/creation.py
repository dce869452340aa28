"""Making tensors, under PyTorch's names. All take `dtype`, `device` and `requires_grad`."""

import math

import numpy as np

from . import backend, dtypes
from .backend import generator as stream
from .errors import DTypeError, ShapeError
from .ops.arguments import sizes
from .ops.shape import stack
from .tensor import Tensor, rebuild


def finish(array, dtype=None, device=None, requires_grad=False):
    """A leaf that holds `array`, converted and moved as asked."""
    if dtype is not None:
        array = array.astype(dtypes.resolve(dtype), copy=False)
    if device is not None:
        array = backend.to_device(array, device)
    if array.dtype not in dtypes.SUPPORTED:
        known = ", ".join(str(d) for d in dtypes.SUPPORTED)
        raise DTypeError(f"a tensor cannot hold {array.dtype}: expected one of {known}.")
    return rebuild(Tensor, array, False, None).requires_grad_(requires_grad)


def as_array(data, dtype=None):
    """A new array of nested lists, numbers, arrays or tensors, of the dtype that they ask for.

    Python floats are of the default dtype, unless another `dtype` will need all their digits.
    """
    if isinstance(data, Tensor):
        return data.array
    if backend.is_array(data):
        return np.asarray(data) if isinstance(data, np.generic) else data
    if isinstance(data, (list, tuple)) and any(isinstance(x, Tensor) for x in data):
        return stack([x if isinstance(x, Tensor) else tensor(x) for x in data]).array
    try:
        array = np.array(data)
    except ValueError:
        raise ShapeError(
            "tensor(): the nested lists have rows of different lengths; every row must have as "
            "many elements as its neighbours. Pad them to one length."
        ) from None
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            f"tensor(): expected numbers or bools, got {type(data).__name__} that NumPy reads as "
            f"{array.dtype}: {str(data)[:60]}"
        )
    if dtype is None and array.dtype == np.float64 and not holds_float64(data):
        array = array.astype(dtypes.get_default_dtype())
    return array


def holds_float64(data):
    """Whether nested lists hold NumPy's float64, whose dtype counts, unlike a Python float's."""
    if isinstance(data, (list, tuple)):
        return any(map(holds_float64, data))
    return getattr(data, "dtype", None) == np.float64


def tensor(data, *, dtype=None, device=None, requires_grad=False):
    """A tensor with a copy of the data.

    Parameters
    ----------
    data : number, nested lists, array or Tensor. Python floats become the default dtype
        (float32), ints int64; arrays keep their dtype

    Examples
    --------
    >>> tensor([[1, 2], [3, 4.5]])
    tensor([[1.0000, 2.0000],
            [3.0000, 4.5000]])
    """
    array = as_array(data, dtype)
    if array is data or isinstance(data, Tensor):
        array = array.copy()
    return finish(array, dtype, device, requires_grad)


def as_tensor(data, dtype=None, device=None):
    """A tensor that shares the data's memory where it can: `data` itself if it is one already."""
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device)
    return finish(as_array(data, dtype), dtype, device)


def from_numpy(ndarray):
    """A tensor that shares memory with a NumPy array: a change in one shows in the other."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy() expects a numpy.ndarray, got {type(ndarray).__name__}.")
    return finish(ndarray)


def from_dlpack(ext_tensor):
    """A tensor that shares memory with another library's array (`__dlpack__`)."""
    on_gpu = ext_tensor.__dlpack_device__()[0] == 2
    return finish(backend.library("cuda" if on_gpu else "cpu").from_dlpack(ext_tensor))


def made(make, shape, dtype, device, requires_grad):
    """A leaf made by the function `make` of the device's library."""
    dtype = dtypes.get_default_dtype() if dtype is None else dtypes.resolve(dtype)
    array = getattr(backend.library(device), make)(shape, dtype=dtype)
    return finish(array, None, None, requires_grad)


def counts(given, size=None):
    """Sizes of a new tensor: none may be negative."""
    shape = sizes(given, size)
    if any(n < 0 for n in shape):
        raise ShapeError(f"a new tensor cannot have a negative size, got {shape}.")
    return shape


def zeros(*given, size=None, dtype=None, device=None, requires_grad=False):
    """All 0: zeros(2, 3) or zeros((2, 3))."""
    return made("zeros", counts(given, size), dtype, device, requires_grad)


def ones(*given, size=None, dtype=None, device=None, requires_grad=False):
    """All 1."""
    return made("ones", counts(given, size), dtype, device, requires_grad)


def empty(*given, size=None, dtype=None, device=None, requires_grad=False):
    """Uninitialised: whatever was in memory."""
    return made("empty", counts(given, size), dtype, device, requires_grad)


def full(size, fill_value, *, dtype=None, device=None, requires_grad=False):
    """All `fill_value`, whose kind decides the dtype where none is given."""
    dtype = tensor(fill_value).dtype if dtype is None else dtype
    out = made("empty", counts((size,)), dtype, device, False)
    return out.fill_(fill_value).requires_grad_(requires_grad)


def zeros_like(input, *, dtype=None, device=None, requires_grad=False):
    """All 0, in the shape, dtype and device of another tensor."""
    return zeros(input.shape, dtype=dtype or input.dtype, device=device or input.device,
                 requires_grad=requires_grad)  # fmt: skip


def empty_like(input, *, dtype=None, device=None, requires_grad=False):
    """Uninitialised, in the shape, dtype and device of another tensor."""
    return empty(input.shape, dtype=dtype or input.dtype, device=device or input.device,
                 requires_grad=requires_grad)  # fmt: skip


def ones_like(input, *, dtype=None, device=None, requires_grad=False):
    """All 1, in the shape, dtype and device of another tensor."""
    return ones(input.shape, dtype=dtype or input.dtype, device=device or input.device,
                requires_grad=requires_grad)  # fmt: skip


def full_like(input, fill_value, *, dtype=None, device=None, requires_grad=False):
    """All `fill_value`, in the shape, dtype and device of another tensor."""
    return full(input.shape, fill_value, dtype=dtype or input.dtype,
                device=device or input.device, requires_grad=requires_grad)  # fmt: skip


def eye(n, m=None, *, dtype=None, device=None, requires_grad=False):
    """1 on the diagonal, 0 elsewhere, of shape (n, m)."""
    dtype = dtypes.get_default_dtype() if dtype is None else dtypes.resolve(dtype)
    shape = counts((n, n if m is None else m))
    return finish(backend.library(device).eye(*shape, dtype=dtype), None, None, requires_grad)


def arange(start=0, end=None, step=1, *, dtype=None, device=None, requires_grad=False):
    """start, start + step, … below end; int64 where all three are integers."""
    start, end = (0, start) if end is None else (start, end)
    start, end, step = (x.item() if isinstance(x, Tensor) else x for x in (start, end, step))
    if step == 0 or not 0 <= (end - start) / step < math.inf:
        raise ShapeError(
            f"arange() needs a step that leads from start to end, both finite, got "
            f"start={start}, end={end}, step={step}."
        )
    if dtype is None:
        whole = all(isinstance(x, (int, np.integer)) for x in (start, end, step))
        dtype = dtypes.int64 if whole else dtypes.get_default_dtype()
    return finish(backend.library(device).arange(start, end, step), dtype, None, requires_grad)


def linspace(start, end, steps, *, dtype=None, device=None, requires_grad=False):
    """`steps` numbers at equal distances from `start` to `end`, both included."""
    array = backend.library(device).linspace(start, end, *counts((steps,)))
    return finish(array, dtype or dtypes.get_default_dtype(), None, requires_grad)


def tril_indices(row, col, offset=0, *, dtype=dtypes.int64, device=None):
    """The positions on and below a diagonal of a (row, col) matrix, as (2, how many)."""
    found = backend.library(device).tril_indices(*counts((row,)), offset, *counts((col,)))
    return stack([finish(i, dtype) for i in found])


def triu_indices(row, col, offset=0, *, dtype=dtypes.int64, device=None):
    """The positions on and above a diagonal of a (row, col) matrix, as (2, how many)."""
    found = backend.library(device).triu_indices(*counts((row,)), offset, *counts((col,)))
    return stack([finish(i, dtype) for i in found])


def named(name, dtype):
    """PyTorch's older way to make a tensor of one dtype: `LongTensor([[1, 2]])`."""

    def make(data):
        return tensor(data, dtype=dtype)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"A tensor of {dtype} with a copy of the data."
    return make


FloatTensor = named("FloatTensor", dtypes.float32)
DoubleTensor = named("DoubleTensor", dtypes.float64)
LongTensor = named("LongTensor", dtypes.int64)
IntTensor = named("IntTensor", dtypes.int32)
BoolTensor = named("BoolTensor", dtypes.bool_)


def real(name, dtype):
    """The float type of random numbers: the default, or the one asked for."""
    dtype = dtypes.get_default_dtype() if dtype is None else dtypes.resolve(dtype)
    if dtype.kind != "f":
        raise DTypeError(f"{name}() makes numbers of a float type, not {dtype}: see randint().")
    return dtype


def rand(*given, size=None, generator=None, dtype=None, device=None, requires_grad=False):
    """Uniform random numbers from 0 up to, not including, 1."""
    dtype = real("rand", dtype)
    steps = 2.0 ** (np.finfo(dtype).nmant + 1)  # so many numbers below 1 the dtype can tell apart
    array = np.floor(stream(device, generator).random(counts(given, size)) * steps) / steps
    return finish(array, dtype, None, requires_grad)


def randn(*given, size=None, generator=None, dtype=None, device=None, requires_grad=False):
    """Normal random numbers of mean 0 and variance 1."""
    array = stream(device, generator).standard_normal(counts(given, size))
    return finish(array, real("randn", dtype), None, requires_grad)


def randn_like(input, *, dtype=None, device=None, requires_grad=False):
    """Normal random numbers in the shape, dtype and device of another tensor."""
    return randn(input.shape, dtype=dtype or input.dtype, device=device or input.device,
                 requires_grad=requires_grad)  # fmt: skip


def rand_like(input, *, dtype=None, device=None, requires_grad=False):
    """Uniform random numbers in the shape, dtype and device of another tensor."""
    return rand(input.shape, dtype=dtype or input.dtype, device=device or input.device,
                requires_grad=requires_grad)  # fmt: skip


def randint(low, high=None, size=None, *, generator=None, dtype=None, device=None):
    """Random integers from `low` (0 where left out) up to, not including, `high`."""
    if size is None:  # randint(high, size)
        low, high, size = 0, low, high
    elif high is None:  # randint(high, size=size)
        low, high = 0, low
    if high <= low:
        raise ShapeError(f"randint() needs low < high, got {low} and {high}.")
    array = stream(device, generator).integers(low, high, counts((size,)))
    return finish(array, dtype or dtypes.int64)


def randperm(n, *, generator=None, device=None):
    """The numbers 0 to n − 1 in random order."""
    return finish(stream(device, generator).random(n).argsort(), dtypes.int64)


def normal(mean=0.0, std=1.0, size=None, *, generator=None, dtype=None, device=None):
    """Normal random numbers; `mean` and `std` are numbers beside a `size`, or Tensors."""
    given = [x for x in (mean, std) if isinstance(x, Tensor)]
    if (size is None) != bool(given):
        raise ShapeError(
            "normal() needs a size where mean and std are numbers, and none where one is a Tensor."
        )
    if given:
        size = np.broadcast_shapes(*[x.shape for x in given])
        dtype, device = given[0].dtype, given[0].device
    numbers = randn(size, generator=generator, dtype=dtype, device=device)
    return (numbers * std + mean).detach()
