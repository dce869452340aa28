"""The walk back: from outputs to every tensor that wants a gradient."""

from operator import attrgetter

import numpy as np

from . import backend
from .changes import changed_since, changing, check_unchanged
from .engine import Node, cast, constant, enable_grad, lift, no_grad, same_device
from .errors import DTypeError, GraphError, ShapeError

_by_age = attrgetter("order")


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
        check_leaf(x)
    for x, g in found.items():
        g = private(g, taken)
        if x.grad is None:
            x.grad = constant(g) if backend.is_array(g) else g
        elif create_graph or x.grad.requires_grad:
            x.grad = x.grad + (constant(g) if backend.is_array(g) else g)
        else:
            changing(x.grad)
            x.grad.array += g


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
        result.append(constant(g) if backend.is_array(g) else g)
    return tuple(result)


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


def walk(outputs, gradients, wanted, retain_graph, create_graph):
    """Send gradients back from `outputs`, newest operation first.

    Returns {tensor: gradient} for the leaves and for the `wanted` or retained results. The
    gradients are arrays, or Tensors where `create_graph` asks for differentiable ones.
    """
    retain_graph = create_graph if retain_graph is None else retain_graph
    nodes = history(outputs)
    useful = None if wanted is None else reaching(nodes, wanted)
    stale = bool(nodes) and changed_since(nodes[0])
    flow, kept = {}, {}
    for x, g in zip(outputs, gradients):
        flow[x] = flow[x] + g if x in flow else g
    with enable_grad() if create_graph else no_grad():
        while nodes:
            node = nodes.pop()
            g = flow.pop(node, None)
            if g is None:
                continue
            if node.retains_grad or (wanted is not None and node in wanted):
                kept[node] = g
            if stale:
                check_unchanged(node)
            pass_back(node, g, flow, useful, create_graph)
            if not retain_graph:
                node.inputs = None  # used up
    kept.update(flow)
    return kept


def pass_back(node, g, flow, useful, create_graph):
    """One step of the chain rule: add what `node` owes to each of its inputs."""
    inputs, derivatives = node.inputs, node.derivatives
    if create_graph:
        values = (g, node, *inputs)
    else:
        values = (g, node.array, *[x.array for x in inputs])
    if type(derivatives) is not tuple:
        derivatives = [lambda *_, d=d: d for d in derivatives(*values)]
    for x, derivative in zip(inputs, derivatives):
        if derivative is None or not x.requires_grad or not (useful is None or x in useful):
            continue
        d = derivative(*values)
        if d.shape != x.array.shape or d.dtype is not x.array.dtype:
            d = fit(d, x.array)
        flow[x] = flow[x] + d if x in flow else d


def fit(d, x):
    """A gradient brought to the shape and dtype of its input: the derivative of broadcasting.

    Where x was repeated along a dimension, every copy has its say: they are summed.
    """
    if d.shape != x.shape:
        extra = d.ndim - x.ndim
        stretched = [i + extra for i, n in enumerate(x.shape) if d.shape[i + extra] != n]
        d = d.sum(axis=(*range(extra), *stretched), keepdims=True).reshape(x.shape)
    if d.dtype != x.dtype:
        d = d.astype(x.dtype) if backend.is_array(d) else d.to(x.dtype)
    return d


def history(outputs):
    """All recorded operations that led to `outputs`, oldest first."""
    nodes = list(dict.fromkeys(x for x in outputs if x.derivatives is not None))
    seen = set(nodes)
    for node in nodes:  # grows while it is read
        if node.inputs is None:
            raise GraphError(
                "this graph was already used by backward(), which frees it. Run the forward pass "
                "again, or call backward(retain_graph=True) the first time."
            )
        for x in node.inputs:
            if x.derivatives is not None and x not in seen:
                seen.add(x)
                nodes.append(x)
    nodes.sort(key=_by_age)
    return nodes


def reaching(nodes, wanted):
    """The tensors that depend on one of `wanted`; gradients need to flow through these only."""
    useful = set(wanted)
    for node in nodes:
        if any(x in useful for x in node.inputs):
            useful.add(node)
    return useful


def private(g, taken):
    """`g` if nobody else can reach its memory, else a copy: a leaf's gradient is its own.

    Addition hands one array to both its inputs, and a sum hands on a read-only view.
    """
    array = g if backend.is_array(g) else g.array
    if id(array) in taken or getattr(array, "base", None) is not None:
        g = g.copy() if backend.is_array(g) else g.clone()
        array = g if backend.is_array(g) else g.array
    taken.add(id(array))
    return g


def _tuple(x):
    return (x,) if isinstance(x, Node) else tuple(x)
