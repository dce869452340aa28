"""Whether operations are recorded: switched off and on for each thread by itself."""

from _thread import _local as local  # threading.local: an import spares what threading brings along
from contextlib import ContextDecorator


class _Mode(local):
    grad = True


_mode = _Mode()
silenced = []  # one entry a thread that records nothing; empty, nobody needs to look at `_mode`


def is_grad_enabled():
    """Whether operations of this thread are being recorded."""
    return not silenced or _mode.grad


def switch(grad):
    """Record in this thread, or stop recording; returns what it did before."""
    before = _mode.grad
    if grad != before:
        _mode.grad = grad
        silenced.pop() if grad else silenced.append(None)
    return before


class set_grad_enabled(ContextDecorator):
    """Switch recording on or off for this thread: a call, a `with` block or a decorator."""

    def __init__(self, mode):
        self.mode = bool(mode)
        self.before = switch(self.mode)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        switch(self.before)

    def __call__(self, function):
        switch(self.before)
        return super().__call__(function)

    def _recreate_cm(self):
        return type(self)(self.mode)


class _Within(ContextDecorator):
    mode = None

    def __new__(cls, function=None):
        within = super().__new__(cls)
        return within if function is None else within(function)  # @no_grad without parentheses

    def __enter__(self):
        self.before = switch(self.mode)
        return self

    def __exit__(self, *error):
        switch(self.before)

    def _recreate_cm(self):
        return type(self)()


class no_grad(_Within):
    """`with no_grad():` or `@no_grad()`: nothing inside is recorded, in this thread."""

    mode = False


class enable_grad(_Within):
    """`with enable_grad():` records again inside a `no_grad` block."""

    mode = True
