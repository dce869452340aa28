"""The tensor: an array with a history, and every operation as a method.

The operations themselves are in `ops/`; here they get their PyTorch names and Python's operators.
Read `engine.py` for how a result remembers its inputs, `backward.py` for the walk back.
"""

import numpy as np

from . import backend, dtypes, engine
from .errors import DTypeError, GraphError, ShapeError
from .hooks import Hooks
from .inplace import InPlace
from .methods import Methods, comparable
from .ops import parting
from .ops import shape as shapes
from .pending import answer, questions


class Tensor(Methods, InPlace, engine.Node):
    """An n-dimensional array that differentiates what is computed with it.

    Make one with `minixattn.tensor`, `zeros`, `randn`, ...; see there. `requires_grad=True` makes
    it a leaf whose `.grad` the next `backward()` fills.

    `y += x` changes y's memory only where no gradient is concerned. On a recorded result it is
    y = y + x: the name y is bound to a new tensor, and any other name of the old one (z = y, an
    element of a list, a view) keeps the old values, where PyTorch would change them too.

    Attributes
    ----------
    shape, ndim, dtype, device, itemsize, is_cuda : as in PyTorch (`shape` is a plain tuple)
    grad : Tensor of the same shape, or None before the first `backward()`
    requires_grad : whether a gradient is wanted here
    is_leaf : whether the user made it, rather than a recorded operation
    """

    __slots__ = ()
    __array_priority__ = 1000  # an array on the left of an operator leaves it to us

    def __init__(self, data=None):
        if data is None or isinstance(data, int):
            raise TypeError(
                "Tensor(data) takes nested lists or an array. Use tensor(number) for a single "
                "number, and zeros(...), empty(...) or randn(...) for a shape."
            )
        self.array = np.array(data, dtypes.get_default_dtype())
        self.requires_grad, self.grad, self.retains_grad = False, None, False
        self.inputs, self.derivatives = (), None

    # What it holds -------------------------------------------------------------------------------

    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    dtype = property(lambda self: self.array.dtype)
    device = property(lambda self: backend.device_of(self.array))
    is_leaf = property(lambda self: self.derivatives is None)
    itemsize = property(lambda self: self.array.itemsize)
    is_cuda = property(lambda self: self.device != "cpu")

    @property
    def data(self):
        """The same memory without history, as PyTorch code changes parameters: `p.data -= …`."""
        return self.detach()

    @data.setter
    def data(self, value):
        self.array = engine.lift(value).array

    @property
    def grad_fn(self):
        """What made this tensor: None for a leaf, else an object that prints the operation."""
        from .printing import Made
        return None if self.derivatives is None else Made(self)

    def size(self, dim=None):
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self):
        """The number of dimensions."""
        return self.array.ndim

    def numel(self):
        """The number of elements."""
        return self.array.size

    ndimension, nelement = dim, numel

    def is_floating_point(self):
        """Whether the dtype is a float type."""
        return self.array.dtype.kind == "f"

    def is_contiguous(self):
        """Whether the elements lie in row-major order."""
        return bool(self.array.flags.c_contiguous)

    # Out of the graph, and out of the package ----------------------------------------------------

    def detach(self):
        """The same memory as a constant."""
        return engine.constant(self.array)

    def numpy(self, *, force=False):
        """The values as a NumPy array that shares memory (on the CPU)."""
        if self.requires_grad and not force:
            raise GraphError(
                f"this tensor of shape {self.shape} requires a gradient, which an array cannot "
                f"carry: use .detach().numpy()."
            )
        if self.device != "cpu" and not force:
            raise TypeError(f"this tensor is on {self.device}: use .cpu().numpy().")
        return backend.to_device(self.array, "cpu")

    def __array__(self, dtype=None, copy=None):
        array = self.numpy()
        array = array if dtype is None else array.astype(dtype, copy=False)
        return array.copy() if copy and array is self.array else array

    def item(self):
        """The single element as a Python number."""
        if self.array.size != 1:
            raise ShapeError(
                f"item() needs a tensor of one element, got shape {self.shape}: use .tolist()."
            )
        if questions:
            answer()
        return self.array.item()

    def tolist(self):
        """The values as nested lists of Python numbers."""
        if questions:
            answer()
        return self.array.tolist()

    def __dlpack__(self, **options):
        if self.requires_grad:
            raise BufferError("a tensor that requires a gradient cannot be exported: .detach() it.")
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __reduce_ex__(self, protocol):
        if self.derivatives is not None:
            raise GraphError(
                "only leaves can be pickled or deep-copied, not results of recorded operations: "
                "use .detach() first."
            )
        return rebuild, (type(self), self.array, self.requires_grad, self.grad)

    def __repr__(self):
        from .printing import text
        return text(self)

    def __format__(self, spec):
        return format(repr(self) if self.array.ndim else self.item(), spec)

    def __len__(self):
        if not self.array.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.array.shape[0]

    def __iter__(self):
        if not self.array.ndim:
            raise TypeError("a 0-d tensor has nothing to iterate over: use .item() for its number.")
        return iter(parting.unbind(self))

    def __contains__(self, value):
        if not comparable(value):
            raise DTypeError(
                f"`in` looks for a number or a Tensor among the elements of a tensor, got "
                f"{type(value).__name__}: {value!r:.60}."
            )
        return bool((self == value).any())

    def __bool__(self):
        if self.array.size != 1:
            raise DTypeError(
                f"the truth of a tensor of shape {self.shape} is ambiguous: use .any() or .all()."
            )
        return bool(self.item())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        if self.array.dtype.kind == "f":
            raise DTypeError(f"only integer tensors can be used as an index, got {self.dtype}.")
        return int(self.item())

    # Gradients -----------------------------------------------------------------------------------

    def backward(self, gradient=None, retain_graph=None, create_graph=False):
        """Add ∂self/∂leaf, weighted with `gradient`, to the `.grad` of every leaf.

        Parameters
        ----------
        gradient : Tensor of this shape; may be left out for a single number
        retain_graph : keep the graph, so that it can be used again
        create_graph : make the gradients differentiable

        Raises
        ------
        GraphError
            Without a gradient for a tensor of several elements; when the graph was used already;
            when an array that a derivative needs was changed in place.
        """
        from .backward import backward
        backward((self,), None if gradient is None else (gradient,), retain_graph, create_graph)

    def requires_grad_(self, requires_grad=True):
        """Ask for a gradient here, or stop asking; returns the tensor itself."""
        if requires_grad and self.array.dtype.kind != "f":
            raise DTypeError(
                f"only float tensors can require gradients, got {self.dtype}: use .float() first."
            )
        if not requires_grad and self.derivatives is not None:
            raise GraphError("a result always requires its gradient: use .detach() instead.")
        self.requires_grad = bool(requires_grad)
        return self

    def retain_grad(self):
        """Keep the gradient of this result in `.grad`, as leaves do."""
        if not self.requires_grad:
            raise GraphError("retain_grad() on a tensor that does not require a gradient.")
        if self.derivatives is not None:
            hooks = self.retains_grad
            self.retains_grad = True
            if isinstance(hooks, Hooks):
                hooks.keep, self.retains_grad = True, hooks

    def register_hook(self, hook):
        """Call `hook(g)` whenever a gradient of this tensor has been computed.

        What it returns, unless that is None, takes the gradient's place: for this tensor and for
        all that it was made from.

        Parameters
        ----------
        hook : function of a Tensor of this tensor's shape

        Returns
        -------
        handle, whose `remove()` takes the hook away
        """
        if not self.requires_grad:
            raise GraphError("register_hook() on a tensor that does not require a gradient.")
        if not isinstance(self.retains_grad, Hooks):
            self.retains_grad = Hooks(keep=self.retains_grad)
        return self.retains_grad.add(hook)

    # Other types and devices ---------------------------------------------------------------------

    def to(self, *args, dtype=None, device=None, copy=False):
        """Another dtype or device: `x.to(float64)`, `x.to("cuda")`, `x.to(other_tensor)`."""
        for arg in args:
            if isinstance(arg, Tensor):
                dtype, device = arg.dtype, arg.device
            elif isinstance(arg, str) and arg not in map(str, dtypes.SUPPORTED):
                device = arg
            else:
                dtype = arg
        out = self if dtype is None else engine.cast(self, dtypes.resolve(dtype))
        if device is not None and backend.device(device) != out.device:
            out = shapes.move(out, device)
        return out.clone() if copy and out is self else out

    def cpu(self):
        """This tensor in the computer's memory."""
        return self.to(device="cpu")

    def cuda(self):
        """This tensor on the GPU."""
        return self.to(device="cuda")


engine.Node.kind = Tensor  # the class that operations return, a Parameter's too


def is_tensor(obj):
    """Whether an object is a Tensor."""
    return isinstance(obj, Tensor)


def numel(input):
    """The number of elements."""
    return input.array.size


def rebuild(kind, array, requires_grad, grad):
    """A leaf from what pickling kept of it."""
    x = object.__new__(kind)
    x.array, x.requires_grad, x.grad = array, requires_grad, grad
    x.inputs, x.derivatives, x.retains_grad = (), None, False
    return x
