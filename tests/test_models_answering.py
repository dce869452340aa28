"""A model learns to answer questions, is scored by kind, and asked about one page."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.data import Pages
from minixattn.data.digits import handwriting
from minixattn.data.questions import ANSWERS, KINDS
from minixattn.models import OneSequenceQA, VisualQA, load_pretrained
from minixattn.models.answering import answer, answered, evaluate, fit, loss_of

pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')
TASK = Pages("train", KINDS)
KIND_NAMES = {"place", "where", "count", "neighbour"}


def made(kind=VisualQA, **options):
    mx.manual_seed(0)
    options = {"width": 8, "heads": 2, "blocks": 2, **options}
    return kind(len(TASK.vocabulary), TASK.words, len(ANSWERS), **options).eval()


@pytest.mark.parametrize("kind", [VisualQA, OneSequenceQA])
def test_training_lowers_the_loss_of_either_model(kind):
    model, losses = made(kind, width=32, heads=4), []
    fit(model, TASK, steps=120, size=32, report=lambda _step, loss, _right: losses.append(loss))
    assert np.mean(losses[-20:]) < 0.9 * np.mean(losses[:10])


def test_the_loss_is_the_cross_entropy_of_the_answers():
    model, batch = made(), TASK.test_set(8)
    loss, right = loss_of(model, batch)
    logits = values(answered(model, batch)[0])
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    assert loss.item() == pytest.approx(-logs[np.arange(8), batch.answers].mean(), rel=1e-5)
    assert right == (logits.argmax(-1) == batch.answers).mean()


def test_scores_are_shares_of_each_kind_and_of_attention():
    model, task = made(), Pages("test", KINDS)
    scores, batch = evaluate(model, task, 80, seed=4), task.test_set(80, 4)
    logits, weights = answered(model, batch)
    right = values(logits).argmax(-1) == batch.answers
    assert set(scores) == {"accuracy", "attention", "chance", *KIND_NAMES}
    assert scores["neighbour"] == pytest.approx(right[batch.kinds == 3].mean())
    assert scores["accuracy"] == pytest.approx(right.mean())
    on_it = (values(weights[1])[:, 1] * batch.evidence[:, None]).sum(-1)  # (B, L)
    counts = batch.mask & batch.evidence.any(1, keepdims=True)
    assert scores["attention"][1][1] == pytest.approx(on_it[counts].mean(), abs=1e-4)
    assert 0.1 < scores["chance"] < 0.5


def page(digits):
    """A page of test handwriting with these digits."""
    ours = handwriting("test")
    return np.stack([ours.images[np.flatnonzero(ours.labels == d)[3]] for d in digits])


@pytest.mark.parametrize("question, expected", [
    ("What is at the top left?", "3"), ("where is the 5", "bottom right"),
    ("how many 0s", "2"), ("how many 8s", "0"),
    ("what is left of the 5", "2"), ("what is above the 5", "0"), ("what is below the 4", "1"),
])  # fmt: skip
def test_trained_weights_answer_every_kind_of_question(question, expected):
    pytest.importorskip("safetensors", reason='needs pip install "minixattn[interop]"')
    found = load_pretrained("vqa")
    said = answer(found.model, found.vocabularies["words"], page([3, 4, 7, 0, 1, 0, 6, 2, 5]),
                  question)  # fmt: skip
    assert said.answer == expected
    assert said.probability > 0.4
    assert all(A.shape[1:] == (len(said.words), 9) for A in said.weights)


def test_questions_and_pages_that_are_none_are_refused():
    model, words = made(), TASK.vocabulary
    with pytest.raises(mx.ShapeError, match=r"the page has shape \(24, 24\), expected \(9, 64\)"):
        answer(model, words, np.zeros((24, 24)), "where is the 7")
    for ink in (16.0, np.nan):
        with pytest.raises(ValueError, match="ink from 0 to 1"):
            answer(model, words, np.full((9, 64), ink), "where is the 7")
    blank = np.zeros((9, 64))
    for question, said in (
        ("", "is empty"),
        ("where is the cat", "unknown word 'cat'"),
        ("what is at the top left of the 7", "9 words, but at most 6 can be read"),
    ):
        with pytest.raises(ValueError, match=said):
            answer(model, words, blank, question)
