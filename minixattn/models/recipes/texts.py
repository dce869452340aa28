"""Texts into texts: the toy tasks and the dates."""

from ...data.dates import Dates
from ...data.toy import AssociativeRecall, Copy, Reverse, Sort
from .. import translation
from ..ancestors import AdditiveTransformer, PooledTransformer
from ..transformer import Transformer
from .recipe import FIT, TRAINING, Recipe, defaults

TRANSFORMERS = {
    kind.__name__: kind for kind in (Transformer, PooledTransformer, AdditiveTransformer)
}


def toy(kind, about, steps, longest=12, letters=16, shortest=4, layers=2):
    """One of the toy tasks."""
    return Recipe(
        about, "exact",
        lambda split, s: kind(split, s["shortest"], s["longest"], s["letters"]),
        lambda task, s: transformer(task, s, task.longest + 2),
        translation.loss_of, translation.evaluate,
        {**TRAINING, "steps": steps, "shortest": shortest, "longest": longest, "letters": letters,
         "model": "Transformer", "width": 64, "heads": 4, "hidden": 128, "layers": layers},
        {"model": TRANSFORMERS},
    )  # fmt: skip


def transformer(task, s, longest):
    """A Transformer for the vocabularies of a task."""
    return TRANSFORMERS[s["model"]], {
        "source_size": len(task.vocabularies["source"]),
        "target_size": len(task.vocabularies["target"]),
        **{name: s[name] for name in ("width", "heads", "hidden", "layers")},
        "longest": longest,
    }


COPY = toy(Copy, "letters, written again", 400)
REVERSE = toy(Reverse, "letters, from the end", 600)
SORT = toy(Sort, "letters, in the order of the alphabet", 600)
RECALL = toy(
    AssociativeRecall, "the digit behind a letter: a3b7c1b gives 7", 2500,
    longest=7, letters=4, shortest=7,
)  # fmt: skip

DATES = Recipe(
    "dates as people write them in 20 languages, into 2031-05-07", "exact",
    lambda split, _s: Dates(split),
    lambda task, s: transformer(task, s, 40),
    translation.loss_of, translation.evaluate,
    {**TRAINING, **defaults(translation.fit, *FIT),
     "model": "Transformer", "width": 64, "heads": 4, "hidden": 256, "layers": 2},
    {"model": TRANSFORMERS},
    {"one pooled context vector": {"model": "PooledTransformer"},
     "additive attention": {"model": "AdditiveTransformer"}},
)  # fmt: skip
