"""The other libraries that differentiate arrays: jax, autograd, mygrad, tinygrad, DeZero.

Each is written the way its users would, in its fastest mode.
"""

import os
from types import SimpleNamespace

import numpy as np

from .work import PARAMETERS, RATE, problem


def attention(xp, softmax, p, x, y, size):
    """The forward pass, of the functions that every array library has: out (B, L, E)."""
    B, L, S, E, h = size

    def heads(a, n, length):
        a = xp.matmul(a, p[f"W_{n}"].T) + p[f"b_{n}"]
        return xp.transpose(xp.reshape(a, (B, length, h, size.d)), (0, 2, 1, 3))

    Q, K, V = heads(x, "Q", L), heads(y, "K", S), heads(y, "V", S)
    A = softmax(xp.matmul(Q, xp.transpose(K, (0, 1, 3, 2))) * size.d**-0.5)
    merged = xp.reshape(xp.transpose(xp.matmul(A, V), (0, 2, 1, 3)), (B, L, E))
    return xp.matmul(merged, p["W_O"].T) + p["b_O"]


class Jax:
    """The whole step under `jax.jit`, the old parameters' memory given to the new ones."""

    def __init__(self, size, dtype):
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", dtype == "float64")
        self.ready = jax.block_until_ready
        self.p, self.x, self.y = jax.device_put(problem(size, dtype))

        def loss(p, x, y):
            return (attention(jnp, jax.nn.softmax, p, x, y, size) ** 2).sum()

        def step(p, x, y):
            g, gx, gy = jax.grad(loss, argnums=(0, 1, 2))(p, x, y)
            return {n: p[n] - RATE * g[n] for n in p}, g | {"x": gx, "y": gy}

        self.compiled = jax.jit(step, donate_argnums=0)

    def step(self):
        self.p, self.g = self.ready(self.compiled(self.p, self.x, self.y))

    def gradients(self):
        return {n: np.asarray(g) for n, g in self.g.items()}


class Autograd:
    """HIPS autograd: NumPy under its own name."""

    def __init__(self, size, dtype):
        import autograd
        import autograd.numpy as anp

        self.p, x, y = problem(size, dtype)
        self.given = self.p | {"x": x, "y": y}

        def softmax(z):
            e = anp.exp(z - anp.max(z, axis=-1, keepdims=True))
            return e / anp.sum(e, axis=-1, keepdims=True)

        def loss(p):
            return anp.sum(attention(anp, softmax, p, p["x"], p["y"], size) ** 2)

        self.grad = autograd.grad(loss)

    def step(self):
        self.g = self.grad(self.given)
        for n, p in self.p.items():
            p -= RATE * self.g[n]

    def gradients(self):
        return self.g


class MyGrad:
    """mygrad, its memory guard off: it is faster so."""

    def __init__(self, size, dtype):
        import mygrad
        from mygrad.nnet.activations import softmax

        mygrad.turn_memory_guarding_off()
        p, x, y = problem(size, dtype)
        self.size, self.softmax = size, softmax
        self.at = {n: mygrad.tensor(a) for n, a in (p | {"x": x, "y": y}).items()}
        self.xp = SimpleNamespace(
            matmul=mygrad.matmul,
            reshape=mygrad.reshape,
            transpose=lambda a, axes: mygrad.transpose(a, *axes),
        )

    def step(self):
        at = self.at
        for a in at.values():
            a.null_grad()
        out = attention(self.xp, self.softmax, at, at["x"], at["y"], self.size)
        (out**2).sum().backward()
        for n in PARAMETERS:
            at[n].data -= RATE * at[n].grad

    def gradients(self):
        return {n: a.grad for n, a in self.at.items()}


class TinyGrad:
    """The whole step under TinyJit, on the CPU; its compiler is clang."""

    def __init__(self, size, dtype):
        os.environ.setdefault("DEV", "CPU")
        from tinygrad import Device, Tensor, TinyJit

        p, x, y = problem(size, dtype)
        given = p | {"x": x, "y": y}
        at = {n: Tensor(a).contiguous().clone().realize() for n, a in given.items()}
        xp = SimpleNamespace(matmul=Tensor.matmul, reshape=Tensor.reshape, transpose=Tensor.permute)

        @TinyJit
        def step():
            out = attention(xp, lambda z: z.softmax(-1), at, at["x"], at["y"], size)
            g = [a.contiguous() for a in (out**2).sum().gradient(*at.values())]
            updates = [at[n].assign(at[n] - RATE * a) for n, a in zip(PARAMETERS, g)]
            Tensor.realize(out, *g, *updates)
            return g

        self.jitted, self.names, self.device = step, list(at), Device[Device.DEFAULT]

    def step(self):
        self.g = self.jitted()
        self.device.synchronize()

    def gradients(self):
        return {n: g.numpy() for n, g in zip(self.names, self.g)}


class DeZero:
    """DeZero has no product of stacks of matrices: broadcast products and sums instead."""

    def __init__(self, size, dtype):
        vars(np).setdefault("int", int)  # a name that it needs, and that NumPy no longer has
        import dezero
        import dezero.functions as F

        p, x, y = problem(size, dtype)
        streams = {"x": x.reshape(-1, size.E), "y": y.reshape(-1, size.E)}
        self.at = {n: dezero.Variable(a) for n, a in (p | streams).items()}
        self.F, self.size, self.scale = F, size, np.array(size.d**-0.5, dtype)

    def linear(self, a, n):
        return self.F.linear(a, self.F.transpose(self.at[f"W_{n}"]), self.at[f"b_{n}"])

    def heads(self, a, n, length, shape):
        """(B, h, length, d) with an axis of 1 where the other sequence goes."""
        (B, _, _, _, h), F = self.size, self.F
        split = F.reshape(self.linear(a, n), (B, length, h, self.size.d))
        return F.reshape(F.transpose(split, (0, 2, 1, 3)), shape)

    def step(self):
        (B, L, S, E, h), F, at, d = self.size, self.F, self.at, self.size.d
        for a in at.values():
            a.cleargrad()
        Q = self.heads(at["x"], "Q", L, (B, h, L, 1, d))
        K, V = (self.heads(at["y"], n, S, (B, h, 1, S, d)) for n in "KV")
        A = F.softmax(F.sum(Q * K, axis=-1) * self.scale, axis=-1)
        merged = F.transpose(F.sum(F.reshape(A, (B, h, L, S, 1)) * V, axis=3), (0, 2, 1, 3))
        out = self.linear(F.reshape(merged, (B * L, E)), "O")
        F.sum(out * out).backward()
        for n in PARAMETERS:
            at[n].data -= RATE * at[n].grad.data

    def gradients(self):
        B, E = self.size.B, self.size.E
        found = {n: a.grad.data for n, a in self.at.items()}
        return found | {n: found[n].reshape(B, -1, E) for n in "xy"}
