"""A run that is killed at random moments, for real, and continued, ends with the very same weights.

Every kill is a SIGKILL: the process has no chance to put anything in order.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training_runs import STEPS, assert_same, made, state_of

SCRIPT = Path(__file__).with_name("training_runs.py")
ROOT = SCRIPT.parents[1]
PAUSE = 0.004  # seconds in every step, so that a run lasts long enough to be hit

on_unix = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")


def started(folder, pause=PAUSE):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), str(pause)], env=environment,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def newest(folder):
    """The newest checkpoint's name, and how many files there are."""
    return sorted(path.name for path in folder.glob("checkpoint-*"))[-1:]


def kill_after_progress(process, folder, chance):
    """Wait until the run has written something new, then a random moment, then kill it."""
    before, deadline = newest(folder), time.monotonic() + 60
    while process.poll() is None and newest(folder) == before and time.monotonic() < deadline:
        time.sleep(0.0005)
    time.sleep(chance.uniform(0, 0.05))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode


def assert_ended_like(folder, whole):
    trainer = made(folder)
    trainer.restore()
    assert trainer.step == STEPS
    assert_same(state_of(trainer), state_of(whole))


@on_unix
@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_random_moments_it_ends_as_if_it_never_was(seed, tmp_path):
    whole = made(tmp_path / "whole").run()
    folder, chance, kills = tmp_path / "killed", random.Random(seed), 0
    for _ in range(8):
        kills += kill_after_progress(started(folder), folder, chance) == -signal.SIGKILL
    last = started(folder, 0)
    _, said = last.communicate(timeout=60)
    assert (last.returncode, said) == (0, "")
    assert kills >= 4
    assert_ended_like(folder, whole)
    lines = [(tmp_path / run / "metrics.csv").read_text() for run in ("whole", "killed")]
    assert lines[0] == lines[1]
    assert not list(folder.glob("*.tmp"))


@on_unix
def test_killed_while_it_writes_a_checkpoint_it_has_the_ones_before(tmp_path):
    """Writing is slow here, so that the kill falls into it: half a file lies there."""
    folder = tmp_path / "run"
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[2]); import training_runs\n"
        "from minixattn import checkpoints\n"
        "def slow(path, content):\n"
        "    if '00000030' not in str(path): return plain(path, content)\n"
        "    with open(f'{path}.0f.tmp', 'wb') as file:\n"
        "        file.write(content[: len(content) // 2]); file.flush(); time.sleep(60)\n"
        "plain, checkpoints.replace = checkpoints.replace, slow\n"
        "training_runs.made(sys.argv[1]).run()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(SCRIPT.parent)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    deadline = time.monotonic() + 60
    while not list(folder.glob("*00030*.tmp")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(0.05)
    process.kill()
    process.wait()
    assert sorted(p.name for p in folder.glob("checkpoint-*")) == [
        "checkpoint-00000020.npz", "checkpoint-00000025.npz", "checkpoint-00000030.npz.0f.tmp",
    ]  # fmt: skip
    made(folder).run(resume=True)
    assert_ended_like(folder, made().run())
    assert not list(folder.glob("*.tmp"))


def test_with_its_newest_checkpoint_cut_anywhere_it_ends_the_same(tmp_path):
    whole, chance = made().run(), random.Random(7)
    for trial in range(6):
        folder = tmp_path / str(trial)
        with pytest.raises(KeyboardInterrupt):
            made(folder, callbacks=[Stop(chance.randrange(11, STEPS))]).run()
        path = folder / newest(folder)[0]
        path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])
        with pytest.warns(UserWarning, match="damaged or cut short.* Going back to"):
            made(folder).run(resume=True)
        assert_ended_like(folder, whole)


class Stop:
    """Ctrl-C after a step."""

    def __init__(self, at):
        self.at = at

    def __call__(self, trainer):
        if trainer.step == self.at:
            raise KeyboardInterrupt
