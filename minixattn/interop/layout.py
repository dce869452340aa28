"""The four projections of an attention under the names that another system gives them."""

import math
from typing import NamedTuple

from ..creation import as_tensor
from ..errors import DTypeError, ShapeError
from ..nn import CrossAttention, Identity, Linear, Parameter
from .weights import listed, plain

SYMBOLS = ("W_Q", "W_K", "W_V", "W_O")


class Layout(NamedTuple):
    """Where a system keeps W_Q, W_K, W_V and W_O: each a Linear layer of that name."""

    system: str
    W_Q: str
    W_K: str
    W_V: str
    W_O: str

    def fits(self, names, prefix=""):
        """Whether the names hold the queries', keys' and values' weights."""
        return all(f"{prefix}{w}.weight" in names for w in self[1:4])

    def __str__(self):
        names = ", ".join(f"{w}.weight" for w in self[1:])
        return f"{self.system}: {names} (each with or without .bias)"


def recognised(function, weights, layouts):
    """The layout that the weights are in, or an error with what was expected and what arrived."""
    for layout in layouts:
        if layout.fits(weights.shapes):
            return layout
    raise unknown(function, weights, layouts)


def unknown(function, weights, layouts, others=(), ends=()):
    """The error for names in no known layout, with the prefixes under which there is one.

    `others` says what else is known, and `ends` by the end of which names it shows.
    """
    known = "\n  ".join(others or map(str, layouts))
    names, prefixes = set(weights.all), set()
    for layout in layouts:
        places = prefixes_of(names, f"{layout.W_Q}.weight")
        prefixes |= {prefix for prefix in places if layout.fits(names, prefix)}
    for end in ends:
        prefixes |= prefixes_of(names, end)
    hint = f"\nGive one of the prefixes under which there is one: {listed(sorted(prefixes))}."
    where = f" under {weights.prefix!r}" if weights.prefix else ""
    return ValueError(
        f"{function}() finds no attention{where}. It knows\n  {known}\n"
        f"and got {listed(list(weights.shapes))}.{hint if prefixes else ''}"
    )


def prefixes_of(names, end):
    """What stands before an ending, in the names that have it."""
    return {name.removesuffix(end) for name in names if name.endswith(f".{end}")}


def projections(weights, layout):
    """{symbol: (weight, bias or None)}; W_O is missing where the weights have none."""
    return {
        symbol: (weights.array(f"{name}.weight"), weights.optional(f"{name}.bias"))
        for symbol, name in zip(SYMBOLS, layout[1:])
        if f"{name}.weight" in weights
    }


