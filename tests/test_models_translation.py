"""Pairs of texts are learned, scored and translated; the same seed gives the same numbers."""

import re

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.data.padding import pairs
from minixattn.data.toy import Copy, Reverse
from minixattn.models import Transformer, evaluate, fit, greedy, translate
from minixattn.models.translation import loss_of


def made(task, device="cpu", **options):
    mx.manual_seed(0)
    sizes = [len(task.vocabularies[part]) for part in ("source", "target")]
    options = {"width": 32, "heads": 2, "hidden": 64, "layers": 1, "longest": 8} | options
    return Transformer(*sizes, **options).to(device)


def small(split="train"):
    return Reverse(split, shortest=2, longest=4, letters=5)


@pytest.fixture(scope="module")
def learned():
    model = made(small())
    fit(model, small(), steps=300, size=32, rate=1e-2)
    return model


def test_a_small_model_learns_to_reverse_and_looks_where_the_letters_are(learned):
    scores = evaluate(learned, small("test"), 100)
    assert scores["exact"] > 0.95
    assert scores["tokens"] >= scores["exact"]
    assert max(scores["attention"][0]) > 2 * scores["chance"]
    assert scores["by_kind"] == {"Reverse": scores["exact"]}


def test_the_same_seed_gives_the_same_numbers_twice():
    runs = []
    for _ in range(2):
        model, log = made(small()), []
        fit(
            model,
            small(),
            steps=5,
            size=8,
            seed=3,
            report=lambda *entry, log=log: log.append(entry),
        )
        runs.append((log, [values(p).tobytes() for p in model.parameters()]))
    assert runs[0] == runs[1]
    assert [entry[0] for entry in runs[0][0]] == [1, 2, 3, 4, 5]


def test_the_loss_is_the_mean_surprise_of_the_real_tokens(device):
    task = small()
    model, batch = made(task, device).eval(), task.test_set(6)
    loss, exact = loss_of(model, batch)
    parts = (mx.tensor(x, device=device) for x in (batch.source, batch.given, batch.source_mask))
    logp = values(mx.log_softmax(model(*parts)[0], -1))
    b, t = np.nonzero(batch.expected_mask)
    np.testing.assert_allclose(loss.item(), -logp[b, t, batch.expected[b, t]].mean(), rtol=1e-5)
    right = (logp.argmax(-1) == batch.expected) | ~batch.expected_mask
    assert exact == pytest.approx(right.all(1).mean())


def test_scores_are_those_of_what_is_written(learned):
    task = small("test")
    batch = task.test_set(40)
    found = greedy(learned, *(mx.tensor(x) for x in (batch.source, batch.source_mask)), longest=5)
    written = values(found.ids)
    target = task.vocabularies["target"]
    right = [target.decode(a) == target.decode(b) for a, b in zip(written, batch.expected)]
    assert evaluate(learned, task, 40)["exact"] == pytest.approx(np.mean(right))


def test_scores_do_not_depend_on_how_the_test_set_is_cut_up(learned, monkeypatch):
    from minixattn.models import translation

    task, sizes, write = small("test"), [], translation.write

    def counted(model, source, *rest):
        sizes.append(len(source))
        return write(model, source, *rest)

    monkeypatch.setattr(translation, "write", counted)
    scores = evaluate(learned, task, 1203)
    assert sizes == [401] * 3
    whole = task.test_set(1203)
    found = write(learned, whole.source, whole.source_mask, whole.expected.shape[1])
    same = (values(found.ids) == whole.expected) | ~whole.expected_mask
    assert scores["exact"] == pytest.approx(same.all(1).mean())
    assert scores["tokens"] == pytest.approx(same[whole.expected_mask].mean())


@pytest.mark.parametrize("beams", [1, 3])
def test_texts_are_translated_with_where_the_model_looked(learned, beams):
    found = translate(learned, small().vocabularies, ["abc", "db"], beams=beams)
    assert [one.source for one in found] == ["abc", "db"]
    assert [one.target for one in found] == ["cba", "bd"]
    assert [A.shape for A in found[0].weights] == [(2, 4, 3)]  # three letters and the end
    assert [A.shape for A in found[1].weights] == [(2, 3, 2)]
    np.testing.assert_allclose(found[1].weights[0].sum(-1), 1, rtol=1e-5)


def test_a_single_text_gives_a_single_translation(learned):
    one = translate(learned, small().vocabularies, "ea")
    assert one.target == "ae"
    both = translate(learned, small().vocabularies, ["ea", "abcd"])
    np.testing.assert_allclose(one.weights[0], both[0].weights[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "the text is empty"),
        ("abz", "unknown character 'z' (U+007A LATIN SMALL LETTER Z) in the text 'abz'"),
        ("abcde", "the text has 5 characters, but at most 4 can be read"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused(learned, text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        translate(learned, small().vocabularies, ["ab", text])


def test_a_model_that_ends_at_once_scores_without_a_mistake_in_the_bookkeeping():
    class Silent(Transformer):
        def decode(self, given, memory, mask=None, caches=None):
            logits, weights = super().decode(given, memory, mask, caches)
            end = mx.arange(logits.shape[-1]) == 2
            return mx.where(end, 100.0, logits), weights

    task = Copy("test", 2, 4, 5)
    sizes = [len(task.vocabularies[part]) for part in ("source", "target")]
    model = Silent(*sizes, width=8, heads=2, layers=1, longest=8).eval()
    scores = evaluate(model, task, 20)
    assert scores["exact"] == 0.0 and scores["tokens"] == 0.0
    assert translate(model, task.vocabularies, "abc").target == ""


def test_what_comes_after_the_end_does_not_count():
    model = made(small())
    one = pairs([[3, 4, 5], [3]], [[5, 4, 3], [3]], [[], []], [0, 0])
    alone = [
        loss_of(model, pairs([s], [t], [[]], [0]))[0].item()
        for s, t in (([3, 4, 5], [5, 4, 3]), ([3], [3]))
    ]
    np.testing.assert_allclose(
        loss_of(model, one)[0].item(), (4 * alone[0] + 2 * alone[1]) / 6, rtol=1e-5
    )
