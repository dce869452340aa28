"""The step by hand for long sequences: attention in tiles that stay in the cache.

Forward, for a block of queries i, over the blocks of keys j:

    P = exp(Qᵢ Kⱼᵀ),  lᵢ += P 1,  Oᵢ += P Vⱼ;   at the end  Oᵢ /= lᵢ

and only l, one number for each query, is kept. Backward makes P again:

    P = exp(Qᵢ Kⱼᵀ),  Z = P ∘ (dOᵢ/lᵢ Vⱼᵀ − rowᵢ(dO · O)/lᵢ)
    dVⱼ += Pᵀ dOᵢ/lᵢ,  dKⱼ += Zᵀ Qᵢ,  dQᵢ += Z Kⱼ

Where |q||k| could be so large that exp overflows, the largest score seen so far is subtracted
(Milakov & Gimelshein 2018), and l becomes its log-sum-exp; Dao et al. (2022), algorithms 1 and 4.
"""

import math
import time

import numpy as np

from .limit import Step, row_dots, rows

FORWARD, BACKWARD = (1024, 512), (512, 256)  # queries x keys of a tile
SAFE = 60.0  # |score| up to here: exp neither overflows nor vanishes in float32


def faster_base():
    """(exp, log, log of e) to the base 2 or e, whichever this machine computes sooner."""
    x, times = np.zeros(1 << 15, np.float32), {}
    for exp in (np.exp, np.exp2) * 3:
        start = time.perf_counter()
        exp(x, out=x)
        times[exp] = time.perf_counter() - start
        x.fill(0)
    if times[np.exp2] < 0.8 * times[np.exp]:
        return np.exp2, np.log2, math.log2(math.e)
    return np.exp, np.log, 1.0


