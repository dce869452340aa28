"""The step by hand: what NumPy can do at best, without autograd and without allocating.

    Whole, one task     small sizes: one product for all batch elements and heads, BLAS threads
    Whole, B tasks      large: a task is a batch element from projection to projection, two Python
                        threads take tasks, BLAS keeps to one thread
    Tiles               long (limit_tiles.py): no array of L x S numbers is ever made

Every array is made once and used again at each step. Parameters and gradients lie end to end in
one flat array each, W_K and W_V below one another, so that K and V are one product. 1/√d goes into
Q: that is L·d products instead of L·S.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np

from .work import PARAMETERS, RATE, problem


def row_dots(a, b, out):
    """outᵢ = aᵢ · bᵢ for the rows of two arrays."""
    if hasattr(np, "vecdot"):  # NumPy 2
        return np.vecdot(a, b, out=out)
    return np.einsum("...i,...i->...", a, b, out=out)


def rows(a):
    """(…, n) -> (rows, n), the same memory."""
    return a.reshape(-1, a.shape[-1])


def t(a):
    """The transposed of the last two dimensions."""
    return a.swapaxes(-1, -2)


def parts(flat, E):
    """The weights (out, in) and biases in a flat array; K's and V's together."""
    W, b = flat[: 4 * E * E].reshape(4 * E, E), flat[4 * E * E :]
    return SimpleNamespace(
        Q=W[:E], KV=W[E : 3 * E], O=W[3 * E :], bQ=b[:E], bKV=b[E : 3 * E], bO=b[3 * E :]
    )


class Step:
    """Parameters, gradients, and every array that one token's vector passes through.

    Parameters
    ----------
    size : Size
    dtype : of all arrays
    cores : how many Python threads share the tasks; with 1, BLAS may use threads of its own
    """

    def __init__(self, size, dtype, cores):
        p, self.x, self.y = problem(size, dtype)
        self.size, self.cores, (B, L, S, E, _) = size, cores, size
        self.real = np.dtype(dtype).type
        self.scale = self.real(size.d**-0.5)
        self.theta = np.concatenate([p[name].ravel() for name in PARAMETERS])
        self.grad, self.chunk = np.empty_like(self.theta), self.new(1 << 15)
        self.W, self.dW = parts(self.theta, E), parts(self.grad, E)
        self.Q, self.H, self.out = (self.new(B, L, E) for _ in range(3))
        self.dQ, self.dH, self.dout, self.dx = (self.new(B, L, E) for _ in range(4))
        self.KV, self.dKV, self.dy = self.new(B, S, 2 * E), self.new(B, S, 2 * E), self.new(B, S, E)
        self.helper = ThreadPoolExecutor(1) if cores == 2 else None
        self.lock = threading.Lock()

    def new(self, *shape):
        """An array whose numbers do not matter yet."""
        return np.empty(shape, self.x.dtype)

    def share(self, task, n):
        """task(thread, i) for i = 0 … n − 1; a thread that is free takes the next i."""
        numbers = iter(range(n))

        def work(thread):
            for i in numbers:
                task(thread, i)

        other = self.helper.submit(work, 1) if self.helper and n > 1 else None
        work(0)
        if other:
            other.result()

    def product(self, a, b, out):
        """out = a b, each core the half of the rows."""
        if self.cores == 1:
            np.matmul(a, b, out=out)
            return
        middle = len(out) // 32 * 16
        halves = (slice(middle), slice(middle, None))
        self.share(lambda _, i: np.matmul(a[halves[i]], b, out=out[halves[i]]), 2)

    def parameter_gradients(self):
        """∂loss/∂W = gᵀ · input, straight into the layout of W; ∂loss/∂b = Σ g."""
        dW = self.dW
        for g, given, to, bias in (
            (self.dout, self.H, dW.O, dW.bO),
            (self.dQ, self.x, dW.Q, dW.bQ),
            (self.dKV, self.y, dW.KV, dW.bKV),
        ):
            self.product(rows(g).T, rows(given), to)
            np.add.reduce(rows(g), 0, out=bias)

    def update(self):
        """θ ← θ − rate · ∂loss/∂θ, in chunks: what is subtracted never leaves the cache."""
        n, rate = len(self.chunk), self.real(RATE)
        for i in range(0, len(self.theta), n):
            theta, g = self.theta[i : i + n], self.grad[i : i + n]
            change = self.chunk[: len(theta)]
            np.multiply(g, rate, out=change)
            np.subtract(theta, change, out=theta)

    def step(self):
        """One training step."""
        self.forward_and_backward()
        self.parameter_gradients()
        self.update()

    def gradients(self):
        """∂loss/∂ each parameter, x and y."""
        E, dW = self.size.E, self.dW
        found = (dW.Q, dW.KV[:E], dW.KV[E:], dW.O, dW.bQ, dW.bKV[:E], dW.bKV[E:], dW.bO)
        return dict(zip(PARAMETERS, found)) | {"x": self.dx, "y": self.dy}


class Whole(Step):
    """The attention matrix A is kept, for the backward pass and for the user.

        A = exp(Q Kᵀ − max), A ← A / (A 1), H = A V
        dV = Aᵀ dH,  Z = (dH Vᵀ − row(dH · H)) ∘ A,  dQ = Z K / √d,  dK = Zᵀ Q / √d

    row(dH · H) is Σ over keys of (dH Vᵀ) ∘ A, from L·d products instead of L·S.
    """

    def __init__(self, size, dtype, tasks=1):
        super().__init__(size, dtype, cores=min(2, tasks))
        B, L, S, _, h = size
        each = -(-B // tasks)
        self.A = self.new(B, h, L, S)
        self.ones = np.ones((S, 1), dtype)
        self.Z = [self.new(each, h, L, S) for _ in range(self.cores)]  # one for each thread
        self.r = [self.new(each, h, L, 1) for _ in range(self.cores)]
        self.tasks = [self.views(slice(i, min(i + each, B))) for i in range(0, B, each)]

    def views(self, batch):
        """The part of every array that belongs to these batch elements."""
        _, _, _, E, h = self.size
        names = ("x", "y", "Q", "KV", "H", "out", "dout", "dH", "dQ", "dKV", "dx", "dy")
        v = SimpleNamespace(**{name: rows(getattr(self, name)[batch]) for name in names})

        def heads(name, columns=slice(E)):
            a = getattr(self, name)[batch][..., columns]  # (B, L, E) -> (B, h, L, d), no copy
            return a.reshape(*a.shape[:2], h, -1).swapaxes(1, 2)

        K, V = slice(E), slice(E, 2 * E)
        v.q, v.k, v.v, v.heads = heads("Q"), heads("KV", K), heads("KV", V), heads("H")
        v.dq, v.dk, v.dv, v.dheads = heads("dQ"), heads("dKV", K), heads("dKV", V), heads("dH")
        v.A, v.n = self.A[batch], batch.stop - batch.start
        return v

    def forward_and_backward(self):
        self.share(self.forward, len(self.tasks))
        self.share(self.backward, len(self.tasks))

    def forward(self, thread, i):
        W, v = self.W, self.tasks[i]
        A, r = v.A, self.r[thread][: v.n]
        np.matmul(v.x, W.Q.T, out=v.Q)
        np.add(v.Q, W.bQ, out=v.Q)
        np.multiply(v.Q, self.scale, out=v.Q)
        np.matmul(v.y, W.KV.T, out=v.KV)
        np.add(v.KV, W.bKV, out=v.KV)
        np.matmul(v.q, t(v.k), out=A)
        np.maximum.reduce(A, -1, out=r, keepdims=True)
        np.subtract(A, r, out=A)
        np.exp(A, out=A)
        np.matmul(A, self.ones, out=r)  # row sums: a product is four times as fast as a sum
        np.divide(A, r, out=A)
        np.matmul(A, v.v, out=v.heads)
        np.matmul(v.H, W.O.T, out=v.out)
        np.add(v.out, W.bO, out=v.out)

    def backward(self, thread, i):
        W, v = self.W, self.tasks[i]
        Z, r = self.Z[thread][: v.n], self.r[thread][: v.n]
        np.multiply(v.out, self.real(2), out=v.dout)
        np.matmul(v.dout, W.O, out=v.dH)
        np.matmul(t(v.A), v.dheads, out=v.dv)
        np.matmul(v.dheads, t(v.v), out=Z)
        row_dots(v.dheads, v.heads, out=r[..., 0])
        np.subtract(Z, r, out=Z)
        np.multiply(Z, v.A, out=Z)
        np.matmul(Z, v.k, out=v.dq)
        np.matmul(t(Z), v.q, out=v.dk)  # q has its 1/√d already
        np.multiply(v.dQ, self.scale, out=v.dQ)
        np.matmul(v.dQ, W.Q, out=v.dx)
        np.matmul(v.dKV, W.KV, out=v.dy)


def limit(size, dtype):
    """The fastest step known for a size.

    Where Python threads share the work, BLAS keeps to one thread from here on: its own threads
    wait busily for a tenth of a second after each product, on the core that the others need.
    """
    from threadpoolctl import threadpool_limits

    from .limit_tiles import Tiles

    long = size.scores * np.dtype(dtype).itemsize > 64 << 20
    tasks = size.B if size.B > 1 and size.L * size.E >= 1 << 16 else 1
    if long or tasks > 1:
        threadpool_limits(1, user_api="blas")
    return Tiles(size, dtype) if long else Whole(size, dtype, tasks)
