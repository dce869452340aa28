"""Modules made of modules, in a row or by name."""

from .module import Module, layout
from .parameter import Parameter


class Numbered(Module):
    """Modules in a row: attributes named "0", "1", …, indexed as a list is."""

    def _all(self):
        return [m for m in vars(self).values() if isinstance(m, Module)]

    def _renumber(self, modules):
        for name in [n for n, m in vars(self).items() if isinstance(m, Module)]:
            delattr(self, name)
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def _name(self, index):
        names = [n for n, m in vars(self).items() if isinstance(m, Module)]
        if not -len(names) <= index < len(names):
            raise IndexError(
                f"index {index} is out of range for {type(self).__name__} of {len(names)} modules."
            )
        return names[index]

    def __len__(self):
        return len(self._all())

    def __iter__(self):
        return iter(self._all())

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._slice(index)
        return vars(self)[self._name(index)]

    def __setitem__(self, index, module):
        if not isinstance(module, Module):
            raise TypeError(f"expected a Module, got {type(module).__name__}.")
        setattr(self, self._name(index), module)

    def __delitem__(self, index):
        modules = self._all()
        del modules[index]
        self._renumber(modules)

    def append(self, module):
        """Add a module at the end; returns the container."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules):
        """Add several at the end; returns the container."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index, module):
        """Add a module before the one at `index`."""
        modules = self._all()
        modules.insert(index, module)
        self._renumber(modules)


class Sequential(Numbered):
    """y = f_n(… f₂(f₁(x))): each module takes what the one before it gave.

    Parameters
    ----------
    *modules : Modules, or one dict of them whose keys name them

    Examples
    --------
    >>> import minixattn as mx
    >>> model = mx.nn.Sequential(mx.nn.Linear(3, 8), mx.nn.GELU(), mx.nn.Linear(8, 2))
    >>> model(mx.randn(5, 3)).shape
    (5, 2)
    """

    def __init__(self, *modules):
        super().__init__()
        named = len(modules) == 1 and isinstance(modules[0], dict)
        pairs = modules[0].items() if named else enumerate(modules)
        for name, module in pairs:
            self.add_module(str(name), module)

    def forward(self, input):
        """Through all modules in order."""
        for module in self:
            input = module(input)
        return input

    def _slice(self, index):
        names = [n for n, m in vars(self).items() if isinstance(m, Module)][index]
        return type(self)({name: vars(self)[name] for name in names})


class ModuleList(Numbered):
    """A list of modules; a plain list as an attribute works too, this one prints better."""

    def __init__(self, modules=()):
        super().__init__()
        self.extend(modules)

    def _slice(self, index):
        return type(self)(self._all()[index])

    def __repr__(self):
        lines, texts = [], [repr(m) for m in self]
        while texts:
            n = next((i for i, t in enumerate(texts) if t != texts[0]), len(texts))
            start = len(self) - len(texts)
            many = f"({start}-{start + n - 1}): {n} x " if n > 1 else f"({start}): "
            lines.append(many + texts[0])
            texts = texts[n:]
        return layout(type(self).__name__, "", lines)


class ModuleDict(Module):
    """Modules by name; a plain dict as an attribute works too, this one prints better."""

    def __init__(self, modules=None):
        super().__init__()
        self.update(modules or {})

    def _dict(self):
        return {n: m for n, m in vars(self).items() if isinstance(m, Module)}

    def __len__(self):
        return len(self._dict())

    def __iter__(self):
        return iter(self._dict())

    def __contains__(self, key):
        return key in self._dict()

    def __getitem__(self, key):
        modules = self._dict()
        if key not in modules:
            known = ", ".join(map(repr, modules)) or "none"
            raise KeyError(f"no module {key!r} in this ModuleDict; it has {known}.")
        return modules[key]

    def __setitem__(self, key, module):
        if key not in self:
            self.add_module(key, module)
        elif isinstance(module, Module):
            setattr(self, key, module)
        else:
            raise TypeError(f"module {key!r} must be a Module, got {type(module).__name__}.")

    def __delitem__(self, key):
        self[key]  # raises where there is none
        delattr(self, key)

    def keys(self):
        """The names."""
        return self._dict().keys()

    def values(self):
        """The modules."""
        return self._dict().values()

    def items(self):
        """(name, module) pairs."""
        return self._dict().items()

    def pop(self, key):
        """Take a module out and return it."""
        module = self[key]
        del self[key]
        return module

    def update(self, modules):
        """Add the modules of a dict, or of (name, module) pairs."""
        for key, module in dict(modules).items():
            self[key] = module


class ParameterList(Module):
    """A list of parameters; a plain list as an attribute works too.

    Its parameters are named "0", "1", … in the `state_dict`. A tensor becomes a `Parameter`.
    """

    def __init__(self, values=()):
        super().__init__()
        self.extend(values)

    def _all(self):
        return [p for p in vars(self).values() if isinstance(p, Parameter)]

    def __len__(self):
        return len(self._all())

    def __iter__(self):
        return iter(self._all())

    def __getitem__(self, index):
        found = self._all()[index]
        return ParameterList(found) if isinstance(index, slice) else found

    def __setitem__(self, index, value):
        self[index]  # raises where there is none
        setattr(self, str(range(len(self))[index]), as_parameter(value))

    def append(self, value):
        """Add a parameter at the end; returns the list."""
        setattr(self, str(len(self)), as_parameter(value))
        return self

    def extend(self, values):
        """Add several at the end; returns the list."""
        for value in values:
            self.append(value)
        return self

    def extra_repr(self):
        """The parameters' shapes."""
        return ", ".join(str(p.shape) for p in self)


def as_parameter(value):
    """A Parameter as it is, or one made of a tensor."""
    return value if isinstance(value, Parameter) else Parameter(value)
