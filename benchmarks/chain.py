"""What recording costs: 1,000 operations y ← y w, y ← y + b on four numbers, and back.

Milliseconds of a step are microseconds of an operation, forward and backward. The numbers are so
few that nearly all of it is the price of calling NumPy and of remembering what was called.
"""

import numpy as np

OPERATIONS = 1000
START = np.array([0.5, -1.0, 2.0, 1.5], np.float32)
W, B = np.full(4, 0.999, np.float32), np.full(4, 0.001, np.float32)


class ByHand:
    """The same arithmetic in bare NumPy: the least that a recording library can cost."""

    def step(self):
        y, kept = START, []
        for _ in range(OPERATIONS // 2):
            kept.append(y)
            y = y * W
            y = y + B
        g, gw, gb = np.ones_like(y), np.zeros_like(y), np.zeros_like(y)
        for before in reversed(kept):
            gb = gb + g
            gw = gw + g * before
            g = g * W
        self.found = g, gw, gb


class Recorded:
    """The chain for every library whose tensors have `backward()`."""

    module, options = "minixattn", {"requires_grad": True}

    def __init__(self):
        library = __import__(self.module)
        self.leaves = [self.tensor(library, a) for a in (START, W, B)]

    def tensor(self, library, a):
        return library.tensor(a, **self.options)

    def clear(self):
        for leaf in self.leaves:
            leaf.grad = None

    def step(self):
        self.clear()
        y, w, b = self.leaves
        for _ in range(OPERATIONS // 2):
            y = y * w
            y = y + b
        y.sum().backward()


class Torch(Recorded):
    """PyTorch, eager."""

    module = "torch"


class MyGrad(Recorded):
    """mygrad, its memory guard off."""

    module, options = "mygrad", {}

    def tensor(self, library, a):
        library.turn_memory_guarding_off()
        return library.tensor(a)

    def clear(self):
        for leaf in self.leaves:
            leaf.null_grad()


class DeZero(Recorded):
    """DeZero."""

    module, options = "dezero", {}

    def __init__(self):
        vars(np).setdefault("int", int)  # a name that it needs, and that NumPy no longer has
        super().__init__()

    def tensor(self, library, a):
        return library.Variable(a)

    def clear(self):
        for leaf in self.leaves:
            leaf.cleargrad()

    def step(self):
        import dezero.functions as F

        self.clear()
        y, w, b = self.leaves
        for _ in range(OPERATIONS // 2):
            y = y * w
            y = y + b
        F.sum(y).backward()


class Autograd:
    """HIPS autograd."""

    def __init__(self):
        import autograd
        import autograd.numpy as anp

        def loss(leaves):
            y, w, b = leaves
            for _ in range(OPERATIONS // 2):
                y = y * w
                y = y + b
            return anp.sum(y)

        self.grad = autograd.grad(loss)

    def step(self):
        self.grad((START, W, B))


CHAINS = {
    "numpy": ByHand,
    "minixattn": Recorded,
    "torch": Torch,
    "autograd": Autograd,
    "mygrad": MyGrad,
    "dezero": DeZero,
}
