"""What a recipe is: a few small functions, and every number that `--set` may change."""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

TRAINING = {  # what every recipe has; see `Trainer`. Rates, warm-up and decay: `runs.py`
    "steps": 2500, "size": 64, "rate": 3e-3, "warmup": 0.15, "decay": 0.01, "beta2": 0.99,
    "max_norm": 1.0, "accumulate": 1, "evaluate_every": 0, "patience": 0,
}  # fmt: skip
FIT = ("steps", "size", "rate", "warmup", "decay")


class Recipe(NamedTuple):
    """How something is trained and judged.

    about : what it is, in half a line
    measure : what the second number of `loss_of` is called; None where there is none
    task : function (split, settings) -> the task
    model : function (task, settings) -> a model's class and its options
    loss_of : function (model, batch) -> (loss, measure or None)
    score : function (model, task, examples) -> dict of numbers
    settings : dict, with the defaults
    choices : dict from a setting that is one of several words to {word: what it stands for}
    baselines : dict from the name of what the model is compared with to the settings that make it
    callbacks : function (model) -> callbacks of the `Trainer`
    shown : what of the score stands in the table of results; the measure where empty
    """

    about: str
    measure: str
    task: Callable
    model: Callable
    loss_of: Callable
    score: Callable
    settings: dict
    choices: Mapping = MappingProxyType({})
    baselines: Mapping = MappingProxyType({})
    callbacks: Callable = lambda _model: ()
    shown: tuple = ()


def defaults(function, *names):
    """The defaults of some arguments, so that every number stands in one place."""
    arguments = inspect.signature(function).parameters
    return {name: arguments[name].default for name in names}
