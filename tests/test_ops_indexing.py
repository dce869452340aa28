"""Picking elements: NumPy's results, gradients that add up where an index repeats, errors."""

import numpy as np
import pytest
from helpers import assert_close, leaf
from hypothesis import given
from strategies import arrays, indexed

import minixattn as mx
from minixattn.ops.indexing import is_basic, key_of

A = np.arange(12.0).reshape(3, 4)


def as_tensors(key):
    """An index with its arrays as tensors."""
    if isinstance(key, tuple):
        return tuple(map(as_tensors, key))
    return mx.tensor(key) if isinstance(key, np.ndarray) else key


@given(case=indexed())
def test_any_index_picks_what_numpy_picks(case):
    array, key = case
    expected = array[key]
    for index in (key, as_tensors(key)):
        x = leaf(array)
        y = x[index]
        assert_close(y, expected)
        g = np.arange(1.0, expected.size + 1).reshape(expected.shape)
        y.backward(mx.tensor(g))
        put = np.zeros_like(array)
        np.add.at(put, key, g)
        assert_close(x.grad, put)


@given(case=indexed())
def test_any_index_can_be_assigned_to(case):
    array, key = case
    x = mx.tensor(array)
    x[as_tensors(key)] = 7
    array = array.copy()
    array[key] = 7
    assert_close(x, array)


def test_lists_ranges_and_tensors_are_indices(device):
    x = mx.tensor(A, device=device)
    for key, expected in (
        ([0, 2], A[[0, 2]]), (range(2), A[:2]), (mx.tensor([2, 0], device=device), A[[2, 0]]),
        (mx.tensor(1, device=device), A[1]),
        ((slice(None), mx.tensor([0, 0], device=device)), A[:, [0, 0]]),
        (mx.tensor(A > 5, device=device), A[A > 5]), ([True, False, True], A[[0, 2]]),
        (np.int64(1), A[1]), ((..., -1), A[:, -1]), (None, A[None]), ([], A[[]]),
        (slice(mx.tensor(1), None), A[1:]), (([0, 1], [3, 2]), A[[0, 1], [3, 2]]),
    ):  # fmt: skip
        assert_close(x[key], expected)


def test_repeated_indices_add_up(device):
    x = leaf([1.0, 2.0, 3.0], device)
    x[[0, 0, 2, 0]].sum().backward()
    assert x.grad.tolist() == [3, 0, 1]
    x.grad = None
    (x[1] * 2 + x[1]).backward()
    assert x.grad.tolist() == [0, 3, 0]


def test_gather_takes_along_a_dimension(device):
    x, index = leaf(A, device), np.array([[0, 3, 3], [1, 1, 2]])
    y = mx.gather(x, 1, mx.tensor(index, device=device))
    assert_close(y, np.take_along_axis(A[:2], index, 1))
    y.sum().backward()
    assert x.grad[0].tolist() == [1, 0, 0, 2]
    rows = np.array([[2, 0, 1, 1]])
    assert_close(x.gather(0, mx.tensor(rows, device=device)), np.take_along_axis(A, rows, 0))
    assert mx.tensor(5.0, device=device).gather(0, mx.tensor(0, device=device)).item() == 5


def test_negative_indices_count_from_the_end(device):
    x = mx.tensor(A, device=device)
    assert_close(x.index_select(0, mx.tensor([-1, 0], device=device)), A[[-1, 0]])


def test_take_along_dim_broadcasts(device):
    x, index = mx.tensor(A, device=device), np.array([[1], [0], [3]])
    assert_close(
        mx.take_along_dim(x, mx.tensor(index, device=device), 1), np.take_along_axis(A, index, 1)
    )
    one = np.array([[2]])
    expected = np.take_along_axis(A, np.broadcast_to(one, (3, 1)), 1)
    assert_close(mx.take_along_dim(x, mx.tensor(one, device=device), dim=1), expected)
    assert_close(mx.take_along_dim(x, mx.tensor([5, 0], device=device)), [5.0, 0.0])
    order = x.argmax(1, keepdim=True)
    assert_close(x.take_along_dim(order, 1), A.max(1, keepdims=True))


@given(array=arrays())
def test_triangles_are_those_of_numpy(array):
    if array.ndim < 2:
        return
    x = mx.tensor(array)
    for k in (-2, -1, 0, 1, 2):
        assert_close(x.tril(k), np.tril(array, k))
        assert_close(mx.triu(x, diagonal=k), np.triu(array, k))


def test_triangles_keep_the_type(device):
    for dtype in ("bool", "int64", "float32", "float16"):
        x = mx.ones(2, 2, dtype=dtype, device=device)
        assert x.tril().dtype == dtype and x.tril().tolist() == [[1, 0], [1, 1]]


def test_key_of_turns_tensors_into_arrays_and_numbers():
    assert key_of(mx.tensor(2)) == 2 and key_of((None, [mx.tensor(1)])) == (None, [1])
    assert is_basic((slice(None), 1, None, ...)) and not is_basic([0])


ERRORS = {
    "out of bounds": (lambda x: x[3], r"indexing a tensor of shape \(3, 4\): index 3 is out of"),
    "too many": (lambda x: x[0, 0, 0], r"indexing a tensor of shape \(3, 4\): too many indices"),
    "float": (lambda x: x[1.5], r"indexing a tensor of shape \(3, 4\): only integers, slices"),
    "float tensor": (
        lambda x: x[mx.tensor([0.0])],
        r"a tensor used as an index must be of an integer or bool type, got float32: use",
    ),
    "mask": (lambda x: x[mx.tensor([True, False])], r"indexing a tensor of shape \(3, 4\):"),
    "gather range": (
        lambda x: x.gather(0, mx.tensor([[3]])),
        r"gather: the index holds values from 3 to 3, but dim 0 of a tensor of shape \(3, 4\)",
    ),
    "select range": (
        lambda x: x.index_select(1, mx.tensor([0, -5])),
        r"index_select: the index holds values from -5 to 0, but dim 1 of a tensor of shape \(3,",
    ),
    "gather dims": (
        lambda x: x.gather(0, mx.tensor([0])),
        r"gather: the index has shape \(1,\) and the tensor \(3, 4\): they need the same number",
    ),
    "gather sizes": (
        lambda x: x.gather(0, mx.zeros(1, 5, dtype=mx.int64)),
        r"gather: the index has shape \(1, 5\) .* the index may be longer in dim 0 only",
    ),
    "gather type": (
        lambda x: x.gather(0, mx.zeros(1, 4)),
        r"gather: the index must be an integer tensor, got float32\."
    ),
    "select dims": (
        lambda x: x.index_select(0, mx.tensor([[0]])),
        r"index_select needs a 1-d index, got shape \(1, 1\)\."
    ),
    "along dims": (
        lambda x: x.take_along_dim(mx.tensor([0]), 1),
        r"take_along_dim: the index has shape \(1,\) and the tensor \(3, 4\); they need the same",
    ),
    "tril": (lambda x: x[0].tril(), r"tril\(\) needs at least 2 dimensions, got shape \(4,\)\."),
}  # fmt: skip


@pytest.mark.parametrize("bad, message", ERRORS.values(), ids=ERRORS)
def test_a_bad_index_is_named_with_the_shape(bad, message):
    with pytest.raises((IndexError, mx.ShapeError, mx.DTypeError), match=message):
        bad(mx.tensor(A))
