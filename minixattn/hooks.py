"""Functions of the user's that are called on the way: when a gradient arrives, when a layer ran."""

import itertools

_numbers = itertools.count()


class Hooks:
    """Functions to call, in their order; true if there is any, or something else to do.

    Attributes
    ----------
    keep : of a tensor's hooks, whether the tensor also retains its gradient
    """

    def __init__(self, keep=False):
        self.functions, self.keep = {}, keep

    def __bool__(self):
        return bool(self.functions) or self.keep

    def __iter__(self):
        return iter(list(self.functions.values()))

    def add(self, hook, first=False, *options):
        """Add a function, and what the caller wants to know of it; returns its handle."""
        if not callable(hook):
            raise TypeError(f"a hook must be a function, got {type(hook).__name__}.")
        new = {next(_numbers): (hook, *options)}
        self.functions = {**new, **self.functions} if first else {**self.functions, **new}
        return RemovableHandle(self, *new)


class RemovableHandle:
    """What registering a hook returns: `handle.remove()`, or a with-block, takes it away."""

    def __init__(self, hooks, number):
        self.hooks, self.id = hooks, number

    def remove(self):
        """Take the hook away; a second time does nothing."""
        self.hooks.functions.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()
