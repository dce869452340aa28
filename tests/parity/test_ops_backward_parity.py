"""Gradients as a user asks for them: accumulation, retain_graph, create_graph, autograd.grad."""

import numpy as np
import pytest
import torch
from compare import array, compare, normal

import minixattn as mx


def both(function, tolerance=1e-10):
    """The function's arrays from each library, compared."""
    ours, theirs = function(mx), function(torch)
    assert len(ours) == len(theirs) > 0
    for i, (a, b) in enumerate(zip(ours, theirs)):
        assert (a is None) == (b is None), f"result {i}"
        if a is not None:
            np.testing.assert_allclose(array(a), array(b), rtol=tolerance, atol=tolerance)


def leaf(t, *shape, seed=0):
    return t.tensor(normal(*shape, seed=seed), requires_grad=True)


def test_gradients_of_several_backwards_add_up():
    def run(t):
        x = leaf(t, 3, 4)
        for power in (2, 3):
            (x**power).sum().backward()
        first = x.grad.clone()
        x.grad = None
        (x * 2).mean().backward()
        return first, x.grad

    both(run)


def test_a_tensor_used_many_times_collects_every_share():
    def run(t):
        x = leaf(t, 4)
        y = x * x + x.exp() * x - x.flip(0) * x[0]
        z = y.softmax(0) @ y + (x + x).sum()
        z.backward()
        return (x.grad,)

    both(run)


def test_retain_graph_allows_a_second_walk_and_its_absence_an_error():
    def run(t):
        x = leaf(t, 3)
        y = (x * x).exp().sum()
        y.backward(retain_graph=True)
        y.backward()
        with pytest.raises(RuntimeError):
            y.backward()
        return (x.grad,)

    both(run)


def test_retain_grad_keeps_an_inner_gradient():
    def run(t):
        x = leaf(t, 3)
        y = x * x
        y.retain_grad()
        (y.sin() * t.tensor(normal(3, seed=2))).sum().backward()
        return x.grad, y.grad

    both(run)


def test_a_given_gradient_weights_the_output():
    def run(t):
        x = leaf(t, 2, 3)
        (x.tanh() @ x.T).backward(t.tensor(normal(2, 2, seed=5)))
        z = leaf(t, 2, seed=1)
        (z * 3).backward(gradient=t.tensor([1.0, -2.0], dtype=t.float64))
        return x.grad, z.grad

    both(run)


def test_autograd_grad_returns_gradients_and_leaves_grad_alone():
    def run(t):
        x, y, unused = leaf(t, 2, 3), leaf(t, 3, seed=1), leaf(t, 2, seed=2)
        loss = ((x * y).sin().sum(0) ** 2).sum()
        a = t.autograd.grad(loss, x, retain_graph=True)
        b = t.autograd.grad(loss, [y, x], retain_graph=True)
        c = t.autograd.grad([loss, (y * y).sum()], (x, y, unused), allow_unused=True)
        assert x.grad is None and y.grad is None
        return (*a, *b, *c)

    both(run)


def test_autograd_grad_of_an_inner_result_and_with_weights():
    def run(t):
        x = leaf(t, 3)
        h = x.exp()
        y = h * h[0]
        weights = t.tensor(normal(3, seed=4))
        g = t.autograd.grad(y, h, grad_outputs=weights, retain_graph=True)
        zeros = t.autograd.grad(y.sum(), [x, leaf(t, 2)], materialize_grads=True)
        return (*g, *zeros)

    both(run)


def test_a_penalty_on_gradients_trains_through_create_graph():
    def run(t):
        w, x = leaf(t, 3, 2), leaf(t, 4, 3, seed=1)
        y = (x @ w).tanh().softmax(-1)[:, 0].sum()
        (g,) = t.autograd.grad(y, x, create_graph=True)
        penalty = ((g.square().sum(-1) + 1e-3).sqrt() - 1).square().mean()
        (y + penalty).backward()
        return g, penalty, w.grad, x.grad

    both(run, 1e-9)


