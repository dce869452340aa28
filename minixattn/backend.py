"""The array library underneath: NumPy on the CPU, CuPy on a GPU.

Operations never ask which one they have. They call NumPy's functions, and a CuPy array answers
those calls itself (NumPy's `__array_ufunc__` and `__array_function__` protocols). Only what makes
an array from nothing (creation, random numbers), scatter-add and the move between devices has to
name the library: that is this file.
"""

import os
import sys

import numpy

from .errors import DeviceError
from .pending import answer


class device(str):
    """Where an array lives: `device("cpu")` or `device("cuda")`. Compares equal to its name."""

    def __new__(cls, name="cpu"):
        text = str(name)
        if text not in ("cpu", "cuda", "cuda:0"):
            raise DeviceError(
                f"unknown device {text!r}: expected 'cpu' (NumPy) or 'cuda' (CuPy on one GPU)."
            )
        return super().__new__(cls, text.removesuffix(":0"))

    @property
    def type(self):
        """The name, as PyTorch code asks for it: `x.device.type`."""
        return str(self)

    def __repr__(self):
        return f"device(type={str(self)!r})"


def is_array(x):
    """True for a bare array (NumPy or CuPy), which an operation computes on without recording."""
    return isinstance(x, (numpy.ndarray, numpy.generic)) or _library_name(x) == "cupy"


def _library_name(array):
    return type(array).__module__.partition(".")[0]


def namespace(array):
    """The module that `array` belongs to: `numpy` or `cupy`."""
    if isinstance(array, (numpy.ndarray, numpy.generic)):
        return numpy
    return sys.modules[_library_name(array)]


def device_of(array):
    """The device that holds `array`."""
    return CPU if namespace(array) is numpy else CUDA


def library(name):
    """The array module that serves a device; `DeviceError` with the mend where it cannot.

    Parameters
    ----------
    name : "cpu", "cuda", a `device`, or None for the CPU
    """
    if name is None or device(name) == "cpu":
        return numpy
    try:
        import cupy
    except ImportError:
        raise DeviceError(
            'device "cuda" needs CuPy, which is not installed. Install the one for your driver: '
            'pip install "minixattn[gpu12]" or pip install "minixattn[gpu13]"; '
            'or stay on device="cpu".'
        ) from None
    if not cupy.cuda.is_available():
        raise DeviceError(
            'device "cuda" was asked for, but CuPy finds no usable GPU and driver on this '
            'machine. Use device="cpu", or check `nvidia-smi`.'
        )
    return cupy


def to_device(array, name):
    """`array` itself where it is already on that device, else a copy there."""
    target = library(name)
    if namespace(array) is target:
        return array
    if target is not numpy:
        return target.asarray(array)
    answer()
    return array.get()


def scatter_add(target, index, values):
    """target[index] += values in place, adding up where an index repeats."""
    namespace(target).add.at(target, index, values)
    return target


def owner(array):
    """The array that owns the memory which `array` looks at."""
    while array.base is not None and is_array(array.base):  # a file's buffer, too, ends it
        array = array.base
    return array


home = device  # where an argument hides its name


class Generator:
    """A stream of random numbers of its own: `randn(3, generator=Generator().manual_seed(0))`.

    Attributes
    ----------
    device : where its numbers arise
    numbers : NumPy's or CuPy's generator
    """

    def __init__(self, device="cpu"):
        self.device = home(device)
        self.seed()

    def manual_seed(self, seed):
        """Start again from `seed`; returns the generator itself."""
        self._seed = checked_seed(seed)
        self.numbers = library(self.device).random.default_rng(self._seed)
        return self

    def seed(self):
        """Start again from a seed of the system's; returns it."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self):
        """The seed that it was started from."""
        return self._seed


_generators = {}


def generator(name=None, own=None):
    """The random generator of a device, seeded by `manual_seed`; or that of the Generator `own`."""
    if own is not None:
        if not isinstance(own, Generator) or own.device != home(name or "cpu"):
            raise DeviceError(
                f"generator: expected a Generator on {home(name or 'cpu')}, got "
                + (f"one on {own.device}." if isinstance(own, Generator) else f"{own!r:.60}.")
            )
        return own.numbers
    return _default(name).numbers


def _default(name=None):
    """The Generator of a device that serves where none is named."""
    xp = library(name)
    if xp not in _generators:
        _generators[xp] = Generator(name or "cpu")
        if _seed:
            _generators[xp].manual_seed(_seed[0])
    return _generators[xp]


_seed = []


def checked_seed(seed):
    """A seed as a number of 64 bits, read without a sign."""
    try:
        seed = int(seed)
    except (TypeError, ValueError):
        raise ValueError(f"manual_seed() takes an int, got {seed!r}.") from None
    return seed if seed >= 0 else seed % 2**64


def manual_seed(seed):
    """Start the random numbers of every device from `seed` (an int); returns the CPU's."""
    _seed[:] = [checked_seed(seed)]
    _generators.clear()
    return _default()


CPU, CUDA = device("cpu"), device("cuda")
