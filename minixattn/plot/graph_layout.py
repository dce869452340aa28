"""A place for every box of a graph: layers, an order in each, and straight roads between them.

After Sugiyama, Tagawa & Toda (1981): every box stands one layer after the last of its inputs; an
edge that passes a layer holds a place in it, so that it runs into no box; boxes are put in the
order of what they are connected to, and then as near to it as their neighbours let them.
"""

from itertools import pairwise

import numpy as np

SWEEPS = 12


class Road:
    """The place that a passing edge holds in a layer."""

    size = (0.0, 0.12)  # inches along and across the flow


def ranked(nodes, inputs):
    """{node: layer}: one after its last input; a leaf one before the first that uses it.

    Parameters
    ----------
    nodes : list in an order in which inputs come before what uses them
    inputs : {node: list of its inputs}
    """
    layer = {}
    for n in nodes:
        layer[n] = 1 + max((layer[x] for x in inputs[n]), default=-1)
    users = {n: [] for n in nodes}
    for n in nodes:
        for x in inputs[n]:
            users[x].append(n)
    for n in nodes:
        if not inputs[n] and users[n]:
            layer[n] = min(layer[u] for u in users[n]) - 1
    return layer


def layered(nodes, inputs):
    """The layers, each a list of nodes and Roads, and the edges as lists of what they pass.

    Returns
    -------
    layers : list of lists
    edges : list of [source, Road, ..., target] with the place of the source among the inputs
    """
    layer = ranked(nodes, inputs)
    layers = [[] for _ in range(1 + max(layer.values()))]
    for n in nodes:
        layers[layer[n]].append(n)
    edges = []
    for n in nodes:
        for i, x in enumerate(inputs[n]):
            roads = [Road() for _ in range(layer[x] + 1, layer[n])]
            for k, road in enumerate(roads):
                layers[layer[x] + 1 + k].append(road)
            edges.append(([x, *roads, n], i))
    return layers, edges


def placed(layers, edges, across):
    """Where everything stands across the flow, in inches.

    Parameters
    ----------
    layers, edges : of `layered`
    across : {node or Road: (inches it takes across the flow with the gap to its neighbour)}

    Returns
    -------
    {node or Road: place of its middle}
    """
    before, after = {}, {}
    for path, i in edges:
        ports = len([1 for other, _ in edges if other[-1] is path[-1]])
        for a, b in pairwise(path):
            lean = 1e-3 * (i - ports / 2) if b is path[-1] else 0.0  # the first operand first
            before.setdefault(b, []).append((a, 0.0))
            after.setdefault(a, []).append((b, lean))
    order = best_order(layers, edges, before, after)
    place = {}
    for layer in order:
        ends = np.cumsum([across[n] for n in layer])
        place.update(zip(layer, ends - np.array([across[n] for n in layer]) / 2 - ends[-1] / 2))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        near = before if down else after
        for layer in order if down else order[::-1]:
            wish = [mean(place, near.get(n), place[n]) for n in layer]
            place.update(zip(layer, spread(wish, [across[n] for n in layer])))
    return place


def mean(place, neighbours, default):
    """The mean place of the neighbours."""
    return float(np.mean([place[n] + lean for n, lean in neighbours])) if neighbours else default


def best_order(layers, edges, before, after):
    """The layers in an order with few crossings: sorted by their neighbours, back and forth."""
    order = [list(layer) for layer in layers]
    best, fewest = order, crossings(order, edges)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        near = before if down else after
        place = {n: float(i) for layer in order for i, n in enumerate(layer)}
        order = [list(layer) for layer in order]
        for layer in order if down else order[::-1]:
            layer.sort(key=lambda n: mean(place, near.get(n), place[n]))
            place.update((n, float(i)) for i, n in enumerate(layer))
        count = crossings(order, edges)
        if count < fewest:
            best, fewest = order, count
    return best


def crossings(order, edges):
    """How many pairs of edges cross."""
    place = {n: i for layer in order for i, n in enumerate(layer)}
    where = {n: k for k, layer in enumerate(order) for n in layer}
    between = {}
    for path, i in edges:
        for a, b in pairwise(path):
            port = place[b] + (0.01 * i if b is path[-1] else 0)
            between.setdefault(where[a], []).append((place[a], port))
    return sum(
        (a[0] - b[0]) * (a[1] - b[1]) < 0
        for pairs in between.values() for k, a in enumerate(pairs) for b in pairs[:k]
    )  # fmt: skip


def spread(wish, widths):
    """The places nearest to the wishes (least squares), in their order, without overlap.

    Written as x_i = y_i + s_i with s the widths summed up, the neighbours' distance says that y
    never falls: pool what falls, and give it its mean (isotonic regression).
    """
    widths = np.asarray(widths, float)
    s = np.concatenate([[0], np.cumsum((widths[:-1] + widths[1:]) / 2)])
    pools = []
    for y in np.asarray(wish) - s:
        pools.append([y, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (b, n), (a, m) = pools.pop(), pools.pop()
            pools.append([(a * m + b * n) / (m + n), m + n])
    return np.concatenate([np.full(n, y) for y, n in pools]) + s
