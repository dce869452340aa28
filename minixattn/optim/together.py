"""Many small parameters updated as one: laid end to end, and back in their places.

A model has dozens of biases, norms and narrow matrices. An update of a few thousand numbers takes
some twenty calls of NumPy, which cost more than their arithmetic; so parameters that are small
share them. What each number becomes is the same to the bit.
"""

from collections import defaultdict
from itertools import accumulate

import numpy as np

from ..engine import Node, constant

SMALL = 1 << 13  # elements; copying more costs as much as calling for them


def bundles(due, state):
    """Which parameters can be updated as one: of one group and dtype, after equally many steps.

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
        if type(array) is np.ndarray and 0 < array.size <= SMALL:
            steps = known["step"].array.item() if known else 0
            found[(id(group), array.dtype, g.dtype, steps, *known)].append(due[i])
        else:
            found[i].append(due[i])
    return list(found.values())


def update_together(update, bundle, state):
    """update(theta, g, state, group) of a bundle of parameters, end to end."""
    arrays, states = [p.array for p, _, _ in bundle], [state[p] for p, _, _ in bundle]
    theta, g = end_to_end(arrays), end_to_end([g for _, g, _ in bundle])
    held = {name: constant(end_to_end([known[name].array for known in states]))
            for name, value in states[0].items()
            if isinstance(value, Node) and name != "step"}  # fmt: skip
    if states[0]:
        held["step"] = constant(states[0]["step"].array.copy())
    update(theta, g, held, bundle[0][2])

    stops = accumulate(a.size for a in arrays)
    parts = [(slice(stop - a.size, stop), a.shape) for stop, a in zip(stops, arrays)]
    for a, (part, shape) in zip(arrays, parts):
        a[...] = theta[part].reshape(shape)
    for name, value in held.items():
        for known, (part, shape) in zip(states, parts):
            own = value.array if name == "step" else value.array[part].reshape(shape)
            if known.get(name) is None:
                known[name] = constant(own.copy())
            else:
                known[name].array[...] = own


def end_to_end(arrays):
    """All elements, row after row, in one dimension."""
    return np.concatenate(arrays, axis=None)
