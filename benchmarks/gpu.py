"""The same step on a GPU: `python -m benchmarks.gpu [--sizes large,8x1024x1024x1024x16]`.

minixattn through CuPy against PyTorch's layer and its fused attention, in float32 and, with
`--mixed`, under autocast. Each sample ends when the GPU has finished. One process, since a GPU is
not disturbed by threads that wait; the peers take turns, and medians are compared. Results go to
`results/gpu-NAME.json`, with driver and versions.
"""

import argparse
import contextlib
import json
import statistics
import time
from pathlib import Path

from . import machine
from .peers import Cross, CrossLean, TorchMultihead, TorchMultiheadLean, TorchSDPA
from .work import RATE, size_of

SIZES = "32x10x20x512x8,8x256x256x512x8,4x1024x1024x1024x16,1x4096x4096x1024x16,1x16384x16384x512x8"
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
    block = mx.autocast("cuda", enabled=mixed)
    return within(peer, block), mx.backend.library("cuda").cuda.get_current_stream().synchronize


def torchs(kind, size, mixed):
    """(step, wait) of one of PyTorch's."""
    import torch

    with torch.device("cuda"):  # where its tensors and layers are made
        peer = kind(size, "float32")
    block = torch.autocast("cuda", dtype=torch.float16, enabled=mixed)
    return within(peer, block), torch.cuda.synchronize


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


def compare(name, mixed, rounds, say=print):
    """{peer: milliseconds of a step, or the reason for none} for one size."""
    size, steps, found = size_of(name), {}, {}
    makers = {n: (ours, k) for n, k in OURS.items()} | {n: (torchs, k) for n, k in TORCHS.items()}
    for peer, (make, kind) in makers.items():
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
    for peer, ms in found.items():
        say(f"  {name} {peer}: {ms if isinstance(ms, str) else f'{ms:.3f} ms'}")
    return found


def describe():
    """The GPU, its driver and CUDA's version, beside what `machine.describe` says."""
    from minixattn import backend

    cupy = backend.library("cuda")
    properties = cupy.cuda.runtime.getDeviceProperties(0)
    name = properties["name"]
    return machine.describe() | {
        "gpu": name.decode() if isinstance(name, bytes) else name,
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "cuda": cupy.cuda.runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
    }


def main(given=None):
    """Measure, save, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--sizes", default=SIZES, help="BxLxSxExh, or names (%(default)s)")
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
    part = results.setdefault("float16" if chosen.mixed else "float32", {})
    for name in chosen.sizes.split(","):
        part[name] = compare(name, chosen.mixed, chosen.rounds)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
