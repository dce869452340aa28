"""What the caller gives, brought to one form: layers of weights (T, h, L, S)."""

from dataclasses import dataclass, field

import numpy as np

from ...errors import DTypeError, ShapeError
from ...mask_type import Mask
from ...tracing import trace
from ...tracing_text import plain
from ..canvas import as_numpy


@dataclass
class Layer:
    """One layer's attention at T moments (1 where there is no time).

    Attributes
    ----------
    name : shown to the reader
    weights : (T, h, L, S)
    allowed : bool (1 or T, 1 or h, L, S), True = may attend; None where nothing is masked
    steps : of a trace, list of `Line`
    alone : in a trace, whether the queries are the keys too: there is no second stream
    """

    name: str
    weights: np.ndarray
    allowed: np.ndarray | None = None
    steps: list = field(default_factory=list)
    alone: bool = False


@dataclass
class Line:
    """One step of a traced equation; `values` are (T, rows, columns) or (T, h, rows, columns)."""

    symbol: str
    equation: str
    dims: str
    shape: tuple
    values: np.ndarray


SECOND = {"c", "key", "y", "h", "k"}  # symbols of the stream that is looked at


def layers_of(attention, timed, batch, names):
    """Layers of a trace, of traces in time, of one array, or of a list of arrays."""
    traces = [attention] if isinstance(attention, trace) else attention
    if isinstance(traces, (list, tuple)) and traces and isinstance(traces[0], trace):
        return traced_layers(traces, timed, batch or 0, names)
    if is_list_of_arrays(attention) and not timed:
        return named([only_layer(array, batch) for array in attention], names)
    if is_list_of_arrays(attention):
        attention = same_shape(attention)
    return named(as_layers(attention, timed, batch), names)


def is_list_of_arrays(given):
    """A list of arrays, unlike nested lists, which are one array."""
    return isinstance(given, (list, tuple)) and any(hasattr(x, "shape") for x in given)


def only_layer(array, batch):
    """The one layer in one array of a list."""
    found = as_layers(array, False, batch)
    if len(found) > 1:
        raise ShapeError(
            f"explore: an array of the list has shape {tuple(array.shape)}: expected one layer, "
            f"(L, S), (h, L, S) or (1, h, L, S). batch=0 takes the first of a batch."
        )
    return found[0]


def same_shape(arrays):
    """A list of arrays as one with a new first axis."""
    arrays = [as_numpy(array) for array in arrays]
    shapes = list(dict.fromkeys(array.shape for array in arrays))
    if len(shapes) > 1:
        raise ShapeError(
            f"explore: the arrays of the list have shapes {', '.join(map(str, shapes))}: give one "
            f"array a layer, each (h, L, S), or moments in time of one shape."
        )
    return np.stack(arrays)


def as_layers(array, timed, batch):
    """The layers in one array: [(T, h, L, S)]."""
    given = array = weights_of(array)
    if batch is not None:
        array = element(array, batch, -4 if array.ndim - timed > 3 else 0 + timed)
    if not timed:
        array = array[None]
    if array.ndim == 3:  # (T, L, S)
        return [array[:, None]]
    if array.ndim == 4:  # (T, h, L, S)
        return [array]
    if array.ndim == 5:  # (T, layers, h, L, S)
        return [array[:, i] for i in range(array.shape[1])]
    known = ["(L, S)", "(h, L, S)", "(layers, h, L, S)"]
    known = [f"(T, {k[1:]}" for k in known] if timed else known
    mend = "" if timed else " Give time=True if its first axis is time."
    raise ShapeError(
        f"explore: weights of shape {given.shape} cannot be shown, expected "
        f"{', '.join(known[:2])} or {known[2]}.{mend} batch=0 takes the first of a batch."
    )


def element(array, batch, axis):
    """One element of the batch."""
    size = array.shape[axis]
    if not -size <= batch < size:
        raise ShapeError(
            f"explore: there is no batch element {batch} in weights of shape {array.shape}: its "
            f"batch has {size}."
        )
    return array.take(batch, axis)


def weights_of(array, layer=None):
    """An array of weights (of a layer of a trace), or an error that says what is wrong with it."""
    weights = as_numpy(array)
    if weights.dtype.kind not in "fiub":
        raise DTypeError(f"explore: weights are numbers from 0 to 1, got dtype {weights.dtype}.")
    if not weights.size or weights.ndim < 2:
        raise ShapeError(
            f"explore: weights of shape {weights.shape} hold no matrix, expected (L, S), (h, L, S) "
            f"or (layers, h, L, S) with no length of 0."
        )
    weights = weights.astype(np.float64)
    seen = weights[~np.isnan(weights)]
    low, high = (seen.min(), seen.max()) if seen.size else (0, 0)
    if low < 0 or high > 1.001:  # float16 rounds a little beyond 1
        mend = f"leave {layer} out, with layers=" if layer else "give those after the softmax"
        raise ValueError(
            f"explore: weights {f'of {layer} ' if layer else ''}go from {low:.4g} to {high:.4g}, "
            f"expected 0 to 1: {mend}."
        )
    return weights


