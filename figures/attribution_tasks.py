"""Trained models whose right answers are explained by every method: see `attribution_table.py`."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

import minixattn as mx
from minixattn import attribution, demo
from minixattn.data.dates import Dates
from minixattn.data.digits import Pages
from minixattn.data.questions import PLACES
from minixattn.data.toy import AssociativeRecall, Copy, Reverse, Sort
from minixattn.models.transformer import Transformer
from minixattn.nn import CrossAttention
from minixattn.nn.functional import cross_entropy
from minixattn.optim import AdamW
from minixattn.optim.lr_scheduler import OneCycleLR
from minixattn.progress import Progress
from minixattn.threads import TRAINING, blas_threads
from minixattn.training import train

EXAMPLES, BATCH = 200, 64
Recall = partial(AssociativeRecall, shortest=7, longest=7, letters=4)  # three pairs, and a letter
# task: (made for a split, layers of encoder and decoder, training steps)
TEXTS = {
    "copy": (Copy, (2, 2), 400),
    "reverse": (Reverse, (2, 2), 600),
    "sort": (Sort, (2, 2), 600),
    "recall": (Recall, (2, 1), 2500),
    "dates": (Dates, (2, 2), 1000),
}


class Explained(NamedTuple):
    """Right answers on unseen examples, what is known about them, and what each method says.

    maps : {method: (…, S)}, a row for each thing that was predicted
    truth : bool (…, S), the true keys; no row where the prediction was wrong
    keys : bool (…, S), False for padding
    right : the share of right predictions
    shown : function (index of a row) -> (what was asked, the names of the S keys)
    """

    maps: dict
    truth: np.ndarray
    keys: np.ndarray
    right: float
    shown: Callable


def explained(task, seed):
    """Train a model for the task, and explain it."""
    return explained_pages(seed) if task == "pages" else explained_texts(task, seed)


# texts: every token written has its token in the source ------------------------------------------


def explained_texts(task, seed):
    """A Transformer that was trained on one of `TEXTS`."""
    kind, layers, steps = TEXTS[task]
    model = text_model(task, kind, layers, steps, seed)
    chosen, test = (kind(split).test_set(EXAMPLES, seed=seed + 1) for split in ("train", "test"))
    heads = text_maps(model, chosen)[1]
    pick = best_and_worst(heads, chosen.alignment, chosen.source_mask)
    logits, heads = text_maps(model, test)
    maps = {**text_relevance(model, test), **{name: heads[head] for name, head in pick.items()}}
    right = logits.argmax(-1) == test.expected
    keys = np.broadcast_to(test.source_mask[:, None], test.alignment.shape)
    source, target = (kind("test").vocabularies[side].tokens for side in ("source", "target"))

    def shown(row):
        b, t = row
        names = [source[i] for i, real in zip(test.source[b], test.source_mask[b]) if real]
        written = "".join(target[i] for i in test.expected[b, :t])
        return f"{''.join(names)!r} → {written!r}, next {target[test.expected[b, t]]!r}", names

    share = right[test.alignment.any(-1)].mean()
    return Explained(maps, test.alignment & right[..., None], keys, share, shown)


def text_model(task, kind, layers, steps, seed):
    """The trained Transformer."""
    mx.manual_seed(seed)
    data = kind("train")
    sizes = (len(data.vocabularies[side]) for side in ("source", "target"))
    model = Transformer(*sizes, width=64, heads=4, hidden=128, layers=layers)
    optimizer = AdamW(model.parameters(), lr=3e-3)
    schedule = OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.1, cycle_momentum=False)

    def loss_of(model, batch):
        logits, _ = model(*inputs(batch))
        real = mx.tensor(batch.expected_mask)
        expected = mx.tensor(batch.expected)[real]
        right = (logits[real].argmax(-1) == expected).float().mean()
        return cross_entropy(logits[real], expected), right.item()

    with blas_threads(TRAINING):
        train(model, data.batches(seed, BATCH), loss_of, optimizer, schedule, steps=steps,
              report=Progress(task, steps))  # fmt: skip
    return model


def inputs(batch, mask=None):
    """What the model reads."""
    mask = batch.source_mask if mask is None else mask
    return mx.tensor(batch.source), mx.tensor(batch.given), mx.tensor(mask)


def text_maps(model, batch):
    """Logits (B, L, V), and the cross-attention of all layers as {(layer, head): (B, L, S)}."""
    with mx.no_grad():
        logits, weights = model(*inputs(batch))
    heads = {(n, h): attribution.one_head(A, h)
             for n, A in enumerate(weights) for h in range(A.shape[1])}  # fmt: skip
    return logits.numpy(), heads


def text_relevance(model, batch):
    """{method: (B, L, S)}, for the logit of the right token at each place of the target."""
    found = {name: np.zeros(batch.alignment.shape) for name in ("gradient", "chefer", "rollout")}
    for place in range(batch.expected.shape[1]):
        with mx.trace() as t:
            logits, _ = model(*inputs(batch))
        right = logits[:, place].gather(1, mx.tensor(batch.expected[:, place : place + 1]))
        right.sum().backward()
        kinds = by_kind(attribution.from_trace(t), len(model.encoder))
        A, dA = kinds["ts"][-1]
        found["gradient"][:, place] = attribution.gradient_attention(A, dA)[:, place]
        steps = [("ss", *pair) for pair in kinds["ss"]]
        for own, cross in zip(kinds["tt"], kinds["ts"]):
            steps += [("tt", *own), ("ts", *cross)]
        found["chefer"][:, place] = attribution.chefer(steps)["ts"][:, place]
        if place == 0:
            weights = ([A for A, _ in kinds[route]] for route in ("ss", "tt", "ts"))
            found["rollout"] = attribution.rollout_encoder_decoder(*weights)[1]
    head_mean = attribution.head_mean(kinds["ts"][-1][0])
    return {"head mean": head_mean, **found, "occlusion": text_occlusion(model, batch)}


def text_occlusion(model, batch):
    """How much the right logit falls where a token of the source is hidden from all attention."""
    places = mx.tensor(batch.expected)[..., None]

    def score(mask):
        with mx.no_grad():
            return model(*inputs(batch, mask))[0].gather(2, places)[..., 0]

    return attribution.occlusion(score, batch.source_mask, value=False)


def by_kind(found, encoder):
    """A Transformer's attention by route, each a list of (weights, gradients), one a layer."""
    selves = [pair for name, pair in found.items() if name.startswith("SelfAttention")]
    cross = [pair for name, pair in found.items() if name.startswith("CrossAttention")]
    return {"ss": selves[:encoder], "tt": selves[encoder:], "ts": cross}


