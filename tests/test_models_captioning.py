"""A model learns to write captions, is scored word by word, and writes one."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.data import Captions
from minixattn.data.captions import overlap, words_of
from minixattn.data.digits import handwriting, page_image
from minixattn.models import Captioner, PooledCaptioner, load_pretrained
from minixattn.models.captioning import caption, evaluate, fit, loss_of, write

pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')
TASK = Captions("train")
WORDS = TASK.vocabularies["words"]


def made(kind=Captioner, **options):
    mx.manual_seed(0)
    return kind(len(WORDS), longest=16, **options).eval()


def test_training_lowers_the_loss():
    model, losses = made(width=32), []
    fit(model, TASK, steps=120, size=32, report=lambda _step, loss, _right: losses.append(loss))
    assert np.mean(losses[-20:]) < 0.75 * np.mean(losses[:10])


def test_the_loss_is_the_mean_over_all_words():
    model, batch = made(width=8, heads=2), TASK.test_set(5)
    loss, exact = loss_of(model, batch)
    logits = values(model(mx.tensor(batch.patches), mx.tensor(batch.given))[0])
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    picked = np.take_along_axis(logs, batch.expected[..., None], -1)
    assert loss.item() == pytest.approx(-picked.mean(), rel=1e-5)
    assert exact == (logits.argmax(-1) == batch.expected).all(1).mean()


def test_scores_are_of_what_the_model_writes_by_itself():
    model, task = made(width=8, heads=2), Captions("test")
    scores, batch = evaluate(model, task, 60, seed=4), task.test_set(60, 4)
    found = write(model, batch.patches, 12)
    ids = np.zeros((60, 12), int)
    ids[:, : found.ids.shape[1]] = values(found.ids)
    assert scores["tokens"] == pytest.approx((ids == batch.expected).mean())
    assert scores["exact"] == pytest.approx((ids == batch.expected).all(1).mean())
    assert scores["chance"] == pytest.approx(overlap().mean())


def page(digits):
    """A page of test handwriting with these digits."""
    ours = handwriting("test")
    return page_image(np.stack([ours.images[np.flatnonzero(ours.labels == d)[3]] for d in digits]))


@pytest.mark.parametrize("beams", [1, 3])
def test_trained_weights_write_what_is_on_a_page_and_look_there(beams):
    pytest.importorskip("safetensors", reason='needs pip install "minixattn[interop]"')
    found = load_pretrained("captions")
    digits = [3, 4, 7, 1, 0, 0, 6, 2, 5]
    written = caption(found.model, found.vocabularies["words"], page(digits), beams=beams)
    assert written.text == words_of(digits)
    assert [A.shape for A in written.weights] == [(4, 11, 16)] * len(written.weights)
    last = written.weights[-1].mean(0)
    says = [i for i, word in enumerate(written.words) if word != "/"]
    on_digit = (last[says] * overlap()).sum(-1)
    assert on_digit.mean() > 2 * overlap().mean()


def test_pages_that_are_none_are_refused():
    model = made(width=8, heads=2)
    with pytest.raises(mx.ShapeError, match=r"the page has shape \(9, 64\), expected \(24, 24\)"):
        caption(model, WORDS, np.zeros((9, 64)))
    for ink in (16.0, np.nan, -0.1):
        with pytest.raises(ValueError, match="ink from 0 to 1"):
            caption(model, WORDS, np.full((24, 24), ink))


def test_the_baseline_is_called_in_the_same_way():
    model = made(PooledCaptioner, width=8, heads=2)
    assert set(evaluate(model, Captions("test"), 20)) >= {"exact", "tokens", "digits"}
