"""Two loops at once: tasks shared among Python threads, each with its own single BLAS thread.

NumPy gives up the interpreter while it multiplies and exponentiates, so threads run side by side
where each call is long. Starting and joining costs about 0.05 ms: it pays from a millisecond of
work. The matrix library has threads of its own, which would stand in the way: inside `share` it is
held to one, and gets its number back afterwards, whatever happens.

`set_num_threads(1)` switches this off.
"""

import functools
import os
import threading
from contextlib import contextmanager

import numpy as np

from .backend import namespace

NAMES = (
    "scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_",
    "scipy_openblas_{}_num_threads", "openblas_{}_num_threads",
)  # fmt: skip

SHARED = 1 << 27  # multiplications from which a second thread pays
TRAINING = 2  # threads of the matrix library while a model is trained


class _State:
    limit = None  # what set_num_threads() was given
    lock = threading.Lock()
    inside, before = 0, 1  # how many `share`s are running; the BLAS threads before the first
    owner, executor = 0, None  # the process that started the helping threads, and they


_state = _State()


def set_num_threads(n):
    """Use at most `n` threads where threads pay; 1 for none."""
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ValueError(f"set_num_threads() takes a whole number from 1 up, got {n!r}.")
    _state.limit = n


def get_num_threads():
    """How many threads may work at once: as many as NumPy's BLAS uses, or fewer if set so."""
    blas = _blas()
    n = 1 if blas is None else (_state.before if _state.inside else blas[0]())
    return max(1, n if _state.limit is None else min(n, _state.limit))


def share(task, n):
    """Call task(0), …, task(n − 1), each once; every thread takes the next number that is free.

    An exception in a task ends the loop and is raised here.
    """
    threads = min(n, get_num_threads())
    if threads == 1 or _state.inside:
        for i in range(n):
            task(i)
        return
    numbers, failed = iter(range(n)), []

    def work():
        try:
            for i in numbers:
                if failed:
                    break
                task(i)
        except BaseException as error:
            failed.append(error)

    with blas_threads(1):
        others = [helped(work) for _ in range(threads - 1)]
        work()
        for other in filter(None, others):
            other.result()
    if failed:
        raise failed[0]


def threads_pay(x, multiplications):
    """Whether so many multiplications are worth a second thread of Python's, on the CPU."""
    return multiplications >= SHARED and namespace(x) is np and get_num_threads() > 1


def parts(task, n, length):
    """(f, m) so that f(0), …, f(m − 1) do task(i, part) for every head i of n and its parts.

    Few heads are cut into four parts each, so that two threads end at about the same time.
    """
    cuts = 1 if n >= 4 else 4
    size = -(-length // (16 * cuts)) * 16  # products like multiples of 16
    pieces = blocks(slice(0, length), size)
    return lambda i: task(i // len(pieces), pieces[i % len(pieces)]), n * len(pieces)


def blocks(rows, size):
    """The slice `rows` in slices of at most `size`."""
    return [slice(i, min(i + size, rows.stop)) for i in range(rows.start, rows.stop, size)]


@contextmanager
def blas_threads(n):
    """Hold the matrix library to n threads inside, and `share` to none; the last one out restores.

    Training of a small model takes a fifth less time on two threads than on one, but its matrices
    gain nothing from more: each product would wait for the slowest, and for any whose core another
    program keeps busy.
    """
    get, put = _blas() or (lambda: 1, lambda _n: None)
    with _state.lock:
        if not _state.inside:
            _state.before = get()
            put(min(n, get_num_threads()))
        _state.inside += 1
    try:
        yield
    finally:
        with _state.lock:
            _state.inside = max(_state.inside - 1, 0)  # it is 0 in a child forked inside
            if not _state.inside:
                put(_state.before)


def helped(work):
    """A helping thread's promise to do `work`; None at the interpreter's end, which starts none."""
    try:
        return executor().submit(work)
    except RuntimeError:
        return None


def executor():
    """The helping threads, started when first needed; a forked child starts its own."""
    with _state.lock:
        if _state.owner != os.getpid():
            from concurrent.futures import ThreadPoolExecutor

            _state.executor = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1))
            _state.owner = os.getpid()
        return _state.executor


@functools.cache
def _blas():
    """(get, set) the number of threads of the OpenBLAS that NumPy brings along, or None."""
    import ctypes
    from glob import glob

    root = os.path.dirname(np.__file__)
    places = ("..", "numpy.libs"), (".dylibs",)  # in the wheels for Linux, Windows, and for macOS
    found = [p for place in places for p in glob(os.path.join(root, *place, "*blas*"))]
    for path in sorted(found):
        library = ctypes.CDLL(path)
        for name in NAMES:
            try:
                return getattr(library, name.format("get")), getattr(library, name.format("set"))
            except AttributeError:
                continue
    return None


def _after_fork():
    """A child of fork has no helping threads, and nobody in it to release a lock that was held."""
    _state.lock = threading.Lock()
    if _state.inside:
        _state.inside = 0
        if _blas():
            _blas()[1](_state.before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
