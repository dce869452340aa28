"""What latents save: a training step of the Perceiver beside one of full self-attention.

    cost(PerceiverIO(), side=64)          # M = 4096 pixels: N M scores, linear in M
    cost(FullSelfAttention(), side=64)    # L M² scores

Read before: `perceiver.py`.
"""

import time
import tracemalloc
from typing import NamedTuple

import numpy as np

from ..creation import as_tensor
from ..data.pixels import grid
from ..nn import Linear
from ..threads import blas_threads
from ..workspace import release
from .perceiver import PerceiverIO


class Whole(Linear):
    """x W + b in the place of latents: all M pixels stay. It has no map."""

    def forward(self, x):
        """(B, M, C) → (B, M, D), None."""
        return super().forward(x), None


class FullSelfAttention(PerceiverIO):
    """What the Perceiver replaces: every pixel looks at every pixel, L M² scores.

    All as in `PerceiverIO`, but z = x W + b has a row for each pixel instead of each latent.

    Parameters
    ----------
    width, **options : as in `PerceiverIO`, which has N latents besides
    """

    equation = "z = x W + b, z ← Attend(z, z) L times, y ← Attend(q, z)"
    equations = PerceiverIO.equations | {
        "z": (r"z = x W + b, …, z \leftarrow \operatorname{Attend}(z, z)", "(B, M, D)"),
    }

    def __init__(self, *, width=64, **options):
        super().__init__(latents=1, width=width, **options)
        self.encode = Whole(self.encode.attention.context_dim, width)


class Cost(NamedTuple):
    """What one training step costs: M pixels, seconds of the processor, bytes at the peak."""

    pixels: int
    seconds: float
    bytes: int


def cost(model, side, repeats=3):
    """Measure a training step on one page of side x side pixels, on one BLAS thread.

    Parameters
    ----------
    model : PerceiverIO or FullSelfAttention
    side : height and width of the page
    repeats : how often to measure the time, of which the least counts

    Returns
    -------
    Cost; the memory is what NumPy asks for beyond the weights. Only ratios mean something on
    another machine.
    """
    device, dtype = model.q_class.device, model.q_class.dtype
    values = as_tensor(np.full((1, side * side, 1), 0.5), dtype=dtype, device=device)
    places, asked = (as_tensor(grid(n), dtype=dtype, device=device) for n in (side, 1))

    def step():
        digit, ink, _ = model(values, places, asked)
        (digit.sum() + ink.sum()).backward()
        model.zero_grad()

    def timed():
        start = time.process_time()
        step()
        return time.process_time() - start

    with blas_threads(1):
        step()  # warm up
        seconds = min(timed() for _ in range(repeats))
        peak = peak_of(step)
    return Cost(side * side, seconds, peak)


def peak_of(function):
    """The greatest number of bytes that a function holds at once beyond what is there already."""
    release()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        release()
