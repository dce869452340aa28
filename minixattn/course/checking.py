"""`check` marks an answer and names the mistake; `grade` is the same for a machine.

    check("attention.scores", scores)         # prints: right, not answered yet, or what is wrong
    grade("attention.scores", scores)         # raises AssertionError unless it is right

An answer that is a function is tried on cases drawn from fixed seeds: with NumPy's arrays, and with
tensors if it does not take those. Where it gives other numbers than the reference, it is compared
with the mistakes that people make (`exercises/`): one that gives the same numbers on every case is
named. An answer that is a number or a word is compared with a sealed one (`sealing.py`).
"""

import copy
import difflib
import traceback
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..creation import tensor as as_tensor
from .exercise import call
from .exercises import EXERCISES
from .sealing import is_sealed, judged, sealed_names

PACKAGE = Path(__file__).parents[1]
SEED = 0
RTOL, ATOL = 1e-4, 1e-5  # an answer may compute in float32
RIGHT, OPEN, WRONG = "right", "not answered yet", "wrong"


class Verdict(NamedTuple):
    """What became of an answer: one of the three words, and what to say about it."""

    state: str
    said: str = ""


class Failed(NamedTuple):
    """An answer's exception on one case."""

    error: Exception
    case: tuple


def check(name, answer):
    """Mark an answer, and print what came of it.

    Parameters
    ----------
    name : of the exercise, such as "attention.scores" or "02.shape"
    answer : the student's function, class, number, word or tuple

    Raises
    ------
    ValueError
        If there is no such exercise; the error lists the likeliest ones.
    """
    verdict = judge(name, answer)
    mark = {RIGHT: "✓", OPEN: "…", WRONG: "✗"}[verdict.state]
    print(f"{mark} {name}: {verdict.state}.", *verdict.said.splitlines(), sep="\n  ")


def grade(name, answer):
    """Raise unless an answer is right, with what `check` would print.

    Raises
    ------
    AssertionError
        If it is wrong or not there.
    """
    verdict = judge(name, answer)
    if verdict.state != RIGHT:
        raise AssertionError(f"{name}: {verdict.state}. {verdict.said}".strip())


def judge(name, answer, seed=SEED):
    """The `Verdict` on an answer."""
    if not (name in EXERCISES or is_sealed(name)):
        every = [*EXERCISES, *sealed_names()]
        near = difflib.get_close_matches(name, every, 3, 0.4)
        raise ValueError(f"there is no exercise {name!r}; did you mean {', '.join(near or every)}?")
    if any(part is None or part is Ellipsis for part in parts_of(answer)):
        return Verdict(OPEN)
    if name not in EXERCISES:
        return Verdict(*judged(name, answer))
    exercise = EXERCISES[name]
    if not callable(answer):
        return Verdict(WRONG, f"Expected a function or class, got {type(answer).__name__}:\n"
                              f"{exercise.asked}")  # fmt: skip
    return marked(exercise, answer, seed)


def parts_of(answer):
    """An answer, or the answers of which it consists."""
    return answer if isinstance(answer, (tuple, list)) else (answer,)


def marked(exercise, answer, seed):
    """The `Verdict` on a function: tried on every case, and compared."""
    cases = exercise.cases(np.random.default_rng(seed))
    found, changed = taken(exercise, answer, cases), changes_inputs(exercise, answer, cases)
    if all(is_open(result) for result in found):
        return Verdict(OPEN)
    expected = tried(exercise, exercise.right, cases)
    if not changed and all(map(same, found, expected)):
        return Verdict(RIGHT)
    thrown = next((result for result in found if isinstance(result, Failed)), None)
    lines = [] if thrown is None else [of_the_student(thrown.error), called_with(thrown, exercise)]
    mistake = fitting(exercise, found, cases)
    if mistake is not None:
        lines += [mistake.name, mistake.hint]
    elif changed:
        lines += ["It changes its inputs. Compute a new array: y = x + 1, not x += 1."]
    elif thrown is None:
        lines += [difference(found, expected)]
    lines += [f"Asked for: {exercise.asked}"] if mistake is None else []
    return Verdict(WRONG, "\n".join(line for line in lines if line))


def fitting(exercise, found, cases):
    """The first mistake that gives what was found on every case, or None."""
    for mistake in exercise.mistakes:
        if all(map(same, found, tried(exercise, mistake.wrong, cases))):
            return mistake
    return None


# Trying ------------------------------------------------------------------------------------------


def taken(exercise, answer, cases):
    """What an answer gives for arrays; for tensors, if it takes those and no arrays."""
    found = tried(exercise, answer, cases)
    if any(isinstance(result, Failed) for result in found):
        tensors = [tuple(as_tensor(x) if isinstance(x, np.ndarray) else x for x in case)
                   for case in cases]  # fmt: skip
        again = tried(exercise, answer, tensors)
        if not any(isinstance(result, Failed) for result in again):
            return again
    return found