def cross_attention(pairs, names, num_heads=None, head_dim=None, scale=None, **dropouts):
    """A `CrossAttention` with the given projections.

    Parameters
    ----------
    pairs : {symbol: (weight, bias or None)}; without W_O, the heads side by side are the output
    names : Layout, for the errors
    num_heads, head_dim : h and d_k, of which one must be known
    scale : what the scores are multiplied with; 1/√d_k where None
    **dropouts : `dropout`, `out_dropout`
    """
    check_pairs(pairs, names)
    (rows, D_q), (key_rows, D_c) = pairs["W_Q"][0].shape, pairs["W_K"][0].shape
    value_rows = pairs["W_V"][0].shape[0]
    h = heads(names.W_Q, rows, num_heads, head_dim)
    d_k = rows // h
    if key_rows % d_k or h % (key_rows // d_k) or value_rows % (key_rows // d_k):
        raise ShapeError(
            f"{names.W_K}.weight has {key_rows} rows and {names.W_V}.weight {value_rows}: with "
            f"{h} query heads of width {d_k} neither {h} key heads nor a divisor of it fits."
        )
    kv_heads = key_rows // d_k
    d_v = value_rows // kv_heads
    if "W_O" in pairs and pairs["W_O"][0].shape[1] != h * d_v:
        raise ShapeError(
            f"{names.W_O}.weight has shape {pairs['W_O'][0].shape}: expected {h * d_v} columns, "
            f"one for each column of the {h} heads of width {d_v}."
        )
    out_dim = len(pairs["W_O"][0]) if "W_O" in pairs else h * d_v
    layer = CrossAttention(
        D_q, D_c, num_heads=h, head_dim=d_k, value_dim=d_v, out_dim=out_dim, kv_heads=kv_heads,
        scale=scale, **dropouts,
    )  # fmt: skip
    for symbol in SYMBOLS:
        setattr(layer, symbol, linear(*pairs[symbol]) if symbol in pairs else Identity())
    return layer


def heads(name, rows, num_heads, head_dim):
    """h, told or worked out of d_k."""
    if num_heads is None and head_dim is None:
        fit = [h for h in range(1, rows + 1) if rows % h == 0]
        usual = f" With heads of the usual width 64 it is {rows // 64}." if rows % 64 == 0 else ""
        raise ValueError(
            f"{name}.weight has {rows} rows, but weights do not say into how many heads they "
            f"are divided: give num_heads (or head_dim). Heads that would fit: "
            f"{', '.join(map(str, fit))}.{usual}"
        )
    h = num_heads if num_heads is not None else rows // max(head_dim, 1)
    if h < 1 or rows % h or (head_dim is not None and h * head_dim != rows):
        asked = {"num_heads": num_heads, "head_dim": head_dim}
        given = " and ".join(f"{k}={v}" for k, v in asked.items() if v is not None)
        raise ShapeError(
            f"{name}.weight has {rows} rows, which {given} does not divide: num_heads · head_dim "
            f"must be {rows}."
        )
    return h


def check_pairs(pairs, names):
    """Matrices of one dtype, biases as long as their matrices have rows, one width of context."""
    dtypes = {getattr(names, s): W.dtype for s, (W, _) in pairs.items()}
    dtypes |= {f"{getattr(names, s)}.bias": b.dtype for s, (_, b) in pairs.items() if b is not None}
    if len(set(dtypes.values())) > 1:
        raise DTypeError(
            f"the weights have several dtypes: {', '.join(f'{k} {v}' for k, v in dtypes.items())}. "
            f"Convert them to one."
        )
    for symbol, (W, b) in pairs.items():
        name = getattr(names, symbol)
        if W.ndim != 2 or (b is not None and b.shape != W.shape[:1]):
            bias = "" if b is None else f" and bias {b.shape}"
            raise ShapeError(
                f"{name}: weight has shape {W.shape}{bias}, expected (out, in) and (out,) as "
                f"Linear keeps them. A 1×1 convolution's (out, in, 1, 1) needs a reshape."
            )
    if pairs["W_K"][0].shape[1] != pairs["W_V"][0].shape[1]:
        raise ShapeError(
            f"{names.W_K}.weight takes a context of width {pairs['W_K'][0].shape[1]} and "
            f"{names.W_V}.weight one of {pairs['W_V'][0].shape[1]}: in a CrossAttention both look "
            f"at one context. For two use MultiheadAttention with kdim and vdim."
        )


def linear(weight, bias):
    """y = x Wᵀ + b with these very numbers."""
    m, n = weight.shape
    return filled(Linear(n, m, bias is not None, dtype=weight.dtype), weight, bias)


def filled(layer, weight, bias):
    """The layer with these arrays as its parameters."""
    layer.weight = Parameter(as_tensor(weight))
    if bias is not None:
        layer.bias = Parameter(as_tensor(bias))
    return layer


def named(layer, layout, norms=()):
    """{name: array} of a `CrossAttention` in a layout, whose `norms` are {ours: theirs}."""
    names = {**dict(zip(SYMBOLS, layout[1:])), **dict(norms)}
    others = [k for k in layer.state_dict() if k.partition(".")[0] not in names]
    if others:
        raise ValueError(
            f"the layout of {layout.system} has no place for the layer's {listed(others)}."
        )
    return {
        f"{name}.{part}": plain(part, p)
        for ours, name in names.items()
        for part, p in getattr(layer, ours).named_parameters()
    }


def check_scale(layer, system, wanted=None):
    """Raise if the other system would scale the scores otherwise: weights do not say how."""
    d_k = layer.W_Q.out_features // layer.num_heads
    wanted = 1 / math.sqrt(d_k) if wanted is None else wanted
    if layer.softcap is not None:
        raise ValueError(
            f"the layer caps its scores (softcap={layer.softcap}), which {system} does not: it "
            f"would compute something else with these weights."
        )
    if not math.isclose(layer.scale, wanted, rel_tol=1e-6):
        raise ValueError(
            f"the layer multiplies its scores with {layer.scale:.6g}, but {system} with "
            f"{wanted:.6g}: it would compute something else with these weights. Multiply W_Q's "
            f"weight and bias with {layer.scale / wanted:.6g} and set layer.scale = {wanted:.6g}."
        )
