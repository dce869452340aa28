"""The walk through a graph, from its outputs back to its leaves.

Operations take their turn from the newest to the oldest. An operation is younger than all that it
used, so when its turn comes, all its users have passed on what they owe it. The gradient that a
result is owed waits in the result itself (`owed`); what the leaves get is collected apart, because
several threads may share the parameters of a model.
"""

from operator import attrgetter

from . import backend
from .changes import changed_since, check_unchanged
from .engine import Node, constant, enable_grad, no_grad, same
from .errors import GraphError, ShapeError
from .hooks import Hooks

_by_age = attrgetter("order")


def walk(outputs, gradients, wanted, retain_graph, create_graph):
    """Send gradients back from `outputs`, newest operation first.

    Returns {tensor: gradient} for the leaves and for the `wanted` or retained results. The
    gradients are arrays, or Tensors where `create_graph` asks for differentiable ones.
    """
    retain_graph = create_graph if retain_graph is None else retain_graph
    nodes, found, nothing = [], {}, object()
    try:
        history(outputs, nodes, nothing)
        for x, g in zip(outputs, gradients):
            owe(x, g, found, nothing)
        useful = None if wanted is None else reaching(nodes, wanted)
        stale = bool(nodes) and changed_since(nodes[0])
        step = through_tensors if create_graph else through_arrays
        with enable_grad() if create_graph else no_grad():
            step(nodes, found, nothing, wanted, useful, stale, retain_graph)
    finally:
        for node in nodes:  # left over after an error
            node.owed = None
    return found


def through_arrays(  # noqa: C901, PLR0912, PLR0915 (a function call an input would double its time)
    nodes, found, nothing, wanted, useful, stale, retain_graph
):
    """The walk with arrays, in which a graph of small tensors spends its time.

    It does what `through_tensors` does; two operands of one shape are `pass_back` written out.
    """
    collected = found.get
    while nodes:
        node = nodes.pop()
        g, node.owed = node.owed, None
        if g is nothing:
            continue
        if node.retains_grad or (wanted is not None and node in wanted):
            g = noticed(node, g, found, wanted)
        if stale:
            check_unchanged(node)
        inputs, y, stretched = node.inputs, node.array, node.stretched
        if stretched is None:
            arrays = (inputs[0].array,) if len(inputs) == 1 else [x.array for x in inputs]
            pass_back(node, (g, y, *arrays), found, nothing, useful)
            if not retain_graph and callable(node.derivatives):
                node.derivatives = ()  # and with it what the function kept
        else:
            a, b = inputs
            of_a, of_b = node.derivatives
            if a.requires_grad and of_a is not None and (useful is None or a in useful):
                d = g if of_a is same else of_a(g, y, a.array, b.array)
                if stretched:
                    d = fit(d, a.array)
                if a.derivatives is None:
                    sofar = collected(a)
                    found[a] = d if sofar is None else sofar + d
                else:
                    sofar = a.owed
                    a.owed = d if sofar is nothing else sofar + d
            if b.requires_grad and of_b is not None and (useful is None or b in useful):
                d = g if of_b is same else of_b(g, y, a.array, b.array)
                if stretched:
                    d = fit(d, b.array)
                if b.derivatives is None:
                    sofar = collected(b)
                    found[b] = d if sofar is None else sofar + d
                else:
                    sofar = b.owed
                    b.owed = d if sofar is nothing else sofar + d
        if not retain_graph:
            node.inputs = None  # used up


def through_tensors(nodes, found, nothing, wanted, useful, stale, retain_graph):
    """The walk with Tensors, whose every step is recorded."""
    while nodes:
        node = nodes.pop()
        g, node.owed = node.owed, None
        if g is nothing:
            continue
        if node.retains_grad or (wanted is not None and node in wanted):
            g = noticed(node, g, found, wanted)
        if stale:
            check_unchanged(node)
        pass_back(node, (g, node, *node.inputs), found, nothing, useful)
        if not retain_graph:
            node.inputs = None


