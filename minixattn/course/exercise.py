"""What an exercise is: the right answer, the cases it is tried on, and how people get it wrong.

A mistake is a small wrong solution. Whoever makes it gets the same wrong numbers on every case, and
that is how it is recognised: no guess from the student's code, which is never read.
"""

from collections.abc import Callable
from typing import NamedTuple


class Mistake(NamedTuple):
    """One way to get it wrong.

    name : what was mistaken, in one sentence
    hint : what to think about; not the solution
    wrong : what who makes it would have written
    """

    name: str
    hint: str
    wrong: Callable


def call(answer, arguments):
    """What an answer that is a function gives."""
    return answer(*arguments)


class Exercise(NamedTuple):
    """One exercise.

    name : "topic.name"
    asked : what the answer takes and gives, in one line
    right : the reference
    cases : function (numpy.random.Generator) -> list of tuples of arguments
    mistakes : tuple of Mistake, the first that fits is named
    run : function (answer, arguments) -> what is compared, an array or a tuple of them
    """

    name: str
    asked: str
    right: Callable
    cases: Callable
    mistakes: tuple
    run: Callable = call
