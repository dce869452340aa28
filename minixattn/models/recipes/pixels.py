"""Handwriting as loose pixels."""

from ...data.pixels import Pixels
from .. import reading
from ..perceiver import PerceiverIO
from ..perceiver_cost import FullSelfAttention
from .recipe import FIT, TRAINING, Recipe, defaults

MODELS = {"latents": PerceiverIO, "full self-attention": FullSelfAttention}


def reader(_task, s):
    """A model of pixels; without latents where every pixel looks at every other one."""
    options = {name: s[name] for name in ("width", "heads", "blocks")}
    if s["model"] == "latents":
        options["latents"] = s["latents"]
    return MODELS[s["model"]], options


PIXELS = Recipe(
    "handwriting read from loose pixels, and hidden ones filled in", "accuracy",
    lambda split, s: Pixels(split, s["hidden"], s["asked"]),
    reader,
    reading.loss_of, lambda model, task, _examples: reading.evaluate(model, task),
    {**TRAINING, **defaults(reading.fit, *FIT), **defaults(Pixels, "hidden", "asked"),
     "model": "latents", **defaults(PerceiverIO, "latents", "width", "heads", "blocks")},
    {"model": MODELS}, {"full self-attention": {"model": "full self-attention"}},
)  # fmt: skip
