"""A rank among others, and what it can do: pass an array to its right-hand neighbour.

A communicator has `rank` (from 0), `size`, `sent` (bytes, so far) and

    comm.exchange(send, out)     # `send` goes to rank + 1, `out` is filled by rank − 1

in a ring. That is all; sums over ranks and attention over spread keys are made of it.

| communicator | the ranks are                       | made by                                |
|--------------|-------------------------------------|----------------------------------------|
| `Alone`      | one                                 | `ALONE`                                |
| `Ranks`      | processes, joined by MPI            | `world()` under mpiexec                |
| `Neighbour`  | threads of this process             | `together(n, function)`; to learn with |
"""

import os
import sys
import threading

import numpy as np

from ..errors import missing_extra

COUNTS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")  # how many processes mpiexec has started


class Alone:
    """The only rank: what it sends it gets."""

    rank, size, sent = 0, 1, 0

    def exchange(self, send, out):
        """Copy."""
        np.copyto(out, send)


ALONE = Alone()


class Ranks:
    """The processes that mpiexec started; `mpi` is an mpi4py communicator."""

    def __init__(self, mpi):
        self.mpi, self.rank, self.size, self.sent = mpi, mpi.Get_rank(), mpi.Get_size(), 0

    def exchange(self, send, out):
        """MPI's Sendrecv, in a ring."""
        right, left = (self.rank + 1) % self.size, (self.rank - 1) % self.size
        self.mpi.Sendrecv(np.ascontiguousarray(send), right, recvbuf=out, source=left)
        self.sent += send.nbytes


def world():
    """The communicator of this process: of all that mpiexec started, or `ALONE`.

    Raises
    ------
    ImportError
        If mpi4py is not installed, though mpiexec started several processes.
    RuntimeError
        If there is no MPI library, or the processes were started so that one that fails would
        leave the others waiting; the error says how to start them.
    """
    started = max(int(os.environ.get(name, "1")) for name in COUNTS)
    if started == 1 and "mpi4py" not in sys.modules:
        return ALONE
    if "mpi4py.run" not in sys.modules:
        raise RuntimeError(
            f"mpiexec started {started} processes, but without `-m mpi4py`: if one failed, the "
            f"others would wait for ever. Start them with mpiexec -n {started} python -m mpi4py -m "
            f"minixattn …"
        )
    try:
        from mpi4py import MPI
    except ImportError:
        raise missing_extra("mpi4py", "mpi", "training on several processes") from None
    except RuntimeError as error:  # what mpi4py raises without libmpi
        raise RuntimeError(
            f'mpi4py finds no MPI library ({error}): pip install "minixattn[mpi]" brings mpich.'
        ) from None
    return Ranks(MPI.COMM_WORLD)


# In one process ----------------------------------------------------------------------------------


class Neighbour:
    """One of several threads that pass arrays round; made by `together`."""

    def __init__(self, rank, boxes, barrier):
        self.rank, self.size, self.sent = rank, len(boxes), 0
        self.boxes, self.barrier = boxes, barrier

    def exchange(self, send, out):
        """Put into one's own box, wait for all, and take from the left neighbour's."""
        self.boxes[self.rank] = send.copy()
        self.barrier.wait()
        np.copyto(out, self.boxes[self.rank - 1])
        self.barrier.wait()
        self.sent += send.nbytes


def together(n, function):
    """Call `function(comm)` on n ranks at once, as threads of this process.

    Returns
    -------
    list of what each call returned, by rank

    Raises
    ------
    Exception
        The first that a rank raised; the others are let go.
    """
    boxes, barrier = [None] * n, threading.Barrier(n)
    found, failed = [None] * n, []

    def run(rank):
        try:
            found[rank] = function(Neighbour(rank, boxes, barrier))
        except threading.BrokenBarrierError:
            pass  # another rank failed
        except BaseException as error:
            failed.append(error)
            barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return found
