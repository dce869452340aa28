"""One attention as a table of equations, and the ways in which people get it wrong.

Each mistake replaces one or two equations of the table by what is computed instead. Whether it
explains a reference is then a matter of computing: do the numbers agree? All in NumPy, since
nothing is learned here; `s` holds the steps, computed when they are asked for.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np

STEPS = ("Q", "K", "V", "scores", "capped", "masked", "weights", "heads", "output")

# What each step is computed from, so that a change is known to reach those that follow.
INPUTS = {
    "scores": ("Q", "K"), "capped": ("scores",), "masked": ("capped",),
    "weights": ("masked", "empty"), "heads": ("weights", "V"), "output": ("heads",),
}  # fmt: skip


def split(x, h):
    """(…, L, h·d) → (…, h, L, d)."""
    return x.reshape(*x.shape[:-1], h, -1).swapaxes(-2, -3)


def merge(x):
    """(…, h, L, d) → (…, L, h·d)."""
    x = x.swapaxes(-2, -3)
    return x.reshape(*x.shape[:-2], -1)


def linear(W, x):
    """x Wᵀ + b; x itself where there is no projection."""
    if W is None:
        return x
    weight, bias = W
    return x @ weight.T + (0 if bias is None else bias)


def products(s):
    """Q Kᵀ, with each key head serving its share of the query heads."""
    return s.Q @ shared(s.K, s.Q).swapaxes(-1, -2)


def shared(x, Q):
    """Heads repeated to be as many as Q has."""
    if x.ndim < 3 or x.shape[-3] == Q.shape[-3]:
        return x
    return np.repeat(x, Q.shape[-3] // x.shape[-3], axis=-3)


def softmax(x, axis, empty):
    """Softmax, in which a row of −∞ becomes zeros, NaN, or 1/n each."""
    m = x.max(axis, keepdims=True)
    with np.errstate(invalid="ignore"):
        e = np.exp(x - np.where(np.isfinite(m), m, 0))
        y = e / e.sum(axis, keepdims=True)
    return np.where(np.isneginf(m), {"zero": 0, "nan": np.nan, "even": 1 / x.shape[axis]}[empty], y)


def masked(s):
    """−∞ where a query may not look."""
    return np.where(s.mask, s.capped, -np.inf) if "mask" in s.known else s.capped


RIGHT = {
    "Q": lambda s: split(linear(s.W_Q, s.query), s.h),
    "K": lambda s: split(linear(s.W_K, s.context), s.h_kv),
    "V": lambda s: split(linear(s.W_V, s.context), s.h_kv),
    "scores": lambda s: products(s) * s.scale,
    "capped": lambda s: s.scores if s.cap is None else s.cap * np.tanh(s.scores / s.cap),
    "masked": masked,
    "weights": lambda s: softmax(s.masked, -1, s.empty),
    "heads": lambda s: s.weights @ shared(s.V, s.weights),
    "output": lambda s: linear(s.W_O, merge(s.heads)),
    "empty": lambda _s: "zero",
}


class Mistake(NamedTuple):
    """A convention that differs: its name, what it does, and the equations that it replaces."""

    label: str
    sentence: str
    steps: dict


def reshaped(x, h):
    """(…, L, h·d) → (…, h, L, d) without moving anything: each head gets a stretch of tokens."""
    return x.reshape(*x.shape[:-2], h, x.shape[-2], -1)


def unmoved(x, h):
    """(…, L, h·d) → (…, L, h, d): the heads are where the tokens should be."""
    return x.reshape(*x.shape[:-1], h, -1)


def flat(x):
    """(…, h, L, d) → (…, L, h·d) without moving anything."""
    return x.reshape(*x.shape[:-3], x.shape[-2], -1)


def without_transpose():
    """Every part that can be reshaped without a transpose, alone and with others."""
    parts = {
        "Q": lambda s: reshaped(linear(s.W_Q, s.query), s.h),
        "K": lambda s: reshaped(linear(s.W_K, s.context), s.h_kv),
        "V": lambda s: reshaped(linear(s.W_V, s.context), s.h_kv),
        "output": lambda s: linear(s.W_O, flat(s.heads)),
    }
    for names in (c for n in range(1, 5) for c in combinations(parts, n)):
        where = ", ".join("the heads" if name == "output" else name for name in names)
        yield (
            f"{where}: (B, L, h·d) read as (B, h, L, d), which mixes tokens and heads",
            {name: parts[name] for name in names},
        )
    unmoved = {
        "Q": lambda s: linear(s.W_Q, s.query).reshape(*s.query.shape[:-1], s.h, -1),
        "K": lambda s: linear(s.W_K, s.context).reshape(*s.context.shape[:-1], s.h_kv, -1),
        "V": lambda s: linear(s.W_V, s.context).reshape(*s.context.shape[:-1], s.h_kv, -1),
    }
    sentence = "Q, K, V stayed (B, L, h, d), so heads attend to heads instead of tokens to tokens"
    yield sentence, unmoved | {"output": lambda s: linear(s.W_O, side_by_side(s.heads))}
    yield sentence, unmoved | {"output": lambda s: linear(s.W_O, flat(s.heads.swapaxes(-2, -3)))}


def side_by_side(x):
    """(…, L, h, d) → (…, L, h·d)."""
    return x.reshape(*x.shape[:-2], -1)


def swapped():
    """Q and K, the matrices that make them, or the streams that they are made of."""
    yield "the scores are K Qᵀ", {"scores": lambda s: products(s).swapaxes(-1, -2) * s.scale}
    yield "each is the other", {"Q": lambda s: s.right.K, "K": lambda s: s.right.Q}
    yield "W_K projects the queries and W_Q the keys", {
        "Q": lambda s: split(linear(s.W_K, s.query), s.h_kv),
        "K": lambda s: split(linear(s.W_Q, s.context), s.h),
    }
    streams = {
        "Q": lambda s: split(linear(s.W_Q, s.context), s.h),
        "K": lambda s: split(linear(s.W_K, s.query), s.h_kv),
    }
    values = {"V": lambda s: split(linear(s.W_V, s.query), s.h_kv)}
    yield "the queries come from the context and the keys from the query stream", streams
    yield "query and context have changed places", streams | values


def scaled():
    """Other factors than 1/√d_k."""
    yield "missing scale", "the scores are Q Kᵀ, not divided by √d_k", {"scores": products}
    for name, width in (("h·d_k", lambda s: s.h * s.Q.shape[-1]),
                        ("the query's width", lambda s: s.query.shape[-1])):  # fmt: skip
        yield "√D for √d_k", f"the scores are divided by √D with D = {name}", {
            "scores": lambda s, width=width: products(s) / np.sqrt(width(s))
        }
    yield "d_k for √d_k", "the scores are divided by d_k", {
        "scores": lambda s: products(s) / s.Q.shape[-1]
    }


def masks():
    """A mask of the wrong polarity, too late, or not at all."""
    yield "inverted mask", "True and False (or 1 and 0) say the opposite", {
        "masked": lambda s: np.where(s.mask, -np.inf, s.capped)
    }
    late = "softmax ran over all keys, and the mask came then: rows do not sum to 1"
    for steps in (
        {"weights": late_weights},
        {"masked": unmasked, "weights": late_weights},
        {"masked": late_weights, "weights": late_weights},
        {"weights": all_weights, "heads": late_heads},
        {"masked": unmasked, "heads": late_heads},
        {"masked": late_weights, "weights": all_weights, "heads": late_heads},
    ):
        yield "mask after softmax", late, steps
    yield "mask not applied", "every query looks everywhere", {"masked": unmasked}


def unmasked(s):
    """The scores whatever the mask says, where there is one."""
    return np.where(s.mask, s.capped, s.capped)


def all_weights(s):
    """Softmax over all keys."""
    return softmax(unmasked(s), -1, "zero")


def late_weights(s):
    """Softmax over all keys, then 0 where a query may not look."""
    return all_weights(s) * s.mask


def late_heads(s):
    """These weights times V."""
    return late_weights(s) @ shared(s.V, s.weights)


def axes():
    """Softmax over anything but the keys."""
    for axis, over in ((-2, "the queries"), (-3, "the heads"), (0, "the batch")):
        yield f"the weights sum to 1 over {over}", {
            "weights": lambda s, axis=axis: softmax(s.masked, axis, s.empty)
        }


def other_stream():
    """Keys of the sequence that asks."""
    keys = {"K": lambda s: split(linear(s.W_K, s.query), s.h_kv)}
    values = {"V": lambda s: split(linear(s.W_V, s.query), s.h_kv)}
    yield "keys from the query stream", "K is projected from the query, V from the context", keys
    yield "keys from the query stream", "so are the values: this is self-attention", keys | values
    yield "values from the query stream", "V is projected from the query", values


MISTAKES = [
    *(Mistake("Q and K swapped", *rest) for rest in swapped()),
    *(Mistake(*each) for each in scaled()),
    *(Mistake("reshape without transpose", *rest) for rest in without_transpose()),
    *(Mistake("softmax over the wrong axis", *rest) for rest in axes()),
    *(Mistake(*each) for each in masks()),
    *(Mistake(*each) for each in other_stream()),
    Mistake("K and V swapped", "each is the other",
            {"K": lambda s: s.right.V, "V": lambda s: s.right.K}),
    Mistake("no output projection", "the heads side by side are the output",
            {"output": lambda s: merge(s.heads)}),
    Mistake("rows that may look nowhere", "they are NaN there, zeros here",
            {"empty": lambda _s: "nan"}),
    Mistake("rows that may look nowhere", "they are spread evenly there, zeros here",
            {"empty": lambda _s: "even"}),
]  # fmt: skip