# pages: every question has its patch -------------------------------------------------------------


def explained_pages(seed):
    """The model that answers questions about handwriting, trained as in `minixattn demo`."""
    data, unseen = Pages("train"), Pages("test")
    model = demo.build(CrossAttention, data, seed, "cpu")
    demo.fit(model, data, Progress("pages", demo.STEPS), seed, "cpu")
    chosen, test = data.test_set(EXAMPLES, seed=seed + 1), unseen.test_set(EXAMPLES, seed=seed + 1)
    pick = best_and_worst(page_maps(model, chosen)[1], chosen.target)
    maps, heads = page_maps(model, test)
    maps |= {name: heads[head] for name, head in pick.items()}
    right = demo.answer(model, test, "cpu")[0].argmax(-1) == test.answers
    truth = (test.target[:, None] == np.arange(9)) & right[:, None]

    def shown(row):
        (b,) = row
        names = [f"{digit} {place}" for digit, place in zip(test.digits[b], PLACES)]
        answer = data.decode_answer(test.answers[b])
        return f"'{' '.join(data.decode(test.questions[b]))}?' → {answer!r}", names

    return Explained(maps, truth, np.ones_like(truth), right.mean(), shown)


def page_maps(model, batch):
    """{method: (B, 9)} and {(0, head): (B, 9)}, each the mean over the words of the question."""
    pages, questions, mask, answers = demo.tensors(batch, "cpu")
    with mx.trace() as t:
        logits, _ = model(pages, questions, mask)
    logits.gather(1, answers[:, None]).sum().backward()
    own, look = attribution.from_trace(t).values()

    def whole(R):
        return (R * batch.mask[..., None]).sum(1) / batch.mask.sum(1, keepdims=True)

    def score(pages):
        with mx.no_grad():
            return model(mx.tensor(pages), questions, mask)[0].gather(1, answers[:, None])[:, 0]

    maps = {
        "head mean": whole(attribution.head_mean(look[0])),
        "rollout": whole(attribution.rollout_encoder_decoder([], [own[0]], [look[0]])[1]),
        "gradient": whole(attribution.gradient_attention(*look)),
        "chefer": whole(attribution.chefer([("tt", *own), ("ti", *look)])["ti"]),
        "occlusion": attribution.occlusion(score, batch.pages),
    }
    heads = {(0, h): whole(attribution.one_head(look[0], h)) for h in range(look[0].shape[1])}
    return maps, heads


def best_and_worst(heads, truth, keys=None):
    """Which (layer, head) points best, and which worst."""
    scores = {head: attribution.pointing_accuracy(R, truth, keys) for head, R in heads.items()}
    return {"best head": max(scores, key=scores.get), "worst head": min(scores, key=scores.get)}
