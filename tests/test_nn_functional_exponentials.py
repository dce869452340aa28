"""Exponentials of scores, in place, whose quotients are those of the equation."""

import numpy as np
import pytest
from helpers import assert_close

from minixattn.nn.functional.exponentials import bounded, exponential, exponentials


def quotients(S, mask=None):
    """softmax of the rows."""
    S = S if mask is None else np.where(mask, S, -np.inf)
    P = np.exp(S - S.max(-1, keepdims=True))
    return P / P.sum(-1, keepdims=True)


@pytest.mark.parametrize("size", (1, 30, 1e4))
def test_rows_divided_by_their_sums_are_the_softmax(rng, size):
    S = size * rng.standard_normal((3, 4, 6))
    expected = quotients(S)
    exponentials(S, S, None)
    assert_close(S / S.sum(-1, keepdims=True), expected)


@pytest.mark.parametrize("size", (1, 1e4))
def test_a_mask_of_some_columns_leaves_the_others_alone(rng, size):
    S, mask = size * rng.standard_normal((3, 4, 6)), rng.random((3, 4, 2)) < 0.5
    expected = quotients(S, np.concatenate([mask, np.ones((3, 4, 4), bool)], -1))
    exponentials(S, S[..., :2], mask)
    assert (S[..., :2][~mask] == 0).all()
    assert_close(S / S.sum(-1, keepdims=True), expected)


@pytest.mark.parametrize("size", (1, 1e4))
def test_a_row_that_is_forbidden_everything_is_0(rng, size):
    S, mask = size * rng.standard_normal((4, 6)), np.ones((4, 6), bool)
    mask[1] = False
    exponentials(S, S, mask)
    assert (S[1] == 0).all() and (S[[0, 2, 3]].max(-1) > 0).all()


def test_the_faster_function_is_the_exponential_too(rng):
    power, log_of_e = exponential()
    S = rng.standard_normal((3, 4))
    expected = np.exp(S)
    assert_close(power(S * log_of_e), expected)
    given = S * log_of_e
    exponentials(given, given, None, power)
    assert_close(given, expected)


def test_large_scores_are_shifted_and_small_ones_need_not_be(rng):
    Q, K = rng.standard_normal((2, 6, 4))
    assert bounded(Q, K, None) and bounded(Q, K, np.ones((6, 6), bool))
    assert not bounded(1000 * Q, K, None) and not bounded(Q, K, np.zeros((6, 6)))
    largest = np.abs(Q @ K.T).max()
    assert largest <= np.sqrt((Q**2).sum(-1).max() * (K**2).sum(-1).max())
