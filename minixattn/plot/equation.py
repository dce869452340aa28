"""One head's matrices out of a trace, and the operators between them."""

import math
from typing import NamedTuple

import numpy as np

from ..errors import ShapeError
from .canvas import as_numpy

ORDER = ("Q", "K", "scores", "capped", "masked", "weights", "V", "heads")
TITLES = {"K": "Kᵀ", "weights": "weights A", "heads": "A V"}
DIMS = {
    "Q": "L × dₖ", "K": "dₖ × S", "scores": "L × S", "capped": "L × S", "masked": "L × S",
    "weights": "L × S", "V": "S × dᵥ", "heads": "L × dᵥ",
}  # fmt: skip
ACTIONS = {"weights": "softmax\nof each row", "masked": "mask", "capped": "cap"}
# What other equations call the same step.
OTHER_NAMES = {"A": "weights", "e": "scores", "h": "V", "output": "heads"}
WHOLE = ("output", "h")  # (B, length, width): no heads


class Matrix(NamedTuple):
    """One matrix of the equation, as it is drawn: K is transposed already."""

    symbol: str
    title: str
    dims: str  # its shape in symbols
    values: np.ndarray  # (rows, columns)
    gradient: np.ndarray | None
    forbidden: np.ndarray | None  # bool, where the mask forbids; None for what is no score


class Operator(NamedTuple):
    """What stands between two matrices: a sign, words above it, and its sign on the way back."""

    sign: str
    above: str = ""
    back: str = ""


def equation_of(trace, batch, head, layer, gradients):
    """The matrices and operators of one head's attention, in their order.

    Parameters
    ----------
    trace, batch, head, layer, gradients : as `steps` takes them

    Returns
    -------
    list that begins and ends with a Matrix, with an Operator or None between any two
    """
    values, grads = arrays(trace, layer, gradients)
    if not values:
        raise ValueError(
            f"steps: nothing to draw: none of {', '.join(ORDER)} is among what was given."
        )
    sizes = [max(x.shape[i] for x in values.values()) for i in (0, 1)]

    def one(symbol, x):
        x = one_head(symbol, x, batch, head, sizes)
        return x.T if symbol == "K" else x

    found = {s: one_head(s, values[s], batch, head, sizes) for s in ORDER if s in values}
    check(found)
    forbidden = [x == -np.inf for s, x in found.items() if s in ("scores", "capped", "masked")]
    matrices = []
    for symbol in found:
        g = one(symbol, grads[symbol]) if symbol in grads else None
        matrix = one(symbol, values[symbol])
        if g is not None and g.shape != matrix.shape:
            raise ShapeError(
                f"steps: the gradient of {symbol} has shape {grads[symbol].shape}, but {symbol} "
                f"has shape {values[symbol].shape}: they must be equal."
            )
        hatched = forbidden[-1] if symbol == "weights" and forbidden else None
        hatched = matrix == -np.inf if symbol in ("scores", "capped", "masked") else hatched
        title = TITLES.get(symbol, symbol)
        matrices.append(Matrix(symbol, title, DIMS[symbol], matrix, g, hatched))
    parts = [matrices[0]]
    for matrix in matrices[1:]:
        parts += [between(parts[-1].symbol, matrix.symbol, found), matrix]
    return parts


def between(left, right, found):
    """The operator between two neighbours."""
    if (left, right) in (("Q", "K"), ("weights", "V")):
        return Operator("·", back="")
    if right == "heads":
        return Operator("=", back="←")
    if (left, right) == ("K", "weights"):
        return Operator("→", "scores not\ngiven;\nsoftmax", "←")
    if right in ACTIONS:
        return Operator("→", ACTIONS[right], "←")
    if left == "K" and "Q" in found:
        return scaled(found["Q"] @ found["K"].T, found["scores"], found["Q"].shape[1])
    return None


def scaled(product, scores, d_k):
    """How the scores come from Q Kᵀ: by what number they are scaled, if by one."""
    total = float((product * product).sum())
    factor = float((product * scores).sum()) / total if total else math.nan
    near = 1e-2 * (np.abs(scores).max(initial=0) + 1e-30)
    if not (math.isfinite(factor) and np.abs(scores - factor * product).max(initial=0) <= near):
        return Operator("→", "not scaled\nalone", "←")
    if math.isclose(factor, 1, rel_tol=1e-3):
        return Operator("=", back="←")
    if math.isclose(factor, 1 / math.sqrt(d_k), rel_tol=1e-3):
        return Operator("→", f"÷ √{d_k}", "←")
    return Operator("→", f"· {factor:.3g}", "←")


