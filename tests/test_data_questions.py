"""What is asked about pages: true answers, and all that one has to see to give them."""

import numpy as np
import pytest

from minixattn.data.questions import (
    ANSWERS,
    COUNT,
    DIGITS,
    GRID,
    KINDS,
    NEIGHBOUR,
    PATCHES,
    PLACES,
    SIDES,
)

N = 4000


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request):
    return request.param


def drawn(kind, rng, n=N):
    return kind.draw(rng, n)


def test_what_is_drawn_has_the_shapes_and_types_it_promises(kind, rng):
    found = drawn(kind, rng)
    assert found.digits.shape == found.evidence.shape == (N, PATCHES)
    assert found.asked.shape == found.answers.shape == (N,)
    assert found.evidence.dtype == bool
    assert set(np.unique(found.digits)) == set(range(10))
    assert set(np.unique(found.asked)) == set(range(len(kind.questions)))
    assert set(np.unique(found.answers)) <= set(range(len(ANSWERS)))


def test_one_seed_gives_the_same_questions(kind):
    for a, b in zip(*(drawn(kind, np.random.default_rng(3)) for _ in range(2)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_answer_does_not_depend_on_what_need_not_be_seen(kind, rng):
    """Pages that agree on the question and on the evidence have one answer."""
    found, known = drawn(kind, rng, 200_000), {}
    for digits, asked, answer, evidence in zip(*found, strict=True):
        seen = int(asked), tuple(np.where(evidence, digits, -1))
        assert known.setdefault(seen, answer) == answer


def test_a_count_is_how_often_the_digit_is_there(rng):
    digits, asked, answers, evidence = drawn(COUNT, rng)
    np.testing.assert_array_equal(evidence, digits == asked[:, None])
    np.testing.assert_array_equal(answers, evidence.sum(1))
    assert COUNT.questions[3] == "how many 3s"


def test_every_count_from_none_to_all_nine_comes_equally_often(rng):
    counts = np.bincount(drawn(COUNT, rng, 20_000).answers, minlength=10)
    assert len(counts) == 10 and np.all(np.abs(counts - 2000) < 200)


def test_a_neighbour_stands_on_the_side_that_is_asked_for(rng):
    digits, asked, answers, evidence = drawn(NEIGHBOUR, rng)
    for page, question, answer, seen in zip(digits, asked, answers, evidence, strict=True):
        words = NEIGHBOUR.questions[question].removeprefix("what is ").split()
        digit, side = int(words[-1]), " ".join(words[:-1]).removesuffix(" the")
        (place,) = np.flatnonzero(page == digit)
        row, column = np.add(divmod(place, GRID), SIDES[side])
        assert 0 <= row < GRID and 0 <= column < GRID
        assert page[row * GRID + column] == answer
        assert set(np.flatnonzero(seen)) == {place, row * GRID + column}


def test_every_place_that_has_a_neighbour_is_asked_about(rng):
    digits, asked, _, _ = drawn(NEIGHBOUR, rng, 20_000)
    side, digit = np.divmod(asked, len(DIGITS))
    place = (digits == digit[:, None]).argmax(1)
    for k, shift in enumerate(SIDES.values()):
        beside = [np.add(divmod(p, GRID), shift) for p in range(PATCHES)]
        at_edge = [min(there) < 0 or max(there) >= GRID for there in beside]
        counts = np.bincount(place[side == k], minlength=PATCHES)
        assert np.all((counts == 0) == at_edge)
        assert counts.max() < 1.4 * counts[counts > 0].min()


def test_places_are_named_in_reading_order():
    assert PLACES[0] == "top left" and PLACES[5] == "middle right" and len(PLACES) == GRID**2
