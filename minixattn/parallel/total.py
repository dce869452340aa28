"""A sum over all ranks, passed round a ring (Patarasuk and Yuan 2009).

    1. n − 1 times: pass one n-th of the array on, add what comes in to the next n-th
    2. n − 1 times: pass on the n-th that is complete

Each n-th is added up in one order, on one rank, and then copied: so all ranks end with the very
same bits, which a library's own reduction need not promise.

A rank sends 2 (n − 1)/n of the array's bytes, however many ranks there are.
"""

import numpy as np


def total(comm, x):
    """Σ over the ranks, written into x; returns x.

    Parameters
    ----------
    comm : a communicator, see `ranks.py`
    x : array, contiguous, of one shape and type on all ranks
    """
    n, rank = comm.size, comm.rank
    if n == 1:
        return x
    pieces = np.array_split(x.reshape(-1), n)  # views
    for turn in range(n - 1):
        mine, next_one = pieces[(rank - turn) % n], pieces[(rank - turn - 1) % n]
        coming = np.empty_like(next_one)
        comm.exchange(mine, coming)
        next_one += coming
    for turn in range(n - 1):
        comm.exchange(pieces[(rank + 1 - turn) % n], pieces[(rank - turn) % n])
    return x


def bytes_of_total(size, n, itemsize=4):
    """The bytes that all n ranks send for a `total` of `size` numbers: 2 (n − 1) · size · itemsize.

    The pieces may differ by one number, so one rank may send a few bytes more than another.
    """
    return 2 * (n - 1) * size * itemsize


def alike(comm, x):
    """Whether an array of numbers is the same, to the last bit, on all ranks."""
    left = np.empty_like(x)
    comm.exchange(x, left)
    differ = np.array([not np.array_equal(left, x)], np.float64)
    return not total(comm, differ).any()
