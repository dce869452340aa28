"""Real processes under a real mpiexec: they agree to the last bit, and fail together."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minixattn as mx
from minixattn.nn.functional import scaled_dot_product_attention
from minixattn.runs import Run

pytest.importorskip("mpi4py", reason='needs pip install "minixattn[mpi]"')

BIN = Path(sys.executable).parent
SMALL = ["width=8", "heads=2", "hidden=8", "layers=1"]
RANKS = pytest.mark.parametrize("n", [2, 4])


def mpiexec(n, *command, **options):
    """Run on n ranks; never longer than two minutes."""
    return subprocess.run(
        [BIN / "mpiexec", "-n", str(n), sys.executable, "-m", "mpi4py", *map(str, command)],
        capture_output=True, text=True, timeout=120,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, **options,
    )  # fmt: skip


def train(n, folder, size, *more):
    return mpiexec(n, "-m", "minixattn", "train", "reverse", "--steps", 12, "--out", folder,
                   "--dtype", "float64", "--set", f"size={size}", *SMALL, *more)  # fmt: skip


def weights(folder):
    model = Run.open(folder).model
    return [p.detach().numpy() for p in model.parameters()]


def test_dates_on_four_ranks_are_those_of_one_process_with_four_times_the_batch(tmp_path):
    settings = {"width": 8, "heads": 2, "hidden": 8, "layers": 1}
    given = [f"{key}={value}" for key, value in settings.items()]
    done = mpiexec(4, "-m", "minixattn", "train", "dates", "--steps", 6, "--out", tmp_path / "four",
                   "--dtype", "float64", "--set", "size=4", *given)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "4 on each of 4 processes" in done.stdout and done.stdout.count("6 steps, ") == 1
    one = Run("dates", tmp_path / "one", dtype="float64", steps=6, size=16, **settings).train()
    for ours, p in zip(four_files(tmp_path / "four"), one.model.parameters(), strict=True):
        np.testing.assert_allclose(ours, p.detach().numpy(), rtol=1e-6, atol=1e-8)


def four_files(folder):
    """The weights that the first rank saved."""
    state = mx.load(folder / "weights.safetensors")
    model = Run("dates", folder.parent / "model", dtype="float64", width=8, heads=2, hidden=8,
                layers=1).model  # fmt: skip
    model.load_state_dict(state)
    return [p.detach().numpy() for p in model.parameters()]


def test_a_run_that_is_continued_on_two_ranks_ends_with_the_same_weights(tmp_path):
    assert train(2, tmp_path / "whole", 4).returncode == 0
    stopped = tmp_path / "stopped.py"
    stopped.write_text(
        "import sys\nfrom minixattn.trainer import Trainer\nfrom minixattn.cli import main\n"
        "after = Trainer.after_step\n"
        "def stop(self):\n"
        "    after(self)\n"
        "    if self.step == 7: raise RuntimeError('enough')\n"
        "Trainer.after_step = stop\nsys.exit(main(sys.argv[1:]))\n"
    )
    options = ["--steps", 12, "--out", tmp_path / "parts", "--dtype", "float64", "--set", "size=4"]
    broken = mpiexec(2, stopped, "train", "reverse", *options, *SMALL)
    assert broken.returncode != 0 and "enough" in broken.stderr
    assert train(2, tmp_path / "parts", 4, "--resume").returncode == 0
    for a, b in zip(saved(tmp_path / "whole"), saved(tmp_path / "parts"), strict=True):
        np.testing.assert_array_equal(a, b)


def saved(folder):
    return [x.numpy() for x in mx.load(folder / "weights.safetensors").values()]


@RANKS
def test_a_rank_that_fails_ends_all_with_its_error(tmp_path, n):
    script = tmp_path / "fails.py"
    script.write_text(
        "from minixattn.parallel import total, world\nimport numpy as np\n"
        "comm = world()\n"
        "for step in range(5):\n"
        "    if comm.rank == 1 and step == 3:\n"
        "        raise ValueError('rank 1 lost its data')\n"
        "    total(comm, np.ones(10))\n"
    )
    failed = mpiexec(n, script)
    assert failed.returncode != 0
    assert "rank 1 lost its data" in failed.stderr


@RANKS
def test_a_ring_of_processes_computes_and_differentiates_what_one_does(tmp_path, n):
    rng = np.random.default_rng(0)
    arrays = {name: rng.standard_normal((2, 2, length, 4)).astype("f4")
              for name, length in (("Q", 8), ("K", 12), ("V", 12), ("g", 8))}  # fmt: skip
    np.savez(tmp_path / "given.npz", **arrays)
    script = tmp_path / "ring.py"
    script.write_text(RING)
    done = mpiexec(n, script, tmp_path)
    assert done.returncode == 0, done.stderr
    whole = [mx.tensor(arrays[name], requires_grad=True) for name in "QKV"]
    expected = scaled_dot_product_attention(*whole)
    (expected * mx.tensor(arrays["g"])).sum().backward()
    ours = [np.load(tmp_path / f"{rank}.npz") for rank in range(n)]
    for name, theirs in zip("OQKV", (expected, *(t.grad for t in whole)), strict=True):
        found = np.concatenate([part[name] for part in ours], -2)
        np.testing.assert_allclose(found, theirs.detach().numpy(), rtol=1e-5, atol=1e-6)


RING = """
import sys
import numpy as np
import minixattn as mx
from minixattn.parallel import ring_attention, world

comm, folder = world(), sys.argv[1]
given = np.load(f"{folder}/given.npz")
Q, K, V = (mx.tensor(np.array_split(given[name], comm.size, -2)[comm.rank], requires_grad=True)
           for name in "QKV")
output = ring_attention(Q, K, V, comm)
g = np.array_split(given["g"], comm.size, -2)[comm.rank]
(output * mx.tensor(g)).sum().backward()
found = zip("OQKV", (output, Q.grad, K.grad, V.grad))
np.savez(f"{folder}/{comm.rank}.npz", **{name: t.detach().numpy() for name, t in found})
"""


@RANKS
def test_the_bytes_that_are_sent_are_those_of_the_formulas(n):
    root = Path(__file__).parents[2]
    done = mpiexec(n, "-m", "benchmarks.parallel", "--json", cwd=root)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ranks"] == n
    for name, (sent, expected) in found["bytes"].items():
        assert sent == expected > 0, name


def test_without_m_mpi4py_nothing_is_begun():
    run = subprocess.run(
        [BIN / "mpiexec", "-n", "2", sys.executable, "-m", "minixattn", "train", "reverse"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode != 0
    assert "without `-m mpi4py`" in run.stderr
