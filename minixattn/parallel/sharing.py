"""Data-parallel training: each rank has the model, and its share of every batch.

    g ← 1/n Σ_r g_r,  the mean of the ranks' gradients, the same on each to the last bit

All ranks draw the same batches of n · B examples, and rank r takes the examples from r B up to
(r + 1) B: so n ranks with B do what one process does with n · B. (Where a loss is a mean over
tokens, the mean of the ranks' means is that of all only if they have equally many, as dates have.)

What it costs: a rank sends 2 (n − 1)/n · 4 bytes for each weight and step, and computes an n-th of
the flops. With 250,000 weights and 4 ranks that is 1.5 MB a step, which has to take less time than
the flops that are saved.
"""

import hashlib

import numpy as np

from .ranks import ALONE
from .total import alike, total


class Sharing:
    """What a `Trainer` does differently where there are several ranks.

    Parameters
    ----------
    comm : a communicator, see `ranks.py`
    """

    def __init__(self, comm=ALONE):
        self.comm = comm
        self.first = comm.rank == 0  # who reports and writes

    def share_of(self, batch, size):
        """This rank's examples of a batch of `size` for each rank."""
        if self.comm.size == 1:
            return batch
        rows = slice(self.comm.rank * size, (self.comm.rank + 1) * size)
        return type(batch)(*(part[rows] for part in batch))

    def average(self, parameters, numbers):
        """Average the gradients over the ranks, in place, and the numbers; returns these.

        Parameters
        ----------
        parameters : of the model, on the CPU or a GPU
        numbers : list of float, such as the loss
        """
        if self.comm.size == 1:
            return numbers
        grads = [p.grad.array for p in parameters if p.grad is not None]
        flat = np.concatenate([on_cpu(g).reshape(-1) for g in grads])
        total(self.comm, flat)
        flat /= self.comm.size
        stop = 0
        for g in grads:
            start, stop = stop, stop + g.size
            g[...] = like(g, flat[start:stop].reshape(g.shape))
        return (total(self.comm, np.array(numbers, np.float64)) / self.comm.size).tolist()

    def check_alike(self, parameters):
        """Raise RuntimeError unless all ranks hold the same weights, to the last bit."""
        digest = hashlib.sha256()
        for p in parameters:
            digest.update(on_cpu(p.array).tobytes())
        number = np.frombuffer(digest.digest(), np.uint8).astype(np.float64)
        if not alike(self.comm, number):
            raise RuntimeError(
                f"the ranks' weights differ (seen from rank {self.comm.rank} of {self.comm.size}): "
                f"they must run the same code, with the same versions, on the same data."
            )


def on_cpu(array):
    """An array as NumPy has it."""
    return array if isinstance(array, np.ndarray) else array.get()


def like(g, array):
    """A NumPy array where g is."""
    return array if isinstance(g, np.ndarray) else type(g)(array.shape, array.dtype, array)
