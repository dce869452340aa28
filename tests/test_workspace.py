"""Memory that is used again once nobody holds it."""

import platform
import subprocess
import sys
import threading

import numpy as np
import pytest

from minixattn import workspace

LIKE = np.empty(0, np.float32)
BIG = (256, 256)  # 256 KiB of float32


@pytest.fixture(autouse=True)
def empty_shelf(monkeypatch):
    monkeypatch.setattr(workspace, "_shelf", workspace._Shelf())


def test_an_array_that_nobody_holds_is_given_out_again():
    first = workspace.empty(BIG, LIKE)
    memory = first.ctypes.data
    del first
    assert workspace.empty(BIG, LIKE).ctypes.data == memory


@pytest.mark.parametrize("hold", [
    lambda a: a, lambda a: a[3:5, ::2], lambda a: a.T.reshape(-1), lambda a: memoryview(a),
    lambda a: {"in a": [a]}, lambda a: (lambda: a),
])  # fmt: skip
def test_an_array_that_somebody_holds_is_never_given_out_again(hold):
    first = workspace.empty(BIG, LIKE)
    first[...] = 7
    held = hold(first)
    del first
    for _ in range(3):
        other = workspace.empty(BIG, LIKE)
        other[...] = 0
    assert held is not None
    del other
    sevens = [a for arrays in workspace._shelf.arrays.values() for a in arrays if (a == 7).all()]
    assert len(sevens) == 1 or isinstance(held, np.ndarray)
    if isinstance(held, np.ndarray):
        assert (held == 7).all()


def test_shape_and_dtype_are_those_asked_for():
    for dtype in (np.float32, np.float64):
        for shape in (BIG, (65536,), (2, 3)):
            array = workspace.empty(shape, np.empty(0, dtype))
            assert array.shape == shape and array.dtype == dtype and array.base is None
            assert array.flags.c_contiguous and array.flags.writeable


def test_small_arrays_are_not_kept():
    workspace.empty((8, 8), LIKE)
    assert not workspace._shelf.arrays


def test_no_more_is_kept_than_the_bound_and_what_is_idle_goes_first(monkeypatch):
    size = 256 * 256 * 4
    monkeypatch.setattr(workspace, "KEPT", 3 * size)
    held = [workspace.empty(BIG, LIKE) for _ in range(5)]
    assert workspace._shelf.bytes == 3 * size
    held.clear()
    workspace.empty((256, 257), LIKE)
    assert workspace._shelf.bytes == 256 * 257 * 4


def test_release_gives_back_what_is_idle():
    held = workspace.empty(BIG, LIKE)
    workspace.empty((512, 256), LIKE)
    workspace.release()
    assert workspace._shelf.bytes == held.nbytes and len(workspace._shelf.arrays) == 1


def test_each_thread_has_arrays_of_its_own():
    memory = workspace.empty(BIG, LIKE).ctypes.data  # idle, but on this thread's shelf
    found = []
    thread = threading.Thread(target=lambda: found.append(workspace.empty(BIG, LIKE).ctypes.data))
    thread.start()
    thread.join()
    assert found[0] != memory and workspace._shelf.bytes == 256 * 256 * 4


# What the process keeps --------------------------------------------------------------------------

FAULTS = """
import resource, numpy as np
from minixattn import workspace
{}
def use():
    arrays = [np.zeros(1 << 18, np.float32) + 1 for _ in range(6)]
for _ in range(3): use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10): use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about glibc's heap")
def test_a_heap_that_is_kept_needs_no_pages_of_the_system():
    given_back, kept = (
        int(subprocess.check_output([sys.executable, "-c", FAULTS.format(first)]))
        for first in ("", "workspace.keep_heap()")
    )
    assert kept < 100 < given_back
