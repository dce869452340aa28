"""Making masks: what each allows, and what it refuses."""

import numpy as np
import pytest

import minixattn as mx
from minixattn import masks
from minixattn.masks import causal, drop, keep, padding, sliding_window

L, S = 5, 7


@pytest.mark.parametrize("rows, columns", ((5, 7), (7, 5), (4, 4), (1, 6), (6, 1), (0, 3), (3, 0)))
@pytest.mark.parametrize("offset", (-2, 0, 3))
@pytest.mark.parametrize("align", ("upper_left", "lower_right"))
def test_causal_allows_the_past_cell_by_cell(rows, columns, offset, align):
    mask = causal(rows, columns, align, offset)
    assert mask.shape == (rows, columns)
    corner = offset + (columns - rows if align == "lower_right" else 0)
    for i in range(rows):
        for j in range(columns):
            assert mask.allowed[i, j] == (j <= i + corner)


def test_the_two_alignments_show_key_0_to_query_0_and_the_last_key_to_the_last_query():
    upper, lower = causal(L, S).allowed, causal(L, S, "lower_right").allowed
    assert upper[0].tolist() == [True] + [False] * (S - 1) and not upper[-1, -1]
    assert lower[-1].all() and lower[0].sum() == S - L + 1


@pytest.mark.parametrize("left, right", ((0, 0), (2, 1), (None, 1), (1, None), (None, None)))
@pytest.mark.parametrize("offset", (-1, 0, 4))
def test_a_sliding_window_allows_the_neighbourhood_cell_by_cell(left, right, offset):
    mask = sliding_window(L, S, left, right, offset)
    for i in range(L):
        for j in range(S):
            p = offset + i
            near = (left is None or p - left <= j) and (right is None or j <= p + right)
            assert mask.allowed[i, j] == near


def test_a_window_without_right_side_and_left_limit_is_causal():
    assert (sliding_window(L, S, None, 0).allowed == causal(L, S).allowed).all()


def test_padding_allows_each_batch_element_its_real_keys(device):
    for lengths in ([3, 0, S], np.array([3, 0, S]), mx.tensor([3, 0, S], device=device)):
        mask = padding(lengths, S)
        assert mask.shape == (3, 1, S)
        assert mask.allowed.sum(-1).ravel().tolist() == [3, 0, S]
        assert mask.allowed[0, 0].tolist() == [True] * 3 + [False] * (S - 3)
    assert padding([], S).shape == (0, 1, S)


def test_keep_and_drop_say_what_true_means(rng, device):
    array = rng.random((L, S)) < 0.5
    for given in (array, array.tolist(), mx.tensor(array, device=device)):
        assert (keep(given).allowed == array).all()
        assert (drop(given).allowed == ~array).all()


def test_a_mask_keeps_its_own_copy(rng):
    array = np.ones((L, S), bool)
    mask = keep(array)
    array[:] = False
    assert mask.allowed.all()
    with pytest.raises(ValueError, match="read-only"):
        mask.allowed[0] = False
    own = mask.numpy()
    own[0] = False
    assert mask.allowed.all() and np.asarray(mask).all() and np.array(mask).flags.writeable


def test_masks_are_reached_from_the_package():
    assert mx.masks is masks and mx.masks.Mask.__module__.startswith("minixattn")


def test_names_say_how_a_mask_was_made():
    mask = ~(causal(L, S, "lower_right") & padding([7, 4], S)) | sliding_window(L, S, 2, None, 3)
    assert mask.name == (
        "(~(causal(5, 7, lower_right) & padding([7, 4], 7)))"
        " | sliding_window(5, 7, 2, None, offset=3)"
    )
    assert padding(range(8), S).name == "padding(8 lengths, 7)"
    assert keep(np.ones((2, L, S), bool)).name == "keep(2 × 5 × 7)"


# Refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", (keep, drop))
def test_numbers_are_refused_since_they_do_not_say_what_they_mean(make):
    for dtype in (int, np.float32, np.uint8):
        with pytest.raises(mx.DTypeError, match=r"1 = may attend, use masks\.keep\(array == 1\)"):
            make(np.tril(np.ones((L, S), dtype)))
    with pytest.raises(mx.DTypeError, match=r"added to the scores becomes masks\.keep\(array == 0"):
        make(causal(L, S).for_sdpa("float"))


@pytest.mark.parametrize("make", (keep, drop))
def test_other_shapes_are_refused_with_those_that_would_do(make):
    with pytest.raises(mx.ShapeError, match=r"\(7,\), expected \(L, S\).*use array\[None\]"):
        make(np.ones(S, bool))
    with pytest.raises(mx.ShapeError, match=r"\(1, 1, 1, 1, 1\), expected .*\(B, h, L, S\)\.$"):
        make(np.ones((1,) * 5, bool))


@pytest.mark.parametrize("make", (keep, drop))
def test_a_mask_has_its_polarity_already(make):
    with pytest.raises(TypeError, match=r"causal\(5, 7\) is a mask already; ~mask inverts it"):
        make(causal(L, S))


@pytest.mark.parametrize(
    "make, error, words",
    (
        (lambda: padding([3, 9], 7), ValueError, r"lengths\[1\] is 9, but it must lie in 0 … S"),
        (lambda: padding([-1], 7), ValueError, r"lengths\[0\] is -1"),
        (lambda: padding([1.5], 7), mx.DTypeError, r"ints.*got float64 of shape \(1,\)"),
        (lambda: padding(3, 7), mx.DTypeError, r"such as \[7, 4\]; got int64 of shape \(\)"),
        (lambda: padding([True], 7), mx.DTypeError, "A bool array goes into keep"),
        (lambda: causal(3, 4, "center"), ValueError, "'upper_left' or 'lower_right', got 'center'"),
        (lambda: causal(-1, 4), mx.ShapeError, "causal: L is a length, so 0 or more; got -1"),
        (lambda: causal(3.0, 4), TypeError, "ints, got 3.0"),
        (lambda: sliding_window(3, 4, -1, 0), ValueError, "left is 0 or more, or None for all"),
        (lambda: sliding_window(3, 4, 0, -2), ValueError, "right is 0 or more"),
    ),
)
def test_bad_arguments_are_named_with_what_arrived(make, error, words):
    with pytest.raises(error, match=words):
        make()
