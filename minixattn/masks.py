"""Masks you can see: where each query may look, with the polarity said aloud.

    M(i, j) = true where query i may look at key j

One idea has three conventions in PyTorch. A `Mask` has one, and turns into each of them:

| taken by                                            | True means   | shape                    |
|-----------------------------------------------------|--------------|--------------------------|
| `CrossAttention`, `scaled_dot_product_attention`    | may attend   | broadcasts to (B, h, L, S) |
| `MultiheadAttention`, attn_mask                     | may *not*    | (L, S) or (B·h, L, S)    |
| `MultiheadAttention`, key_padding_mask              | is left out  | (B, S)                   |

Every layer here takes a `Mask` itself. `masks.causal(5, 7) & masks.padding([7, 4], 7)` is one.
"""

import numpy as np

from . import backend
from .errors import DTypeError, ShapeError
from .mask_text import short
from .mask_type import EmptyRowWarning, Mask
from .ops.arguments import whole

__all__ = ["EmptyRowWarning", "Mask", "causal", "drop", "keep", "padding", "sliding_window"]


def causal(L, S, align="upper_left", offset=0):
    """No query looks into the future: j ≤ i + offset, or j ≤ i + (S − L) + offset.

    Parameters
    ----------
    L, S : how many queries and keys
    align : "upper_left", query 0 sees key 0 (`is_causal` of PyTorch), or "lower_right", the last
        query sees the last key (the queries continue a longer sequence)
    offset : how many positions more, as when `offset` keys are cached already
    """
    L, S, offset = length("causal", "L", L), length("causal", "S", S), whole(offset)
    if align not in ("upper_left", "lower_right"):
        raise ValueError(f"causal: align is 'upper_left' or 'lower_right', got {align!r}.")
    corner = offset + (S - L if align == "lower_right" else 0)
    extra = "" if align == "upper_left" else f", {align}"
    extra += f", offset={offset}" if offset else ""
    return Mask(np.arange(S) <= np.arange(L)[:, None] + corner, f"causal({L}, {S}{extra})")


def padding(lengths, S):
    """Only real keys: j < lengths[b]. Shape (B, 1, S), for every query.

    Parameters
    ----------
    lengths : B ints, how many of each batch element's S keys are real
    S : how many keys there are with the padding
    """
    S, lengths = length("padding", "S", S), on_cpu(lengths)
    if lengths.ndim != 1 or (lengths.dtype.kind not in "iu" and lengths.size):
        raise DTypeError(
            f"padding: lengths are ints, one a batch element, such as [7, 4]; got {lengths.dtype} "
            f"of shape {lengths.shape}. A bool array goes into keep() or drop()."
        )
    wrong = (lengths < 0) | (lengths > S)
    if wrong.any():
        b = int(wrong.argmax())
        raise ValueError(
            f"padding: lengths[{b}] is {lengths[b]}, but it must lie in 0 … S = {S}: a batch "
            f"element cannot have more real keys than there are keys."
        )
    allowed = np.arange(S) < lengths[:, None, None]
    few = lengths.tolist() if len(lengths) <= 6 else f"{len(lengths)} lengths"
    return Mask(allowed, f"padding({few}, {S})")


def sliding_window(L, S, left, right, offset=0):
    """A query at p = offset + i sees its neighbourhood: p − left ≤ j ≤ p + right.

    Parameters
    ----------
    L, S : how many queries and keys
    left, right : how many keys before and after its own position; None for all of them
    offset : the position of query 0
    """
    L, S = length("sliding_window", "L", L), length("sliding_window", "S", S)
    for side, n in (("left", left), ("right", right)):
        if n is not None and whole(n) < 0:
            raise ValueError(f"sliding_window: {side} is 0 or more, or None for all; got {n}.")
    p, j = whole(offset) + np.arange(L)[:, None], np.arange(S)
    allowed = np.ones((L, S), bool)
    if left is not None:
        allowed &= p - left <= j
    if right is not None:
        allowed &= j <= p + right
    extra = f", offset={offset}" if offset else ""
    return Mask(allowed, f"sliding_window({L}, {S}, {left}, {right}{extra})")


def keep(array):
    """A bool array in which True = may attend; (L, S), (B, L, S) or (B, h, L, S)."""
    array = boolean("keep", array)
    return Mask(array.copy(), f"keep({' × '.join(map(str, array.shape))})")


def drop(array):
    """A bool array in which True = may *not* attend; (L, S), (B, L, S) or (B, h, L, S)."""
    array = boolean("drop", array)
    return Mask(~array, f"drop({' × '.join(map(str, array.shape))})")


def length(function, name, n):
    """A number of queries or keys."""
    n = whole(n)
    if n < 0:
        raise ShapeError(f"{function}: {name} is a length, so 0 or more; got {n}.")
    return n


def on_cpu(array):
    """A NumPy array of lists, arrays and tensors, ours and others'."""
    if hasattr(array, "detach"):
        array = array.detach().cpu()
    return np.asarray(backend.to_device(array, "cpu") if backend.is_array(array) else array)


def boolean(function, array):
    """The array, checked: bool, and with a row for queries and a column for keys."""
    if isinstance(array, Mask):
        raise TypeError(f"{function}: {short(array.name)} is a mask already; ~mask inverts it.")
    array = on_cpu(array)
    if array.dtype != np.bool_:
        additive = array.dtype.kind == "f" and array.size and np.min(array) < 0
        mend = (
            "A mask that is added to the scores becomes masks.keep(array == 0)."
            if additive
            else "If 1 = may attend, use masks.keep(array == 1); else masks.drop(array == 1)."
        )
        raise DTypeError(
            f"{function}: expected a bool array, got {array.dtype}, whose numbers do not say what "
            f"they mean. {mend}"
        )
    if array.ndim not in (2, 3, 4):
        mend = " For one row for every query use array[None]." if array.ndim == 1 else ""
        raise ShapeError(
            f"{function}: array has shape {array.shape}, expected (L, S), (B, L, S) or "
            f"(B, h, L, S).{mend}"
        )
    return array
