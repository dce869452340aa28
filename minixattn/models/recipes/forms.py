"""Regions of forms, labelled by what is printed and what is written in them."""

from ...data.forms import LABELS, REGIONS, Forms
from .. import labelling
from ..one_stream import OneStream
from ..selfdoc import SelfDoc
from .recipe import FIT, TRAINING, Recipe, defaults

SEES = {"both": None, "text": ("text",), "image": ("image",), "joined": ("text", "image")}


def form_reader(task, s):
    """A SelfDoc for the print of a task, or what it is compared with: `sees` says which."""
    read = task.vocabularies["text"]
    sizes = len(read), read.longest, len(LABELS)
    options = {"regions": REGIONS, "width": s["width"], "heads": s["heads"]}
    if s["sees"] == "both":
        return SelfDoc(*sizes, layers=s["layers"], **options)
    return OneStream(*sizes, sees=SEES[s["sees"]], layers=2 * s["layers"], **options)


LABELLED = Recipe(
    "regions of forms, labelled by their print and their handwriting", "accuracy",
    lambda split, s: Forms(split, s["swapped"], s["missed"], s["pointing"]),
    form_reader, labelling.loss_of, labelling.evaluate,
    {**TRAINING, **defaults(labelling.fit, *FIT),
     **defaults(Forms, "swapped", "missed", "pointing"),
     "sees": "both", **defaults(SelfDoc, "width", "heads", "layers")},
    {"sees": SEES},
    {"text only": {"sees": "text"}, "image only": {"sees": "image"},
     "concatenation": {"sees": "joined"}},
)  # fmt: skip
