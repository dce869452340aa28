"""What can be asked about a page of nine digits, and what one has to see to answer it.

| kind      | question                    | answer               | what one has to see        |
|-----------|-----------------------------|----------------------|----------------------------|
| place     | what is at the top left     | a digit              | the patch there            |
| where     | where is the 7              | a place              | the patch with the 7       |
| count     | how many 3s                 | a digit, 0 to 9      | every patch with a 3       |
| neighbour | what is left of the 5       | a digit              | the 5, and the patch there |

The first two take one look. To count, a model has to add up what it sees; for a neighbour it looks
twice, as where the second look goes follows from what the first one finds.

A new kind of question is one more `Kind`: the questions in words, and a function that draws them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

GRID, PATCHES = 3, 9
PLACES = (
    *("top left", "top middle", "top right"),
    *("middle left", "center", "middle right"),
    *("bottom left", "bottom middle", "bottom right"),
)
DIGITS = tuple("0123456789")
ANSWERS = DIGITS + PLACES
SIDES = {"left of": (0, -1), "right of": (0, 1), "above": (-1, 0), "below": (1, 0)}  # row, column


class Drawn(NamedTuple):
    """n questions of one kind, and their pages.

    digits (n, 9) int64, what is on each page; asked (n,) int64, which of the kind's questions;
    answers (n,) int64, indices of `ANSWERS`; evidence (n, 9) bool, True for each patch that one has
    to see.
    """

    digits: np.ndarray
    asked: np.ndarray
    answers: np.ndarray
    evidence: np.ndarray


class Kind(NamedTuple):
    """One kind of question.

    name : what to call it
    questions : every question of this kind, in words
    draw : function (rng, n) -> `Drawn`
    """

    name: str
    questions: tuple
    draw: Callable


def draw_place(rng, n):
    """What is at a place? Any digits on the page; the answer is the one at the place."""
    digits = rng.integers(10, size=(n, PATCHES))
    place = rng.integers(PATCHES, size=n)
    return Drawn(digits, place, digits[np.arange(n), place], at(place))


def draw_where(rng, n):
    """Where is a digit? It stands at one place only; the other digits may repeat."""
    digit = rng.integers(10, size=n)
    place = rng.integers(PATCHES, size=n)
    digits = put(others_than(digit, rng), place, digit)
    return Drawn(digits, digit, len(DIGITS) + place, at(place))


def draw_count(rng, n):
    """How many of a digit? Each number from 0 to 9 equally often, at any places."""
    digit, count = rng.integers(10, size=n), rng.integers(PATCHES + 1, size=n)
    there = rng.random((n, PATCHES)).argsort(1) < count[:, None]
    digits = np.where(there, digit[:, None], others_than(digit, rng))
    return Drawn(digits, digit, count, there)


def draw_neighbour(rng, n):
    """What is beside a digit? It stands at one place only, which has a neighbour on that side."""
    digit, side = rng.integers(10, size=n), rng.integers(len(SIDES), size=n)
    row, column = np.array(list(SIDES.values()))[side].T
    free = GRID - 1  # one row or column of places has no neighbour on that side
    r = rng.integers(np.where(row == 0, GRID, free)) + (row < 0)
    c = rng.integers(np.where(column == 0, GRID, free)) + (column < 0)
    place, beside = r * GRID + c, (r + row) * GRID + c + column
    digits = put(others_than(digit, rng), place, digit)
    asked = side * len(DIGITS) + digit
    return Drawn(digits, asked, digits[np.arange(n), beside], at(place) | at(beside))


def others_than(digit, rng):
    """Pages (n, 9) of random digits without the one asked for."""
    others = rng.integers(9, size=(len(digit), PATCHES))
    return others + (others >= digit[:, None])


def put(digits, place, digit):
    """The pages with one more digit, at a place of each."""
    digits[np.arange(len(digits)), place] = digit
    return digits


def at(place):
    """(n, 9) bool, True at one place of each page."""
    return np.arange(PATCHES) == place[:, None]


PLACE = Kind("place", tuple(f"what is at the {place}" for place in PLACES), draw_place)
WHERE = Kind("where", tuple(f"where is the {digit}" for digit in DIGITS), draw_where)
COUNT = Kind("count", tuple(f"how many {digit}s" for digit in DIGITS), draw_count)
NEIGHBOUR = Kind(
    "neighbour",
    tuple(f"what is {side} the {digit}" for side in SIDES for digit in DIGITS),
    draw_neighbour,
)
KINDS = (PLACE, WHERE, COUNT, NEIGHBOUR)
