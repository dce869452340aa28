"""The work that everyone does: one training step of multi-head cross-attention.

    Q = x W_Qᵀ + b_Q,  K = y W_Kᵀ + b_K,  V = y W_Vᵀ + b_V
    A = softmax(Q Kᵀ / √d) for each head,  out = concat(A V) W_Oᵀ + b_O,  loss = Σ out²
    gradients of the eight parameters and of x and y;  θ ← θ − rate · ∂loss/∂θ
"""

from typing import NamedTuple

import numpy as np

WEIGHTS, BIASES = ("W_Q", "W_K", "W_V", "W_O"), ("b_Q", "b_K", "b_V", "b_O")
PARAMETERS = WEIGHTS + BIASES
RATE = 1e-9  # so small that thousands of steps leave the numbers where they are
THREADS = 2  # for everyone


class Size(NamedTuple):
    """B batch, L queries, S keys, E width, h heads."""

    B: int
    L: int
    S: int
    E: int
    h: int

    @property
    def d(self):
        """Width of a head."""
        return self.E // self.h

    @property
    def scores(self):
        """How many numbers the attention matrices of all heads have."""
        return self.B * self.h * self.L * self.S

    @property
    def flops(self):
        """Floating-point operations of the matrix products of a step, forward and backward.

        Three for each of the four projections (one forward, two backward), six for Q Kᵀ and A V.
        """
        projections = 12 * self.B * self.E**2 * (self.L + self.S)
        return projections + 12 * self.B * self.L * self.S * self.E

    @property
    def bytes_moved(self):
        """The least that a float32 step reads and writes, were every number touched once.

        x, y, out, their gradients; each parameter read twice and written, its gradient written
        and read.
        """
        streams = 2 * self.B * self.E * (2 * self.L + self.S)
        return 4 * (streams + 5 * (4 * self.E**2 + 4 * self.E))


SIZES = {
    "tiny": Size(8, 10, 12, 32, 4),
    "small": Size(2, 10, 20, 512, 8),
    "medium": Size(32, 10, 20, 512, 8),
    "large": Size(8, 256, 256, 512, 8),
    "long": Size(1, 4096, 4096, 256, 4),
    "huge": Size(1, 16384, 16384, 64, 1),
}
LENGTHS = tuple(256 * 2**i for i in range(7))  # of the picture


def size_of(name):
    """The size called `name`: one of SIZES, or B x L x S x E x h in numbers, "2x10x20x512x8"."""
    if name in SIZES:
        return SIZES[name]
    numbers = name.split("x")
    if len(numbers) != 5 or not all(n.isdigit() and int(n) for n in numbers):
        raise ValueError(
            f"unknown size {name!r}: one of {', '.join(SIZES)}, or five numbers "
            f"BxLxSxExh such as 2x10x20x512x8."
        )
    size = Size(*map(int, numbers))
    if size.E % size.h:
        raise ValueError(f"size {name!r}: E = {size.E} is not a multiple of h = {size.h}.")
    return size


def length(L):
    """The name of the picture's size with L queries and keys: one head of width 64."""
    return f"1x{L}x{L}x64x1"


def problem(size, dtype="float32"):
    """The same numbers for everyone: a dict of the parameters, x (B, L, E) and y (B, S, E)."""
    rng, E = np.random.default_rng(0), size.E
    shapes = dict.fromkeys(WEIGHTS, (E, E)) | dict.fromkeys(BIASES, (E,))
    bound = E**-0.5
    p = {name: rng.uniform(-bound, bound, s).astype(dtype) for name, s in shapes.items()}
    x, y = (rng.standard_normal((size.B, n, E)).astype(dtype) for n in (size.L, size.S))
    return p, x, y