def test_backward_with_create_graph_can_be_differentiated_again():
    def run(t):
        x = leaf(t, 3)
        (x**3).sum().backward(create_graph=True)
        first = x.grad
        second = t.autograd.grad((first * t.tensor(normal(3, seed=1))).sum(), x, create_graph=True)
        third = t.autograd.grad(second[0].sum(), x)
        return first, *second, *third

    both(run)


def test_no_grad_and_detach_cut_the_graph():
    def run(t):
        x = leaf(t, 3)
        with t.no_grad():
            constant = x * 2
        assert not constant.requires_grad and constant.is_leaf
        with t.no_grad(), t.enable_grad():
            inner = x * 3
        assert inner.requires_grad
        ((x * constant).sum() + (x.detach() * inner).sum()).backward()
        return (x.grad,)

    both(run)


def test_a_step_of_descent_in_place_is_pytorchs():
    def run(t):
        w, x, y = leaf(t, 3), t.tensor(normal(5, 3)), t.tensor(normal(5, seed=1))
        for _ in range(4):
            loss = ((x @ w - y) ** 2).mean()
            loss.backward()
            with t.no_grad():
                w -= 0.1 * w.grad
                w.grad.zero_()
        return w, loss

    both(run)


@pytest.mark.parametrize("loss", [float("inf"), float("nan"), -float("inf")])
def test_a_loss_that_is_not_finite_still_starts_from_a_gradient_of_1(loss):
    def run(t):
        x = leaf(t, 3)
        (x.sum() + loss).backward()
        return (x.grad,)

    both(run)


def test_an_in_place_change_of_a_needed_value_is_an_error_in_both():
    for t in (mx, torch):
        x = leaf(t, 3)
        y = x.exp()
        with t.no_grad():
            y[0] = 5
        with pytest.raises(RuntimeError):
            y.sum().backward()


def test_properties_of_leaves_and_results_are_pytorchs():
    for t in (mx, torch):
        x = t.ones(2, requires_grad=True)
        y = x * 2
        assert x.is_leaf and not y.is_leaf and x.grad_fn is None and y.grad_fn is not None
        assert y.requires_grad and not y.detach().requires_grad and y.detach().is_leaf
        assert not (y > 1).requires_grad and not y.argmax().requires_grad


COMPOSITES = {
    "attention": "(x @ y.mT / 2 ** 0.5).softmax(-1) @ y",
    "masked attention": "(x @ y.mT).masked_fill(t.ones(3, 3).tril() == 0, -1e9).softmax(-1) @ y",
    "layer norm": "(x - x.mean(-1, keepdim=True)) "
    "/ (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt() * y",
    "gelu": "0.5 * x * (1 + t.erf(x / 2 ** 0.5)) + y.tanh()",
    "cross entropy": "-t.log_softmax(x + y, dim=-1).gather(1, t.tensor([[0], [1], [1]])).mean()",
    "logsumexp": "t.logsumexp(x * y, dim=(0, 1)) + t.logsumexp(x, 0).sum()",
    "einsum": 't.einsum("ij,kj,kl->il", x, y, y).sigmoid()',
    "standardise": "((x - x.mean(0)) / x.std(0)) * y.std(-1, keepdim=True)",
    "distances": "((x[:, None] - y[None]) ** 2).sum(-1).add(0.1).sqrt()",
    "heads": "x.view(3, 1, 2).expand(3, 2, 2).permute(1, 0, 2).reshape(2, 6).cumsum(-1).prod(0) "
    "* y.reshape(-1)[0]",
    "rotary": "t.cat([x[:, :1] * y[:, :1].cos() - x[:, 1:] * t.sin(y[:, 1:]), x.flip(-1)], dim=-1)",
    "pieces": "t.stack([a * b for a, b in zip(x.unbind(), y.chunk(3))]).square().sum((0, 1))"
    ".log1p()",
    "extremes": "t.maximum(x, y).amax(0) * t.minimum(x, y).max(1).values.sum() "
    "+ x.clamp(-0.5, 0.5).abs().sum()",
    "power": "(x.abs() + 0.5) ** y * (y * y + 1) ** -0.5",
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_first_and_second_derivatives_of_composites_are_pytorchs(name):
    compare(COMPOSITES[name], x=normal(3, 2), y=normal(3, 2, seed=1))
