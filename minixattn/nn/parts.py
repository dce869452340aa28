"""What a module consists of, read off its attributes: the walks behind `Module`."""

from difflib import get_close_matches

from .parameter import Parameter


def parts(module, kind):
    """(name, attribute) for all of one class, in the order of assignment."""
    for name, value in vars(module).items():
        yield from within(name, value, kind)


def within(name, value, kind):
    """`value` if it is of that class, or those that a list, tuple or dict holds."""
    if isinstance(value, kind):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, v in enumerate(value):
            yield from within(f"{name}.{i}", v, kind)
    elif isinstance(value, dict):
        for key, v in value.items():
            yield from within(f"{name}.{key}", v, kind)


def own_parameters(module):
    """(name, parameter) of the module without its parts."""
    buffers = vars(module).get("_buffers", ())
    return ((name, p) for name, p in parts(module, Parameter) if name not in buffers)


def own_buffers(module):
    """(name, tensor) of the registered buffers that are not None."""
    held = vars(module)
    return ((name, held[name]) for name in held.get("_buffers", ()) if held.get(name) is not None)


def walk(module, kind, name, seen, above=()):
    """(name, module) for a module and its parts of class `kind`, each before its own parts.

    With a set `seen` each comes once; with None a shared one comes under all its names. A part
    that holds one of the modules `above` it is not followed again.
    """
    if module in (above if seen is None else seen):
        return
    if seen is not None:
        seen.add(module)
    yield name, module
    for part_name, part in parts(module, kind):
        full = f"{name}.{part_name}" if name else part_name
        yield from walk(part, kind, full, seen, (*above, module))


def tensors(own, modules, remove_duplicate):
    """(full name, tensor) of what each of the named modules owns, each tensor once if asked."""
    seen = set()
    for path, module in modules:
        for name, x in own(module):
            if not (remove_duplicate and x in seen):
                seen.add(x)
                yield (f"{path}.{name}" if path else name), x


def at(module, what, path, named):
    """The one of that path among (path, thing) pairs; AttributeError with the nearest if none."""
    things = dict(named)
    if path not in things:
        near = ", ".join(map(repr, get_close_matches(str(path), things, 3))) or "none"
        raise AttributeError(
            f"{type(module).__name__} has no {what} {path!r}; the nearest are {near}."
        )
    return things[path]
