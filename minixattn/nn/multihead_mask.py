"""The two masks of PyTorch's attention layer, each bool or float, as one.

PyTorch's layer says with True what to *leave out*; here True becomes "may attend", as everywhere
else in the package.
"""

import math

import numpy as np

from ..creation import as_tensor, zeros
from ..errors import DTypeError, ShapeError
from ..mask_type import Mask
from ..ops.elementwise import masked_fill
from ..ops.shape import cat
from .empty_rows import warn_of_empty_rows

# What the dimensions of a mask before the keys' are, for each number of them.
ATTN_ROWS, KEY_ROWS = {1: ("query",), 2: ("batch·head", "query")}, {0: (), 1: ("batch",)}


def joint_mask(query, key, key_padding_mask, attn_mask, h, extra):
    """Both masks as one, bool (True = may attend) or float (added to the scores), or None.

    Parameters
    ----------
    query, key : (B, L, E), (B, S, kdim)
    key_padding_mask, attn_mask : those of `MultiheadAttention.forward`
    h : number of heads
    extra : how many keys, which every query may look at, will be appended to the S given ones

    Returns
    -------
    Tensor that broadcasts to (B, h, L, S + extra), or None
    """
    (B, L, _), S = query.shape, key.shape[1]
    masks = []
    if attn_mask is not None:
        mask = checked("attn_mask", attn_mask, query, h)
        if mask.shape not in ((L, S), (B * h, L, S)):
            raise ShapeError(
                f"attn_mask has shape {mask.shape}: expected (L, S) = {(L, S)} or "
                f"(batch · heads, L, S) = {(B * h, L, S)}."
            )
        masks.append(mask.reshape(B, h, L, S) if mask.ndim == 3 else mask)
    if key_padding_mask is not None:
        padding = checked("key_padding_mask", key_padding_mask, query)
        if padding.shape not in ((B, S), (S,)) or (padding.ndim == 1 and B != 1):
            raise ShapeError(
                f"key_padding_mask has shape {padding.shape}: expected (batch, S) = {(B, S)}."
            )
        masks.append(padding.reshape(B, 1, 1, S))
    if not extra:
        warn_of_empty_rows("attn_mask", attn_mask, ATTN_ROWS, true_forbids=True)
        warn_of_empty_rows("key_padding_mask", key_padding_mask, KEY_ROWS, true_forbids=True)
    if any(mask.dtype.kind == "f" for mask in masks):
        masks = [additive(mask) if mask.dtype.kind == "b" else mask for mask in masks]
    if not masks:
        return None
    mask = masks[0] if len(masks) == 1 else both(*masks)
    if extra:  # the appended keys may always be attended to
        free = zeros(*mask.shape[:-1], extra, dtype=mask.dtype, device=mask.device)
        mask = cat([mask, ~free if mask.dtype.kind == "b" else free], -1)
    return mask


def both(a, b):
    """Two masks of one kind as one."""
    return a & b if a.dtype.kind == "b" else a + b


def checked(name, mask, like, h=None):
    """A mask as a Tensor, where bool is turned into True = may attend.

    A float mask is float32 for float16 streams: the sum of two, or a large number in one, must not
    overflow. A `Mask` gets a row for each query and head of `like`, (B, L, E); none without h.
    """
    if isinstance(mask, Mask) and h is None:
        mask = mask.for_key_padding()
    elif isinstance(mask, Mask):
        mask = mask.for_multihead(h, batch=len(like), length=like.shape[1])
    mask = as_tensor(mask, device=like.device)
    if mask.dtype.kind == "b":
        return ~mask
    if mask.dtype.kind != "f":
        raise DTypeError(
            f"{name} must be bool (True = may not attend) or float (added to the scores), got "
            f"{mask.dtype}: use .bool()."
        )
    return mask.to(np.promote_types(like.dtype, np.float32))


def additive(mask):
    """A bool mask (True = may attend) as a float one: 0 there, −∞ elsewhere."""
    return masked_fill(zeros(mask.shape, device=mask.device), ~mask, -math.inf)
