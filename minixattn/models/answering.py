"""Teaching a model to answer questions about pages, measuring how well it does, and asking it.

    task, unseen = Pages("train", KINDS), Pages("test", KINDS)
    model = VisualQA(len(task.vocabulary), task.words, len(ANSWERS), blocks=2)
    fit(model, task)
    evaluate(model, unseen)
    answer(model, task.vocabulary, page, "what is left of the 5")

Read before: `visual_qa.py`, and `data/questions.py` for what is asked.
"""

from typing import NamedTuple

import numpy as np

from ..creation import as_tensor
from ..data.digits import PIXELS, plain
from ..data.padding import padded
from ..data.questions import ANSWERS, PATCHES
from ..data.task import share_on_alignment
from ..engine import no_grad
from ..errors import ShapeError
from ..nn.functional import cross_entropy
from ..training import fit as trained


def answered(model, batch):
    """Logits (B, answers) of a batch of `Pages`, and the weights."""
    place = {"device": model.position.device}
    pages = as_tensor(batch.pages, dtype=model.position.dtype, **place)
    return model(pages, as_tensor(batch.questions, **place), as_tensor(batch.mask, **place))


def loss_of(model, batch):
    """Cross-entropy of the answers, and the share of questions that are answered right."""
    logits, _ = answered(model, batch)
    answers = as_tensor(batch.answers, device=logits.device)
    return cross_entropy(logits, answers), (logits.argmax(-1) == answers).float().mean().item()


def fit(model, task, *, steps=18000, size=64, rate=4e-3, warmup=0.1, decay=0.05, **options):
    """Train on `data.Pages` by `training.fit`, which has more options; returns the model."""
    return trained(model, task, loss_of, steps=steps, size=size, rate=rate, warmup=warmup,
                   decay=decay, **options)  # fmt: skip


@no_grad()
def evaluate(model, task, size=2000, seed=0):
    """How many questions of a task's test set are answered right, and where the model looks.

    Parameters
    ----------
    model : VisualQA or OneSequenceQA, in `eval()` mode
    task : `data.Pages("test", KINDS)`
    size, seed : of the test set; the size is rounded up to a multiple of the number of kinds

    Returns
    -------
    dict: `accuracy`, the share of right answers; that for each kind of question; `attention`, for
    each block the share of each head's attention, over all words of the question, that lies on the
    patches which one has to see (`share_on_alignment`); `chance`, that of attention spread evenly
    """
    kinds = len(task.kinds)
    batch = task.test_set(-(-size // kinds) * kinds, seed)
    logits, weights = answered(model, batch)
    right = logits.argmax(-1).cpu().numpy() == batch.answers
    truth = batch.evidence[:, None] & batch.mask[:, :, None]  # every word of the question
    seen = [share_on_alignment(A.cpu().numpy(), truth) for A in weights]
    return {
        "accuracy": float(right.mean()),
        **{kind.name: float(right[k::kinds].mean()) for k, kind in enumerate(task.kinds)},
        "attention": np.array(seen, float).round(4).tolist(),
        "chance": round(float(batch.evidence[batch.evidence.any(1)].mean()), 4),
    }


class Answer(NamedTuple):
    """A question, what was answered, how sure the model is, and where it looked.

    question, answer : str
    probability : of the answer, as the model has it
    words : list of L str
    weights : tuple of arrays (h, L, 9), one for each block
    """

    question: str
    answer: str
    probability: float
    words: list
    weights: tuple


@no_grad()
def answer(model, vocabulary, page, question):
    """Ask something about one page.

    Parameters
    ----------
    model : VisualQA or OneSequenceQA, in `eval()` mode
    vocabulary : Words, what reads the question; `load_pretrained("vqa").vocabularies["words"]`
    page : array (9, 64), nine patches of handwriting in reading order, ink from 0 to 1
    question : str, such as "how many 3s"; a question mark and capital letters do not matter

    Returns
    -------
    Answer

    Raises
    ------
    ShapeError
        If the page has another shape.
    ValueError
        If the question is empty, too long, or has words that the vocabulary lacks, or ink is no
        number from 0 to 1.
    """
    page = np.asarray(page, np.float32)
    if page.shape != (PATCHES, PIXELS):
        raise ShapeError(
            f"the page has shape {page.shape}, expected {(PATCHES, PIXELS)}: nine patches of 8 x 8 "
            f"pixels in reading order."
        )
    if not ((page >= 0) & (page <= 1)).all():
        raise ValueError("a page holds ink from 0 to 1; divide load_digits' images by 16.")
    ids = vocabulary.encode(plain(question))
    asked = padded([ids], len(model.position))
    place = {"device": model.position.device}
    logits, weights = model(
        as_tensor(page[None], dtype=model.position.dtype, **place),
        as_tensor(asked.ids, **place),
        as_tensor(asked.mask, **place),
    )
    p = logits[0].softmax(-1)
    best = int(p.argmax())
    looks = tuple(A[0, :, : len(ids)].cpu().numpy() for A in weights)
    return Answer(question, ANSWERS[best], p[best].item(), [vocabulary.tokens[i] for i in ids],
                  looks)  # fmt: skip
