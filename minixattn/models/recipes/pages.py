"""Questions about pages of handwriting."""

from ...data.digits import Pages
from ...data.questions import ANSWERS, KINDS
from .. import answering
from ..one_sequence import OneSequenceQA
from ..visual_qa import MeanPooling, VisualQA
from .recipe import FIT, TRAINING, Recipe, defaults

MODELS = ("cross-attention", "mean pooling", "one sequence")


def visual_qa(task, s):
    """A model for a task's words."""
    options = {
        "vocabulary": len(task.vocabulary), "words": task.words, "answers": len(ANSWERS),
        "width": s["width"], "heads": s["heads"], "blocks": s["blocks"],
    }  # fmt: skip
    return {
        "cross-attention": (VisualQA, options),
        "mean pooling": (VisualQA, {**options, "look": MeanPooling}),
        "one sequence": (OneSequenceQA, options),
    }[s["model"]]


VQA = Recipe(
    "questions about pages of handwriting: what is left of the 7?", "accuracy",
    lambda split, _s: Pages(split, KINDS), visual_qa, answering.loss_of, answering.evaluate,
    {**TRAINING, **defaults(answering.fit, *FIT),
     "model": "cross-attention", "width": 64, "heads": 8, "blocks": 2},
    {"model": MODELS},
    {"mean pooling": {"model": "mean pooling"},
     "concatenation, self-attention": {"model": "one sequence"}},
    shown=tuple(kind.name for kind in KINDS),
)  # fmt: skip
