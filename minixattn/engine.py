"""The engine: how a tensor remembers what made it, and how gradients walk back.

Every differentiable operation is one call of `apply`:

    apply(np.multiply, (a, b), lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)

first the forward function on arrays, then the inputs, then one derivative for each input. For
y = f(a, b) and a loss L, a derivative receives g = ∂L/∂y, the output y and the inputs, and
returns ∂L/∂a. It is written once and used twice: on a plain `backward()` it is given arrays; with
`create_graph=True` it is given Tensors, so it records itself and can be differentiated again.
An argument whose name starts with an underscore is one whose values the derivative does not look
at (its shape or dtype at most), so they may have changed since.

The walk back goes from the newest operation to the oldest. An operation's number is larger than
the numbers of all that it used, so when its turn comes, all its users have reported.
"""

import itertools
from functools import wraps

import numpy as np

from . import backend, dtypes
from .errors import DeviceError, DTypeError, broadcast_error
from .grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled, silenced

__all__ = [
    "Node", "apply", "binary", "cast", "clock", "constant", "enable_grad", "is_grad_enabled",
    "lift", "matched", "name_of", "no_grad", "operation", "record", "same", "same_device",
    "set_grad_enabled", "tapes", "unary",
]  # fmt: skip

tapes = []  # functions (result, forward, inputs) that are told of every operation; see tracing.py
clock = itertools.count(1)
_new, _array = object.__new__, np.ndarray
_names = {}  # of operations whose derivatives do not tell


class Node:
    """What every tensor is to the engine: an array, and how it came about.

    A leaf (made by the user) has `derivatives` None; a result keeps its `inputs` and their
    `derivatives` until `backward()` has used them, knows whether broadcasting may have `stretched`
    an input, and holds the gradient it is `owed` during a walk back. References point from results
    to inputs only, so a graph dies with its last result, without the garbage collector.
    """

    __slots__ = (
        "array", "requires_grad", "grad", "inputs", "derivatives", "stretched", "order", "owed",
        "retains_grad", "__weakref__",
    )  # fmt: skip

    kind = None  # the class that an operation returns; Tensor sets it


def apply(forward, inputs, *derivatives):
    """Run `forward` on the inputs' arrays and record how to differentiate the result.

    Parameters
    ----------
    forward : function of one array an input, returning an array
    inputs : tuple of Tensors; of bare arrays when a derivative is being computed
    *derivatives : one `f(g, y, *inputs)` an input, each returning the loss's derivative with
        respect to that input, of the input's shape or of one that broadcasting made larger;
        None where there is none to be had

    Returns
    -------
    Tensor, or a bare array when every input is one
    """
    if not any(isinstance(x, Node) for x in inputs):
        return forward(*inputs)
    if len(inputs) > 1:
        inputs = same_device(tuple(map(lift, inputs)), derivatives)
    return record(forward(*[x.array for x in inputs]), inputs, derivatives, forward)


def unary(forward, x, derivative):
    """`apply` for one input, where the derivative is of the input's very shape."""
    if not isinstance(x, Node):
        return forward(only_arrays(forward, derivative, x))
    return record(forward(x.array), (x,), (derivative,), forward)


def binary(forward, a, b, *derivatives):
    """`apply` for two inputs, which may be numbers, are brought to one dtype, and broadcast."""
    if not (isinstance(a, Node) and isinstance(b, Node) and a.array.dtype is b.array.dtype):
        if not (isinstance(a, Node) or isinstance(b, Node)):
            return forward(only_arrays(forward, derivatives, a), b)
        try:
            a, b = matched(a, b)
        except DTypeError as error:
            raise DTypeError(f"{name_of(derivatives) or forward.__name__}: {error}") from None
        a, b = same_device((a, b), derivatives)
    try:
        array = forward(a.array, b.array)
    except (ValueError, TypeError):
        both = (a, b)
        moved = same_device(both, derivatives)
        if moved is not both:
            return binary(forward, *moved, *derivatives)
        if not broadcasts(a.array.shape, b.array.shape):
            name = name_of(derivatives) or forward.__name__
            raise broadcast_error(name, a.array.shape, b.array.shape) from None
        raise
    return record(array, (a, b), derivatives, forward, a.array.shape != b.array.shape)


