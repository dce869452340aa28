"""The products of a layer with its weights: who computes them, and in sums of what length.

    a b = Σ_j a_j b_j  over pieces j of the dimension that is summed

Added up one after another, the rounding errors of n terms grow with √n; added up in pieces, as √n
of a piece. Where it costs little, sums are cut.
"""

import numpy as np

from ..backend import namespace
from ..threads import blocks, get_num_threads, share, threads_pay
from ..workspace import empty
from .functional.merging import collect

PIECE = 128  # terms that are summed one after another
PIECES = 32  # at most
FEW, LITTLE = 64, 1 << 18  # rows that are few; numbers that are little memory


def multiplier(Q, K):
    """The product to use beside softmax(Q Kᵀ), with Q (B, h, L, d) and K (B, h, S, d).

    The matrix library's threads and Python's would fight for the cores. `dot` multiplies two
    matrices as `matmul` does, a microsecond sooner.
    """
    if threads_pay(Q, Q.size * K.shape[2]):
        return multiply_shared
    return np.ndarray.dot if namespace(Q) is np else np.matmul


def multiply_shared(a, b, out):
    """out = a b, whose rows are shared among the threads; of many sums for few numbers, pieces."""
    if len(b) > PIECE and PIECES * out.size <= LITTLE:
        return multiply_in_shared_pieces(a, b, out)
    size = -(-len(out) // (16 * get_num_threads())) * 16
    share(lambda i: np.matmul(a[i * size : (i + 1) * size], b, out=out[i * size : (i + 1) * size]),
          -(-len(out) // size))
    return out


def multiply_in_shared_pieces(a, b, out):
    """out = a b of long sums and few results, such as gᵀ x over all tokens."""
    pieces = blocks(slice(0, len(b)), max(PIECE, -(-len(b) // PIECES)))
    found = empty((len(pieces), *out.shape), out)
    share(lambda i: np.matmul(a[:, pieces[i]], b[pieces[i]], out=found[i]), len(pieces))
    return np.add.reduce(found, 0, out=out)


def multiply_rows(x, Wt, out, multiply):
    """out = x Wᵀ; of few rows in pieces, since reading W takes the time, whichever way."""
    if len(x) > FEW or len(Wt) < 2 * PIECE or multiply is not np.ndarray.dot:
        multiply(x, Wt, out=out)
    else:
        collect(x, Wt, out, PIECE)
