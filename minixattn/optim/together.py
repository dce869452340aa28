"""Many small parameters updated as one: laid end to end, and back in their places.

A model has dozens of biases, norms and narrow matrices. An update of a few thousand numbers takes
some twenty calls of NumPy, which cost more than their arithmetic; so parameters that are small
share them. What an optimizer remembers of them stays end to end from one step to the next, each
parameter's own being a view of it. What each number becomes is the same to the bit.
"""

from collections import defaultdict
from itertools import accumulate

import numpy as np

from ..engine import Node, constant

SMALL = 1 << 13  # elements; copying more costs as much as calling for them


def bundles(due, state):
    """Which parameters can be updated as one: of one group and dtype, after equally many steps.

    A single number stays by itself: without a dimension, NumPy 1 computes in float64.

    Parameters
    ----------
    due : list of (parameter, array of its gradient, group)
    state : the optimizer's, {parameter: {name: Tensor}}, with a count under "step"

    Returns
    -------
    list of lists of such triples, a single one for a parameter that is not small
    """
    found = defaultdict(list)
    for i, (p, g, group) in enumerate(due):
        array, known = p.array, state[p]
        if type(array) is np.ndarray and array.ndim and 0 < array.size <= SMALL:
            steps = known["step"].array.item() if known else 0
            found[(id(group), array.dtype, g.dtype, steps, *known)].append(due[i])
        else:
            found[i].append(due[i])
    return list(found.values())


def update_together(update, bundle, state, wholes):
    """update(theta, g, state, group) of a bundle of parameters, end to end.

    Parameters
    ----------
    wholes : what the last step's calls returned

    Returns
    -------
    {the tensors' ids, in their order: the array that they are parts of}
    """
    arrays, states = [p.array for p, _, _ in bundle], [state[p] for p, _, _ in bundle]
    theta, g = end_to_end(arrays), end_to_end([g for _, g, _ in bundle])
    held = {name: constant(whole([known[name] for known in states], wholes))
            for name, value in states[0].items()
            if isinstance(value, Node) and name != "step"}  # fmt: skip
    if states[0]:
        held["step"] = constant(states[0]["step"].array.copy())
    update(theta, g, held, bundle[0][2])

    stops = accumulate([a.size for a in arrays])
    parts = [(slice(stop - a.size, stop), a.shape) for stop, a in zip(stops, arrays)]
    for a, (part, shape) in zip(arrays, parts):
        a[...] = theta[part].reshape(shape)
    steps = held.pop("step")
    for known in states:
        known.setdefault("step", constant(np.zeros_like(steps.array))).array[...] = steps.array
    return dict(parted(name, value.array, states, parts) for name, value in held.items())


def whole(tensors, wholes):
    """The array that these are the parts of, in this order; made now if there is none."""
    found = wholes.get(tuple(map(id, tensors)))
    if found is not None and all(t.array.base is found for t in tensors):
        return found
    return end_to_end([t.array for t in tensors])


def parted(name, array, states, parts):
    """Make what is remembered of each parameter a view of the array; (the tensors' ids, array)."""
    for known, (part, shape) in zip(states, parts):
        if known.get(name) is None:
            known[name] = constant(array[part].reshape(shape))
        elif known[name].array.base is not array:
            known[name].array = array[part].reshape(shape)
    return tuple([id(known[name]) for known in states]), array


def end_to_end(arrays):
    """All elements, row after row, in one dimension."""
    return np.concatenate(arrays, axis=None)
