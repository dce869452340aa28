"""A warning for masks that forbid a query every key: its output is zero, which few intend."""

import sys
import warnings
import weakref
from functools import partial
from pathlib import Path

from .. import backend
from ..creation import as_tensor
from ..mask_text import rows
from ..mask_type import EmptyRowWarning, Mask
from ..pending import ask

PACKAGE = str(Path(__file__).parent.parent)
AXES = {1: ("query",), 2: ("batch", "query"), 3: ("batch", "head", "query")}

_checked = {}  # id → weak reference: looking at a mask costs little, but not every time


def warn_of_empty_rows(name, mask, axes=AXES, true_forbids=False):
    """Warn of queries that a boolean mask forbids every key, once for each mask object.

    Parameters
    ----------
    name : what the argument is called
    mask : Mask, Tensor or array
    axes : for each number of dimensions without the keys', their names
    true_forbids : in an array, True = may not attend
    """
    if mask is None or checked_before(mask):
        return
    kept = isinstance(mask, Mask)
    array = mask.allowed if kept else as_tensor(mask).array
    if array.dtype.kind != "b" or not array.ndim:
        return
    empty = array.all(-1) if true_forbids and not kept else ~array.any(-1)

    def warn():
        names = (AXES if kept else axes).get(empty.ndim, [f"dim {d} =" for d in range(empty.ndim)])
        where = rows(backend.to_device(empty, "cpu"), names) if empty.ndim else "every query"
        may = "may not" if true_forbids else "may"
        mend = "" if kept else (
            f" If that is not meant, it may have the wrong polarity: here True = {may} attend; "
            f"masks.keep(array) and masks.drop(array) say it aloud."
        )  # fmt: skip
        warnings.warn(
            f"{name} forbids these every key: {where}. With nothing to look at, attention gives "
            f"zeros.{mend}",
            EmptyRowWarning,
            stacklevel=levels_to_the_caller(),
        )

    ask(empty, warn)


def checked_before(mask):
    """Whether this very object was here before; from now on it was."""
    key = id(mask)
    if key in _checked and _checked[key]() is mask:
        return True
    try:
        _checked[key] = weakref.ref(mask, partial(_checked.pop, key))
    except TypeError:  # a list, say, cannot be remembered
        _checked.pop(key, None)
    return False


def levels_to_the_caller():
    """How many calls lie between the warning and the line outside the package that caused it."""
    frame, levels = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame, levels = frame.f_back, levels + 1
    return levels
