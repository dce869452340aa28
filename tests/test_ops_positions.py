"""Where elements are that meet a condition, and which there are."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx


def test_positions_are_rows_or_one_vector_a_dimension(device):
    x = mx.tensor([[0, 3], [5, 0]], device=device)
    assert values(x.nonzero()).tolist() == [[0, 1], [1, 0]]
    assert [values(i).tolist() for i in x.nonzero(as_tuple=True)] == [[0, 1], [1, 0]]
    assert mx.nonzero(mx.tensor(7)).shape == (1, 0) and mx.nonzero(mx.tensor(0)).shape == (0, 0)


def test_a_mask_selects_after_broadcasting(device):
    x = mx.arange(6, device=device).reshape(2, 3)
    mask = mx.tensor([True, False, True], device=device)
    assert values(x.masked_select(mask)).tolist() == [0, 2, 3, 5]
    with pytest.raises(mx.DTypeError, match="masked_select: mask must be bool, got int64"):
        x.masked_select(x)


def test_unique_tells_where_and_how_often(device):
    x = mx.tensor([[2, 1], [2, 2]], device=device)
    kinds, inverse, counts = x.unique(return_inverse=True, return_counts=True)
    assert values(kinds).tolist() == [1, 2] and values(counts).tolist() == [1, 3]
    np.testing.assert_array_equal(values(kinds)[values(inverse)], values(x))


def test_zeros_are_not_counted(device):
    x = mx.tensor([[0.0, 3.0, -1.0], [0.0, 0.0, 2.0]], device=device)
    assert x.count_nonzero().item() == 3 and values(x.count_nonzero(1)).tolist() == [2, 1]
