"""Attention over parts of the keys, and the parts made one."""

import numpy as np
import pytest
from helpers import assert_close

from minixattn.nn.functional.merging import PIECE, collect, merge, part, row_sums


def whole(S, V):
    """softmax(S) V and Σ exp S, as they are written."""
    total = np.exp(S).sum(-1, keepdims=True)
    return np.exp(S) @ V / total, total


def finished(o, total, m):
    """The same from the sums of `part` or `merge`."""
    return o / total, total * np.exp(m)


@pytest.mark.parametrize("cut", [1, 4, 8])
def test_two_parts_merged_are_the_whole(rng, cut):
    S, V = rng.standard_normal((2, 5, 9)), rng.standard_normal((2, 9, 3))
    a, b = part(S[..., :cut].copy(), V[:, :cut]), part(S[..., cut:].copy(), V[:, cut:])
    for merged in (merge(*a, *b), merge(*b, *a)):
        for ours, theirs in zip(finished(*merged), whole(S, V)):
            assert_close(ours, theirs)


def test_any_grouping_of_three_parts_gives_the_same(rng):
    S, V = 30 * rng.standard_normal((5, 9)), rng.standard_normal((9, 3))
    a, b, c = (part(S[:, i : i + 3].copy(), V[i : i + 3]) for i in (0, 3, 6))
    for left, right in zip(merge(*merge(*a, *b), *c), merge(*a, *merge(*b, *c))):
        assert_close(left, right)


def test_scores_that_would_overflow_merge_without_a_warning(rng):
    S, V = np.array([[800.0, 2.0, -900.0, 799.0]]), rng.standard_normal((4, 3))
    with np.errstate(all="raise", under="ignore"):
        o, total, m = merge(*part(S[:, :2].copy(), V[:2]), *part(S[:, 2:].copy(), V[2:]))
    w = 1 / (1 + np.exp(-1.0))
    assert_close(o / total, w * V[:1] + (1 - w) * V[3:])
    assert_close(total, [[1 + np.exp(-1.0)]])
    assert m == 800


def test_a_part_without_allowed_keys_adds_nothing(rng):
    S, V = rng.standard_normal((2, 6)), rng.standard_normal((6, 3))
    mask = np.array([[True] * 3 + [False] * 3, [False] * 6])
    a, b = part(S[:, :3].copy(), V[:3], mask[:, :3]), part(S[:, 3:].copy(), V[3:], mask[:, 3:])
    o, total, m = merge(*a, *b)
    assert total[1] == 0 and (o[1] == 0).all()
    for ours, theirs in zip(finished(o[:1], total[:1], m[:1]), whole(S[:1, :3], V[:3])):
        assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("added", ["-1e9", "the lowest number", "1e9"])
def test_a_row_of_huge_scores_is_summed_as_exactly_as_any_other(rng, dtype, added):
    V = rng.standard_normal((6, 3)).astype(dtype)
    S = np.full((1, 6), np.finfo(dtype).min if added[0] == "t" else float(added), dtype)
    o, total, _ = merge(*part(S[:, :4].copy(), V[:4]), *part(S[:, 4:].copy(), V[4:]))
    assert total == 6
    assert_close(o / total, V.mean(0, keepdims=True), 1e-6)


@pytest.mark.parametrize("S", [0, 1, PIECE, PIECE + 1, 3 * PIECE + 7])
def test_sums_over_any_number_of_keys_are_what_they_say(rng, S):
    P, V = rng.random((2, 3, 5, S)), rng.standard_normal((2, 3, S, 4))
    assert_close(collect(P, V, np.empty((2, 3, 5, 4))), P @ V)
    assert_close(row_sums(P), P.sum(-1, keepdims=True))


def test_many_keys_are_summed_closer_to_the_truth(rng):
    P = rng.random((64, 16 * PIECE)).astype(np.float32)
    V = rng.standard_normal((16 * PIECE, 8)).astype(np.float32)
    truth = P.astype(float) @ V.astype(float)
    found = collect(P, V, np.empty((64, 8), np.float32))
    assert np.linalg.norm(found - truth) < 0.95 * np.linalg.norm(P @ V - truth)
    truth, plain = P.sum(-1, keepdims=True, dtype=float), P @ np.ones((P.shape[1], 1), P.dtype)
    assert np.linalg.norm(row_sums(P) - truth) < 0.8 * np.linalg.norm(plain - truth)
