"""VisualQA with two blocks, as `minixattn train vqa` trains it, and its twin."""

from functools import partial

from .twin import of_recipe, sides
from .twin_demo import loss_of, visual_qa


def parts(batch):
    """What the loss needs of a batch."""
    return batch.pages, batch.questions, batch.mask, batch.answers


pieces = partial(of_recipe, "vqa", parts, loss_of)
SIDES = sides(pieces, visual_qa)
