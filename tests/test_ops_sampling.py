"""Draws from given probabilities."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx


@pytest.fixture(autouse=True)
def seed():
    mx.manual_seed(0)


@pytest.mark.parametrize("replacement", [True, False])
def test_positions_come_as_often_as_their_probabilities_say(replacement, device):
    p = mx.tensor([1.0, 0.0, 3.0, 4.0], device=device).expand(20_000, 4)
    drawn = values(mx.multinomial(p, 1, replacement))
    share = np.bincount(drawn[:, 0], minlength=4) / len(drawn)
    assert share[1] == 0
    np.testing.assert_allclose(share, [0.125, 0, 0.375, 0.5], atol=0.015)


def test_without_replacement_the_second_is_drawn_from_the_others(device):
    p = mx.tensor([1.0, 2.0, 3.0], device=device).expand(20_000, 3)
    drawn = values(mx.multinomial(p, 2))
    assert (drawn[:, 0] != drawn[:, 1]).all()
    after_2 = drawn[drawn[:, 0] == 2, 1]
    assert abs((after_2 == 0).mean() - 1 / 3) < 0.02


def test_a_vector_of_weights_gives_a_vector_and_replacement_more_than_there_are(device):
    p = mx.tensor([0.5, 0.5], device=device)
    assert p.multinomial(2).shape == (2,) and p.multinomial(2).dtype == mx.int64
    assert set(values(p.multinomial(50, replacement=True)).tolist()) == {0, 1}


def test_what_is_no_probability_is_refused():
    for bad in ([-1.0, 2.0], [float("nan"), 1.0], [float("inf"), 1.0]):
        with pytest.raises(ValueError, match="multinomial: the probabilities must be finite"):
            mx.multinomial(mx.tensor(bad), 1)
    with pytest.raises(ValueError, match=r"1 position\(s\) .* has 0 .* Not all may be 0"):
        mx.multinomial(mx.zeros(2, 3), 1, replacement=True)
    with pytest.raises(ValueError, match=r"2 position\(s\) are to be drawn, but a row has 1 of"):
        mx.multinomial(mx.tensor([0.0, 1.0]), 2)
    with pytest.raises(mx.DTypeError, match="multinomial: expected float probabilities, got int64"):
        mx.multinomial(mx.tensor([1, 2]), 1)
    with pytest.raises(mx.ShapeError, match=r"shape \(n,\) or \(rows, n\) and num_samples above 0"):
        mx.multinomial(mx.ones(2), 0)
    with pytest.raises(ValueError, match="bernoulli: the probabilities must be between 0 and 1"):
        mx.bernoulli(mx.tensor([1.5]))


def test_coins_fall_as_their_probabilities_say(device):
    p = mx.tensor([0.0, 0.25, 1.0], device=device).expand(10_000, 3)
    np.testing.assert_allclose(values(mx.bernoulli(p)).mean(0), [0, 0.25, 1], atol=0.015)
    x = mx.zeros(10_000, device=device).bernoulli_(0.75)
    assert abs(values(x).mean() - 0.75) < 0.015


def test_draws_follow_the_seed_and_a_generator_of_ones_own(device):
    p = mx.ones(100, device=device)

    def drawn(generator=None):
        return values(p.multinomial(5, generator=generator)).tolist()

    mx.manual_seed(0)
    first = drawn()
    mx.manual_seed(0)
    mine = mx.Generator(device).manual_seed(5)
    own = drawn(mine)
    assert drawn() == first  # the other one was left alone
    assert drawn(mine.manual_seed(5)) == own
