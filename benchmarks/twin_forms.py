"""SelfDoc, as `minixattn train forms` trains it, and its twin."""

from functools import partial

import numpy as np

from .twin import of_recipe, sides

IGNORED = -100  # the class that both losses pass over: where there is no region


def parts(batch):
    """What the loss needs of a batch."""
    return batch.text, batch.images, batch.mask, np.where(batch.mask, batch.labels, IGNORED)


def loss_of(F, model, text, images, mask, labels):
    """Cross-entropy of the labels, and the share of regions that are labelled right."""
    logits, _ = model(text, images, mask)
    right = (logits.argmax(-1) == labels).sum().double() / mask.sum()
    loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
    return loss, right


def selfdoc(_torch, model):
    """SelfDoc in PyTorch."""
    from .twin_selfdoc import SelfDoc

    return SelfDoc(model)


pieces = partial(of_recipe, "forms", parts, loss_of)
SIDES = sides(pieces, selfdoc)