def named(arrays, names):
    """Layers of those arrays, called as asked or by number."""
    numbered = [f"layer {i}" for i in range(len(arrays))]
    names = numbered if names is None else [str(name) for name in names]
    if len(names) != len(arrays):
        raise ShapeError(
            f"explore: {len(names)} names in layers= for {len(arrays)} layers of shape "
            f"{arrays[0].shape[1:]}: give one a layer."
        )
    return [Layer(name, array) for name, array in zip(names, arrays)]


def masked(layers, mask):
    """Write a mask given beside the weights into the layers."""
    allowed = mask.allowed if isinstance(mask, Mask) else as_numpy(mask)
    if allowed.dtype != np.bool_:
        raise DTypeError(
            f"explore: mask is bool, True = may attend, got {allowed.dtype}: masks.keep(array == "
            f"1) or masks.drop(array == 1) say what its numbers mean."
        )
    for layer in layers:
        _, h, L, S = layer.weights.shape
        fits = allowed.ndim in (2, 3, 4) and all(
            m in (1, n) for m, n in zip(reversed(allowed.shape), (S, L, h, 1))
        )
        if not fits:
            raise ShapeError(
                f"explore: mask of shape {allowed.shape} does not fit weights of shape "
                f"{(h, L, S)} in {layer.name}: expected (L, S) = {(L, S)} or (h, L, S)."
            )
        heads = allowed.shape[-3] if allowed.ndim > 2 else 1
        layer.allowed = np.broadcast_to(allowed, (1, heads, L, S))


# Traces ------------------------------------------------------------------------------------------


def traced_layers(traces, timed, batch, names):
    """The attention layers of a trace, or of several of the same model, one a moment."""
    if len(traces) > 1 and not timed:
        raise ValueError(
            f"explore: {len(traces)} traces are moments in time: say so with time=True, or with "
            f"their labels, time=[0, 100, …]."
        )
    records = [attention_records(t) for t in traces]
    known = list(records[0])
    if any(list(record) != known for record in records):
        raise ShapeError("explore: the traces are of different models: their layers differ.")
    wanted = known if names is None else [str(name) for name in names]
    missing = [name for name in wanted if name not in known]
    if missing or not known:
        raise ValueError(
            f"explore: no attention in {', '.join(missing) or 'this trace'}; the layers of the "
            f"trace that return weights are {', '.join(known) or 'none'}."
        )
    return [traced_layer(name, [record[name] for record in records], batch) for name in wanted]


def attention_records(t):
    """{name: steps} of the layers that have weights."""
    return {
        name: steps for name, steps in t.layers.items() if any(s.symbol == "weights" for s in steps)
    }


def traced_layer(name, moments, batch):
    """One layer, from its steps at each moment."""
    lines = []
    for same in zip(*moments):
        values = [one_of_batch(s, batch) for s in same]
        if same[0].symbol == "returned" or values[0].ndim not in (2, 3):
            continue
        first = same[0]
        lines.append(
            Line(first.symbol, plain(first.equation), first.dims, tuple(first.shape),
                 same_shape(values))
        )  # fmt: skip
    weights = next(line.values for line in lines if line.symbol == "weights")
    weights = weights if weights.ndim == 4 else weights[:, None]
    symbols = {line.symbol for line in lines}
    layer = Layer(name, weights_of(weights, name), steps=lines, alone=not symbols & SECOND)
    forbidden = [line.values == -np.inf for line in lines if line.symbol == "masked"]
    if forbidden and forbidden[0].any():
        layer.allowed = ~forbidden[0]
    return layer


def one_of_batch(step, batch):
    """The matrices of a step, without the batch dimension."""
    values = as_numpy(step.value)
    dims = step.dims.strip("()").split(", ")
    if dims[0] == "B" and values.ndim == len(dims):
        if not -len(values) <= batch < len(values):
            raise ShapeError(
                f"explore: there is no batch element {batch} in {step.symbol} of shape "
                f"{values.shape}."
            )
        values = values[batch]
    return values if values.ndim > 1 else values.reshape(1, -1)
