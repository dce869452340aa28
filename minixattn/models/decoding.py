"""Writing with a decoder: one token after another, each seen by those that follow.

    greedy:  y_t = argmax p(y | y_<t, x)
    beam:    the best sequence by  log p(y | x) / lp(y),  lp(y) = ((5 + |y|) / 6)^α

With a `KVCache` for each attention layer a step computes the new token only; the result is the
same without. Any model will do that has `encode(source, mask)`, `decode(given, memory, mask,
caches)` and `caches()`, as `Transformer` has.

References
----------
Wu et al., "Google's Neural Machine Translation System" (2016), equation 14 (lp; the coverage
penalty is left out).
"""

import math
from typing import NamedTuple

from ..creation import arange, full, zeros
from ..engine import no_grad
from ..ops.elementwise import where
from ..ops.order import topk
from ..ops.shape import cat
from ..ops.softmax import log_softmax
from ..tensor import Tensor


class Decoded(NamedTuple):
    """What was written for each of B sources.

    ids : (B, T) int64, without the start; the end is in it where it came, then padding
    weights : tuple of (B, h, T, S), where each decoder layer looked when it wrote token t
    scores : (B,), log p of each sequence, its end included
    """

    ids: Tensor
    weights: tuple
    scores: Tensor


class Writer:
    """The state of a decoder at work: what is written, and what was computed for it.

    Parameters
    ----------
    model, source, mask : as for `greedy`
    start : the token that everything begins with
    cached : keep keys and values; else each step computes all tokens again
    """

    def __init__(self, model, source, mask, start, cached=True):
        self.model, self.mask, self.cached = model, mask, cached
        self.memory = model.encode(source, mask)
        self.caches = model.caches() if cached else None
        B = len(self.memory)
        self.ids = full((B, 1), start, dtype="int64", device=self.memory.device)
        self.weights = None

    def step(self):
        """log p of the next token, (B, V); the weights of this step are added to `weights`."""
        given = self.ids[:, -1:] if self.cached else self.ids
        logits, weights = self.model.decode(given, self.memory, self.mask, self.caches)
        new = [A[..., -1:, :] for A in weights]
        old = self.weights
        self.weights = new if old is None else [cat(pair, -2) for pair in zip(old, new)]
        return log_softmax(logits[:, -1], -1)

    def select(self, rows):
        """Go on with these rows, in this order; one may come several times."""
        self.memory, self.ids = self.memory[rows], self.ids[rows]
        self.mask = None if self.mask is None else self.mask[rows]
        self.weights = None if self.weights is None else [A[rows] for A in self.weights]
        for pair in self.caches or ():
            for cache in pair:
                cache.select(rows)

    def written(self, rows, scores):
        """What is in some of the rows, as `Decoded`."""
        return Decoded(self.ids[rows, 1:], tuple(A[rows] for A in self.weights), scores)

    def append(self, tokens):
        """Write one token a row, (B,)."""
        self.ids = cat([self.ids, tokens.unsqueeze(1)], 1)


@no_grad()
def greedy(model, source, mask=None, *, start=1, end=2, pad=0, longest=64, cached=True):
    """Write the likeliest token each time.

    Parameters
    ----------
    model : with `encode`, `decode` and `caches`, such as `Transformer`, in `eval()` mode
    source : (B, S) int64, or what else the model reads
    mask : (B, S) bool, True for a real token; None where all are
    start, end, pad : token numbers
    longest : how many tokens to write at most
    cached : False to compute every token again at each step, with the same result

    Returns
    -------
    Decoded
    """
    check(longest=longest)
    writer = Writer(model, source, mask, start, cached)
    scores = zeros(len(writer.ids), device=writer.ids.device)
    ended = zeros(len(writer.ids), device=writer.ids.device).bool()
    for _ in range(longest):
        logp, token = writer.step().max(-1)
        scores = where(ended, scores, scores + logp)
        token = where(ended, pad, token)
        writer.append(token)
        ended = ended | (token == end)
        if ended.all().item():
            break
    return writer.written(slice(None), scores)


@no_grad()
def beam(model, source, mask=None, *, beams=4, alpha=0.6, start=1, end=2, pad=0, longest=64,
         cached=True):  # fmt: skip
    """Keep the `beams` likeliest beginnings each time, and the best sequence at the end.

    Parameters
    ----------
    beams : how many
    alpha : α, 0 to 1: how much longer sequences are preferred
    model, source, mask, start, end, pad, longest, cached : as for `greedy`

    Returns
    -------
    Decoded
    """
    check(longest=longest, beams=beams)
    writer = Writer(model, source, mask, start, cached)
    B, device = len(writer.ids), writer.ids.device
    first = arange(0, B * beams, beams, device=device)  # the row of each source's first beam
    writer.select((first // beams).repeat_interleave(beams))
    scores = full((B, beams), -math.inf, dtype="float64", device=device)
    scores[:, 0] = 0.0  # all beams are alike at first, and only one may go on
    ended = zeros(B, beams, dtype="int64", device=device)
    length = ended
    for _ in range(longest):
        logp = writer.step().reshape(B, beams, -1).to("float64")
        V = logp.shape[-1]
        stay = where(arange(V, device=device) == pad, 0.0, -math.inf).to("float64")
        logp = where(ended.unsqueeze(-1) == 1, stay, logp)  # what has ended stays as it is
        scores, best = topk((scores.unsqueeze(-1) + logp).flatten(1), beams)
        parent, token = best // V, best % V
        ended, length = ended.gather(1, parent), length.gather(1, parent)
        length = length + (1 - ended)
        ended = where(token == end, 1, ended)
        writer.select((first.unsqueeze(1) + parent).flatten())
        writer.append(token.flatten())
        if ended.all().item():
            break
    best = (scores / ((5 + length) / 6) ** alpha).argmax(1)
    return writer.written(first + best, scores.gather(1, best.unsqueeze(1)).squeeze(1))


def check(**counts):
    """Raise unless there is at least one of each."""
    for name, n in counts.items():
        if n < 1:
            raise ValueError(f"{name} must be 1 or more, got {n}.")
