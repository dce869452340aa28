"""Derivatives by way of another function that computes the same, such as a readable one.

A fast operation has a derivative on arrays of its own. Where that is itself to be differentiated,
or only a part of it is asked for, the derivative comes from the operations of the readable form.
"""

from .backward import grad
from .engine import Node, clock, constant, enable_grad, same


def through(function, inputs, g):
    """The derivatives of y = function(*inputs), weighted with g, one an input.

    Parameters
    ----------
    function : function of Tensors
    inputs : arrays, or Tensors where the result is to be differentiable
    g : ∂L/∂y, likewise

    Returns
    -------
    list of arrays, or of Tensors; None for an input that y does not depend on
    """
    again = isinstance(g, Node)
    arrays = [x.array if isinstance(x, Node) else x for x in inputs]
    with enable_grad():
        leaves = [leaf(a) for a in arrays]
        wanted = [x for x in leaves if x.requires_grad]
        y = function(*leaves)
        found = grad(y, wanted, g if again else constant(g), create_graph=again, allow_unused=True)
    found = dict(zip(wanted, found))
    if again:
        for x, source in zip(leaves, inputs):
            graft(x, source)
        return [found.get(x) for x in leaves]
    return [None if found.get(x) is None else found[x].array for x in leaves]


def leaf(array):
    """A Tensor of its own around the array, to differentiate by."""
    x = constant(array)
    x.requires_grad = array.dtype.kind == "f"
    x.order = next(clock)
    return x


def graft(x, source):
    """Make the leaf x what it stands for, x = source, so that derivatives go on from it.

    Until now it ended the graph: what reaches one input by way of another must not count twice.
    """
    if source.requires_grad:
        x.inputs, x.derivatives, x.stretched, x.owed = (source,), (same,), None, None
