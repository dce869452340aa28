"""Sealed answers: all that means the same is right, and nothing can be read from them."""

import json

import numpy as np
import pytest

import minixattn as mx
from minixattn.course import sealing
from minixattn.course.checking import judge
from minixattn.course.sealing import book, kind_of, sealed


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """A function that seals an answer as "99.it", and returns what is kept of it."""

    def keep(answer, wrong=()):
        (tmp_path / "99.json").write_text(json.dumps({"99.it": sealed(answer, wrong, salt="s")}))
        monkeypatch.setattr(sealing, "book", lambda _lesson: book("99", tmp_path))
        book.cache_clear()
        return (tmp_path / "99.json").read_text()

    return keep


@pytest.mark.parametrize("answer, same", [
    (3, [3, 3.0, "3", np.int64(3), mx.tensor(3)]),
    (0.4472, [0.4472, 0.44721, 0.447, "0.4472"]),
    (0.1255, [0.1255, 0.1254, 0.12552]),
    (1234567, [1234567]),
    ("Query", ["query", " QUERY ", "Query"]),
    ((2, 4), [(2, 4), [2, 4], (2.0, 4), np.array([2, 4]), mx.ones(2, 4).shape]),
    (True, [True, np.bool_(True)]),
    (("b", "c"), [["B", "c "]]),
    ("b", ["B", "(b)", "b:", "b)", "b: Its true gradient is zero, so it passes."]),
])  # fmt: skip
def test_all_that_means_the_same_is_right(kept, answer, same):
    kept(answer)
    for other in same:
        assert judge("99.it", other).state == "right", other


@pytest.mark.parametrize("answer, others", [
    (3, [4, "three", (3,), -3, True]), (0.4472, [0.45, 4.472, -0.4472]), ("b", ["a", "bb"]),
    ((2, 4), [(4, 2), (2, 4, 1), 24]), (True, [False, "yes"]),
])  # fmt: skip
def test_all_else_is_wrong(kept, answer, others):
    kept(answer)
    for other in others:
        assert judge("99.it", other).state == "wrong", other


def test_a_wrong_answer_that_people_give_gets_its_sentence(kept):
    kept((2, 4), [((4, 2), "Rows are queries.")])
    assert judge("99.it", (4, 2)).said == "Rows are queries."
    assert judge("99.it", (5, 2)).said == ""
    assert judge("99.it", 8).said == "Expected: 2 answers; got a number."
    assert "set is no kind of answer here" in judge("99.it", {2, 4}).said


def test_no_answer_yet_is_open(kept):
    kept(3)
    assert judge("99.it", ...).state == "not answered yet"


def test_the_answer_cannot_be_read_from_what_is_kept(kept):
    text = kept("residual", [("dropout", "It is added, not dropped.")])
    assert "residual" not in text and "dropout" not in text


def test_kinds_are_named_in_words():
    found = [kind_of(answer) for answer in (True, "b", 2.5, (1, 2), np.ones(3), mx.tensor(1.0))]
    assert found == [
        "True or False", "a word or a letter", "a number", "2 answers", "3 answers", "a number",
    ]  # fmt: skip
