"""The mask: one bool array that knows what its True means, and turns into every other form.

The functions that make one, and the conventions there are, stand in `masks.py`.
"""

import numpy as np

from .errors import ShapeError
from .mask_text import short, text

DIMENSIONS = {  # of masks, from the last one on
    2: ("keys", "queries"),
    3: ("keys", "queries", "batch elements"),
    4: ("keys", "queries", "heads", "batch elements"),
}


class EmptyRowWarning(UserWarning):
    """A mask forbids some query every key."""


class Mask:
    """Where each query may look; made by the functions of `masks`, joined by `&`, `|`, `~`.

    Attributes
    ----------
    allowed : bool array, True = may attend; (L, S), (B, L, S) or (B, h, L, S), where 1 in place of
        B, h or L stands for all of them. It cannot be written to.
    shape, ndim : those of `allowed`
    name : how it was made, such as "causal(5, 7) & padding([7, 4], 7)"
    """

    __array_ufunc__ = None  # `array & mask` comes to us, not to NumPy, and is refused as well

    def __init__(self, allowed, name):
        self.allowed, self.name = allowed, name
        allowed.flags.writeable = False

    shape = property(lambda self: self.allowed.shape)
    ndim = property(lambda self: self.allowed.ndim)

    # Joined --------------------------------------------------------------------------------------

    def __and__(self, other):
        return joined(np.logical_and, self, "&", other)

    def __or__(self, other):
        return joined(np.logical_or, self, "|", other)

    def __rand__(self, other):
        return joined(np.logical_and, other, "&", self)

    def __ror__(self, other):
        return joined(np.logical_or, other, "|", self)

    def __invert__(self):
        return Mask(~self.allowed, f"~{term(self)}")

    def __bool__(self):
        raise TypeError(
            f"the truth of a mask of shape {self.shape} is ambiguous: join masks with &, | and ~ "
            f"instead of `and`, `or` and `not`."
        )

    # As arrays -----------------------------------------------------------------------------------

    def numpy(self):
        """A bool array of its own, True = may attend."""
        return self.allowed.copy()

    def __array__(self, dtype=None, copy=None):
        array = self.allowed if dtype is None else self.allowed.astype(dtype, copy=False)
        return array.copy() if copy and array is self.allowed else array

    def for_sdpa(self, kind="bool", *, heads=True, dtype=np.float32):
        """The `attn_mask` of `scaled_dot_product_attention`, ours or PyTorch's.

        Parameters
        ----------
        kind : "bool", True = may attend, or "float", 0 there and −∞ elsewhere
        heads : the query is (B, h, L, d_k), so a mask (B, L, S) becomes (B, 1, L, S); False for a
            query (B, L, d_k)
        dtype : of the float mask; PyTorch wants the query's
        """
        allowed = self.allowed
        if heads and allowed.ndim == 3:
            allowed = allowed[:, None]
        elif not heads and allowed.ndim == 4:
            if allowed.shape[1] != 1:
                raise ShapeError(
                    f"{short(self.name)} differs between {allowed.shape[1]} heads, but the query "
                    f"has none (heads=False): split it into (B, h, L, d_k)."
                )
            allowed = allowed[:, 0]
        return as_kind(allowed, False, kind, dtype)

    def for_multihead(self, num_heads=None, kind="bool", *, batch=None, length=None,
                      dtype=np.float32):  # fmt: skip
        """The `attn_mask` of `MultiheadAttention`, ours or PyTorch's: (L, S) or (B·h, L, S).

        Parameters
        ----------
        num_heads : h; needed where the mask differs between batch elements or heads
        kind : "bool", True = may *not* attend, or "float", −∞ there and 0 elsewhere
        batch, length : B and L, for a mask that has 1 in their place
        dtype : of the float mask

        Raises
        ------
        ValueError
            Naming `num_heads` or `length` where it is needed.
        """
        *lead, L, S = self.shape
        if L == 1 and length is None:
            raise ValueError(
                f"{short(self.name)} has one row for every query, but attn_mask needs a row each: "
                f"give length=L, or use for_key_padding()."
            )
        if lead and num_heads is None:
            raise ValueError(
                f"{short(self.name)} of shape {self.shape} becomes (B·h, L, S): give num_heads=h."
            )
        full = (L if length is None else length, S)
        if lead:
            full = (lead[0] if batch is None else batch, num_heads, *full)
        allowed = self.for_sdpa()
        if any(m not in (1, n) for m, n in zip(allowed.shape, full)):
            raise ShapeError(
                f"{short(self.name)} of shape {self.shape} does not fit {full}, which is "
                f"{'(B, h, L, S)' if lead else '(L, S)'}."
            )
        forbidden = ~np.broadcast_to(allowed, full)
        return as_kind(forbidden.reshape(-1, *full[-2:]) if lead else forbidden, True, kind, dtype)

    def for_key_padding(self, kind="bool", *, dtype=np.float32):
        """The `key_padding_mask` of `MultiheadAttention`, (B, S): True = left out, or float.

        Raises
        ------
        ShapeError
            If the mask differs between queries or heads.
        """
        if any(n != 1 for n in self.shape[1 if self.ndim > 2 else 0 : -1]):
            raise ShapeError(
                f"{short(self.name)} of shape {self.shape} may differ between queries or heads, "
                f"but key_padding_mask is (B, S): give it as attn_mask."
            )
        forbidden = ~self.allowed.reshape(-1, self.shape[-1])
        return as_kind(forbidden, True, kind, dtype)

    # Looked at -----------------------------------------------------------------------------------

    def empty_rows(self):
        """Which queries may look nowhere: i of an (L, S) mask, else (b, i) or (b, head, i)."""
        rows = np.argwhere(~self.allowed.any(-1)).tolist()
        return [row[0] if len(row) == 1 else tuple(row) for row in rows]

    def plot(self, ax=None):
        """Draw it: a row for each query, a column for each key. See `minixattn.plot.mask`."""
        from .plot.mask import mask  # needs matplotlib

        return mask(self.allowed, ax=ax)

    def __repr__(self):
        return text(self.allowed, self.name)


