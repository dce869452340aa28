"""The products of a layer with its weights: who computes them, and in sums of what length.

    a b = Σ_j a_j b_j  over pieces j of the dimension that is summed

Added up one after another, the rounding errors of n terms grow with √n; added up in pieces, as √n
of a piece. OpenBLAS adds up 256 terms and more. A cut costs another pass over the result, and two
threads of the matrix library wait for it: so they cut on the way forward only, from which all else
follows.
"""

import numpy as np

from ..backend import namespace
from ..threads import blocks, get_num_threads, share, threads_pay
from ..workspace import empty
from .functional.merging import collect

PIECE = 128  # terms that are summed one after another
PIECES = 32  # at most
LITTLE = 1 << 18  # numbers that are little memory


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
    rows = blocks(slice(0, len(out)), size)
    share(lambda i: multiply_in_pieces(a[rows[i]], b, out[rows[i]]), len(rows))
    return out


def multiply_in_shared_pieces(a, b, out):
    """out = a b of long sums and few results, such as gᵀ x over all tokens."""
    pieces = blocks(slice(0, len(b)), max(PIECE, -(-len(b) // PIECES)))
    found = empty((len(pieces), *out.shape), out)
    share(lambda i: np.matmul(a[:, pieces[i]], b[pieces[i]], out=found[i]), len(pieces))
    return np.add.reduce(found, 0, out=out)


def multiply_in_pieces(a, b, out):
    """out = a b, of sums that are cut."""
    return collect(a, b, out, PIECE)


def multiply_rows(x, Wt, out, multiply):
    """out = x Wᵀ, of cut sums also where `multiply` does not cut."""
    if multiply is np.ndarray.dot and len(Wt) > PIECE:
        multiply_in_pieces(x, Wt, out)
    else:
        multiply(x, Wt, out=out)
