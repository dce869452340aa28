"""Handwriting as loose pixels."""

from ...data.pixels import Pixels
from .. import reading
from ..perceiver import PerceiverIO
from .recipe import FIT, TRAINING, Recipe, defaults

PIXELS = Recipe(
    "handwriting read from loose pixels, and hidden ones filled in", "accuracy",
    lambda split, s: Pixels(split, s["hidden"], s["asked"]),
    lambda _task, s: PerceiverIO(
        latents=s["latents"], width=s["width"], heads=s["heads"], blocks=s["blocks"]
    ),
    reading.loss_of, lambda model, task, _examples: reading.evaluate(model, task),
    {**TRAINING, **defaults(reading.fit, *FIT), **defaults(Pixels, "hidden", "asked"),
     **defaults(PerceiverIO, "latents", "width", "heads", "blocks")},
)  # fmt: skip
