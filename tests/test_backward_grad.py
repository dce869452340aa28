"""`autograd.grad`: derivatives with respect to anything in the graph, to any order."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn import autograd


def test_grad_returns_derivatives_and_leaves_every_grad_alone(device):
    x, w = leaf([1.0, 2.0], device), leaf([3.0, 4.0], device)
    gx, gw = autograd.grad((x * w).sum(), (x, w))
    assert_close(gx, [3.0, 4.0])
    assert_close(gw, [1.0, 2.0])
    assert x.grad is None and w.grad is None and not gx.requires_grad
    (only,) = autograd.grad((x * w).sum(), x)
    assert_close(only, [3.0, 4.0])


def test_grad_of_a_result_in_the_middle(device):
    x = leaf([1.0, 2.0], device)
    y = x * x
    z = y.exp().sum()
    gy, gx = autograd.grad(z, (y, x))
    assert_close(gy, np.exp([1.0, 4.0]))
    assert_close(gx, np.exp([1.0, 4.0]) * [2.0, 4.0])
    assert x.grad is None and y.grad is None


def test_grad_of_an_output_with_respect_to_itself_is_the_seed():
    x = leaf([2.0])
    y = x * x
    assert [g.item() for g in autograd.grad(y, (y, x))] == [1, 4]


def test_grad_weights_several_outputs(device):
    x = leaf([1.0, 2.0], device)
    weights = mx.tensor([1.0, 10.0], device=device, dtype=mx.float64)
    (g,) = autograd.grad([x * x, x.sum()], x, [weights, None])
    assert_close(g, [3.0, 41.0])


def test_an_unused_input_is_an_error_unless_it_is_allowed(device):
    x, unused = leaf([1.0, 2.0], device), leaf([[1.0]], device)
    message = (
        r"inputs\[1\] of shape \(1, 1\) was not used to compute the outputs\. Pass "
        r"allow_unused=True to get None for it\."
    )
    with pytest.raises(mx.GraphError, match=message):
        autograd.grad(x.sum(), (x, unused))
    g, none = autograd.grad(x.sum(), (x, unused), allow_unused=True)
    assert none is None
    assert_close(g, [1.0, 1.0])
    g, zeros = autograd.grad(x.sum(), (x, unused), materialize_grads=True)
    assert_close(zeros, [[0.0]])
    assert zeros.device == device and zeros.dtype == mx.float64


def test_zeros_for_an_unused_input_are_zero_even_where_it_is_infinite():
    x, unused = leaf(1.0), leaf([np.inf, np.nan])
    _, zeros = autograd.grad(x * 2, (x, unused), materialize_grads=True)
    assert_close(zeros, [0.0, 0.0])


def test_an_input_that_does_not_require_a_gradient_is_an_error():
    message = r"inputs\[0\] of shape \(2,\) does not require a gradient"
    with pytest.raises(mx.GraphError, match=message):
        autograd.grad(leaf(1.0), mx.ones(2))


def test_only_paths_to_the_wanted_inputs_are_computed():
    x, w = leaf([1.0]), leaf([2.0])
    seen = []

    def noting(g, _y, _x):
        seen.append("x")
        return g

    y = mx.ops.elementwise.unary(np.negative, x, noting) * w
    autograd.grad(y, w)
    assert seen == []


# Higher derivatives ------------------------------------------------------------------------------


def test_second_and_third_derivatives(device):
    x = leaf([0.5, -1.5], device)
    y = (x**4).sum()
    (first,) = autograd.grad(y, x, create_graph=True)
    (second,) = autograd.grad(first.sum(), x, create_graph=True)
    (third,) = autograd.grad(second.sum(), x)
    v = values(x)
    assert_close(first, 4 * v**3)
    assert_close(second, 12 * v**2)
    assert_close(third, 24 * v)
    assert first.requires_grad and second.requires_grad and not third.requires_grad


def test_third_derivative_of_a_softmax_agrees_with_central_differences(rng):
    def second(x):
        (g,) = autograd.grad(weighted(x.softmax(-1)), x, create_graph=True)
        return autograd.grad(weighted(g), x, create_graph=True)[0]

    assert autograd.gradgradcheck(second, leaf(rng.standard_normal((1, 3))), atol=1e-5)


def test_backward_with_create_graph_gives_differentiable_gradients(device):
    x = leaf([1.0, 2.0], device)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    assert_close(x.grad, [3.0, 12.0])
    (g,) = autograd.grad(x.grad.sum(), x)
    assert_close(g, [6.0, 12.0])
    (x**2).sum().backward(create_graph=True)
    assert_close(x.grad, [5.0, 16.0])
    (x**2).sum().backward()
    assert_close(x.grad, [7.0, 20.0])


def test_create_graph_inside_no_grad_records_all_the_same():
    x = leaf(2.0)
    y = x**3
    with mx.no_grad():
        (g,) = autograd.grad(y, x, create_graph=True)
    assert g.requires_grad
    assert autograd.grad(g, x)[0].item() == 12


def test_a_gradient_penalty_trains_through_the_gradient(device):
    w, x = leaf([[1.0, -2.0]], device), leaf([[0.5], [1.0]], device)
    (g,) = autograd.grad((w @ x).tanh().sum(), x, create_graph=True)
    (g * g).sum().backward()
    h = 1e-6

    def penalty(w):
        t = np.tanh(w @ values(x))
        return ((w.T * (1 - t * t)) ** 2).sum()

    w0 = values(w)
    slope = [(penalty(w0 + h * e) - penalty(w0 - h * e)) / (2 * h) for e in np.eye(2)[:, None]]
    np.testing.assert_allclose(values(w.grad)[0], slope, rtol=1e-6)


def test_only_inputs_stands_where_pytorch_has_it():
    x, unused = leaf(2.0), leaf(1.0)
    assert autograd.grad(x * x, (x, unused), None, None, False, True, True)[1] is None
    with pytest.raises(ValueError, match=r"derivatives only: leave only_inputs=True, or use backw"):
        autograd.grad(x * x, x, only_inputs=False)


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (mx.zeros(3), mx.ShapeError, r"has shape \(3,\), but its tensor has shape \(2,\):"),
        (mx.zeros(1), mx.ShapeError, r"has shape \(1,\), but its tensor has shape \(2,\)"),
        (mx.zeros(2), mx.DTypeError, r"is of float32, but its tensor of shape \(2,\) is of fl"),
        (np.zeros(2), TypeError, r"\.grad must be None or a Tensor, but it was set to array\("),
    ],
)
def test_a_gradient_that_was_set_and_does_not_fit_is_refused(wrong, error, message):
    first, x = leaf([1.0, 1.0]), leaf([1.0, 2.0])
    x.grad = wrong
    with pytest.raises(error, match=message):
        (x * first).sum().backward()
    assert first.grad is None and x.grad is wrong


def test_whole_numbers_have_no_gradient():
    x = mx.tensor([1, 2])
    x.requires_grad = True
    message = r"only float tensors can require gradients, but .* on one of int64 and shape \(2,\)"
    y = (x * 1.5).sum()
    with pytest.raises(mx.DTypeError, match=message):
        autograd.grad(y, x)
    with pytest.raises(mx.DTypeError, match=message):
        y.backward()
