"""The bytes that ranks send, beside what the formulas say: run it under mpiexec.

    mpiexec -n 4 python -m mpi4py -m benchmarks.parallel

A communicator counts what it hands to MPI. The formulas are those of `minixattn/parallel/`: a total
of a model's gradients, and attention round a ring, forward and backward.
"""

import argparse
import json

import numpy as np

import minixattn as mx
from minixattn.models import Transformer
from minixattn.parallel import ring_attention, total, world
from minixattn.parallel.ring import bytes_of_ring
from minixattn.parallel.total import bytes_of_total

B, H, L, S, D = 2, 4, 256, 512, 32


def sent_by(comm, task):
    """What all ranks send while each does something, and what that returns."""
    before = comm.sent
    result = task()
    own = np.array([comm.sent - before], np.float64)
    return int(total(comm, own)[0]), result


def measure(comm):
    """{what: [bytes sent, bytes by the formula]}."""
    model = Transformer(266, 14, width=64, heads=4, layers=2, longest=40)
    weights = sum(p.numel() for p in model.parameters())
    gradients = np.ones(weights, np.float32)
    mx.manual_seed(comm.rank)
    n = comm.size
    Q, K, V = (mx.randn(B, H, length // n, D, requires_grad=True) for length in (L, S, S))
    compared, _ = sent_by(comm, lambda: (total(comm, np.zeros(8)), total(comm, np.zeros(n))))
    found, output = sent_by(comm, lambda: ring_attention(Q, K, V, comm))
    back, _ = sent_by(comm, (output * output).sum().backward)
    return {
        f"a step's gradients, {weights:,} weights": [
            sent_by(comm, lambda: total(comm, gradients))[0], bytes_of_total(weights, n),
        ],
        "a ring, forward": [found - compared, bytes_of_ring(B, H, S, D, D, n)],
        "a ring, backward": [back, bytes_of_ring(B, H, S, D, D, n, backward=True)],
    }  # fmt: skip


def main(given=None):
    """Measure, and let the first rank print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parallel", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen, comm = parser.parse_args(given), world()
    found = measure(comm)
    if comm.rank:
        return
    if chosen.json:
        print(json.dumps({"ranks": comm.size, "bytes": found}))
        return
    print(f"{comm.size} ranks" + " " * 38 + "bytes sent      by the formula")
    for name, (sent, expected) in found.items():
        print(f"  {name:<42}{sent:>12,}{expected:>20,}")


if __name__ == "__main__":
    main()
