"""The machine: what it is, and how fast its two limits are, multiplying and moving."""

import os
import platform
import time
from importlib import metadata

import numpy as np

LIBRARIES = ("numpy", "torch", "jax", "autograd", "mygrad", "tinygrad", "dezero")


def model():
    """The processor's name."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(s.partition(":")[2].strip() for s in lines if s.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def versions():
    """The libraries that are installed, with their versions."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def describe():
    """Processor, cores, system, Python and libraries."""
    return {
        "processor": model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": versions(),
    }


def best(work, repeats=7):
    """The shortest time of some repeats, in seconds."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


class Product:
    """One product of two 2048 x 2048 matrices, for the race called "speed"."""

    n = 2048
    flops = 2 * n**3

    def __init__(self):
        self.a, self.b, self.c = (np.ones((self.n, self.n), np.float32) for _ in range(3))

    def step(self):
        np.matmul(self.a, self.b, out=self.c)


def gigabytes_per_second():
    """Reading and writing together, in a copy far larger than any cache."""
    a, b = np.ones(1 << 26, np.float32), np.empty(1 << 26, np.float32)
    b.fill(0)
    return 2 * a.nbytes / best(lambda: np.copyto(b, a)) / 1e9
