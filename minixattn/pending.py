"""Questions about values on a GPU that nobody waits for.

Is every index in range? Does the mask forbid some query every key? The CPU answers at once. A GPU
works through a queue, and asking would hold Python up until all that was queued before is done,
several times a step. So there the question joins the queue too, and its answer is read where the
program waits for values anyway: at `item()`, `tolist()`, `numpy()`, `cpu()`, or when a tensor is
printed. No number that came of a wrong index is seen before the error is.

`CUDA_LAUNCH_BLOCKING=1`, which makes a GPU finish each task before the next, makes questions be
answered on the spot too, so that the traceback ends where the cause is.
"""

import os

import numpy as np

MOST = 1 if os.environ.get("CUDA_LAUNCH_BLOCKING") == "1" else 256  # questions that may wait

questions = []  # (flag on the GPU, what to call if it is true)


def ask(flags, act):
    """Call `act` if any element of a bool array is true: now, or on a GPU when values are read.

    Parameters
    ----------
    flags : array of any shape
    act : function without arguments, which raises or warns; may be called later
    """
    if isinstance(flags, (np.ndarray, np.generic)):
        if flags.any():
            act()
        return
    questions.append((flags.any(), act))
    if len(questions) >= MOST:
        answer()


def answer():
    """Answer all questions, oldest first; an error drops those that came after its cause."""
    waiting, questions[:] = questions[:], []
    for flag, act in waiting:
        if flag.item():
            act()