def operation(forward, name=None):
    """Turn a function that returns two derivatives into the operation that they belong to:

        @operation(np.multiply)
        def mul(input, other):
            return lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a

    is `mul(input, other) = binary(np.multiply, input, other, …)`, made once instead of at every
    call. Arithmetic is what graphs of small tensors consist of, so `record` is written out here.
    """

    def make(function):
        derivatives = function(None, None)
        _names[derivatives] = name or function.__name__

        @wraps(function)
        def run(input, other):
            a, b = input, other
            if not (isinstance(a, Node) and isinstance(b, Node) and a.array.dtype is b.array.dtype):
                return binary(forward, a, b, *derivatives)
            x, y = a.array, b.array
            try:
                array = forward(x, y)
            except (ValueError, TypeError):
                return binary(forward, a, b, *derivatives)  # which knows how to explain it
            if tapes or silenced or not (a.requires_grad or b.requires_grad):
                return record(array, (a, b), derivatives, forward, x.shape != y.shape)
            out = _new(Node.kind)
            out.array = array if type(array) is _array else whole(array)
            out.grad = None
            out.retains_grad = False
            out.requires_grad = True
            out.inputs = a, b
            out.derivatives = derivatives
            out.stretched = x.shape != y.shape
            out.owed = None
            out.order = next(clock)
            return out

        return run

    return make


def same(g, *_):
    """The derivative of an operation that hands its gradient on as it is."""
    return g


def broadcasts(a, b):
    """Whether two shapes fit: equal sizes or 1, from the right."""
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(a), reversed(b)))


def only_arrays(forward, derivatives, x):
    """`x` if it is a bare array (as in a derivative); anything else is not an operation's input."""
    if backend.is_array(x):
        return x
    raise TypeError(
        f"{name_of(derivatives) or forward.__name__} expects a Tensor, got "
        f"{type(x).__name__}. Make one with minixattn.tensor(...)."
    )


def record(array, inputs, derivatives, forward=None, stretched=None):
    """A new tensor holding `array`, which remembers its inputs if any of them wants a gradient.

    `stretched` says whether a derivative may come out larger than its input, by broadcasting.
    """
    out = _new(Node.kind)
    out.array = array if type(array) is _array else whole(array)
    out.grad = None
    out.retains_grad = False
    if tapes:
        for tape in tapes:
            tape(out, forward, inputs)
    if not silenced or is_grad_enabled():
        for x in inputs:
            if x.requires_grad:
                out.requires_grad = True
                out.inputs = inputs
                out.derivatives = derivatives
                out.stretched = stretched
                out.owed = None
                out.order = next(clock)
                return out
    out.requires_grad = False
    out.inputs = ()
    out.derivatives = None
    return out


def whole(array):
    """What an operation returned, as an array: NumPy makes numbers of 0-d ones."""
    return np.asarray(array) if isinstance(array, np.generic) else array


def constant(array):
    """A tensor that no gradient flows through."""
    return record(array, (), None)


def lift(x, dtype=None):
    """`x` as a Tensor: itself, or a constant made of an array or a number."""
    if isinstance(x, Node):
        return x
    if isinstance(x, np.generic):
        x = x.item()  # a NumPy scalar is a number, not a float64 tensor
    if backend.is_array(x):
        return constant(x)
    dtype = dtypes.number_type(x, dtype or dtypes.get_default_dtype())
    return constant(dtype.type(x))


def cast(x, dtype):
    """x as another number type; g goes back as x's own. Whole numbers pass no gradient."""
    if x.dtype == dtype:
        return x
    if dtype.kind != "f" and isinstance(x, Node):
        return constant(x.array.astype(dtype))
    return unary(lambda x: x.astype(dtype), x, lambda g, _y, _x: cast(g, _x.dtype))


def matched(a, b):
    """Both operands as Tensors of their common dtype; a number takes on the tensor's kind."""
    if type(b) in (float, int) and isinstance(a, Node) and a.array.dtype.kind == "f":
        return a, constant(a.array.dtype.type(b))
    if not isinstance(a, Node):
        a = lift(a, b.array.dtype if isinstance(b, Node) else None)
    b = lift(b, a.array.dtype)
    if a.array.dtype != b.array.dtype:
        dtype = dtypes.result_type(a.array, b.array)
        a, b = cast(a, dtype), cast(b, dtype)
    return a, b


def same_device(inputs, derivatives):
    """The inputs on one device: a 0-d constant of the CPU follows the others, as a number would.

    Raises `DeviceError` where another tensor would have to move.
    """
    if len({type(x.array) for x in inputs}) == 1:
        return inputs
    devices = [backend.device_of(x.array) for x in inputs]
    if any(d == "cpu" and (x.array.ndim or x.requires_grad) for x, d in zip(inputs, devices)):
        where = ", ".join(f"{x.array.shape} on {d}" for x, d in zip(inputs, devices))
        name = name_of(derivatives) or "operation"
        raise DeviceError(
            f"{name}: the tensors live on different devices: {where}. Move them to one with "
            f'.to("cuda") or .to("cpu").'
        )
    return tuple(
        x if d == "cuda" else constant(backend.to_device(x.array, "cuda"))
        for x, d in zip(inputs, devices)
    )


def name_of(derivatives):
    """The operation's name, read off its derivative: the function that it was written in."""
    if callable(derivatives):
        derivatives = (derivatives,)
    if derivatives in _names:
        return _names[derivatives]
    known = [d for d in derivatives or () if d is not None]
    return known[0].__qualname__.partition(".")[0] if known else ""
