"""A model learns to label regions from both modalities, is scored region by region, and asked."""

import re

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.data import Forms
from minixattn.data.digits import handwriting
from minixattn.data.forms import LABELS, LONGEST
from minixattn.models import OneStream, SelfDoc, load_pretrained
from minixattn.models.labelling import evaluate, fit, label, labelled, loss_of

pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')
TASK = Forms("train")
SMALL = {"width": 8, "heads": 2}


def made(kind=SelfDoc, **options):
    mx.manual_seed(0)
    return kind(len(TASK.vocabularies["text"]), LONGEST, len(LABELS), **options).eval()


def test_agreement_learns_to_find_the_region_that_is_named():
    """More than print alone can tell in any time, 47 %, after a few seconds."""
    model, losses = made(), []
    before = evaluate(model, Forms("test"), 200)
    fit(model, TASK, steps=250, size=48, report=lambda _step, loss, _right: losses.append(loss))
    after = evaluate(model, Forms("test"), 200)
    assert np.mean(losses[-20:]) < np.mean(losses[:20]) / 2
    assert before["accuracy"] < 0.2 and after["accuracy"] > 0.6
    assert np.max(after["attention"]) > 1.4 * after["chance"]


def test_the_loss_counts_the_regions_that_are_there():
    model, batch = made(**SMALL), Forms("test").test_set(5)
    loss, right = loss_of(model, batch)
    logits = values(labelled(model, batch)[0])
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    picked = np.take_along_axis(logs, batch.labels[..., None], -1)[..., 0][batch.mask]
    assert loss.item() == pytest.approx(-picked.mean(), rel=1e-5)
    assert right == pytest.approx((logits.argmax(-1) == batch.labels)[batch.mask].mean())


def test_scores_are_shares_of_regions_and_of_attention():
    model, task = made(layers=2, **SMALL), Forms("test")
    scores, batch = evaluate(model, task, 60, seed=4), task.test_set(60, 4)
    logits, weights = labelled(model, batch)
    right = values(logits).argmax(-1) == batch.labels
    assert scores["accuracy"] == pytest.approx(right[batch.mask].mean())
    pointing = batch.mask & (batch.kinds == 1)
    assert scores["pointing"] == pytest.approx(right[pointing].mean())
    assert set(scores["looks"]) == {"agree_v", "to_vision", "to_text"}
    for rows, look in (scores["attention"], "agree_t"), (scores["looks"]["to_text"], "to_text"):
        assert np.shape(rows) == (2, 2)
        A = values(getattr(weights[1], look))[:, 1]
        share = (A * batch.alignment).sum(-1)[pointing].mean()
        assert rows[1][1] == pytest.approx(share, abs=1e-4)
    assert scores["chance"] == pytest.approx((1 / batch.mask.sum(1))[pointing.nonzero()[0]].mean(),
                                             abs=1e-4)  # fmt: skip
    one = evaluate(made(OneStream, **SMALL), task, 60)
    assert np.shape(one["attention"]) == (2, 2) and "looks" not in one


def test_training_is_the_same_from_the_same_seed(device):
    found = []
    for _ in range(2):
        model = made(**SMALL).to(device)
        fit(model, TASK, steps=3, size=4)
        found.append({name: values(x) for name, x in model.state_dict().items()})
    assert all((found[0][name] == found[1][name]).all() for name in found[0])
    assert not model.training


# Asking ------------------------------------------------------------------------------------------


def asked(printed, images):
    return label(made(**SMALL), TASK.vocabularies["text"], printed, images)


def test_a_form_is_labelled_as_in_a_batch(device):
    task = Forms("test", swapped=0, missed=0)
    batch, model = task.test_set(3), made(**SMALL).to(device)
    read = task.vocabularies["text"]
    expected = values(labelled(model, batch)[0]).argmax(-1)
    for b in range(3):
        n = batch.mask[b].sum()
        printed = [read.decode(row) for row in batch.text[b, :n]]
        labels, weights = label(model, read, printed, batch.images[b, :n])
        assert labels == [LABELS[i] for i in expected[b, :n]]
        assert weights[0].agree_t.shape == (1, 2, 8, 8)


def test_a_region_may_be_without_print():
    images = handwriting("test").images[:2]
    labels, _ = asked(["", "address"], images)
    assert len(labels) == 2 and set(labels) <= set(LABELS)


@pytest.mark.parametrize(
    "printed, change, error, said",
    [
        (["date"], lambda x: x, mx.ShapeError, "1 regions have print and the images have shape (2"),
        ([], lambda x: x[:0], mx.ShapeError, "one image for each text, 1 to 8 of them"),
        (["day"] * 9, lambda x: np.tile(x[:1], (9, 1)), mx.ShapeError, "1 to 8 of them"),
        (["date", "day"], lambda x: x[:, :60], mx.ShapeError, "expected (n, 64)"),
        (["date", "day"], lambda x: x * 16, ValueError, "divide load_digits' images by 16"),
        (["date", "day"], lambda x: x * np.nan, ValueError, "images hold ink from 0 to 1"),
        (["date", "Day!"], lambda x: x, ValueError, "unknown characters 'D' (U+0044"),
        (["date", "date of birth"], lambda x: x, None, ""),
        (["date", "dates of birth"], lambda x: x, ValueError, "has 14 characters, but at most 13"),
    ],
)
def test_what_cannot_be_read_is_named(printed, change, error, said):
    images = change(handwriting("test").images[:2])
    if error is None:
        asked(printed, images)
        return
    with pytest.raises(error, match=re.escape(said)):
        asked(printed, images)


# The trained weights -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    pytest.importorskip("safetensors")
    return load_pretrained("forms")


def test_the_trained_model_still_scores_what_it_claims(trained):
    claimed = trained.metrics
    assert claimed["accuracy"] >= 0.95
    for baseline in claimed["baselines"].values():
        assert set(baseline) >= {"accuracy", "cpu_seconds"}
    alone = [claimed["baselines"][name]["accuracy"] for name in ("text only", "image only")]
    assert claimed["accuracy"] > max(alone) + 0.05
    task = Forms("test")
    assert trained.vocabularies == task.vocabularies
    scores = evaluate(trained.model, task, 500)
    assert scores["accuracy"] == pytest.approx(claimed["accuracy"], abs=0.015)
    np.testing.assert_allclose(scores["attention"], claimed["attention"], atol=0.05)


def test_the_trained_model_reads_a_form_that_was_never_drawn(trained):
    """The labels follow from the numbers that are written, whoever wrote them."""
    written = handwriting("test")

    def number(d):
        return written.images[np.flatnonzero(written.labels == d)[0]]

    printed = ["same as seven", "addrsss", "telephone", "see two", ""]
    images = np.array([number(d) for d in (0, 7, 2, 8, 4)])
    labels, weights = label(trained.model, trained.vocabularies["text"], printed, images)
    assert labels[:4] == ["sender address", "receiver address", "sender phone", "receiver phone"]
    assert labels[4].startswith("sender ")  # all that can be known of it
    agree = values(weights[0].agree_t)[0].mean(0)
    assert agree[0].argmax() == 1 and agree[3].argmax() == 2