def noticed(node, g, found, wanted):
    """The gradient that a result passes on, after its hooks; kept where someone wants it."""
    hooks, keep = node.retains_grad, True
    if isinstance(hooks, Hooks):
        keep = hooks.keep or (wanted is not None and node in wanted)
        g = hooked(node, g)
    if keep:
        found[node] = g
    return g


def hooked(x, g):
    """A gradient after the hooks of its tensor, which take and return Tensors.

    They may keep or change what they are given, so it is theirs alone.
    """
    bare = backend.is_array(g)
    g = constant(g.copy()) if bare else g
    for (hook,) in x.retains_grad:
        found = hook(g)
        g = g if found is None else found
        if not isinstance(g, Node) or g.shape != x.array.shape:
            what = f"a Tensor of shape {g.shape}" if isinstance(g, Node) else type(g).__name__
            raise ShapeError(
                f"a hook on a tensor of shape {x.array.shape} returned {what}: expected a gradient "
                f"of the same shape, or None to leave it as it is."
            )
    return g.array.copy() if bare else g


def pass_back(node, values, found, nothing, useful):
    """One step of the chain rule: add what `node` owes to each of its inputs."""
    derivatives = node.derivatives
    together = callable(derivatives)  # one function that gives all
    for x, d in zip(node.inputs, derivatives(*values) if together else derivatives):
        if d is None or not x.requires_grad or (useful is not None and x not in useful):
            continue
        if not together:
            d = d(*values)
        if d is not None:
            owe(x, d, found, nothing)


def owe(x, d, found, nothing):
    """Add d to the gradient that x has gathered so far, never in place: d may have other owners."""
    if d.dtype is not x.array.dtype or d.shape != x.array.shape:
        d = fit(d, x.array)
    if x.derivatives is None:
        found[x] = found[x] + d if x in found else d
    else:
        x.owed = d if x.owed is nothing else x.owed + d


def fit(d, x):
    """A gradient brought to the shape and dtype of its input: the derivative of broadcasting.

    Where x was repeated along a dimension, every copy has its say: they are summed.
    """
    if d.shape != x.shape:
        extra = d.ndim - x.ndim
        stretched = [i + extra for i, n in enumerate(x.shape) if d.shape[i + extra] != n]
        d = d.sum(axis=(*range(extra), *stretched), keepdims=True).reshape(x.shape)
    if d.dtype is not x.dtype and d.dtype != x.dtype:
        d = d.astype(x.dtype) if backend.is_array(d) else d.to(x.dtype)
    return d


def history(outputs, nodes, nothing):
    """Fill `nodes` with all recorded operations that led to `outputs`, oldest first.

    Each is owed `nothing` at first, an object of this walk's own, which also shows that it was
    seen.
    """
    for x in outputs:
        enter(x, nodes, nothing)
    for node in nodes:  # grows while it is read
        inputs = node.inputs
        if inputs is None:
            raise GraphError(
                "this graph was already used by backward(), which frees it. Run the forward pass "
                "again, or call backward(retain_graph=True) the first time."
            )
        for x in inputs:
            if x.derivatives is not None:
                owed = x.owed
                if owed is None:
                    x.owed = nothing
                    nodes.append(x)
                elif owed is not nothing:
                    enter(x, nodes, nothing)
    nodes.sort(key=_by_age)


def enter(x, nodes, nothing):
    """Enter a result that this walk has not seen yet, unless it is part of another walk."""
    if x.derivatives is None or x.owed is nothing:
        return
    if x.owed is not None:
        raise GraphError(
            f"a result of shape {x.array.shape} is part of a graph that another backward() is "
            f"walking through, in another thread or further up: wait for it to finish."
        )
    x.owed = nothing
    nodes.append(x)


def reaching(nodes, wanted):
    """The tensors that depend on one of `wanted`; gradients need to flow through these only."""
    useful = set(wanted)
    for node in nodes:
        if any(x in useful for x in node.inputs):
            useful.add(node)
    return useful
