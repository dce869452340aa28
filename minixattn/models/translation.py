"""From text to text: how a Transformer is trained on pairs, scored, and asked.

    task, unseen = Dates("train"), Dates("test")
    sizes = [len(task.vocabularies[part]) for part in ("source", "target")]
    model = Transformer(*sizes, width=64, heads=4, layers=2, longest=40)
    fit(model, task, steps=2500)
    evaluate(model, unseen)
    translate(model, task.vocabularies, ["mercredi 7 mai 2031"])

The loss is the cross-entropy of each token given the true ones before it (teacher forcing); the
score is the share of texts that are written without a mistake, each token given the *written* ones.
"""

from typing import NamedTuple

import numpy as np

from ..creation import as_tensor
from ..data.padding import padded
from ..data.task import share_by_chance, share_on_alignment
from ..engine import no_grad
from ..nn.functional import cross_entropy
from ..training import fit as trained
from .decoding import beam, greedy

IGNORED = -100  # the class that the loss passes over: what is written after the end


def loss_of(model, batch):
    """Cross-entropy of the next tokens, and the share of texts whose tokens are all likeliest.

    Parameters
    ----------
    model : Transformer
    batch : `data.padding.Pairs`

    Returns
    -------
    loss : Tensor ()
    exact : number from 0 to 1
    """
    device = model.position.device
    source, given, mask = (
        as_tensor(part, device=device) for part in (batch.source, batch.given, batch.source_mask)
    )
    logits, _ = model(source, given, mask)
    target = as_tensor(np.where(batch.expected_mask, batch.expected, IGNORED), device=device)
    right = (logits.argmax(-1) == target) | (target == IGNORED)
    loss = cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=IGNORED)
    return loss, right.all(1).float().mean().item()


def fit(model, task, *, steps=2500, size=64, rate=3e-3, warmup=0.15, decay=0.01, **options):
    """Train on pairs of texts by `training.fit`, which has more options; returns the model."""
    return trained(model, task, loss_of, steps=steps, size=size, rate=rate, warmup=warmup,
                   decay=decay, **options)  # fmt: skip


def evaluate(model, task, size=2000, seed=0):
    """How well a model does on a task's test set, and where it looks meanwhile.

    Parameters
    ----------
    model : Transformer, in `eval()` mode
    task : such as `data.Dates("test")`
    size, seed : of the test set

    Returns
    -------
    dict: `exact`, the share of texts written without a mistake; `tokens`, the share of right
    tokens; `attention`, for each decoder layer the share of each head's attention that lies on the
    source tokens which say what is written (`share_on_alignment`); `chance`, that of attention
    spread evenly; `by_kind`, `exact` for each kind of example
    """
    batch = task.test_set(size, seed)
    shape = batch.expected.shape
    written, looks = np.zeros(shape, np.int64), []
    for rows in np.array_split(np.arange(size), -(-size // 500)):  # 500 at once
        found = write(model, batch.source[rows], batch.source_mask[rows], shape[1])
        written[rows, : found.ids.shape[1]] = found.ids.cpu().numpy()
        looks.append([share(A, batch.alignment[rows]) * len(rows) for A in found.weights])
    same = (written == batch.expected) | ~batch.expected_mask
    right = same.all(1)
    attention = np.sum(looks, 0, dtype=np.float64) / size
    return {
        "exact": float(right.mean()),
        "tokens": float(same[batch.expected_mask].mean()),
        "attention": attention.round(4).tolist(),
        "chance": round(share_by_chance(batch.alignment, batch.source_mask), 4),
        "by_kind": {
            name: float(right[batch.kinds == k].mean())
            for k, name in enumerate(task.kinds)
            if (batch.kinds == k).any()
        },
    }


def share(A, alignment):
    """`share_on_alignment` of the weights (B, h, T, S) of texts that may have ended early."""
    T = min(A.shape[2], alignment.shape[1])
    return share_on_alignment(A[:, :, :T].cpu().numpy(), alignment[:, :T])


class Translation(NamedTuple):
    """One text, what was written for it, and where the model looked.

    source, target : str
    weights : tuple of arrays (h, T, S), one for each decoder layer: row t for the t-th token of
        the target, the last one for its end; column s for the s-th token of the source
    """

    source: str
    target: str
    weights: tuple


def translate(model, vocabularies, texts, *, beams=1, longest=None):
    """Write the target of each text.

    Parameters
    ----------
    model : Transformer, in `eval()` mode
    vocabularies : dict of Vocabulary, "source" and "target"
    texts : sequence of str, or one
    beams : how many beginnings to keep; 1 is greedy
    longest : how many tokens to write at most; as the target vocabulary says where None

    Returns
    -------
    list of Translation; one for a single text

    Raises
    ------
    ValueError
        If a text is empty, too long, or has characters that the vocabulary lacks.
    """
    if isinstance(texts, str):
        return translate(model, vocabularies, [texts], beams=beams, longest=longest)[0]
    read, spoken = vocabularies["source"], vocabularies["target"]
    source, mask = padded([read.encode(text) for text in texts])
    longest = longest or (spoken.longest or model.longest - 1) + 1  # the end counts too
    found = write(model, source, mask, longest, beams)
    results = []
    for b, text in enumerate(texts):
        ids, n = found.ids[b].tolist(), int(mask[b].sum())
        T = ids.index(spoken.end) + 1 if spoken.end in ids else len(ids)
        weights = tuple(A[b, :, :T, :n].cpu().numpy() for A in found.weights)
        results.append(Translation(text, spoken.decode(ids), weights))
    return results


@no_grad()
def write(model, source, mask, longest, beams=1):
    """`Decoded` of arrays: greedy, or by beams where there are several."""
    device = model.position.device
    source, mask = as_tensor(source, device=device), as_tensor(mask, device=device)
    if beams == 1:
        return greedy(model, source, mask, longest=longest)
    return beam(model, source, mask, beams=beams, longest=longest)
