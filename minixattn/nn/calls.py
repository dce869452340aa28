"""What happens when a module is called: its hooks, and between them `forward`."""

from ..hooks import Hooks


class Called:
    """The half of `Module` that is about calling it."""

    _before = _after = None  # hooks

    def __call__(self, *args, **options):
        if self._before or self._after:
            return self._observed(args, options)
        return self.forward(*args, **options)

    def _observed(self, args, options):
        for hook, with_options in self._before or ():
            found = hook(self, args, options) if with_options else hook(self, args)
            if found is not None:
                args, options = replaced(found, options, with_options)
        output = self.forward(*args, **options)
        for hook, with_options in self._after or ():
            given = (args, options) if with_options else (args,)
            found = hook(self, *given, output)
            output = output if found is None else found
        return output

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call `hook(module, args)` before every call of the module.

        Parameters
        ----------
        hook : function; what it returns, unless that is None, takes the place of the arguments
        prepend : call it before the hooks that are there
        with_kwargs : call `hook(module, args, kwargs)`, which returns None or both

        Returns
        -------
        handle, whose `remove()` takes the hook away
        """
        self._before = self._before or Hooks()
        return self._before.add(hook, prepend, with_kwargs)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call `hook(module, args, output)` after every call of the module.

        Parameters
        ----------
        hook : function; what it returns, unless that is None, takes the place of the output
        prepend : call it before the hooks that are there
        with_kwargs : call `hook(module, args, kwargs, output)`

        Returns
        -------
        handle, whose `remove()` takes the hook away
        """
        self._after = self._after or Hooks()
        return self._after.add(hook, prepend, with_kwargs)


def replaced(found, options, with_options):
    """The arguments that a hook returned in place of the call's."""
    if not with_options:
        return (found if isinstance(found, tuple) else (found,)), options
    if not (isinstance(found, tuple) and len(found) == 2):
        raise TypeError(
            f"a forward pre-hook with with_kwargs=True returns None or (args, kwargs), got "
            f"{type(found).__name__}."
        )
    return found
