"""The race: a process for each peer, turns taken, medians of the undisturbed samples."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from .clean import TOLERATED
from .work import THREADS

ROOT = Path(__file__).parents[1]
PAUSE = 0.15  # OpenBLAS threads wait busily for a tenth of a second after their last product
LEAST = 3  # clean samples of a slow peer


class Worker:
    """A peer in its process, warm when this returns; `skipped` says why where it is not."""

    def __init__(self, contest, name, *options):
        threads = str(THREADS)
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", contest, name, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=ROOT, env=os.environ | dict.fromkeys(names, threads),
        )  # fmt: skip
        found = self.answer()
        self.skipped, self.peak_mib = found.get("skipped"), found.get("peak_mib")
        self.samples, self.spent = [], 0.0

    def answer(self):
        """What the process says next; where it died, its last words as a reason to skip it."""
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        words = self.process.stderr.read().strip().splitlines() or ["it died without a word"]
        return {"skipped": words[-1][:90]}

    def ask(self, command, argument):
        """Send a command and wait for the answer."""
        self.process.stdin.write(f"{command} {argument}\n")
        self.process.stdin.flush()
        return self.answer()

    def take_turn(self, seconds):
        """One more sample."""
        begun = time.perf_counter()
        found = self.ask("time", seconds)
        if "skipped" in found:
            self.skipped = found["skipped"]
        else:
            self.samples.append(found)
        self.spent += time.perf_counter() - begun

    def clean(self):
        """Seconds of a step in each sample that no other program disturbed."""
        return [s["step"] for s in self.samples if s["others"] < TOLERATED]

    def done(self, rounds, patience):
        """Whether there are enough clean samples: `rounds`, or a few when they take long."""
        n = len(self.clean())
        return self.skipped or n >= rounds or (n >= LEAST and self.spent > patience)

    def result(self):
        """The numbers of this peer, for the tables and for JSON."""
        if self.skipped or not self.samples:
            return {"skipped": self.skipped or "there was no time for it"}
        clean, every = self.clean(), [s["step"] for s in self.samples]
        return {
            "ms": 1e3 * (statistics.median(clean) if clean else min(every)),
            "best_ms": 1e3 * min(clean or every),
            "clean": len(clean),
            "samples": len(every),
            "peak_mib": self.peak_mib,
        }

    def close(self):
        """Let the process end."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()
        self.process.wait()


def race(contest, names, *, rounds=7, seconds=0.25, limit=120.0, say=print):
    """Time the peers of one contest.

    Parameters
    ----------
    contest : name of a size (work.py) or of another contest (contests.py)
    names : of the peers
    rounds : how many clean samples each should have
    seconds : length of a sample; one step where that takes longer
    limit : seconds, once all are warm, after which to stop, whatever was had by then

    Returns
    -------
    dict from peer to {"ms", "best_ms", "clean", "samples", "peak_mib"} or {"skipped": reason}
    """
    workers = {}
    try:
        for name in names:
            worker = workers[name] = Worker(contest, name)
            if worker.skipped:
                say(f"  {name}: skipped ({worker.skipped})")
        patience, begun = limit / len(workers), time.monotonic()
        while time.monotonic() - begun < limit:
            waiting = [w for w in workers.values() if not w.done(rounds, patience)]
            if not waiting:
                break
            for worker in waiting:
                worker.take_turn(seconds)
                time.sleep(PAUSE)
        return {name: worker.result() for name, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.close()


def gradients(size, name, dtype):
    """The gradients of one peer's first step: dict of float64 arrays, or the reason for none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gradients.npz"
        worker = Worker(size, name, dtype, path)
        worker.close()
        if worker.skipped:
            return worker.skipped
        with np.load(path) as found:
            return {n: found[n].astype(float) for n in found.files}


def garbage(contest, names, steps=2000, say=print):
    """What `steps` steps without the garbage collector leave behind, for each peer."""
    found = {}
    for name in names:
        worker = Worker(contest, name)
        skipped = {"skipped": worker.skipped}
        found[name] = skipped if worker.skipped else worker.ask("garbage", steps)
        worker.close()
        if "skipped" in found[name]:
            say(f"  {name}: skipped ({found[name]['skipped']})")
    return found
