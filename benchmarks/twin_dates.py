"""The Transformer that rewrites dates, as `minixattn train dates` trains it, and its twin."""

from functools import partial

import numpy as np

from .twin import of_recipe, sides

IGNORED = -100  # the class that both losses pass over: what is written after the end


def parts(batch):
    """What the loss needs of a batch."""
    expected = np.where(batch.expected_mask, batch.expected, IGNORED)
    return batch.source, batch.given, batch.source_mask, expected


def loss_of(F, model, source, given, mask, expected):
    """Cross-entropy of the next tokens, and the share of texts whose tokens are all likeliest."""
    logits, _ = model(source, given, mask)
    right = (logits.argmax(-1) == expected) | (expected == IGNORED)
    loss = F.cross_entropy(logits.flatten(0, 1), expected.flatten(), ignore_index=IGNORED)
    return loss, right.all(1).float().mean()


def transformer(_torch, model):
    """The Transformer in PyTorch."""
    from .twin_transformer import Transformer

    return Transformer(model)


pieces = partial(of_recipe, "dates", parts, loss_of)
SIDES = sides(pieces, transformer)