class Tiles(Step):
    """A task is one head of one batch element, or a part of its queries (or keys, backward)."""

    def __init__(self, size, dtype, forward=FORWARD, backward=BACKWARD, safe=SAFE):
        super().__init__(size, dtype, cores=2)
        B, L, _, _, h = size
        self.tile, self.tile_back, self.safe = forward, backward, safe
        self.exp, self.log, self.unit = faster_base()
        self.split = 1 if B * h >= 4 else 4
        self.lse, self.plain = self.new(B, h, L, 1), True
        self.buffers = [{}, {}]

    def buffer(self, thread, name, *shape):
        """The thread's own work array of that name."""
        mine = self.buffers[thread]
        if name not in mine:
            mine[name] = self.new(*shape)
        return mine[name]

    def forward_and_backward(self):
        W, (B, _, _, _, h) = self.W, self.size
        self.product(rows(self.x), W.Q.T, rows(self.Q))
        np.add(self.Q, W.bQ, out=self.Q)
        np.multiply(self.Q, self.real(self.scale * self.unit), out=self.Q)
        self.product(rows(self.y), W.KV.T, rows(self.KV))
        np.add(self.KV, W.bKV, out=self.KV)
        self.plain = self.bound() < self.safe * self.unit
        self.share(self.forward, B * h * self.split)
        self.product(rows(self.H), W.O.T, rows(self.out))
        np.add(self.out, W.bO, out=self.out)

        np.multiply(self.out, self.real(2), out=self.dout)
        self.product(rows(self.dout), W.O, rows(self.dH))
        self.dQ.fill(0)
        self.share(self.backward, B * h * self.split)
        self.product(rows(self.dQ), W.Q, rows(self.dx))
        self.product(rows(self.dKV), W.KV, rows(self.dy))

    def bound(self):
        """max |q| max |k| over the heads: no score is larger (Cauchy and Schwarz)."""
        E, h = self.size.E, self.size.h

        def longest(a):
            a = a.reshape(*a.shape[:2], h, -1)
            return float(row_dots(a, a, np.empty(a.shape[:-1], a.dtype)).max())

        return math.sqrt(longest(self.Q) * longest(self.KV[..., :E]))

    def place(self, i, n):
        """Task i: its batch element, head, columns in Q and in V, and its part of n rows."""
        i, part = divmod(i, self.split)
        b, head = divmod(i, self.size.h)
        d, E = self.size.d, self.size.E
        cuts = [n * k // self.split // 16 * 16 for k in range(self.split)] + [n]
        columns = slice(head * d, head * d + d)
        values = slice(E + head * d, E + head * d + d)
        return b, head, columns, values, range(cuts[part], cuts[part + 1])

    # Forward -------------------------------------------------------------------------------------

    def forward(self, thread, i):
        L, S, d = self.size.L, self.size.S, self.size.d
        b, head, cols, vals, mine = self.place(i, L)
        KT, V = self.buffer(thread, "KT", d, S), self.buffer(thread, "V", S, d)
        KT[:], V[:] = self.KV[b, :, cols].T, self.KV[b, :, vals]  # side by side: faster products
        Q, H = (self.buffer(thread, name, self.tile[0], d) for name in ("Q", "H"))
        for r in range(mine.start, mine.stop, self.tile[0]):
            at = slice(r, min(r + self.tile[0], mine.stop))
            q, o, total = Q[: at.stop - r], H[: at.stop - r], self.lse[b, head, at]
            q[:] = self.Q[b, at, cols]
            if self.plain:
                self.sum_plainly(thread, q, KT, V, o, total)
            else:
                self.sum_below_maximum(thread, q, KT, V, o, total)
            self.H[b, at, cols] = o

    def tiles(self, thread, S):
        """The blocks of keys and what a block of queries needs for each of them."""
        n, keys = self.tile
        ones = np.ones((keys, 1), self.x.dtype)
        P, more = self.buffer(thread, "P", n * keys), self.buffer(thread, "more", n, self.size.d)
        part = self.buffer(thread, "part", n, 1)
        for j in range(0, S, keys):
            at = slice(j, min(j + keys, S))
            yield at, P, ones[: at.stop - j], more, part

    def sum_plainly(self, thread, q, KT, V, o, total):
        """o = Σⱼ exp(q Kⱼᵀ) Vⱼ / total; then total = log Σⱼ exp(q Kⱼᵀ) 1."""
        n = len(q)
        for at, memory, ones, more, part in self.tiles(thread, len(V)):
            P = memory[: n * len(ones)].reshape(n, -1)
            np.matmul(q, KT[:, at], out=P)
            self.exp(P, out=P)
            if at.start == 0:
                np.matmul(P, ones, out=total)
                np.matmul(P, V[at], out=o)
            else:
                np.add(total, np.matmul(P, ones, out=part[:n]), out=total)
                np.add(o, np.matmul(P, V[at], out=more[:n]), out=o)
        np.divide(o, total, out=o)
        self.log(total, out=total)

    def sum_below_maximum(self, thread, q, KT, V, o, total):
        """The same with the largest score so far taken off: what is summed is rescaled to it."""
        n = len(q)
        top, new = (self.buffer(thread, name, self.tile[0], 1)[:n] for name in ("top", "new"))
        top.fill(-math.inf)
        total.fill(0)
        o.fill(0)
        for at, memory, ones, more, part in self.tiles(thread, len(V)):
            P = memory[: n * len(ones)].reshape(n, -1)
            np.matmul(q, KT[:, at], out=P)
            np.maximum.reduce(P, -1, out=new, keepdims=True)
            np.maximum(new, top, out=new)
            np.subtract(P, new, out=P)
            self.exp(P, out=P)
            np.subtract(top, new, out=top)
            self.exp(top, out=top)  # by how much the older sums shrink
            np.multiply(total, top, out=total)
            np.multiply(o, top, out=o)
            np.add(total, np.matmul(P, ones, out=part[:n]), out=total)
            np.add(o, np.matmul(P, V[at], out=more[:n]), out=o)
            top[:] = new
        np.divide(o, total, out=o)
        np.add(self.log(total, out=total), top, out=total)

    # Backward ------------------------------------------------------------------------------------

    def backward(self, thread, i):
        L, S, d = self.size.L, self.size.S, self.size.d
        b, head, cols, vals, mine = self.place(i, S)
        own = [self.buffer(thread, name, L, d) for name in ("Q all", "dO all", "dQ all")]
        Q, dO, dQ = own
        Q[:], dO[:] = self.Q[b, :, cols], self.dH[b, :, cols]
        row = self.buffer(thread, "row", L, 1)
        row_dots(dO, self.H[b, :, cols], out=row[:, 0])
        lse = self.lse[b, head]
        if self.plain:
            shrink = self.exp(-lse)  # 1/l rides on dO: the tile itself needs no division
            np.multiply(dO, shrink, out=dO)
            np.multiply(row, shrink, out=row)
        dQ.fill(0)
        for j in range(mine.start, mine.stop, self.tile_back[1]):
            at = slice(j, min(j + self.tile_back[1], mine.stop))
            K, V = self.KV[b, at, cols].copy(), self.KV[b, at, vals].copy()
            dK, dV = self.column(thread, Q, dO, dQ, row, lse, K, V)
            np.multiply(dK, self.real(1 / self.unit), out=self.dKV[b, at, cols])
            self.dKV[b, at, vals] = dV
        np.multiply(dQ, self.scale, out=dQ)
        with self.lock:  # parts of one head add to the same rows
            self.dQ[b, :, cols] += dQ

    def column(self, thread, Q, dO, dQ, row, lse, K, V):
        """dK and dV of one block of keys, from all queries; their part of dQ is added to it."""
        n, w = self.tile_back[0], len(K)
        memory = [self.buffer(thread, name, n * self.tile_back[1]) for name in ("P1", "Z1")]
        more = self.buffer(thread, "more q", n, self.size.d)
        extra, dK, dV = (self.buffer(thread, k, self.tile_back[1], self.size.d)[:w]
                         for k in ("more k", "dK", "dV"))  # fmt: skip
        KT, VT = np.ascontiguousarray(K.T), np.ascontiguousarray(V.T)
        dK.fill(0)
        dV.fill(0)
        for r in range(0, len(Q), n):
            at = slice(r, min(r + n, len(Q)))
            q, do, m = Q[at], dO[at], at.stop - r
            P, Z = (a[: m * w].reshape(m, w) for a in memory)
            np.matmul(q, KT, out=P)
            if not self.plain:
                np.subtract(P, lse[at], out=P)
            self.exp(P, out=P)
            np.matmul(do, VT, out=Z)
            np.subtract(Z, row[at], out=Z)
            np.multiply(Z, P, out=Z)
            np.add(dV, np.matmul(P.T, do, out=extra), out=dV)
            np.add(dK, np.matmul(Z.T, q, out=extra), out=dK)
            np.add(dQ[at], np.matmul(Z, K, out=more[:m]), out=dQ[at])
        return dK, dV
