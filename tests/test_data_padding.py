"""Rows of unequal length become one table, and masks say what is real."""

import numpy as np
import pytest

from minixattn.data.padding import padded, pairs


def test_rows_are_filled_up_with_zeros_and_the_mask_says_where_they_were():
    ids, mask = padded([[5, 3, 4], [4], []])
    assert ids.dtype == np.int64 and mask.dtype == bool
    assert ids.tolist() == [[5, 3, 4], [4, 0, 0], [0, 0, 0]]
    assert mask.tolist() == [[True] * 3, [True, False, False], [False] * 3]


def test_a_zero_in_a_row_counts_as_real():
    assert padded([[0, 0], [7]]).mask.tolist() == [[True, True], [True, False]]


def test_a_length_can_be_asked_for():
    ids, mask = padded([[1], [2, 3]], 4)
    assert ids.tolist() == [[1, 0, 0, 0], [2, 3, 0, 0]]
    assert mask.sum() == 3
    assert padded([], 4).ids.shape == (0, 4)
    assert padded([]).ids.shape == (0, 0)


def test_a_row_that_is_too_long_is_named():
    with pytest.raises(ValueError, match="row 1 has 3 numbers, but there is room for 2 only"):
        padded([[1], [2, 3, 4], [1, 2, 3, 4]], 2)


def test_a_decoder_reads_what_it_shall_write_moved_on_by_one():
    batch = pairs([[5, 6, 7], [8]], [[3, 4], [9]], [[(0, 1, 3)], [(0, 0, 1)]], [1, 0])
    assert batch.given.tolist() == [[1, 3, 4], [1, 9, 0]]
    assert batch.expected.tolist() == [[3, 4, 2], [9, 2, 0]]
    assert batch.expected_mask.tolist() == [[True, True, True], [True, True, False]]
    assert batch.source.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch.source_mask.tolist() == [[True, True, True], [True, False, False]]
    assert batch.kinds.tolist() == [1, 0]


def test_links_become_an_alignment_of_target_and_source():
    batch = pairs([[5, 6, 7], [8]], [[3, 4], [9]], [[(0, 1, 3), (1, 0, 1)], [(0, 0, 1)]], [0, 0])
    assert batch.alignment.shape == (2, 3, 3)
    assert batch.alignment[0].tolist() == [[False, True, True], [True, False, False], [False] * 3]
    assert batch.alignment[1].tolist() == [[True, False, False], [False] * 3, [False] * 3]
