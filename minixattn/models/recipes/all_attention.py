"""Dates written by attention alone, beside the form with feed-forward networks."""

from ..all_attention import AllAttention
from ..transformer import Transformer
from .recipe import Recipe
from .texts import DATES

FORMS = {"memory": AllAttention, "feed-forward": Transformer}


def remembering(task, s):
    """The model of a form; `hidden` counts slots or hidden units, which weigh the same."""
    sizes = (len(task.vocabularies[part]) for part in ("source", "target"))
    units = "slots" if s["form"] == "memory" else "hidden"
    return FORMS[s["form"]](
        *sizes, width=s["width"], heads=s["heads"], layers=s["layers"], longest=40,
        **{units: s["hidden"]},
    )  # fmt: skip


ALL_ATTENTION = Recipe(
    "dates written by attention alone, with memory in place of feed-forward", "exact",
    DATES.task, remembering, DATES.loss_of, DATES.score,
    {**{key: value for key, value in DATES.settings.items() if key != "model"},
     "form": "memory", "steps": 1700},
    {"form": FORMS}, {"feed-forward": {"form": "feed-forward"}},
)  # fmt: skip
