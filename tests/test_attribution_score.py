"""Scores of an attribution: ties share, padding is left out, several keys may be true."""

import numpy as np
import pytest

from minixattn.attribution import mass_on_truth, pointing_accuracy


def test_the_share_of_queries_whose_first_key_is_true():
    R = [[0.1, 0.9], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]]
    assert pointing_accuracy(R, [1, 0, 1, 1]) == 0.75
    assert mass_on_truth(R, [1, 0, 1, 1]) == pytest.approx((0.9 + 0.8 + 0.4 + 0.7) / 4)


def test_keys_that_tie_share_the_credit_so_that_saying_nothing_scores_as_chance():
    assert pointing_accuracy(np.full((7, 4), 0.25), np.arange(7) % 4) == 0.25
    assert pointing_accuracy([[0.4, 0.4, 0.2]], [1]) == 0.5
    assert pointing_accuracy([[0.4, 0.4, 0.2]], [2]) == 0
    assert pointing_accuracy(np.zeros((1, 5)), [3]) == pytest.approx(0.2)


def test_any_of_several_true_keys_will_do():
    true = np.array([[True, True, False], [True, True, False]])
    R = [[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]
    assert pointing_accuracy(R, true) == 0.5
    assert mass_on_truth(R, true) == pytest.approx((0.7 + 0.3) / 2)
    assert pointing_accuracy([[0.4, 0.2, 0.4]], true[:1]) == 0.5  # one of the two first is true


def test_queries_without_a_true_key_do_not_count():
    R = [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]]
    assert pointing_accuracy(R, [1, -1, 1]) == 0.5
    assert pointing_accuracy(R, np.array([[0, 1], [0, 0], [0, 1]], bool)) == 0.5


def test_keys_that_are_padding_are_no_candidates_and_have_no_mass():
    R = np.array([[[0.1, 0.2, 0.7]], [[0.1, 0.2, 0.7]]])
    keys = np.array([[True, True, False], [True, True, True]])
    assert pointing_accuracy(R, [[1], [1]]) == 0
    assert pointing_accuracy(R, [[1], [1]], keys) == 0.5
    assert mass_on_truth(R, [[1], [1]], keys) == pytest.approx((2 / 3 + 0.2) / 2)


def test_relevance_may_be_negative_and_an_empty_row_has_no_mass():
    assert pointing_accuracy([[-3.0, -1.0]], [1]) == 1
    assert mass_on_truth([[-3.0, -1.0], [2.0, -1.0]], [1, 0]) == 0.5


def test_one_map_for_each_example_works_without_queries():
    assert pointing_accuracy(np.eye(3), np.arange(3)) == 1


@pytest.mark.parametrize(
    "R, true, keys, message",
    [
        (np.eye(3), [0, 1], None, r"shape \(2,\) does not fit relevance \(3, 3\)"),
        (np.eye(3), [0.0, 1, 2], None, "alignment of float64"),
        (np.eye(3), [0, 1, 3], None, "goes from 0 to 3, but the keys are 0 to 2"),
        (np.eye(3), [-1, -1, -1], None, "no query has a true key"),
        (np.eye(3) * np.nan, [0, 1, 2], None, "9 numbers that are NaN"),
        (np.eye(3), [0, 1, 2], [True, True, False], "a true key is marked as padding"),
        (np.eye(3), [0, 1, 2], [True, True], r"keys has shape \(2,\)"),
    ],
)
def test_what_does_not_fit_is_named(R, true, keys, message):
    with pytest.raises(ValueError, match=message):
        pointing_accuracy(R, true, keys)
