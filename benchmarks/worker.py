"""One entrant in a process of its own: `python -m benchmarks.worker CONTEST PEER DTYPE [FILE]`.

With FILE it writes the gradients of its first step there, an .npz. Without, it warms up, says
{"peak_mib": …}, then reads commands, a line each, and answers each with a line of JSON:

    time SECONDS     steps for about so long -> {"step": seconds, "others": share of the machine}
    garbage STEPS    so many steps without garbage collector -> {"unreachable", "growth_mib"}

Where it cannot take part it says {"skipped": reason}.
"""

import gc
import json
import os
import sys
import time

import numpy as np

from . import contests
from .clean import Watch
from .memory import current_mib, peak_mib, reset_peak
from .work import THREADS


def start(contest, name):
    """The entrant when it is warm, the peak memory of its first two steps, and seconds of a step.

    Memory is counted in MiB, beyond the entrant's inputs. A step of the smallest size comes before,
    to load what the library loads on first use.
    """
    if contest not in contests.SMALL:
        contests.build("tiny", name).step()
    peer = contests.build(contest, name)
    before = current_mib()
    reset_peak()
    peer.step()
    took = seconds_of(peer.step)
    peak = peak_mib()
    for _ in range(3):
        if took < 1:
            took = seconds_of(peer.step)
    return peer, None if peak is None else peak - before, took


def seconds_of(step):
    """How long one step takes."""
    begun = time.perf_counter()
    step()
    return time.perf_counter() - begun


def sample(step, seconds, guess):
    """Seconds of a step, from about `seconds` of steps, and what other programs used meanwhile."""
    n = max(1, round(seconds / guess))
    if guess < 0.5:
        step()  # wakes the threads
    watch, begun = Watch(), time.perf_counter()
    for _ in range(n):
        step()
    took = time.perf_counter() - begun
    return {"step": took / n, "others": watch.others()}


def garbage(step, steps):
    """What so many steps leave behind that only the garbage collector finds, and the growth."""
    for _ in range(100):
        step()
    before = current_mib()
    gc.disable()
    for _ in range(steps):
        step()
    unreachable = gc.collect()
    gc.enable()
    after = current_mib()
    return {"unreachable": unreachable, "growth_mib": None if after is None else after - before}


def serve(peer, guess, commands, answer):
    """Do what each line asks until there are no more."""
    for line in commands:
        command, argument = line.split()
        if command == "garbage":
            answer(garbage(peer.step, int(argument)))
            continue
        found = sample(peer.step, float(argument), guess)
        guess = min(guess, found["step"])
        answer(found)


def main(contest, name, dtype="float32", file=None):
    """Run one entrant for the commands on standard input, or write its gradients."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not come between the answers

    def answer(found):
        print(json.dumps(found), file=out, flush=True)

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    try:
        if file:
            peer = contests.build(contest, name, dtype)
            peer.step()
            np.savez(file, **peer.gradients())
            answer({})
            return
        peer, peak, guess = start(contest, name)
    except Exception as error:  # whatever a library says, the others go on
        answer({"skipped": (str(error) or repr(error)).splitlines()[0][:90]})
        return
    answer({"peak_mib": peak})
    serve(peer, guess, sys.stdin, answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
