"""The walk back: what it adds where, what it keeps, frees and refuses."""

import numpy as np
import pytest
from helpers import assert_close, leaf

import minixattn as mx
from minixattn import autograd, backward

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])

# Gradients of leaves -----------------------------------------------------------------------------


def test_backward_fills_the_gradient_of_every_leaf_that_wants_one(device):
    x, w, c = leaf(A, device), leaf([1.0, -1.0, 2.0], device), mx.tensor(A, device=device)
    loss = (x * w * c).sum()
    assert loss.backward() is None
    assert_close(x.grad, A * [1, -1, 2])
    assert_close(w.grad, (A * A).sum(0))
    assert c.grad is None and loss.grad is None
    assert x.grad.device == device and x.grad.is_leaf and not x.grad.requires_grad


def test_gradients_accumulate_until_they_are_removed(device):
    x = leaf([1.0, 2.0], device)
    for k in (1, 2, 3):
        (x * x).sum().backward()
        assert_close(x.grad, np.array([2.0, 4.0]) * k)
    x.grad = None
    (x * x).sum().backward()
    assert_close(x.grad, [2.0, 4.0])


def test_a_given_gradient_weights_the_output(device):
    x = leaf(A, device)
    weights = mx.tensor(A[::-1].copy(), device=device)
    (x * x).backward(weights)
    assert_close(x.grad, 2 * A * A[::-1])
    x.grad = None
    (x * x).backward(gradient=weights)
    assert_close(x.grad, 2 * A * A[::-1])


def test_a_given_gradient_is_brought_to_the_type_of_its_tensor(device):
    x = leaf([1.0, 2.0], device, "float32")
    x.backward(mx.tensor([1.0, 2.0], device=device, dtype=mx.float64))
    assert x.grad.dtype == mx.float32
    (x * 2).backward(mx.tensor([1, 2], device=device))
    assert x.grad.dtype == mx.float32
    assert_close(x.grad, [3.0, 6.0])


def test_the_gradient_given_is_not_shared_with_the_leaf(device):
    x, g = leaf([1.0, 2.0], device), mx.ones(2, device=device, dtype=mx.float64)
    for y in (x, x + 0, x.reshape(2), x + x):
        x.grad = None
        y.backward(g)
        x.grad.zero_()
        assert_close(g, [1.0, 1.0])


def test_two_leaves_of_a_sum_do_not_share_their_gradient(device):
    a, b = leaf([1.0, 2.0], device), leaf([3.0, 4.0], device)
    (a + b).sum().backward()
    a.grad.mul_(5)
    assert_close(b.grad, [1.0, 1.0])


def test_an_infinite_loss_still_starts_from_one():
    x = leaf(0.0)
    (mx.tensor(np.inf, dtype=mx.float64) + x).backward()
    assert x.grad.item() == 1


def test_a_leaf_is_its_own_output(device):
    x = leaf(3.0, device)
    x.backward()
    assert x.grad.item() == 1


def test_several_outputs_walk_back_together(device):
    x = leaf([1.0, 2.0], device)
    y = x * x
    autograd.backward([y.sum(), y[0] * 3])
    assert_close(x.grad, [8.0, 4.0])
    x.grad = None
    autograd.backward([x * 2, x * 3], [mx.ones_like(x), mx.ones_like(x) * 2])
    assert_close(x.grad, [8.0, 8.0])


def test_the_same_output_twice_counts_twice():
    x = leaf(2.0)
    y = x * x
    autograd.backward([y, y])
    assert x.grad.item() == 8


def test_broadcasting_is_undone_by_summing(device):
    row, scalar = leaf([1.0, 2.0, 3.0], device), leaf(2.0, device)
    (mx.tensor(A, device=device) * row * scalar).sum().backward()
    assert_close(row.grad, 2 * A.sum(0))
    assert_close(scalar.grad, (A * [1, 2, 3]).sum())
    wide = leaf(np.ones((1, 3, 1)), device)
    (wide * mx.ones(2, 3, 4, device=device, dtype=mx.float64)).sum().backward()
    assert_close(wide.grad, np.full((1, 3, 1), 8.0))


# Intermediate results ----------------------------------------------------------------------------


