"""The exercises of the lessons, a file for each topic; `EXERCISES` has them by name."""

from . import (
    attention,
    attribution,
    autodiff,
    blocks,
    decoding,
    diffusion,
    engine,
    heads,
    masks,
    scale,
)

TOPICS = (
    *(attention, heads, masks, autodiff, engine, blocks),
    *(decoding, scale, diffusion, attribution),
)
EXERCISES = {exercise.name: exercise for topic in TOPICS for exercise in topic.EXERCISES}
