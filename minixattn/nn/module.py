"""Modules: objects that hold parameters and know how to compute with them.

A module is an ordinary object. What it consists of is found by looking at its attributes in the
order in which they were assigned, through lists, tuples and dicts as well; a shared parameter
counts once.
"""

from ..dtypes import float16, float32, float64, resolve
from ..engine import Node
from ..errors import DTypeError
from .calls import Called
from .parameter import Parameter
from .parts import at, own_buffers, own_parameters, parts, tensors, walk
from .state import load


class Module(Called):
    """Base class of all layers and models.

    Assign parameters and other modules to attributes in `__init__`, and say in `forward` what is
    computed from them.

    Attributes
    ----------
    training : True until `eval()` is called; `Dropout` looks at it

    Examples
    --------
    >>> import minixattn as mx
    >>> class Scale(mx.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.weight = mx.nn.Parameter(mx.ones(3))
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> list(Scale().state_dict())
    ['weight']
    """

    training = True
    equation = ""  # one line, which repr shows

    def forward(self, *args, **options):
        """What the module computes; a subclass says it."""
        raise NotImplementedError(f"{type(self).__name__} must define forward().")

    # What it consists of -------------------------------------------------------------------------

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(name, parameter) of this module and then of its parts: "encoder.0.weight"."""
        modules = self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]
        return tensors(own_parameters, modules, remove_duplicate)

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(name, buffer): tensors that belong to the module but are not learned."""
        modules = self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]
        return tensors(own_buffers, modules, remove_duplicate)

    def named_modules(self, prefix="", remove_duplicate=True):
        """(name, module): itself under `prefix`, then its parts, each before its own parts."""
        return walk(self, Module, prefix, set() if remove_duplicate else None)

    def named_children(self):
        """(name, module) of the immediate parts."""
        seen = set()
        for name, part in parts(self, Module):
            if part not in seen:
                seen.add(part)
                yield name, part

    def parameters(self, recurse=True):
        """The parameters, each once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def buffers(self, recurse=True):
        """The buffers, each once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def modules(self):
        """The module itself and all its parts, each once."""
        return (m for _, m in self.named_modules())

    def get_submodule(self, target):
        """The part of that path: `get_submodule("encoder.layers.0")`; "" is the module itself."""
        return at(self, "module", target, self.named_modules(remove_duplicate=False))

    def get_parameter(self, target):
        """The parameter of that path: `get_parameter("encoder.layers.0.weight")`."""
        return at(self, "parameter", target, self.named_parameters(remove_duplicate=False))

    def children(self):
        """The immediate parts, each once."""
        return (m for _, m in self.named_children())

    def register_buffer(self, name, tensor, persistent=True):
        """Make `tensor` an attribute that moves with the module but is not learned.

        Parameters
        ----------
        name : str; the attribute
        tensor : Tensor or None
        persistent : whether it belongs into the `state_dict`
        """
        if tensor is not None and not isinstance(tensor, Node):
            raise TypeError(f"buffer {name!r} must be a Tensor or None, got {_kind(tensor)}.")
        self._claim(name)
        vars(self).setdefault("_buffers", {})[name] = persistent
        setattr(self, name, tensor)

    def register_parameter(self, name, param):
        """The same as `self.name = param`, checked; None for one that is left out."""
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"parameter {name!r} must be a Parameter or None, got {_kind(param)}.")
        self._claim(name)
        setattr(self, name, param)

    def add_module(self, name, module):
        """The same as `self.name = module`, checked; the name may be "0"."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"module {name!r} must be a Module or None, got {_kind(module)}.")
        self._claim(name)
        setattr(self, name, module)

    register_module = add_module

    def _claim(self, name):
        """Raise unless `name` can become a new part."""
        if not isinstance(name, str):
            raise TypeError(f"a part's name must be a string, got {_kind(name)}.")
        if not name or "." in name:
            raise KeyError(f"a part's name must not be empty or contain a point, got {name!r}.")
        if hasattr(self, name) and name not in vars(self).get("_buffers", ()):
            raise KeyError(f"{type(self).__name__} already has an attribute {name!r}.")

    # Its state -----------------------------------------------------------------------------------

    def state_dict(self, *, prefix="", keep_vars=False):
        """{name: tensor} of all parameters and persistent buffers, under PyTorch's names.

        Parameters
        ----------
        prefix : put before every name
        keep_vars : give the parameters themselves rather than constants that share their memory
        """
        state = {}
        for path, module in self.named_modules(remove_duplicate=False):
            persistent = vars(module).get("_buffers", {})
            own = [*own_parameters(module), *own_buffers(module)]
            for name, x in own:
                if persistent.get(name, True):
                    full = f"{prefix}{path}.{name}" if path else prefix + name
                    state[full] = x if keep_vars else x.detach()
        return state

    def load_state_dict(self, state_dict, strict=True):
        """Copy values into the parameters and buffers, in place; all of them or none.

        Parameters
        ----------
        state_dict : {name: Tensor, NumPy array or PyTorch tensor}
        strict : whether both sides must have exactly the same names

        Returns
        -------
        (missing_keys, unexpected_keys), two lists of names; empty where strict

        Raises
        ------
        RuntimeError
            Listing every missing, unexpected and wrongly shaped key. The module is unchanged.
        """
        return load(self, state_dict, strict)

    # Changing all of it --------------------------------------------------------------------------

    def train(self, mode=True):
        """Switch to training, where dropout drops; returns the module."""
        self.training = bool(mode)
        for child in self.children():
            child.train(mode)
        return self

    def eval(self):
        """Switch to evaluation, where dropout does nothing; returns the module."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Learn the parameters, or freeze them; returns the module."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget the gradients, or make them 0."""
        for p in self.parameters():
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                p.grad = p.grad.detach().zero_()

    def apply(self, fn):
        """Call `fn` on every part and then on the module itself; returns the module."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, *args, dtype=None, device=None):
        """Move to another device, or change the float type: `.to("cuda")`, `.to(mx.float64)`.

        The parameters stay the same objects, so an optimizer keeps hold of them.
        """
        for arg in args:
            if isinstance(arg, Node):
                dtype, device = arg.dtype, arg.device
            elif str(arg) in ("cpu", "cuda", "cuda:0"):
                device = arg
            else:
                dtype = arg
        if dtype is not None and resolve(dtype).kind != "f":
            raise DTypeError(
                f"{type(self).__name__}.to() changes between float types only, got {dtype}."
            )
        for p in self.parameters():
            p.data = _moved(p, dtype, device)
            if p.grad is not None:
                p.grad = _moved(p.grad, dtype, device)
        for module in self.modules():
            for name, b in list(own_buffers(module)):
                setattr(module, name, _moved(b, dtype, device))
        return self

    def cpu(self):
        """Move to the computer's memory."""
        return self.to(device="cpu")

    def cuda(self):
        """Move to the GPU."""
        return self.to(device="cuda")

    def half(self):
        """Change to float16."""
        return self.to(dtype=float16)

    def float(self):
        """Change to float32."""
        return self.to(dtype=float32)

    def double(self):
        """Change to float64."""
        return self.to(dtype=float64)

    # How it prints -------------------------------------------------------------------------------

    def extra_repr(self):
        """What to print between the brackets."""
        return ""

    def __repr__(self):
        extra = ", ".join(filter(None, (self.equation, self.extra_repr())))
        lines = [f"({name}): {part!r}" for name, part in parts(self, Module)]
        return layout(type(self).__name__, extra, lines)


def layout(name, extra, parts):
    """`Name(extra)` on one line, or every part on its own, indented."""
    if not parts and "\n" not in extra:
        return f"{name}({extra})"
    lines = "\n".join([*([extra] if extra else []), *parts])
    return f"{name}(\n  " + lines.replace("\n", "\n  ") + "\n)"


def _kind(x):
    return type(x).__name__


def _moved(x, dtype, device):
    return x.detach().to(dtype=dtype if x.is_floating_point() else None, device=device)