def joined(operation, a, sign, b):
    """One mask of two: (B, L, S) beside (B, h, L, S) is the same for every head."""
    for x in (a, b):
        if not isinstance(x, Mask):
            raise TypeError(
                f"{sign} joins two masks, got {type(x).__name__}: say what its True means with "
                f"masks.keep(array) (may attend) or masks.drop(array) (may not)."
            )
    name = f"{term(a)} {sign} {term(b)}"
    x, y = a.allowed, b.allowed
    if {x.ndim, y.ndim} == {3, 4}:
        x, y = (z[:, None] if z.ndim == 3 else z for z in (x, y))
    for m, n, what in zip(x.shape[::-1], y.shape[::-1], DIMENSIONS[max(x.ndim, y.ndim)]):
        if m != n and (what == "keys" or 1 not in (m, n)):
            raise ShapeError(
                f"{short(a.name)} of shape {a.shape} and {short(b.name)} of shape {b.shape} do "
                f"not compose: the first is for {m} {what}, the second for {n}."
            )
    return Mask(operation(x, y), name)


def term(mask):
    """The mask's name as part of a longer one, in parentheses where it is composed itself."""
    return f"({mask.name})" if " & " in mask.name or " | " in mask.name else mask.name


def as_kind(mask, true_forbids, kind, dtype):
    """A bool array of its own, or the float one: −∞ where a query may not look, 0 elsewhere."""
    if kind == "bool":
        return mask.copy()
    if kind != "float":
        raise ValueError(f"kind is 'bool' or 'float', got {kind!r}.")
    return np.where(mask == true_forbids, -np.inf, 0.0).astype(dtype)
