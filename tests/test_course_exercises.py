"""Every mistake is named as what it is, over many draws, and no right answer is called wrong."""

import numpy as np
import pytest

import minixattn as mx
from minixattn.course.checking import OPEN, RIGHT, WRONG, Failed, fitting, judge, tried
from minixattn.course.exercises import EXERCISES

MISTAKES = [(e, m) for e in EXERCISES.values() for m in e.mistakes]


def test_there_are_many_mistakes_and_each_exercise_has_some():
    assert len(MISTAKES) > 100
    assert all(len(e.mistakes) >= 3 for e in EXERCISES.values())
    assert all(name == e.name for name, e in EXERCISES.items())


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda e: e.name)
def test_the_reference_is_right_over_twenty_draws(exercise):
    for seed in range(20):
        cases = exercise.cases(np.random.default_rng(seed))
        found = tried(exercise, exercise.right, cases)
        assert len(cases) > 1 and not any(isinstance(result, Failed) for result in found)
        assert judge(exercise.name, exercise.right, seed).state == RIGHT


@pytest.mark.parametrize("exercise, mistake", MISTAKES,
                         ids=[f"{e.name}: {m.name[:50]}" for e, m in MISTAKES])  # fmt: skip
def test_each_mistake_is_named_as_what_it_is_over_twenty_draws(exercise, mistake):
    for seed in range(20):
        verdict = judge(exercise.name, mistake.wrong, seed)
        assert verdict.state == WRONG
        assert mistake.name in verdict.said and mistake.hint in verdict.said
        cases = exercise.cases(np.random.default_rng(seed))
        assert fitting(exercise, tried(exercise, mistake.wrong, cases), cases) is mistake


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda e: e.name)
def test_no_two_mistakes_of_an_exercise_share_a_name(exercise):
    names = [mistake.name for mistake in exercise.mistakes]
    assert len(set(names)) == len(names)


ARRAYS = [e for e in EXERCISES.values() if e.name.partition(".")[0] in ("attention", "scale")]


@pytest.mark.parametrize("exercise", ARRAYS, ids=lambda e: e.name)
def test_answers_in_float32_are_right_too(exercise):
    def single(x):
        return x.astype(np.float32) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x

    def answer(*arguments):
        return exercise.right(*map(single, arguments))

    assert judge(exercise.name, answer).state == RIGHT


def test_an_answer_may_be_a_tensor():
    def scores(Q, K):
        Q, K = mx.tensor(Q), mx.tensor(K)
        return Q @ K.mT / K.shape[-1] ** 0.5

    assert judge("attention.scores", scores).state == RIGHT


def test_an_answer_that_gives_nothing_yet_is_open():
    def later(_Q, _K):
        raise NotImplementedError

    for answer in (None, ..., lambda _Q, _K: None, lambda _Q, _K: ..., later):
        assert judge("attention.scores", answer).state == OPEN