def arrays(trace, layer, gradients):
    """{symbol: array} of the values and of the gradients that are asked for."""
    if not hasattr(trace, "layers"):
        if not hasattr(trace, "items"):
            raise TypeError(
                f"steps: expected a minixattn.trace or a dict of arrays by symbol, as in "
                f"{{'Q': Q, 'K': K, 'weights': A}}, got {type(trace).__name__}."
            )
        given = gradients if hasattr(gradients, "items") else {}
        if gradients and not given:
            raise TypeError(
                "steps: a dict of arrays carries no gradients: give them as a dict of the same "
                "symbols, gradients={'Q': ..., 'weights': ...}."
            )
        return named(trace), named(given)
    attention = {
        name: own for name, own in trace.layers.items()
        if {step.symbol for step in own} & {"weights", "scores", "e"}
    }  # fmt: skip
    if layer is None and len(attention) == 1:
        layer = next(iter(attention))
    if layer not in attention:
        raise ValueError(which(layer, attention, trace))
    known = {s.symbol: s for s in attention[layer]}
    grads = {x: s.grad for x, s in known.items() if s.grad is not None} if gradients else {}
    if gradients and not grads:
        raise ValueError(
            f"steps: the trace of {layer} has no gradients yet: call backward() on a loss computed "
            f"from its output, then steps(trace, gradients=True)."
        )
    return named({x: s.value for x, s in known.items()}), named(grads)


def which(layer, attention, trace):
    """The sentence for a layer that is not there, or not said."""
    if not attention:
        known = ", ".join(dict.fromkeys(s.symbol for s in trace.steps)) or "none: nothing ran"
        return f"steps: no layer of this trace has scores or weights; its symbols are {known}."
    names = ", ".join(map(repr, attention))
    if layer is None:
        return f"steps: this trace has several attention layers: choose one, layer=… of {names}."
    return f"steps: layer={layer!r} is no attention layer of this trace: choose one of {names}."


def named(values):
    """{symbol of ORDER: array (B, h, rows, columns)}; 1 for a dimension that was not there."""
    out = {symbol: four(symbol, values[symbol]) for symbol in ORDER if given(values, symbol)}
    for other, symbol in OTHER_NAMES.items():
        if symbol not in out and given(values, other):
            out[symbol] = four(other, values[other], whole=other in WHOLE)
    if "heads" not in values and "heads" in out:  # an output is A V only where it has V's form
        V, AV = out.get("V", out["heads"]), out["heads"]
        if V.shape[:2] != AV.shape[:2] or V.shape[-1] != AV.shape[-1]:
            del out["heads"]
    return out


def given(values, symbol):
    """Whether there is an array of that name."""
    return values.get(symbol) is not None


def four(symbol, x, whole=False):
    """The array as (B, h, rows, columns)."""
    x = as_numpy(x)
    if x.ndim not in (2, 3, 4) or not x.size:
        raise ShapeError(
            f"steps: {symbol} has shape {x.shape}, expected (B, h, rows, columns), (h, rows, "
            f"columns) or (rows, columns), with no length of 0."
        )
    if x.ndim == 3 and whole:
        return x[:, None].astype(float)
    return x.reshape((1,) * (4 - x.ndim) + x.shape).astype(float)


def one_head(symbol, x, batch, head, sizes):
    """(rows, columns) of a batch element and head; several query heads may share a key's."""
    for name, index, size in (("batch", batch, sizes[0]), ("head", head, sizes[1])):
        if not 0 <= index < size:
            raise ValueError(
                f"steps: {name}={index}, but there are {size}, counted from 0: at most {size - 1}."
            )
    for n, size in zip(x.shape, sizes):
        if size % n:
            raise ShapeError(
                f"steps: {symbol} has shape {x.shape}, which does not fit {sizes[0]} batch "
                f"elements and {sizes[1]} heads."
            )
    return x[batch if x.shape[0] > 1 else 0, head // (sizes[1] // x.shape[1])]


def check(found):
    """Every matrix has the shape that the others ask for."""
    of = {}
    for symbol, x in found.items():
        rows, columns = x.shape
        letters = {"Q": "Ld", "K": "Sd", "V": "Sv", "heads": "Lv"}.get(symbol, "LS")
        for letter, n in zip(letters, (rows, columns)):
            other, m = of.setdefault(letter, (symbol, n))
            if n != m:
                raise ShapeError(
                    f"steps: {symbol} of shape {x.shape} does not fit {other} of shape "
                    f"{found[other].shape}: expected Q (L, d_k), K (S, d_k), scores and weights "
                    f"(L, S), V (S, d_v), heads (L, d_v)."
                )
