"""Elements laid out anew: rolled, cut out, on a diagonal, side by side."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx


def test_what_is_rolled_over_the_end_comes_back_at_the_start(device):
    x = mx.arange(6, device=device).reshape(2, 3)
    for shifts, dims in ((1, 0), (-2, 1), ((1, 5), (0, 1)), (4, None)):
        np.testing.assert_array_equal(
            values(x.roll(shifts, dims)), np.roll(values(x), shifts, dims)
        )


def test_a_roll_needs_a_dim_for_each_shift():
    x = mx.ones(2, 3)
    with pytest.raises(mx.ShapeError, match=r"roll: 2 shifts need as many dims, got dims=None"):
        x.roll((1, 2))
    with pytest.raises(mx.ShapeError, match=r"roll: 2 shift\(s\) for 1 dim\(s\)"):
        x.roll((1, 2), 0)


def test_a_narrowed_tensor_is_a_view():
    x = mx.zeros(2, 4)
    x.narrow(1, 1, 2).fill_(1)
    assert x.tolist() == [[0, 1, 1, 0]] * 2
    assert x.narrow(1, -1, 1).shape == (2, 1)
    with pytest.raises(mx.ShapeError, match="narrow: start 3 and length 2 do not lie within dim 1"):
        x.narrow(1, 3, 2)


@pytest.mark.parametrize("offset", [-3, -1, 0, 1, 2, 4])
def test_the_diagonal_is_numpys_and_comes_back(offset, device):
    x = mx.arange(12, device=device).reshape(3, 4).double()
    np.testing.assert_array_equal(values(x.diagonal(offset)), values(x).diagonal(offset))
    np.testing.assert_array_equal(values(mx.diag(x, offset)), np.diag(values(x), offset))
    y = mx.arange(3, device=device).double()
    np.testing.assert_array_equal(values(mx.diag(y, offset)), np.diag(values(y), offset))


def test_writing_into_a_diagonal_writes_into_the_matrix():
    x = mx.zeros(2, 3, 3)
    x.diagonal(1, 1, 2).fill_(5)
    np.testing.assert_array_equal(values(x)[1], np.diag([5, 5], 1))


def test_diag_is_for_vectors_and_matrices():
    with pytest.raises(mx.ShapeError, match=r"takes a vector or a matrix, got .*\(2, 2, 2"):
        mx.diag(mx.ones(2, 2, 2))
    with pytest.raises(mx.ShapeError, match=r"diagonal\(\) needs at least 2 dimensions"):
        mx.ones(2).diagonal()


def test_stacks_make_rows_and_columns_of_vectors(device):
    a, b = mx.tensor([1, 2], device=device), mx.tensor([3, 4], device=device)
    assert values(mx.hstack([a, b])).tolist() == [1, 2, 3, 4]
    assert values(mx.vstack([a, b])).tolist() == [[1, 2], [3, 4]]
    assert mx.hstack([mx.ones(2, 1), mx.ones(2, 3)]).shape == (2, 4)


def test_a_grid_is_indexed_by_rows_or_by_x_and_y(device):
    a, b = mx.arange(2, device=device), mx.arange(3, device=device)
    for indexing in ("ij", "xy"):
        ours = mx.meshgrid(a, b, indexing=indexing)
        expected = np.meshgrid(values(a), values(b), indexing=indexing)
        assert all(np.array_equal(values(x), y) for x, y in zip(ours, expected))
    with pytest.raises(ValueError, match='indexing must be "ij" or "xy", got \'ji\''):
        mx.meshgrid(a, b, indexing="ji")
    with pytest.raises(mx.ShapeError, match=r"meshgrid: expected vectors, got shapes \[\(2, 2\)\]"):
        mx.meshgrid(mx.ones(2, 2))
