"""What comes out is what went in, at other places, and the alignment says which."""

import re

import numpy as np
import pytest

from minixattn.data.toy import AssociativeRecall, Copy, Reverse, Sort


def texts(task, n=200):
    """(source, target) of n test examples, as strings."""
    batch = task.test_set(n)
    source, target = task.vocabularies["source"], task.vocabularies["target"]
    return batch, [
        (source.decode(s), target.decode(t)) for s, t in zip(batch.source, batch.expected)
    ]


def recalled(text):
    return dict(zip(text[:-1:2], text[1:-1:2]))[text[-1]]


@pytest.mark.parametrize(
    "task, answer",
    [
        (Copy, lambda text: text),
        (Reverse, lambda text: text[::-1]),
        (Sort, lambda text: "".join(sorted(text))),
        (AssociativeRecall, recalled),
    ],
)
def test_the_target_is_the_answer(task, answer):
    for source, target in texts(task("test"))[1]:
        assert target == answer(source)


@pytest.mark.parametrize("task", [Copy, Reverse, Sort, AssociativeRecall])
def test_each_token_of_the_target_is_aligned_with_the_one_that_it_was(task):
    batch, _ = texts(task())
    written = batch.expected_mask & (batch.expected != 2)
    assert (batch.alignment.sum(-1) == written).all()
    b, t, s = np.nonzero(batch.alignment)
    np.testing.assert_array_equal(batch.expected[b, t], batch.source[b, s])


def test_positions_are_those_of_the_task():
    assert list(Reverse().places("abcd")) == [3, 2, 1, 0]
    assert list(Sort().places("cab")) == [1, 2, 0]
    assert list(AssociativeRecall().places("b7a2b")) == [1]


@pytest.mark.parametrize("task", [Copy, Reverse, Sort])
def test_every_length_between_the_bounds_occurs(task):
    lengths = {len(source) for source, _ in texts(task("train", 3, 6))[1]}
    assert lengths == {3, 4, 5, 6}


def test_questions_of_recall_have_odd_lengths_and_letters_that_differ():
    found = texts(AssociativeRecall("train", 3, 9), 400)[1]
    assert {len(source) for source, _ in found} == {3, 5, 7, 9}
    for source, _ in found:
        letters = source[:-1:2]
        assert len(set(letters)) == len(letters)
        assert source[-1] in letters


def test_letters_that_are_sorted_differ():
    assert all(len(set(source)) == len(source) for source, _ in texts(Sort())[1])


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Sort(longest=17), "Sort of 16 letters needs 2 ≤ shortest ≤ longest ≤ 16"),
        (lambda: Copy(shortest=5, longest=4), "got shortest=5, longest=4"),
        (lambda: AssociativeRecall(letters=3), "needs 3 ≤ shortest ≤ longest ≤ 8"),
        (lambda: Reverse(letters=27), "there are 1 to 26 letters, got 27"),
    ],
)
def test_bounds_that_cannot_be_met_are_refused(make, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        make()
