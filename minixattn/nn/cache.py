"""Keys and values that are kept while a decoder writes one token after another.

    K = [K_cached; c W_K],  V = [V_cached; c W_V]

A new token changes none of the earlier keys and values, so each is computed once.
"""

import weakref

from ..creation import empty
from ..engine import is_grad_enabled
from ..errors import DeviceError, DTypeError, GraphError, ShapeError


def nothing():
    """A dead weak reference: what it referred to is gone, or never was."""


class KVCache:
    """The keys and values of one layer, to which each call adds those of its context.

    In self-attention the context is the new token. In cross-attention the context stays the same,
    so the first call gives it and the later ones leave it out. The queries see all that is held;
    a mask says otherwise, such as `masks.causal(L, len(cache) + L, offset=len(cache))` for a
    piece of L > 1 tokens.

    Nothing is recorded for a gradient: decode inside `no_grad()`.

    Attributes
    ----------
    keys : (B, h_kv, S, d_k), None while empty
    values : (B, h_kv, S, d_v), None while empty

    Notes
    -----
    Memory doubles when it is full, so that S tokens cost at most 2·S copies of a row, where
    joining old and new at every step would cost S²/2.

    References
    ----------
    Shazeer, "Fast Transformer Decoding" (2019), section 2.4, where K and V are passed from step
    to step.

    Examples
    --------
    >>> import minixattn as mx
    >>> back, across = (mx.nn.CrossAttention(8, num_heads=2) for _ in range(2))
    >>> written, read = mx.nn.KVCache(), mx.nn.KVCache()
    >>> context = mx.randn(1, 9, 8)
    >>> with mx.no_grad():
    ...     for t in range(3):
    ...         x = mx.randn(1, 1, 8)  # the new token, and nothing else
    ...         _, to_itself = back(x, x, cache=written)
    ...         _, to_context = across(x, context if t == 0 else None, cache=read)
    >>> to_itself.shape, to_context.shape
    ((1, 2, 1, 3), (1, 2, 1, 9))
    """

    def __init__(self):
        self._keys = self._values = None  # these have room for more than is held
        self._length = 0
        self._layer = self._context = nothing  # weak references, which a copy may share

    def __getstate__(self):
        return vars(self) | {"_layer": nothing, "_context": nothing}  # weak references stay here

    def __len__(self):
        return self._length

    @property
    def keys(self):
        """All keys so far, in order."""
        return None if self._keys is None else self._keys[..., : self._length, :]

    @property
    def values(self):
        """All values so far, in order."""
        return None if self._values is None else self._values[..., : self._length, :]

    def append(self, keys, values, layer=None, context=None):
        """Add keys (B, h_kv, n, d_k) and values (B, h_kv, n, d_v); returns all of both.

        `layer` and `context` are what they were made with, remembered to notice a mix-up.

        Raises
        ------
        ShapeError, DTypeError, DeviceError
            If they do not continue what is held, or each other.
        GraphError
            If they carry a gradient, which would be lost.
        """
        if keys.shape[:-1] != values.shape[:-1]:
            raise ShapeError(
                f"keys have shape {keys.shape} and values {values.shape}: each key needs its "
                f"value, so all but the last dimension must be equal."
            )
        for name, new, held in (("keys", keys, self._keys), ("values", values, self._values)):
            check_continues(name, new, held)
        start, self._length = self._length, self._length + keys.shape[-2]
        self._keys = written(self._keys, keys, start)
        self._values = written(self._values, values, start)
        if layer is not None:
            self._layer, self._context = weakref.ref(layer), weakref.ref(context)
        return self.keys, self.values

    def select(self, rows):
        """Go on with these batch elements, in this order; one may come several times (a beam)."""
        if self._keys is not None:
            self._keys, self._values = self._keys[rows], self._values[rows]
        return self

    def admit(self, layer, query, context):
        """Raise unless `layer` may look at this cache with that query and add that context."""
        if self._layer() not in (None, layer):
            raise ValueError(
                f"this cache holds {len(self)} keys of another {type(self._layer()).__name__} "
                f"layer: each layer needs its own, caches = [KVCache() for _ in layers]."
            )
        if context is None and not len(self):
            raise ValueError(
                "the cache is empty, so there is nothing to look at: give the context in the "
                "first call, layer(query, context, cache=cache)."
            )
        if self._keys is not None and self._keys.shape[:-3] != query.shape[:-2]:
            raise ShapeError(
                f"query has shape {query.shape}, but the cache was filled by a batch of shape "
                f"{self._keys.shape[:-3]}: go on with the same sequences (cache.select(rows) for "
                f"some of them), or start with a new KVCache()."
            )
        if context is not None and context is not query and context is self._context():
            raise ValueError(
                f"this context of shape {context.shape} is in the cache already, and would be "
                f"added a second time: leave it out, layer(query, cache=cache)."
            )

    def __repr__(self):
        if self._keys is None:
            return "KVCache(empty)"
        return f"KVCache(keys {tuple(self.keys.shape)}, values {tuple(self.values.shape)})"


def written(held, new, start):
    """`new` behind the first `start` rows of `held`, in memory that doubles where it is full."""
    *lead, n, d = new.shape
    if held is None or start + n > held.shape[-2]:
        room = empty(*lead, max(start + n, 2 * start), d, dtype=new.dtype, device=new.device)
        if start:
            room[..., :start, :] = held[..., :start, :]
        held = room
    held[..., start : start + n, :] = new
    return held


def check_continues(name, new, held):
    """`new` may be added to `held`, which is None at the start."""
    if new.requires_grad and is_grad_enabled():
        raise GraphError(
            f"a KVCache keeps numbers without their history, so the gradient of these {name} of "
            f"shape {new.shape} would be lost. Decode inside `with no_grad():`; to train, give "
            f"the whole sequence at once with a causal mask and no cache."
        )
    if held is None:
        return
    if new.shape[:-2] != held.shape[:-2] or new.shape[-1] != held.shape[-1]:
        (*lead, _, d), (*lead2, _, d2) = held.shape, new.shape
        raise ShapeError(
            f"the cache holds {name} of shape {(*lead, 'S', d)}, but the new ones are "
            f"{(*lead2, 'S', d2)}: batch, heads and width must stay the same."
        )
    if new.dtype != held.dtype:
        raise DTypeError(
            f"the cache holds {name} of {held.dtype}, but the new ones are {new.dtype}: start "
            f"with a new KVCache() after .to(dtype)."
        )
    if new.device != held.device:
        raise DeviceError(
            f"the cache holds {name} on {held.device}, but the new ones are on {new.device}: "
            f"start with a new KVCache() there."
        )
