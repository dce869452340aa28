"""Gradients asked for and delivered: `backward` and `grad`, around the walk of `walk.py`."""

from contextlib import contextmanager

import numpy as np

from . import backend
from .changes import changing
from .engine import Node, cast, constant, lift, same_device
from .errors import DTypeError, GraphError, ShapeError
from .hooks import Hooks
from .walk import fit, hooked, walk


def backward(outputs, gradients=None, retain_graph=None, create_graph=False):
    """Add ∂outputs/∂leaf to the `.grad` of every leaf that requires one.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensors
    gradients : the same, of the outputs' shapes; None for scalars means 1
    retain_graph : keep the graph for another walk; `create_graph` where None
    create_graph : make the gradients differentiable themselves
    """
    outputs = _tuple(outputs)
    given = seeds(outputs, None if gradients is None else _tuple(gradients), create_graph)
    taken = {id(g if backend.is_array(g) else g.array) for g in given}
    found = walk(outputs, given, None, retain_graph, create_graph)
    for x in found:
        if x.grad is not None or x.array.dtype.kind != "f":
            check_leaf(x)
    for x, g in found.items():
        if g.dtype is not x.array.dtype or g.shape != x.array.shape:
            g = fit(g, x.array)
        if x.retains_grad and x.derivatives is None and isinstance(x.retains_grad, Hooks):
            g = hooked(x, g)
        g = private(g, taken)
        if x.grad is None:
            x.grad = g
        elif create_graph or x.grad.requires_grad:
            x.grad = x.grad + g
        else:
            changing(x.grad)
            x.grad.array += g.array


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False,
         only_inputs=True, allow_unused=None, *, materialize_grads=False):  # fmt: skip
    """The derivatives of `outputs` with respect to `inputs`, leaving every `.grad` alone.

    Parameters
    ----------
    outputs, inputs : Tensor or sequence of Tensors
    grad_outputs : what each output is weighted with; 1 for scalars where None
    create_graph : True to differentiate the result once more
    only_inputs : True; here for code written for PyTorch
    allow_unused : give None for an input that the outputs do not depend on (else an error)
    materialize_grads : give zeros for it instead

    Returns
    -------
    tuple of Tensors, one an input

    Raises
    ------
    GraphError
        If an input is not part of the graph, or the graph was used before.
    """
    if only_inputs is not True:
        raise ValueError("grad() gives the inputs' derivatives only: leave only_inputs=True, or "
                         "use backward() to fill the .grad of every leaf.")  # fmt: skip
    outputs, inputs = _tuple(outputs), _tuple(inputs)
    weights = None if grad_outputs is None else _tuple(grad_outputs)
    for i, x in enumerate(inputs):
        if not x.requires_grad:
            raise GraphError(f"inputs[{i}] of shape {x.shape} does not require a gradient.")
        if x.dtype.kind != "f":
            check_leaf(x)
    given = seeds(outputs, weights, create_graph)
    with retained(inputs):
        found = walk(outputs, given, set(inputs), retain_graph, create_graph)
    result = []
    for i, x in enumerate(inputs):
        g = found.get(x)
        if g is None and materialize_grads:
            g = np.zeros_like(x.array)
        elif g is None and not allow_unused:
            raise GraphError(
                f"inputs[{i}] of shape {x.shape} was not used to compute the outputs. "
                f"Pass allow_unused=True to get None for it."
            )
        g = g if g is None else fit(g, x.array)
        if g is not None and x.derivatives is None and isinstance(x.retains_grad, Hooks):
            g = hooked(x, g)
        result.append(constant(g) if backend.is_array(g) else g)
    return tuple(result)


@contextmanager
def retained(results):
    """Inside the block these results keep their gradients, so an operation sees who wants one."""
    marked = [x for x in results if not x.retains_grad]
    for x in marked:
        x.retains_grad = True
    try:
        yield
    finally:
        for x in marked:
            x.retains_grad = False


def check_leaf(x):
    """Raise unless x can have a gradient and its `.grad`, which anyone may assign, fits it."""
    if x.array.dtype.kind != "f":
        raise DTypeError(
            f"only float tensors can require gradients, but requires_grad = True was set on one "
            f"of {x.array.dtype} and shape {x.array.shape}: use .float() first."
        )
    if x.grad is None:
        return
    if not isinstance(x.grad, Node):
        raise TypeError(f".grad must be None or a Tensor, but it was set to {x.grad!r:.60}.")
    if x.grad.shape != x.array.shape:
        raise ShapeError(
            f"the .grad that was set has shape {x.grad.shape}, but its tensor has shape "
            f"{x.array.shape}: they must be equal."
        )
    if x.grad.dtype != x.array.dtype:
        raise DTypeError(
            f"the .grad that was set is of {x.grad.dtype}, but its tensor of shape "
            f"{x.array.shape} is of {x.array.dtype}: use grad.to({x.array.dtype})."
        )


def seeds(outputs, gradients, create_graph):
    """The gradients that a walk starts from, checked: ones for scalars, or what was given."""
    gradients = (None,) * len(outputs) if gradients is None else gradients
    if len(gradients) != len(outputs):
        raise ValueError(
            f"{len(outputs)} output(s) need one gradient each, got {len(gradients)} gradient(s)."
        )
    given = []
    for x, g in zip(outputs, gradients):
        if not x.requires_grad:
            raise GraphError(
                f"the output of shape {x.shape} does not require a gradient: none of what it was "
                f"made from has requires_grad=True, or it was made inside no_grad()."
            )
        if g is None and x.array.size != 1:
            raise GraphError(
                f"backward() on a tensor of shape {x.shape} needs a gradient of that shape; only "
                f"a single number can do without. Reduce it first, as in loss.sum().backward()."
            )
        g = np.ones_like(x.array) if g is None else weight(g, x)
        if not create_graph and isinstance(g, Node):
            g = g.array
        given.append(constant(g) if create_graph and backend.is_array(g) else g)
    return given


def weight(g, x):
    """The gradient that was given for the output x, in its dtype; an error unless it fits."""
    g = lift(g)
    if g.shape != x.shape:
        raise ShapeError(
            f"the gradient has shape {g.shape}, but its tensor has shape {x.shape}: they must be "
            f"equal."
        )
    g, _ = same_device((g, x), None)
    return cast(g, x.dtype)


def private(g, taken):
    """`g` as a Tensor whose memory nobody else can reach: a leaf's gradient is its own.

    Addition hands one array to both its inputs, and a sum hands on a read-only view.
    """
    g = g if isinstance(g, Node) else constant(g)
    if id(g.array) in taken or getattr(g.array, "base", None) is not None:
        g = g.clone()
    taken.add(id(g.array))
    return g


def _tuple(x):
    return (x,) if isinstance(x, Node) else tuple(x)
