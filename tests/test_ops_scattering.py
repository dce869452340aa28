"""Writing elements where an index says."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx


def test_smoothed_labels_are_scattered_into_place(device):
    target = mx.tensor([2, 0], device=device)
    t = mx.zeros(2, 3, device=device).fill_(0.1)
    assert t.scatter_(1, target.unsqueeze(1), 0.8) is t
    np.testing.assert_allclose(values(t), [[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]], rtol=1e-6)


def test_scatter_undoes_gather(device):
    x = mx.randn(4, 5, device=device)
    order = x.argsort(1)
    sorted_ = x.gather(1, order)
    np.testing.assert_array_equal(values(mx.zeros_like(x).scatter(1, order, sorted_)), values(x))


def test_what_repeats_adds_up(device):
    x = mx.zeros(2, device=device)
    index = mx.tensor([0, 1, 0], device=device)
    assert values(x.scatter_add(0, index, mx.tensor([1.0, 2.0, 4.0], device=device))).tolist() == [
        5, 2]  # fmt: skip
    x.scatter_add_(0, index, mx.ones(3, device=device))
    assert values(x).tolist() == [2, 1]
    x.index_add_(0, index, mx.ones(3, device=device), alpha=2)
    assert values(x).tolist() == [6, 3]


def test_whole_slices_are_filled(device):
    x = mx.zeros(2, 3, device=device)
    x.index_fill_(1, mx.tensor([0, 2], device=device), 1)
    assert values(x).tolist() == [[1, 0, 1]] * 2
    none = mx.tensor([], dtype=mx.int64, device=device)
    assert values(x.index_fill(0, none, 9)).tolist() == [[1, 0, 1]] * 2


def test_what_does_not_fit_is_named():
    x, i = mx.zeros(2, 3), mx.tensor([[0], [1]])
    with pytest.raises(mx.ShapeError, match=r"scatter: the index has shape \(1,\), src \(1,\) and"):
        x.scatter(1, mx.tensor([0]), 1.0)
    with pytest.raises(mx.ShapeError, match=r"the index may not be longer than src"):
        x.scatter(1, i, mx.ones(1, 1))
    with pytest.raises(IndexError, match=r"scatter: the index holds values from 0 to 3, but dim 1"):
        x.scatter(1, i * 3, 1.0)
    with pytest.raises(mx.DTypeError, match=r"scatter: src is of int64, but the tensor of float32"):
        x.scatter(1, i, i)
    with pytest.raises(TypeError, match="scatter: expected src, a Tensor or a number, got neither"):
        x.scatter(1, i)
    with pytest.raises(mx.DTypeError, match="scatter: 1000 does not fit into int8"):
        x.to(mx.int8).scatter(1, i, 1000)
    with pytest.raises(mx.ShapeError, match=r"index_add: source has shape \(2, 3\), expected"):
        x.index_add(0, mx.tensor([0]), mx.ones(2, 3))
    with pytest.raises(IndexError, match=r"index_fill needs a 1-d index, got shape \(2, 1\)"):
        x.index_fill(0, i, 1)


def test_a_recorded_result_is_not_written_into():
    x = mx.zeros(2, 1, requires_grad=True) * 2
    with pytest.raises(mx.GraphError, match="in place"):
        x.scatter_(1, mx.tensor([[0]]), 1.0)
    with pytest.raises(mx.DTypeError, match="cannot write a tensor that requires a gradient"):
        mx.zeros(2, 1).scatter_(1, mx.tensor([[0]]), x)
