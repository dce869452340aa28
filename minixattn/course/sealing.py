"""Answers that are numbers or words, kept so that nobody can read them: salted, slow hashes.

    sealed/02.json      {"02.shape": {"salt": …, "kind": "2 numbers", "right": [hash],
                         "wrong": {hash: sentence}}}

An answer is brought to one form first (`forms`): words in small letters, numbers rounded to three
digits, both neighbours where rounding is a near thing. A wrong answer that people give is sealed
too, with what to say about it. `seal.py` writes these files from the lessons' sources.
"""

import base64
import hashlib
import json
import math
import re
from functools import lru_cache
from pathlib import Path

import numpy as np

SEALED = Path(__file__).parent / "sealed"
ROUNDS = 40_000  # of hashing, some hundredths of a second
DIGITS = 3
LETTER = re.compile(r"\(?([a-e])(?:[):.].*)?")  # "a", "(a)", "a: what stands there"


def lesson_of(name):
    """The lesson's number: "02.shape" → "02"."""
    return name.partition(".")[0]


@lru_cache
def book(lesson, folder=SEALED):
    """The sealed answers of a lesson; empty where there are none."""
    path = Path(folder) / f"{lesson}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def is_sealed(name):
    """Whether there is such an answer."""
    return name in book(lesson_of(name))


def sealed_names():
    """The names of all."""
    return [name for path in sorted(SEALED.glob("*.json")) for name in book(path.stem)]


def judged(name, answer):
    """(state, what to say) of an answer: see `checking.Verdict`."""
    seal = book(lesson_of(name))[name]
    try:
        hashes = [hashed(form, seal["salt"]) for form in forms(answer)]
    except TypeError as error:
        return "wrong", f"{error} Expected: {seal['kind']}."
    if any(h in seal["right"] for h in hashes):
        return "right", ""
    known = next((seal["wrong"][h] for h in hashes if h in seal["wrong"]), None)
    if known:
        return "wrong", known
    kind = kind_of(answer)
    return "wrong", "" if kind == seal["kind"] else f"Expected: {seal['kind']}; got {kind}."


def sealed(answer, wrong=(), *, salt):
    """What is kept of a right answer, and of wrong ones with a sentence each."""
    return {
        "salt": salt,
        "kind": kind_of(answer),
        "right": [hashed(forms(answer)[0], salt)],
        "wrong": {hashed(forms(other)[0], salt): said for other, said in wrong},
    }


def hashed(form, salt):
    """A slow hash of a text."""
    digest = hashlib.pbkdf2_hmac("sha256", form.encode(), salt.encode(), ROUNDS)
    return base64.b64encode(digest[:12]).decode()


def forms(answer):
    """The texts that an answer may stand as, the plainest first."""
    return [plain(answer), *(plain(answer, nudge) for nudge in (1e-3, -1e-3))]


def plain(answer, nudge=0.0):
    """One text for all that means the same: 2, 2.0 and "2"; "Query" and " query "."""
    if hasattr(answer, "detach"):
        answer = answer.detach()
    if hasattr(answer, "tolist"):
        answer = np.asarray(answer).tolist()
    if isinstance(answer, bool):
        return str(answer).lower()
    if isinstance(answer, (int, float)):
        return rounded(float(answer), nudge)
    if isinstance(answer, str):
        text = " ".join(answer.lower().split())
        letter = LETTER.fullmatch(text)
        text = letter[1] if letter else text
        try:
            return rounded(float(text), nudge)
        except ValueError:
            return text
    if isinstance(answer, (tuple, list)):
        return f"({', '.join(plain(part, nudge) for part in answer)})"
    raise TypeError(f"{type(answer).__name__} is no kind of answer here.")


def rounded(x, nudge):
    """A number to three digits; nudged by a little, to either side of where rounding turns."""
    if x == 0 or not math.isfinite(x):
        return str(x + 0.0)
    if x == int(x) and abs(x) < 1e6:
        return str(int(x))
    return f"{x * (1 + nudge):.{DIGITS - 1}e}"


def kind_of(answer):
    """What an answer is, in words."""
    if isinstance(answer, bool):
        return "True or False"
    if isinstance(answer, str):
        return "a word or a letter"
    if isinstance(answer, (int, float, np.number)) or getattr(answer, "shape", None) == ():
        return "a number"
    if isinstance(answer, (tuple, list)) or hasattr(answer, "tolist"):
        return f"{len(answer)} answer{'' if len(answer) == 1 else 's'}"
    return f"a {type(answer).__name__}"
