"""The walk through a graph: its order, what it leaves behind, and who may walk at a time."""

import threading

import numpy as np
import pytest
from helpers import assert_close, leaf

import minixattn as mx
from minixattn import engine, walk


def waiting(*results):
    """What results are owed; None where no walk is under way."""
    return [x.owed for x in results]


def test_history_lists_operations_oldest_first_and_once():
    x = leaf(1.0)
    a = x * 2
    b = a + a
    c = b * a
    nodes, nothing = [], object()
    walk.history((c, b, c, x), nodes, nothing)
    assert nodes == [a, b, c]
    assert all(node.owed is nothing for node in nodes)


def test_reaching_finds_what_depends_on_the_wanted():
    x, w = leaf(1.0), leaf(1.0)
    a, b = x * 2, w * 2
    c = a + b
    assert walk.reaching([a, b, c], {w}) == {w, b, c}


def test_fit_sums_over_what_broadcasting_repeated_and_restores_the_type():
    d = np.arange(24.0).reshape(2, 3, 4)
    for shape in ((2, 3, 4), (3, 4), (1, 3, 1), (4,), ()):
        x = np.zeros(shape, np.float32)
        fitted = walk.fit(d, x)
        assert fitted.shape == shape and fitted.dtype == np.float32
        assert fitted.sum() == d.sum()
    assert walk.fit(d, np.zeros((2, 3, 4))) is d


@pytest.mark.parametrize(
    "a, b", [((1, 4), (4,)), ((4, 1), (1, 4)), ((1,), ()), ((2, 1, 3), (2, 1, 3)), ((0, 3), (1, 3))]
)
def test_operands_of_one_size_but_other_shapes_get_gradients_of_their_own_shape(a, b, device):
    a, b = leaf(np.full(a, 2.0), device), leaf(np.full(b, 3.0), device)
    for y in (a * b, a + b, a - b, a / b, mx.maximum(a, b)):
        a.grad = b.grad = None
        y.sum().backward()
        assert a.grad.shape == a.shape and b.grad.shape == b.shape


def test_gradients_are_of_their_tensors_type_on_the_way_and_at_the_end(device):
    x = leaf([1.0, 2.0], device, "float32")
    y = x * 0.5
    y.retain_grad()
    (y.amax() * 2.0 + y.mean() + (y * np.float64(3)).sum()).backward()
    assert x.grad.dtype == y.grad.dtype == mx.float32
    (g,) = mx.autograd.grad((x * 2.0).sum() / 3, x)
    assert g.dtype == mx.float32


def test_arithmetic_keeps_its_name_where_the_gradient_is_handed_on_as_it_is():
    x = leaf([1.0])
    assert (x + x).derivatives == (engine.same, engine.same)
    names = [y.grad_fn.name() for y in (x + x, x - x, x * x, x / x, 1 - x, x + 1)]
    assert names == [f"{name}Backward0" for name in ("Add", "Sub", "Mul", "Div", "Sub", "Add")]


def test_an_operation_keeps_the_name_and_text_of_the_function_it_was_written_as():
    assert mx.mul.__name__ == "mul" and mx.mul.__doc__.startswith("y = a ⊙ b")
    with pytest.raises(mx.ShapeError, match=r"div: shapes \(2,\) and \(3,\) do not broadcast"):
        mx.ones(2) / mx.ones(3)


@pytest.mark.parametrize("retain", [False, True])
def test_nothing_waits_in_a_graph_after_a_walk(retain):
    x = leaf([1.0, 2.0])
    a = x * 2
    b = a.exp()
    c = (a * b).sum()
    c.backward(retain_graph=retain)
    assert waiting(a, b, c) == [None] * 3
    if retain:
        mx.autograd.grad(c, b, retain_graph=True)
        assert waiting(a, b, c) == [None] * 3


def test_a_derivative_that_fails_leaves_a_graph_that_can_be_walked_again():
    x, broken = leaf([1.0, 2.0]), [True]

    def derivative(g, _y, _x):
        if broken[0]:
            raise KeyboardInterrupt
        return g * 3

    a = x * 2
    y = engine.unary(lambda x: 3 * x, a, derivative) * a
    with pytest.raises(KeyboardInterrupt):
        y.backward(mx.ones_like(y), retain_graph=True)
    assert waiting(a, y) == [None, None] and x.grad is None
    broken[0] = False
    y.backward(mx.ones_like(y))
    assert_close(x.grad, 24 * np.array([1.0, 2.0]))


def test_a_graph_that_is_being_walked_cannot_be_walked_by_another():
    x = leaf([1.0, 2.0])
    a = x * 2
    y = engine.unary(lambda x: x * 1, a, lambda g, _y, _x: (again(), g)[1])
    message = (
        r"a result of shape \(2,\) is part of a graph that another backward\(\) is walking "
        r"through, in another thread or further up: wait for it to finish\."
    )

    def again():
        with mx.enable_grad(), pytest.raises(mx.GraphError, match=message):
            (a * 3).sum().backward()

    y.backward(mx.ones_like(y))
    assert_close(x.grad, [2.0, 2.0])


def test_threads_that_share_parameters_walk_their_graphs_side_by_side():
    w, found = leaf(np.ones(3)), []

    def work(k):
        for _ in range(200):
            y = w
            for _ in range(20):
                y = y * w + w
            (g,) = mx.autograd.grad((y * k).sum(), w)
        found.append(g.numpy() / k)

    threads = [threading.Thread(target=work, args=(k,)) for k in (1.0, 2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for g in found:  # of w²¹ + w²⁰ + … + w, at w = 1
        np.testing.assert_array_equal(g, np.full(3, sum(range(1, 22))))
