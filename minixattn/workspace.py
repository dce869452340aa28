"""Large arrays that are used again, step after step.

The system hands out fresh memory in pages of 4 KiB and clears each when it is first touched: a
fresh 1 MiB array costs about as much time as 50 million additions. Training asks for the same
shapes in every step, so the arrays of the step before serve again once nobody holds them any more:
`empty` gives out an array that this module made earlier and to which no other reference is left,
whether by a name, a list, a view, or another library. CPython counts references, so it knows.

Arrays below SMALL come from the heap, which keeps its pages anyway. A thread never keeps more than
KEPT bytes.
"""

import sys
import threading
from math import prod

import numpy as np

from .backend import namespace

SMALL, KEPT = 64 << 10, 128 << 20  # bytes
HEAP = 31 << 20  # bytes; glibc raises its limits for freed blocks of up to 32 MiB


class _Shelf(threading.local):
    """The arrays of one thread, by shape and dtype, and how many bytes they have together."""

    def __init__(self):
        self.arrays, self.bytes = {}, 0


def _references(arrays):
    """How many references there are to an array that only the shelf holds, seen from `empty`."""
    counts = [sys.getrefcount(array) for array in arrays]
    return counts[0]


_shelf = _Shelf()
_ALONE = _references([np.empty(1)])
_COUNTED = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()


def empty(shape, like):
    """An uninitialised array of that shape and of the dtype of `like`.

    On the CPU it lies in memory that was used before, if there is any; CuPy sees to that itself.
    """
    if type(like) is not np.ndarray:
        return namespace(like).empty(shape, like.dtype)
    size = prod(shape) * like.itemsize
    if size < SMALL or not _COUNTED:
        return np.empty(shape, like.dtype)
    arrays = _shelf.arrays.setdefault((shape, like.dtype), [])
    for array in arrays:
        if sys.getrefcount(array) == _ALONE:
            return array
    array = np.empty(shape, like.dtype)
    if _shelf.bytes + size > KEPT:
        release()
    if _shelf.bytes + size <= KEPT:
        _shelf.arrays.setdefault((shape, like.dtype), []).append(array)
        _shelf.bytes += size
    return array


def release():
    """Give the arrays that nobody uses back to the system (those of the calling thread)."""
    kept = {}
    for key, arrays in _shelf.arrays.items():
        held = [array for array in arrays if sys.getrefcount(array) > _ALONE]
        if held:
            kept[key] = held
    _shelf.arrays = kept
    _shelf.bytes = sum(array.nbytes for arrays in kept.values() for array in arrays)


def keep_heap():
    """Let all arrays of this process, small ones and other libraries' too, find memory used before.

    The C library of most Linux systems, glibc, gives blocks above 128 KiB back to the system when
    they are freed, and what is free at the end of its heap too. It raises both limits to the size
    of the largest block that was freed, and to twice of it: so one block is asked for and freed,
    none of which is ever touched. The heap then keeps up to twice HEAP bytes. Other C libraries
    take no notice.

    It holds for the whole process and cannot be undone, so nothing does it unasked but the command
    `minixattn`, whose process is its own. In a program of one's own, once at its start:

    >>> from minixattn.workspace import keep_heap
    >>> keep_heap()
    """
    np.empty(HEAP, np.uint8)