def test_retain_grad_keeps_the_gradient_of_a_result(device):
    x = leaf([1.0, 2.0], device)
    y = x * 3
    y.retain_grad()
    z = (y * y).sum()
    z.backward()
    assert_close(y.grad, [6.0, 12.0])
    assert_close(x.grad, [18.0, 36.0])
    y.grad.zero_()
    assert_close(x.grad, [18.0, 36.0])


def test_retain_grad_of_a_leaf_changes_nothing():
    x = leaf([1.0])
    x.retain_grad()
    (x * 2).sum().backward()
    assert x.grad.item() == 2


def test_retain_grad_needs_a_tensor_that_requires_a_gradient():
    message = r"retain_grad\(\) on a tensor that does not require a gradient"
    with pytest.raises(mx.GraphError, match=message):
        mx.ones(2).retain_grad()


# Using a graph again -----------------------------------------------------------------------------


def test_a_graph_can_be_used_once(device):
    y = (leaf([1.0, 2.0], device) ** 3).sum()
    y.backward()
    message = (
        r"this graph was already used by backward\(\), which frees it\. Run the forward pass "
        r"again, or call backward\(retain_graph=True\) the first time\."
    )
    with pytest.raises(mx.GraphError, match=message):
        y.backward()
    with pytest.raises(mx.GraphError, match=message):
        (y * 2).backward()
    assert repr(y.grad_fn) == "<SumBackward0>"


def test_retain_graph_keeps_it(device):
    x = leaf([1.0, 2.0], device)
    y = (x**3).sum()
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    assert_close(x.grad, [9.0, 36.0])
    with pytest.raises(mx.GraphError, match="already used"):
        y.backward()


def test_create_graph_keeps_the_graph_too(device):
    x = leaf(2.0, device)
    y = x**3
    (g,) = autograd.grad(y, x, create_graph=True)
    y.backward()
    assert g.item() == 12 and x.grad.item() == 12


# What backward() refuses -------------------------------------------------------------------------


def test_several_numbers_need_a_gradient_of_their_shape(device):
    y = leaf(A, device) * 2
    message = (
        r"backward\(\) on a tensor of shape \(2, 3\) needs a gradient of that shape; only a single "
        r"number can do without\. Reduce it first, as in loss\.sum\(\)\.backward\(\)\."
    )
    with pytest.raises(mx.GraphError, match=message):
        y.backward()
    message = (
        r"the gradient has shape \(3,\), but its tensor has shape \(2, 3\): they must be equal\."
    )
    with pytest.raises(mx.ShapeError, match=message):
        y.backward(mx.ones(3, device=device))
    y[:1, :1].backward()


def test_a_tensor_without_history_has_nothing_to_walk_back():
    message = (
        r"the output of shape \(2,\) does not require a gradient: none of what it was made from"
    )
    with pytest.raises(mx.GraphError, match=message):
        mx.ones(2).backward(mx.ones(2))
    with mx.no_grad():
        y = leaf([1.0]).sum()
    with pytest.raises(RuntimeError, match=r"or it was made inside no_grad\(\)"):
        y.backward()


def test_every_output_needs_a_gradient_of_its_own():
    x = leaf([1.0])
    with pytest.raises(ValueError, match=r"2 output\(s\) need one gradient each, got 1 gradient"):
        autograd.backward([x * 2, x * 3], [mx.ones(1)])


def test_a_gradient_on_another_device_is_refused(stand_in):
    y = leaf([1.0, 2.0], "cuda") * 2
    with pytest.raises(mx.DeviceError, match="the tensors live on different devices"):
        y.backward(mx.ones(2))


# Parts -------------------------------------------------------------------------------------------


def test_fit_sums_over_the_copies_of_broadcasting_and_restores_the_type():
    g = np.arange(24.0).reshape(2, 3, 4)
    x = np.zeros((3, 1), np.float32)
    d = backward.fit(g, x)
    assert d.shape == (3, 1) and d.dtype == np.float32
    np.testing.assert_array_equal(d, g.sum((0, 2)).reshape(3, 1))


def test_private_copies_what_others_can_reach():
    g, taken = np.ones(3), set()
    first = backward.private(g, taken)
    assert first.array is g
    assert not np.may_share_memory(backward.private(g, taken).array, g)
    view = g[:2]
    assert not np.may_share_memory(backward.private(view, taken).array, g)
