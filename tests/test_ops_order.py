"""Order: NumPy's stable order both ways, gradients to the elements picked, and errors."""

import numpy as np
import pytest
from helpers import assert_close, leaf

import minixattn as mx

A = np.array([[3.0, 1.0, 2.0, 1.0], [0.5, 0.5, -4.0, 9.0]])


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_sort_gives_values_and_stable_indices(dim, device):
    x = mx.tensor(A, device=device)
    values, indices = mx.sort(x, dim)
    assert_close(values, np.sort(A, dim))
    assert_close(indices, np.argsort(A, dim, kind="stable"))
    down = x.sort(dim, descending=True)
    assert_close(down.values, -np.sort(-A, dim))
    assert_close(down.indices, np.argsort(-A, dim, kind="stable"))
    assert_close(x.argsort(dim, True), down.indices)
    assert down.indices.device == device and not down.indices.requires_grad


def test_topk_takes_the_largest_or_smallest_in_order(device):
    x = mx.tensor(A, device=device)
    top = x.topk(2)
    assert top.values.tolist() == [[3, 2], [9, 0.5]] and top.indices.tolist() == [[0, 2], [3, 0]]
    assert mx.topk(x, 1, 0, largest=False).values.tolist() == [[0.5, 0.5, -4, 1]]
    assert x.topk(0).values.shape == (2, 0)
    scalar = mx.tensor(3.0, device=device)
    assert scalar.topk(1).values.item() == scalar.sort().values.item() == 3
    assert scalar.argsort().item() == 0


def test_gradients_go_to_the_elements_picked():
    x = leaf(A)
    (x.topk(2).values * mx.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert x.grad.tolist() == [[1, 0, 2, 0], [4, 0, 0, 3]]


def test_more_than_there_are_cannot_be_picked():
    message = r"topk: k=5, but dim -1 of a tensor of shape \(2, 4\) has 4 elements: expected 0 to 4"
    with pytest.raises(mx.ShapeError, match=message):
        mx.tensor(A).topk(5)
    with pytest.raises(TypeError, match=r"are ints, got 2\.0"):
        mx.tensor(A).topk(2.0)
