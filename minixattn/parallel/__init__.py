"""Several processes: the same model on each, or the keys of one attention spread over them.

    mpiexec -n 4 python -m mpi4py -m minixattn train dates      # data-parallel training

| file        | what it holds                                                              |
|-------------|----------------------------------------------------------------------------|
| `ranks.py`  | a rank and its right-hand neighbour: all that the others need of MPI       |
| `total.py`  | a sum over all ranks, passed round a ring                                  |
| `sharing.py`| data-parallel training: each rank a part of the batch, one gradient        |
| `ring.py`   | cross-attention whose keys and values are passed round a ring              |

Needs mpi4py and an MPI library: `pip install "minixattn[mpi]"` brings both.
"""

from .ranks import ALONE, together, world
from .ring import ring_attention
from .total import total

__all__ = ["ALONE", "ring_attention", "together", "total", "world"]
