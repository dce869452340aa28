"""A stand-in for CuPy on the CPU, stricter than a GPU would be.

It wraps NumPy arrays behind CuPy's surface, so the code paths of `device="cuda"` run without a
GPU. What a GPU would refuse is refused here: an implicit copy to NumPy, an operation that mixes
its arrays with NumPy's (0-d ones too), and every function that CuPy lacks. Like CuPy's, its
results are always arrays, never scalars, and a Python number never widens one of them.

Every moment at which a program would wait for the GPU is counted (`waits`).
"""

import contextlib
import functools
import types

import numpy as np
from strict_cupy_array import around, bare, call, index, ndarray, refuse, waits
from strict_cupy_names import FUNCTIONS, UFUNCS


def asarray(a, dtype=None):
    """Arrays of ours stay; anything of the host is copied over."""
    if isinstance(a, ndarray):
        return a if dtype is None or a.dtype == dtype else a.astype(dtype)
    return ndarray(np.array(a, dtype=dtype))


def array(a, dtype=None, copy=True):
    out = asarray(a, dtype)
    return out.copy() if copy and out is a else out


@contextlib.contextmanager
def no_waiting():
    """Fail if the host waits for the GPU inside, by `item()`, `if x.any()` and the like."""
    waits.clear()
    yield
    assert not waits, f"the host waited for the GPU: {waits}"


def asnumpy(a):
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def made(name):
    """A creation function: NumPy's, with its result on the device."""
    plain = getattr(np, name)

    def create(*args, **options):
        return ndarray(plain(*map(bare, args), **options))

    create.__name__ = name
    return create


class Generator:
    """`cupy.random.Generator`, with the methods it has (there is no `permutation`)."""

    def __init__(self, seed=None):
        self._rng = np.random.default_rng(seed)

    def random(self, size=None, dtype=np.float64):
        return ndarray(np.asarray(self._rng.random(size, dtype)))

    def standard_normal(self, size=None, dtype=np.float64):
        return ndarray(np.asarray(self._rng.standard_normal(size, dtype)))

    def uniform(self, low=0.0, high=1.0, size=None, dtype=np.float64):
        return ndarray(np.asarray(self._rng.uniform(low, high, size), dtype))

    def integers(self, low, high=None, size=None, dtype=np.int64, endpoint=False):
        return ndarray(np.asarray(self._rng.integers(low, high, size, dtype, endpoint)))


def add_at(a, indices, b=None):
    if not isinstance(a, ndarray):
        refuse(type(a))
    np.add.at(a._array, around(index(indices), a.shape), bare(b))


# Kernels: what they say in C, said in NumPy; strict about what they are given -------------------


class RawKernel:
    """`cupy.RawKernel`."""

    def __init__(self, code, name, options=()):
        assert f"void {name}(" in code
        self.run, self.options = RAW[name], options

    def __call__(self, grid, block, args):
        assert all(type(n) is int for n in (*grid, *block)) and np.prod(block) <= 1024
        for a in args:
            assert isinstance(a, (ndarray, np.generic)), f"a kernel cannot take {type(a)}"
            assert not isinstance(a, ndarray) or a.flags.c_contiguous
        self.run(grid, block, *(a._array if isinstance(a, ndarray) else a for a in args))


def softmax_rows(grid, block, x, y, rows, n, lowest):
    assert grid[0] * block[1] >= rows and x.dtype == y.dtype and x.shape == y.shape
    assert type(rows) is type(n) is np.int64 and lowest.dtype == np.result_type(x, np.float32)
    s = x.reshape(rows, n).astype(lowest.dtype)
    e = np.exp(s - np.maximum(s.max(-1, keepdims=True), lowest))
    total = e.sum(-1, keepdims=True)
    y[...] = (e / np.where(total == 0, 1, total)).reshape(y.shape)


RAW = {"softmax_rows": softmax_rows}


ELEMENTWISE = {
    "ds = (dy - dots) * y": lambda dy, y, dots: (dy - dots) * y,
    "y = theta - lr * g": lambda theta, g, lr: theta - lr * g,
}


def elementwise(_inputs, _output, code, _name):
    """`cupy.ElementwiseKernel` of one type, with one output, which is the last argument."""
    run = ELEMENTWISE[code]

    def kernel(*given):
        *inputs, out = given
        assert len({x.dtype for x in given}) == 1
        out._array[...] = run(*map(bare, inputs))
        return out

    return kernel


def reduction(_inputs, _output, mapped, reduced, *_rest):
    """`cupy.ReductionKernel` of two arrays."""
    assert (mapped, reduced) == ("a * b", "a + b")

    def run(a, b, axis, keepdims):
        assert a.dtype == b.dtype
        return ndarray(np.asarray((bare(a) * bare(b)).sum(axis, keepdims=keepdims)))

    return run


def module():
    """A fresh module object to install as `sys.modules["cupy"]`."""
    cupy = types.ModuleType("cupy")
    cupy.__version__ = "0 (strict stand-in)"
    for name in UFUNCS | FUNCTIONS:
        plain = getattr(np, name, None)
        if plain is not None:
            setattr(cupy, name, functools.partial(call, plain))
    add = functools.partial(call, np.add)
    add.at = add_at
    cupy.add = add
    for name in ("zeros", "ones", "empty", "full", "eye", "arange", "linspace", "identity"):
        setattr(cupy, name, made(name))
    cupy.ndarray, cupy.asarray, cupy.array, cupy.asnumpy = ndarray, asarray, array, asnumpy
    cupy.ascontiguousarray = lambda a: ndarray(np.ascontiguousarray(bare(a)))
    for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8",
                 "bool_", "dtype", "inf", "nan", "pi", "newaxis"):  # fmt: skip
        setattr(cupy, name, getattr(np, name))
    cupy.get_array_module = lambda *arrays: (
        cupy if any(isinstance(a, ndarray) for a in arrays) else np
    )
    cupy.random = types.SimpleNamespace(default_rng=Generator, Generator=Generator)
    cupy.RawKernel, cupy.ElementwiseKernel = RawKernel, elementwise
    cupy.ReductionKernel = reduction
    stream = types.SimpleNamespace(synchronize=lambda: None)
    cupy.cuda = types.SimpleNamespace(
        is_available=lambda: True, get_current_stream=lambda: stream
    )
    return cupy
