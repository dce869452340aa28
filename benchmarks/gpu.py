"""The same step on a GPU: `python -m benchmarks.gpu [--sizes large,8x1024x1024x1024x16]`.

minixattn through CuPy against PyTorch's layer, its fused attention and jax.jit, in float32 (without
tf32) and, with `--mixed`, under autocast. Each sample ends when the GPU has finished. One process,
since a GPU is not disturbed by threads that wait; the peers take turns, and medians are compared.
The floor is the step's products at the rate of one large product, and each number of `work.py`
moved once at the rate of a large copy. Results go to `results/gpu-NAME.json`, with driver and
versions.
"""

import argparse
import contextlib
import json
import os
import statistics
import time
from pathlib import Path

from . import machine
from . import peers_others as others
from .peers import Cross, CrossLean, TorchMultihead, TorchMultiheadLean, TorchSDPA
from .work import RATE, size_of

SIZES = ",".join(
    "32x10x20x512x8 8x256x256x512x8 4x1024x1024x1024x16 1x4096x4096x1024x16 2x2048x2048x4096x32 "
    "1x16384x16384x512x8".split()
)
DRIVER = Path("/proc/driver/nvidia/version")
PROBE = 8192  # rows and columns of the matrices that the rates are measured with
RESULTS = Path(__file__).parent / "results"
OURS = {"cross": Cross, "cross-lean": CrossLean}
TORCHS = {
    "torch-mha": TorchMultihead, "torch-mha-lean": TorchMultiheadLean, "torch-sdpa": TorchSDPA,
}  # fmt: skip


def ours(kind, size, mixed):
    """(step, wait) of one of our layers."""
    import minixattn as mx

    peer = kind(size, "float32")
    peer.x, peer.y = (t.detach().to("cuda").requires_grad_() for t in (peer.x, peer.y))
    peer.layer = peer.layer.to("cuda")
    peer.optimizer = mx.optim.SGD(peer.layer.parameters(), lr=RATE)
    wait = mx.backend.library("cuda").cuda.get_current_stream().synchronize
    return within(peer, mx.autocast("cuda", enabled=mixed)), wait


def torchs(kind, size, mixed):
    """(step, wait) of one of PyTorch's."""
    import torch

    with torch.device("cuda"):  # where its tensors and layers are made
        peer = kind(size, "float32")
    block = torch.autocast("cuda", dtype=torch.float16, enabled=mixed)
    return within(peer, block), torch.cuda.synchronize


def jaxs(kind, size, mixed):
    """(step, wait) of jax's, in full float32 and without taking the whole memory for itself."""
    if mixed:
        raise ValueError("measured in float32 only")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax

    jax.config.update("jax_default_matmul_precision", "highest")
    return kind(size, "float32").step, lambda: None  # a step ends when it is finished


PEERS = {
    **{name: (ours, kind) for name, kind in OURS.items()},
    **{name: (torchs, kind) for name, kind in TORCHS.items()},
    "jax": (jaxs, others.Jax),
}


def within(peer, block):
    """The peer's step inside a block."""

    def step():
        with block:
            peer.step()

    return step


def seconds(step, wait, n):
    """How long a step takes, of n in a row that the GPU has finished."""
    wait()
    begun = time.perf_counter()
    for _ in range(n):
        step()
    wait()
    return (time.perf_counter() - begun) / n


def compare(name, peers, mixed, rounds, say=print):
    """{peer: milliseconds of a step, or the reason for none} for one size."""
    size, steps, found = size_of(name), {}, {}
    for peer in peers:
        make, kind = PEERS[peer]
        try:
            step, wait = make(kind, size, mixed)
            seconds(step, wait, 3)  # compiles and fills the memory pool
            steps[peer] = step, wait, max(1, round(0.2 / seconds(step, wait, 1)))
        except Exception as error:  # whatever a library says, the others go on
            found[peer] = (str(error) or repr(error)).splitlines()[0][:90]
    samples = {peer: [] for peer in steps}
    for _ in range(rounds):
        for peer, (step, wait, n) in steps.items():
            samples[peer].append(seconds(step, wait, n))
    found |= {peer: 1e3 * statistics.median(taken) for peer, taken in samples.items()}
    eager = found.get("torch-mha")
    for peer, ms in found.items():
        line = ms if isinstance(ms, str) else f"{ms:9.3f} ms"
        if isinstance(ms, float) and isinstance(eager, float):
            line += f"{ms / eager:8.2f} of torch-mha"
        say(f"  {peer:<15}{line}")
    return found


def rates():
    """(operations, bytes) that the GPU does in a second: a large product, and a large copy."""
    from minixattn import backend

    xp = backend.library("cuda")
    wait = xp.cuda.get_current_stream().synchronize
    a = xp.random.default_rng(0).standard_normal((PROBE, PROBE), dtype=xp.float32)
    b = xp.empty_like(a)
    product, copy = (lambda: xp.matmul(a, a, out=b)), (lambda: xp.copyto(b, a))
    found = []
    for task, work in (product, 2 * PROBE**3), (copy, 2 * a.nbytes):
        task()
        found.append(work / min(seconds(task, wait, 5) for _ in range(3)))
    return found


def describe():
    """The GPU, its driver and CUDA's version, beside what `machine.describe` says."""
    from minixattn import backend

    cupy = backend.library("cuda")
    properties = cupy.cuda.runtime.getDeviceProperties(0)
    name = properties["name"]
    return machine.describe() | {
        "gpu": name.decode() if isinstance(name, bytes) else name,
        "driver": driver(),
        "driver's cuda": cupy.cuda.runtime.driverGetVersion(),
        "cuda": cupy.cuda.runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
    }


def driver():
    """What the driver calls itself, such as "NVIDIA UNIX x86_64 Kernel Module  580.159.04"."""
    with contextlib.suppress(FileNotFoundError):
        return DRIVER.read_text().splitlines()[0].removeprefix("NVRM version:").strip()
    return None


def main(given=None):
    """Measure, save, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--sizes", default=SIZES, help="BxLxSxExh, or names (%(default)s)")
    parser.add_argument("--peers", default=",".join(PEERS), help="who takes part (%(default)s)")
    parser.add_argument("--mixed", action="store_true", help="under autocast, in float16")
    parser.add_argument("--rounds", type=int, default=7, help="samples of each peer (%(default)s)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    chosen = parser.parse_args(given)
    about = describe()
    path = chosen.out / f"gpu-{about['gpu'].replace(' ', '-')}.json"
    results = {}
    with contextlib.suppress(FileNotFoundError):
        results = json.loads(path.read_text(encoding="utf-8"))
    results["machine"] = about
    operations, moved = rates()
    results["rates"] = {"float32 TFLOP/s": operations / 1e12, "copied GB/s": moved / 1e9}
    print(results["rates"])
    part = results.setdefault("float16" if chosen.mixed else "float32", {})
    for name in chosen.sizes.split(","):
        size = size_of(name)
        floor = 1e3 * (size.flops / operations + size.bytes_moved / moved)
        print(f"{name}  floor in float32 {floor:.3f} ms")
        found = compare(name, chosen.peers.split(","), chosen.mixed, chosen.rounds)
        part[name] = found | {"floor of float32": floor}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
