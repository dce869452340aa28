"""Teaching a model to label the regions of forms, measuring how well it does, and asking it.

    task, unseen = Forms("train"), Forms("test")
    print_ = task.vocabularies["text"]
    model = SelfDoc(len(print_), print_.longest, len(LABELS))
    fit(model, task)
    evaluate(model, unseen)
    label(model, print_, ["address", "same as seven"], images)

Read before: `selfdoc.py`, and `data/forms.py` for what is on a form.
"""

import numpy as np

from ..creation import as_tensor
from ..data.forms import LABELS
from ..data.padding import padded
from ..data.task import share_by_chance, share_on_alignment
from ..engine import no_grad
from ..errors import ShapeError
from ..nn.functional import cross_entropy
from ..training import fit as trained
from .selfdoc import Looks

IGNORED = -100  # the class that the loss passes over: where there is no region


def labelled(model, batch):
    """Logits (B, N, labels) of a batch of forms, and the weights."""
    place = {"device": model.place.device}
    images = as_tensor(batch.images, dtype=model.place.dtype, **place)
    return model(as_tensor(batch.text, **place), images, as_tensor(batch.mask, **place))


def loss_of(model, batch):
    """Cross-entropy of the labels, and the share of regions that are labelled right."""
    logits, _ = labelled(model, batch)
    target = as_tensor(np.where(batch.mask, batch.labels, IGNORED), device=logits.device)
    right = (logits.argmax(-1) == target).sum().item() / max(batch.mask.sum(), 1)
    return cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=IGNORED), right


def fit(model, task, *, steps=2500, size=64, rate=3e-3, warmup=0.15, decay=0.05, **options):
    """Train on `data.Forms` by `training.fit`, which has more options; returns the model."""
    return trained(model, task, loss_of, steps=steps, size=size, rate=rate, warmup=warmup,
                   decay=decay, **options)  # fmt: skip


@no_grad()
def evaluate(model, task, size=2000, seed=0):
    """How many regions of a task's test set are labelled right, and where the model looks.

    Parameters
    ----------
    model : SelfDoc or OneStream, in `eval()` mode
    task : `data.Forms("test")`
    size, seed : of the test set

    Returns
    -------
    dict: `accuracy`, the share of regions labelled right; that for each of the task's kinds;
    `attention`, for each layer the share of each head's attention that lies on the region which is
    named, for regions that name one (`share_on_alignment`): of SelfDoc that of `agree_t`, with the
    other `Looks` in `looks`; `chance`, that of attention spread evenly
    """
    batch = task.test_set(size, seed)
    logits, weights = labelled(model, batch)
    right = (logits.argmax(-1).cpu().numpy() == batch.labels) & batch.mask
    shares = {
        name: float(right[batch.mask & (batch.kinds == k)].mean())
        for k, name in enumerate(task.kinds)
        if (batch.mask & (batch.kinds == k)).any()
    }
    chance = round(share_by_chance(batch.alignment, batch.mask), 4)
    return {"accuracy": float(right[batch.mask].mean()), **shares,
            **on_named(weights, batch.alignment), "chance": chance}  # fmt: skip


def on_named(weights, alignment):
    """`attention` of each layer's weights, and `looks` where a layer looks in several ways."""

    def rows(looks):
        shares = [share_on_alignment(A.cpu().numpy(), alignment) for A in looks]
        return np.array(shares, float).round(4).tolist()

    if not isinstance(weights[0], Looks):
        return {"attention": rows(weights)}
    found = {name: rows(looks) for name, looks in zip(Looks._fields, zip(*weights))}
    return {"attention": found.pop("agree_t"), "looks": found}


@no_grad()
def label(model, vocabulary, printed, images):
    """The label of each region of one form.

    Parameters
    ----------
    model : SelfDoc or OneStream, in `eval()` mode
    vocabulary : Characters, what reads the print
    printed : list of n str, what is printed in each region; "" where nothing was read
    images : array (n, pixels), ink from 0 to 1

    Returns
    -------
    labels : list of n str
    weights : as the model returns them, for a batch of 1

    Raises
    ------
    ShapeError
        If there are not as many images as texts, or more than the model has room for.
    ValueError
        If a text is too long or has characters that the vocabulary lacks, or ink is no number
        from 0 to 1.
    """
    n, N = len(printed), len(model.place)
    images = np.asarray(images, np.float32)
    if images.shape != (n, model.pixels) or not 1 <= n <= N:
        raise ShapeError(
            f"{n} regions have print and the images have shape {images.shape}, expected (n, "
            f"{model.pixels}): one image for each text, 1 to {N} of them."
        )
    if not ((images >= 0) & (images <= 1)).all():
        raise ValueError("images hold ink from 0 to 1; divide load_digits' images by 16.")
    read = [vocabulary.encode(text) if text else () for text in printed]
    place = {"device": model.place.device}
    text = padded([*read, *[()] * (N - n)], model.characters).ids
    ink = np.zeros((N, model.pixels), np.float32)
    ink[:n] = images
    logits, weights = model(
        as_tensor(text[None], **place),
        as_tensor(ink[None], dtype=model.place.dtype, **place),
        as_tensor((np.arange(N) < n)[None], **place),
    )
    return [LABELS[i] for i in logits[0, :n].argmax(-1).tolist()], weights
