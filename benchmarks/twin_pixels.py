"""Perceiver IO, as `minixattn train pixels` trains it, and its twin."""

from functools import partial

from .twin import of_recipe, sides


def parts(batch):
    """What the loss needs of a batch."""
    return batch.values, batch.positions, batch.queries, batch.answers, batch.labels


def loss_of(F, model, values, positions, queries, answers, labels):
    """Cross-entropy of the digit + INK · mean squared error of the ink; the share read right."""
    from minixattn.models.reading import INK

    digit, ink, _ = model(values, positions, queries)
    right = (digit.argmax(-1) == labels).float().mean()
    return F.cross_entropy(digit, labels) + INK * F.mse_loss(ink, answers), right


def perceiver_io(_torch, model):
    """PerceiverIO in PyTorch."""
    from .twin_perceiver import PerceiverIO

    return PerceiverIO(model)


pieces = partial(of_recipe, "pixels", parts, loss_of)
SIDES = sides(pieces, perceiver_io)
