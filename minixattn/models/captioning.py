"""Teaching a model to write captions, measuring how well it does, and letting it write one.

    task, unseen = Captions("train"), Captions("test")
    model = Captioner(len(task.vocabularies["words"]))
    fit(model, task)
    evaluate(model, unseen)
    caption(model, task.vocabularies["words"], page)

The loss is the cross-entropy of each word given the true ones before it; the score counts the words
that the model writes by itself.

Read before: `captioner.py`, and `data/captions.py` for the pages.
"""

from typing import NamedTuple

import numpy as np

from ..creation import as_tensor
from ..data.captions import PAGE, cut
from ..data.task import share_on_alignment
from ..engine import no_grad
from ..errors import ShapeError
from ..nn.functional import cross_entropy
from ..training import fit as trained
from .decoding import beam, greedy


def loss_of(model, batch):
    """Cross-entropy of the next words, and the share of captions whose words are all likeliest."""
    logits, _ = model(patches_of(model, batch.patches), on_device_of(model, batch.given))
    expected = on_device_of(model, batch.expected)
    right = (logits.argmax(-1) == expected).all(1).float().mean().item()
    return cross_entropy(logits.flatten(0, 1), expected.flatten()), right


def patches_of(model, patches):
    """Patches as the model's own type of numbers."""
    return as_tensor(patches, dtype=model.place.dtype, device=model.place.device)


def on_device_of(model, ids):
    """Word numbers where the model is."""
    return as_tensor(ids, device=model.place.device)


def fit(model, task, *, steps=6000, size=64, rate=3e-3, warmup=0.1, decay=0.1, **options):
    """Train on `data.Captions` by `training.fit`, which has more options; returns the model."""
    return trained(model, task, loss_of, steps=steps, size=size, rate=rate, warmup=warmup,
                   decay=decay, **options)  # fmt: skip


def evaluate(model, task, size=2000, seed=0):
    """How many captions and words of a task's test set are written right, and where it looks.

    Parameters
    ----------
    model : Captioner, in `eval()` mode
    task : `data.Captions("test")`
    size, seed : of the test set

    Returns
    -------
    dict: `exact`, the share of captions without a mistake; `tokens`, the share of right words;
    `attention`, for each layer the share of each head's attention that lies on the patches which
    see the digit that is said (`share_on_alignment`); `chance`, that of attention spread evenly
    """
    batch = task.test_set(size, seed)
    written = np.zeros_like(batch.expected)
    looks = []
    for rows in np.array_split(np.arange(size), -(-size // 500)):  # 500 at once
        found = write(model, batch.patches[rows], batch.expected.shape[1])
        T = found.ids.shape[1]
        written[rows, :T] = found.ids.cpu().numpy()
        truth = batch.alignment[rows, :T]
        looks.append([share_on_alignment(A.cpu().numpy(), truth) * len(rows)
                      for A in found.weights])  # fmt: skip
    same = written == batch.expected
    named = batch.alignment.any(-1)
    return {
        "exact": float(same.all(1).mean()),
        "tokens": float(same.mean()),
        "digits": float(same[named].mean()),
        "attention": (np.sum(looks, 0, dtype=np.float64) / size).round(4).tolist(),
        "chance": round(float(batch.alignment[named].mean()), 4),
    }


@no_grad()
def write(model, patches, longest, beams=1):
    """`Decoded` of arrays of patches (B, S, pixels): greedy, or by beams."""
    source = patches_of(model, patches)
    if beams == 1:
        return greedy(model, source, longest=longest)
    return beam(model, source, beams=beams, longest=longest)


class Caption(NamedTuple):
    """What was written about a page, and where each word looked.

    text : str
    words : list of T str
    weights : tuple of arrays (h, T, S), one for each decoder layer
    """

    text: str
    words: list
    weights: tuple


def caption(model, vocabulary, page, *, beams=1):
    """Write what is on one page.

    Parameters
    ----------
    model : Captioner, in `eval()` mode
    vocabulary : Words; `load_pretrained("captions").vocabularies["words"]`
    page : array (24, 24), ink from 0 to 1
    beams : how many beginnings to keep; 1 is greedy

    Returns
    -------
    Caption

    Raises
    ------
    ShapeError
        If the page has another size.
    ValueError
        If ink is no number from 0 to 1.
    """
    page = np.asarray(page, np.float32)
    if page.shape != (PAGE, PAGE):
        raise ShapeError(
            f"the page has shape {page.shape}, expected {(PAGE, PAGE)} pixels; nine digits "
            f"(9, 64) become a page with data.digits.page_image(digits)."
        )
    if not ((page >= 0) & (page <= 1)).all():
        raise ValueError("a page holds ink from 0 to 1; divide load_digits' images by 16.")
    found = write(model, cut(page)[None], vocabulary.longest + 1, beams)
    ids = found.ids[0].tolist()
    T = ids.index(vocabulary.end) if vocabulary.end in ids else len(ids)
    text = vocabulary.decode(ids)
    weights = tuple(A[0, :, :T].cpu().numpy() for A in found.weights)
    return Caption(text, text.split(), weights)
