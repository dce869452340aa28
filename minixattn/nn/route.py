"""Who supplies Q, K and V: the eight ways to attend with two sequences A and B.

    O = softmax(Q Kᵀ / √d_k) V,  each of Q, K, V made from A or from B

| route (q, k, v) | what it is                                                               |
|-----------------|--------------------------------------------------------------------------|
| AAA, BBB        | self-attention (Vaswani et al. 2017, section 3.2.3)                      |
| ABB, BAA        | cross-attention: one sequence looks at the other (there too)             |
| ABA, BAB        | agreement: compared with the other, the own values collected             |
|                 | (Li et al., "SelfDoc", 2021, first step of its cross-modality encoder)   |
| AAB, BBA        | compared with itself, the other's values collected; it has no usual name |

Weights have a column for each key, and each column multiplies one value: K and V need one length.
So keys and values from different sequences work only where both are equally long; queries may have
any length.
"""

import inspect
from itertools import product
from typing import NamedTuple

from ..errors import ShapeError
from ..ops.arguments import whole
from .functional.attention import scaled_dot_product_attention
from .self_attention import SelfAttention

KINDS = {  # by which of k and v come from the query's sequence
    (True, True): ("self-attention", "{q} looks at itself"),
    (False, False): ("cross-attention", "{q} looks at {k}"),
    (False, True): ("agreement", "{q} is compared with {k} and collects its own values"),
    (True, False): ("no usual name", "{q} is compared with itself and collects {v}'s values"),
}


class Picked(NamedTuple):
    """What attention takes, by who supplies it."""

    query: object  # (B, L, d) of the route's q
    key: object  # (B, S, d) of its k
    value: object  # (B, S, d) of its v


