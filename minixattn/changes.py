"""In-place changes: which are refused, and how `backward()` tells that a value it needs is gone.

A derivative looks at arrays of the forward pass. Every change of a tensor's memory is noted with
its time; a walk back through an operation that is older than a change of what it looks at would
give a wrong gradient, so it is an error.
"""

import inspect
import weakref
from functools import partial
from itertools import chain, repeat

from . import backend
from .engine import clock, is_grad_enabled, name_of
from .errors import GraphError

_changed = {}  # id of the array that owns the memory -> (when, weak reference to it)
_last = [0]


def changing(x):
    """Allow and note an in-place change of `x`, or raise `GraphError` if it would be recorded."""
    if x.requires_grad and is_grad_enabled():
        what = "a leaf that requires a gradient" if x.derivatives is None else "a recorded result"
        raise GraphError(
            f"cannot change {what} of shape {x.array.shape} in place: its gradient would be "
            f"wrong. Make a new tensor instead: x = x.masked_fill(mask, value), x = where(mask, "
            f"value, x), or collect rows in a list and stack() or cat() them. To change values "
            f"that no gradient concerns, do it inside `with no_grad():` or on `x.detach()`."
        )
    memory = backend.owner(x.array)
    key = id(memory)
    _last[0] = now = next(clock)
    noted = _changed.get(key)
    if noted is not None and noted[1]() is memory:
        _changed[key] = now, noted[1]
        return
    # The note goes with the memory, by a function in C: Ctrl-C that came in one of Python's, called
    # while something is freed, would be lost.
    _changed[key] = now, weakref.ref(memory, partial(_changed.pop, key))


def changed_since(node):
    """Whether any tensor was changed in place after `node` was recorded."""
    return _last[0] > node.order


def names_of(function):
    """The names of a derivative's arguments; that of `*inputs` is for all that follow."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    if not code.co_flags & inspect.CO_VARARGS:
        return names
    return chain(names, repeat(code.co_varnames[code.co_argcount + code.co_kwonlyargcount]))


def check_unchanged(node):
    """Raise `GraphError` if an array that a derivative of `node` looks at was changed since."""
    values = (None, node, *node.inputs)
    derivatives = node.derivatives
    if callable(derivatives):
        derivatives = [derivatives] * len(node.inputs)
    for x, derivative in zip(node.inputs, derivatives):
        if derivative is None or not x.requires_grad:
            continue
        for name, value in zip(names_of(derivative), values):
            if value is None or name.startswith("_"):
                continue
            when, memory = _changed.get(id(backend.owner(value.array)), (0, None))
            if when > node.order and memory() is not None:
                raise GraphError(
                    f"backward of {name_of(node.derivatives)}: the tensor of shape "
                    f"{value.array.shape} that its derivative needs ({name}) was changed in place "
                    f"after it was used. Change a copy (.clone()), or run backward() first."
                )