def tried(exercise, answer, cases):
    """What an answer gives on each case, as tuples of arrays; `Failed` where it raises."""
    found = []
    for case in cases:
        try:
            with np.errstate(all="ignore"):
                found.append(as_arrays(exercise.run(answer, copied(case))))
        except Exception as error:  # whatever a student's code does
            found.append(Failed(error, case))
    return found


def copied(case):
    """The arguments, with arrays that may be changed."""
    return tuple(x.copy() if isinstance(x, np.ndarray) else x for x in case)


def changes_inputs(exercise, answer, cases):
    """Whether an answer writes into its arguments."""
    case = copied(cases[0])
    before = copy.deepcopy([x for x in case if isinstance(x, np.ndarray)])
    tried_case = [x for x in case if isinstance(x, np.ndarray)]
    try:
        with np.errstate(all="ignore"):
            exercise.run(answer, case)
    except Exception:  # is reported by `tried`
        return False
    return not all(map(np.array_equal, before, tried_case))


def as_arrays(result):
    """A result as a tuple of arrays, None where there is none; numbers in a row are one array."""
    shape = np.shape if isinstance(result, tuple) else lambda x: getattr(x, "shape", ())
    parts = result if isinstance(result, (tuple, list)) else ()
    several = any(x is None or x is Ellipsis or shape(x) != () for x in parts)
    return tuple(
        None if x is None or x is Ellipsis else as_array(x)
        for x in (parts if several else (result,))
    )


def as_array(x):
    """An array of numbers, from NumPy, minixattn or PyTorch."""
    x = x.detach() if hasattr(x, "detach") else x
    return np.asarray(x.numpy() if hasattr(x, "numpy") else x)


def is_open(result):
    """Whether nothing was given yet."""
    if isinstance(result, Failed):
        return isinstance(result.error, NotImplementedError)
    return all(part is None for part in result)


# Comparing ---------------------------------------------------------------------------------------


def same(a, b):
    """Whether two results agree: the same numbers in the same shapes, or both an error."""
    if isinstance(a, Failed) or isinstance(b, Failed):
        return isinstance(a, Failed) and isinstance(b, Failed)
    return len(a) == len(b) and all(map(alike, a, b))


def alike(a, b):
    """Whether two arrays agree."""
    if a is None or b is None or a.shape != b.shape:
        return a is b
    if a.dtype.kind not in "biuf" or b.dtype.kind not in "biuf":
        return False
    if "b" in (a.dtype.kind, b.dtype.kind):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return np.allclose(a, b, RTOL, ATOL, equal_nan=True)


def of_the_student(error):
    """An exception as its author would see it: the line, the kind and the message."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__)
           if PACKAGE not in Path(frame.filename).parents]  # fmt: skip
    line = f"line {own[-1].lineno}: {own[-1].line}\n" if own and own[-1].line else ""
    return f"Your code raised an error.\n{line}{type(error).__name__}: {error}"


def called_with(failed, exercise):
    """What the answer had been given, for who wants to try it."""
    if exercise.run is not call or not any(isinstance(x, np.ndarray) for x in failed.case):
        return ""
    given = [f"an array {x.shape}" if isinstance(x, np.ndarray) else f"{x!r:.40}"
             for x in failed.case]  # fmt: skip
    return (
        f"It was called with {', '.join(given)}.\n"
        f"Arrays are NumPy's: K.swapaxes(-1, -2) is what K.transpose(-1, -2) is for tensors."
    )


def difference(found, expected):
    """How the first wrong result differs."""
    a, b = next(pair for pair in zip(found, expected) if not same(*pair))
    if len(a) != len(b):
        return f"{count(len(a), 'result')} arrived, expected {len(b)}."
    i = next(i for i, pair in enumerate(zip(a, b)) if not alike(*pair))
    which = f"Result {i + 1} of {len(a)}" if len(a) > 1 else "The result"
    return f"{which} {between(a[i], b[i])}"


def count(n, what):
    """1 result, 2 results."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def between(a, b):
    """What is between an array that arrived and the one that was expected."""
    if a is not None and a.dtype.kind not in "biuf" and a.shape == ():
        return f"is a {type(a.item()).__name__}, expected an array of shape {b.shape}."
    if a is None or a.shape != b.shape:
        return "is missing." if a is None else f"has shape {a.shape}, expected {b.shape}."
    if a.dtype.kind not in "biuf" or (a.dtype != b.dtype and "b" in a.dtype.kind + b.dtype.kind):
        return f"is of type {a.dtype}, expected {b.dtype}."
    if a.dtype.kind == "f" and not np.isfinite(a).all():
        return "has numbers that are not finite: NaN or infinity."
    off = ~np.isclose(a, b, RTOL, ATOL)
    place = tuple(int(k) for k in np.argwhere(off)[0])
    return (
        f"has the right shape {a.shape}, but {off.sum()} of {off.size} numbers are wrong; the "
        f"first is at {place}: {a[place]:.4g}, expected {b[place]:.4g}.\n"
        f"No mistake that is known fits."
    )