class Route:
    """Which of two sequences supplies the query, which the key, which the value.

    Parameters
    ----------
    q, k, v : "A" or "B"; the default is cross-attention, A looks at B

    Examples
    --------
    >>> import minixattn as mx
    >>> route = mx.nn.Route(q="A", k="B", v="B")
    >>> route
    Route ABB: cross-attention, A looks at B
    >>> route(mx.randn(2, 5, 8), mx.randn(2, 7, 8)).shape
    (2, 5, 8)
    """

    def __init__(self, q="A", k="B", v="B"):
        for name, source in (("q", q), ("k", k), ("v", v)):
            if source not in ("A", "B"):
                raise ValueError(f"Route: {name} comes from 'A' or 'B', got {source!r}.")
        self.q, self.k, self.v = q, k, v

    # The three with names; the same from B's side are Route(*"BBB"), Route(*"BAA"), Route(*"BAB")

    @classmethod
    def self_attention(cls):
        """AAA: a sequence looks at itself."""
        return cls("A", "A", "A")

    @classmethod
    def cross_attention(cls):
        """ABB: A looks at B."""
        return cls("A", "B", "B")

    @classmethod
    def agreement(cls):
        """ABA: SelfDoc's first step, which needs sequences of one length."""
        return cls("A", "B", "A")

    @classmethod
    def all(cls):
        """The eight routes, from AAA to BBB."""
        return [cls(*letters) for letters in product("AB", repeat=3)]

    @classmethod
    def legal(cls, len_A, len_B):
        """Which of the eight run for these lengths, and why; prints as a table.

        Returns
        -------
        Verdicts : a tuple of eight Verdict(route, legal, reason)
        """
        len_A, len_B = whole(len_A), whole(len_B)
        return Verdicts(len_A, len_B, [route.verdict(len_A, len_B) for route in cls.all()])

    def verdict(self, len_A, len_B):
        """Verdict(route, legal, reason) of this route for these lengths."""
        n = {"A": len_A, "B": len_B}
        if self.k == self.v:
            return Verdict(self, True, f"{n[self.k]} keys and {n[self.k]} values, both {self.k}'s")
        if len_A == len_B:
            return Verdict(self, True, f"{len_A} keys, {len_A} values: A and B are equally long")
        return Verdict(
            self, False, f"{n[self.k]} keys from {self.k}, but {n[self.v]} values from {self.v}"
        )

    def pick(self, A, B, *, dim=-2):
        """Query, key and value, ready for any attention that takes all three.

        Parameters
        ----------
        A, B : (…, len_A, d), (…, len_B, d); with another `dim` where the length is elsewhere
        dim : the dimension of the length; 0 for (length, batch, width)

        Returns
        -------
        Picked : a named tuple (query, key, value)

        Raises
        ------
        ShapeError
            If keys and values come from sequences of different lengths, naming both.
        """
        for name, x in (("A", A), ("B", B)):
            if not -x.ndim <= dim < x.ndim or x.ndim < 2:
                raise ShapeError(
                    f"Route {self.letters}: {name} has shape {tuple(x.shape)}, expected at least "
                    f"(length, width), with the length in dimension {dim}."
                )
        verdict = self.verdict(A.shape[dim], B.shape[dim])
        if not verdict.legal:
            raise ShapeError(
                f"Route {self.letters} takes its keys from {self.k} and its values from {self.v}, "
                f"but A has length {A.shape[dim]} and B has length {B.shape[dim]}: each key needs "
                f"its value. Take both from one sequence, Route{(self.q, self.k, self.k)} or "
                f"Route{(self.q, self.v, self.v)}, or make the lengths equal."
            )
        source = {"A": A, "B": B}
        return Picked(source[self.q], source[self.k], source[self.v])

    def __call__(self, A, B, layer=None, **options):
        """Attend along this route.

        Parameters
        ----------
        A, B : (…, len_A, d), (…, len_B, d); (length, batch, width) for a `MultiheadAttention`
            without batch_first
        layer : function or layer of query, key and value; layer of query and context, such as
            `CrossAttention`, where k = v; `SelfAttention` where all are one;
            `scaled_dot_product_attention` where None
        **options : of the layer, such as a mask

        Returns
        -------
        What the layer returns.

        Raises
        ------
        ShapeError
            As in `pick`.
        ValueError
            If the layer makes two of query, key and value from one sequence, the route does not.
        """
        layer = layer or scaled_dot_product_attention
        length_first = A.ndim == 3 and not getattr(layer, "batch_first", True)
        query, key, value = self.pick(A, B, dim=0 if length_first else -2)
        n = streams(layer)
        if (n == 1 and not self.q == self.k == self.v) or (n == 2 and self.k != self.v):
            raise ValueError(
                f"{type(layer).__name__} makes {'queries, ' if n == 1 else ''}keys and values from "
                f"one sequence, but Route {self.letters} does not: use MultiheadAttention or "
                f"scaled_dot_product_attention, which take all three."
            )
        return layer(*(query, key, value)[:n], **options)

    @property
    def letters(self):
        """The three sources in the order query, key, value, such as "ABB"."""
        return self.q + self.k + self.v

    @property
    def name(self):
        """What this way to attend is called, such as "self-attention"."""
        return KINDS[self.k == self.q, self.v == self.q][0]

    def __eq__(self, other):
        return isinstance(other, Route) and self.letters == other.letters

    def __hash__(self):
        return hash(self.letters)

    def __repr__(self):
        meaning = KINDS[self.k == self.q, self.v == self.q][1]
        return f"Route {self.letters}: {self.name}, {meaning.format(q=self.q, k=self.k, v=self.v)}"


def streams(layer):
    """How many sequences a layer is called with: 3, or 2 (query, context), or 1."""
    if isinstance(layer, SelfAttention):
        return 1
    names = [*inspect.signature(getattr(layer, "forward", layer)).parameters]
    return 2 if names[:2] == ["query", "context"] else 3


class Verdict(NamedTuple):
    """Whether a route runs, and why."""

    route: Route
    legal: bool
    reason: str


class Verdicts(tuple):
    """The eight routes and their verdicts for two lengths; prints as a table."""

    def __new__(cls, len_A, len_B, verdicts):
        table = super().__new__(cls, verdicts)
        table.len_A, table.len_B = len_A, len_B
        return table

    def __repr__(self):
        n = {"A": self.len_A, "B": self.len_B}
        rows = [("q k v", "weights", "runs", "what it is", "because")]
        for route, legal, reason in self:
            q, k, v = route.letters
            runs = "yes" if legal else "no"
            rows.append((f"{q} {k} {v}", f"{n[q]} × {n[k]}", runs, route.name, reason))
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths)) for row in rows]
        head = f"Routes over A (length {self.len_A}) and B (length {self.len_B})"
        return "\n".join([head, *(line.rstrip() for line in lines)])
