"""Which step of a trace is which, found out by computing it again, not by its name."""

import numpy as np


def roles(layer):
    """The steps that make the weights and those that they make.

        scores → softmax(scores) = weights → weights · value = result
        scale · query · keyᵀ = raw, the scores before cap and mask

    Returns
    -------
    dict of symbols: any of "scores", "raw", "query", "key", "value", "result"; and "scale".
    Where no step fits, as in a layer whose weights are no softmax, the entry is missing.
    """
    steps = {line.symbol: line.values[0].astype(np.float64) for line in layer.steps}
    weights = layer.weights[0]
    names = list(steps)
    at = names.index("weights") if "weights" in names else 0
    found = {}
    for name in reversed(names[:at]):
        if spread(steps[name], weights) is not None and matches(layer, steps[name]):
            found["scores"] = name
            break
    if "scores" in found:
        found |= product(steps, names[:at], weights)
    found |= weighted_sum(steps, names[:at], names[at + 1 :], weights)
    return found


def spread(values, weights):
    """The values with a head dimension like the weights', if they can be of their shape."""
    values = with_heads(values, len(weights))
    return values if values is not None and values.shape == weights.shape else None


def with_heads(values, h):
    """(rows, columns) or (h_kv, rows, columns) → (h, rows, columns): head i reads ⌊i h_kv / h⌋."""
    values = values[None] if values.ndim == 2 else values
    return None if h % len(values) else np.repeat(values, h // len(values), 0)


def close(a, b):
    """Equal up to the rounding of a float32 (or of a float16 layer's last step)."""
    return np.allclose(a, b, rtol=2e-3, atol=2e-3 * max(np.abs(b).max(initial=0), 1e-6))


def softmax(scores):
    """Over the last axis; 0 where every key is forbidden."""
    top = scores.max(-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    return e / np.maximum(e.sum(-1, keepdims=True), 1e-300)


def matches(layer, scores):
    """Whether softmax(scores) is the weights; a mask that left no step of its own is restored."""
    weights = layer.weights[0]
    scores = spread(scores, weights)
    if close(softmax(scores), weights):
        return True
    hidden = weights == 0
    if not (hidden.any() and close(softmax(np.where(hidden, -np.inf, scores)), weights)):
        return False
    layer.allowed = layer.weights != 0
    return True


def product(steps, names, weights):
    """The step that is scale · query · keyᵀ, with its factors."""
    for raw in names:
        scores = spread(steps[raw], weights)
        if scores is None or not np.isfinite(scores).all():
            continue
        for query, key in (("Q", "K"), ("s", "h")):
            scale = ratio(steps, query, key, scores)
            if scale is not None:
                return {"raw": raw, "query": query, "key": key, "scale": scale}
    return {}


def ratio(steps, query, key, scores):
    """The number that query · keyᵀ is multiplied with to give the scores; None if there is none."""
    if not {query, key} <= steps.keys():
        return None
    Q, K = (with_heads(steps[name], len(scores)) for name in (query, key))
    if Q is None or K is None or Q.shape[-1] != K.shape[-1]:
        return None
    dots = Q @ K.mT if hasattr(K, "mT") else Q @ np.swapaxes(K, -1, -2)
    if dots.shape != scores.shape or not dots.any():
        return None
    scale = float((dots * scores).sum() / (dots * dots).sum())
    return scale if close(scale * dots, scores) else None


def weighted_sum(steps, before, after, weights):
    """The steps for which weights · value = result."""
    for value in before:
        V = with_heads(steps[value], len(weights))
        if V is None or V.shape[-2] != weights.shape[-1]:
            continue
        made = weights @ V
        for result in after:
            out = with_heads(steps[result], len(weights))
            if out is not None and out.shape == made.shape and close(made, out):
                return {"value": value, "result": result}
    return {}
