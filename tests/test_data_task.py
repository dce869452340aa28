"""Every task keeps the protocol: deterministic endless batches, two splits, words for numbers."""

import itertools
import re

import numpy as np
import pytest

from minixattn.data.task import Task, share_by_chance, share_on_alignment
from minixattn.data.toy import AssociativeRecall, Copy, Reverse, Sort

TASKS = [Copy, Reverse, Sort, AssociativeRecall]


def dates(split="train"):
    pytest.importorskip("babel")
    from minixattn.data.dates import Dates

    return Dates(split)


@pytest.fixture(params=[*TASKS, dates], ids=lambda task: task.__name__)
def task(request):
    return request.param


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b))


def test_batches_are_the_same_from_the_same_seed_and_others_from_another(task):
    a, b, c = (task().batches(seed, 8) for seed in (0, 0, 1))
    first = [next(a) for _ in range(3)]
    assert all(equal(x, next(b)) for x in first)
    assert not equal(first[0], next(c))
    assert not equal(first[0], first[1])


def test_a_training_can_go_on_from_the_state_of_its_generator(task):
    rng = np.random.default_rng(5)
    batches = task().batches(rng, 4)
    next(batches)
    state = rng.bit_generator.state
    expected = [next(batches) for _ in range(2)]
    again = np.random.default_rng(0)
    again.bit_generator.state = state
    assert all(equal(x, y) for x, y in zip(expected, task().batches(again, 4)))


def test_no_example_is_in_both_splits(task):
    def seen(split):
        batch = task(split).test_set(400)
        return {tuple(row) for row in batch.source}

    assert not seen("train") & seen("test")
    assert len(seen("test")) > 100


def test_the_vocabularies_read_what_the_batches_hold(task):
    task = task()
    batch = task.test_set(50)
    vocabulary = task.vocabularies["source"]
    for row, mask in zip(batch.source, batch.source_mask):
        text = vocabulary.decode(row)
        np.testing.assert_array_equal(vocabulary.encode(text), row[mask])
    assert (batch.source != 0).tolist() == batch.source_mask.tolist()
    assert (batch.expected != 0).tolist() == batch.expected_mask.tolist()
    assert batch.kinds.min() >= 0 and batch.kinds.max() < len(task.kinds)


def test_the_alignment_stays_within_what_is_written(task):
    batch = task().test_set(50)
    assert not (batch.alignment & ~batch.source_mask[:, None]).any()
    assert not (batch.alignment & ~batch.expected_mask[..., None]).any()
    assert not batch.alignment[batch.expected == 2].any()  # nothing says the end
    assert batch.alignment.any()


def test_a_test_set_is_always_the_same_and_has_the_size_asked_for(task):
    a, b = task("test").test_set(7), task("test").test_set(7)
    assert equal(a, b)
    assert {len(part) for part in a} == {7}


def test_a_task_describes_itself_with_an_example(task):
    assert "→" in task("test").describe()
    assert "test split" in task("test").describe()


@pytest.mark.parametrize("size", [0, -3, 2.0, "8"])
def test_a_size_that_is_none_is_refused_before_the_first_batch(size):
    with pytest.raises(ValueError, match=re.escape(f"in a batch, 1 or more; got {size!r}")):
        Copy().batches(0, size)


def test_a_split_that_is_none_is_refused():
    with pytest.raises(ValueError, match='split must be "train" or "test", got \'valid\''):
        Copy("valid")


def test_the_base_class_says_what_a_subclass_must_define():
    with pytest.raises(NotImplementedError, match=r"Task must define draw\(rng, size\)"):
        next(Task().batches(0, 1))
    with pytest.raises(NotImplementedError, match=r"Task must define describe\(\)"):
        Task().describe()


# The score ---------------------------------------------------------------------------------------


def test_the_share_is_the_mass_on_the_right_tokens_averaged_over_the_rows_that_have_some(rng):
    B, h, L, S = 2, 3, 4, 5
    weights = rng.random((B, h, L, S))
    weights /= weights.sum(-1, keepdims=True)
    alignment = rng.random((B, L, S)) < 0.3
    alignment[1, 2] = False
    shares = share_on_alignment(weights, alignment)
    assert shares.shape == (h,)
    for head in range(h):
        rows = [
            weights[b, head, t][alignment[b, t]].sum()
            for b, t in itertools.product(range(B), range(L))
            if alignment[b, t].any()
        ]
        np.testing.assert_allclose(shares[head], np.mean(rows))


def test_attention_that_is_on_the_truth_alone_has_share_one_and_even_attention_that_of_chance():
    batch = Reverse("test").test_set(20)
    exact = batch.alignment[:, None] / np.maximum(batch.alignment.sum(-1), 1)[:, None, :, None]
    np.testing.assert_allclose(share_on_alignment(exact, batch.alignment), [1.0])
    real = batch.source_mask[:, None, None] * np.ones_like(exact)
    even = real / real.sum(-1, keepdims=True)
    chance = share_by_chance(batch.alignment, batch.source_mask)
    np.testing.assert_allclose(share_on_alignment(even, batch.alignment), [chance])
    assert 0 < chance < 0.5


def test_an_alignment_of_another_shape_or_without_any_truth_is_refused():
    weights = np.full((2, 3, 4, 5), 0.2)
    with pytest.raises(ValueError, match=r"need an alignment of shape \(2, 4, 5\), got \(2, 5, 4"):
        share_on_alignment(weights, np.ones((2, 5, 4), bool))
    with pytest.raises(ValueError, match="False everywhere: there is nothing to score by"):
        share_on_alignment(weights, np.zeros((2, 4, 5), bool))
