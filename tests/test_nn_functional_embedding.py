"""Looking up rows and one-hot codes."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn.functional import embedding, one_hot


@pytest.mark.parametrize("ids", [3, [1, 4, 1], [[0, 1], [4, 4]], np.zeros((0, 2), int)])
def test_rows_are_looked_up(ids, rng, device):
    W = rng.standard_normal((5, 3))
    y = embedding(mx.tensor(ids, device=device), mx.tensor(W, device=device))
    assert_close(y, W[np.asarray(ids)])


def test_the_gradient_adds_up_in_the_rows_that_were_looked_up(device):
    W = leaf(np.zeros((4, 2)), device)
    y = embedding(mx.tensor([2, 0, 2, 2], device=device), W)
    y.backward(mx.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], device=device))
    assert values(W.grad).tolist() == [[3, 4], [0, 0], [13, 16], [0, 0]]


@pytest.mark.parametrize("padding_idx", [None, 1, -4])
def test_derivatives_agree_with_central_differences(padding_idx, rng, device):
    ids = mx.tensor([[0, 2, 0], [3, 3, 2]], device=device)
    W = leaf(rng.standard_normal((5, 3)), device)
    if padding_idx is None:
        assert gradcheck(lambda W: embedding(ids, W), (W,))
        assert gradgradcheck(lambda W: embedding(ids, W), (W,))
    weighted(embedding(ids, W)).backward()
    expected = values(W.grad).copy()
    W.grad = None
    weighted(embedding(ids, W, padding_idx)).backward()
    if padding_idx is not None:
        expected[padding_idx] = 0
    np.testing.assert_array_equal(values(W.grad), expected)


def test_padding_is_looked_up_but_gets_no_gradient(device):
    W = leaf(np.ones((3, 2)), device)
    y = embedding(mx.tensor([1, 2, 2], device=device), W, padding_idx=2)
    assert values(y).tolist() == [[1, 1]] * 3
    y.sum().backward()
    assert values(W.grad).tolist() == [[0, 0], [1, 1], [0, 0]]


def test_indices_that_were_changed_after_use_are_noticed(device):
    ids, W = mx.tensor([0, 1], device=device), leaf(np.ones((3, 2)), device)
    y = embedding(ids, W).sum()
    ids[0] = 2
    with pytest.raises(mx.GraphError, match="changed in place"):
        y.backward()


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8"])
def test_any_integer_type_is_an_index(dtype, device):
    ids = mx.tensor(np.array([2, 0], dtype), device=device)
    assert embedding(ids, mx.eye(3, device=device)).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert one_hot(ids, 3).tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize("wrong", [5, -1])
def test_an_index_outside_the_table_is_named(wrong, device):
    with pytest.raises(IndexError, match=f"embedding: the index {wrong} is out of range: expected 0"
                                         r" to 4 \(num_embeddings is 5\)"):  # fmt: skip
        embedding(mx.tensor([[0, 4], [wrong, 9]], device=device), mx.ones(5, 2, device=device))


def test_what_is_no_index_or_no_table_is_named():
    with pytest.raises(mx.DTypeError, match=r"embedding: expected integer indices, got float32"):
        embedding(mx.ones(2), mx.ones(5, 2))
    with pytest.raises(mx.ShapeError, match=r"the table has shape \(5,\), expected \(num_embed"):
        embedding(mx.tensor([1]), mx.ones(5))
    with pytest.raises(IndexError, match="padding_idx 5 is not a row .* expected -5 to 4"):
        embedding(mx.tensor([1]), mx.ones(5, 2), padding_idx=5)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_one_hot_has_a_one_at_the_index(shape, rng, device):
    ids = rng.integers(0, 5, shape)
    y = one_hot(mx.tensor(ids, device=device), 6)
    assert y.dtype == mx.int64
    assert y.shape == (*shape, 6)
    np.testing.assert_array_equal(values(y), np.eye(6)[ids])


def test_one_hot_counts_the_classes_itself(device):
    assert one_hot(mx.tensor([0, 2], device=device)).tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("ids", "n", "error", "message"),
    [
        ([0, -2], -1, IndexError, r"one_hot: the index -2 is out of range: expected 0 to 0"),
        ([0, 3], 3, IndexError, r"the index 3 .* expected 0 to 2 \(num_classes is 3\)"),
        ([0.0], 3, mx.DTypeError, r"one_hot: expected integer indices, got float32"),
        ([0], 0, ValueError, r"num_classes must be positive \(or -1\), got 0"),
        (np.zeros(0, int), -1, ValueError, "num_classes cannot be told from no indices"),
    ],
)
def test_what_one_hot_cannot_encode_is_named(ids, n, error, message):
    with pytest.raises(error, match=message):
        one_hot(mx.tensor(ids), n)


def test_rows_looked_up_many_times_add_up_their_gradients(device, rng):
    table = mx.tensor(rng.standard_normal((5, 3)), device=device, requires_grad=True)
    ids = rng.integers(0, 4, (50, 2))  # row 4 is never looked up
    weights = rng.standard_normal((50, 2, 3))
    found = embedding(mx.tensor(ids, device=device), table)
    (found * mx.tensor(weights, device=device)).sum().backward()
    expected = np.zeros((5, 3))
    np.add.at(expected, ids, weights)
    assert_close(table.grad, expected)
