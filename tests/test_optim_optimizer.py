"""What all optimizers share: groups, gradients that are missing, memory, dtypes, errors."""

import numpy as np
import pytest
from freeze_optim import loss, one_step, parameters, trajectory
from helpers import assert_close, leaf, values

import minixattn as mx
from minixattn.optim import optimizer as optimizer_module

EVERY = pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        ("Adam", {"amsgrad": True, "weight_decay": 0.1}),
        ("AdamW", {"amsgrad": True}),
    ],
    ids=["sgd", "nesterov", "adam", "adamw"],
)


def set_gradient(p, value=1.0):
    p.grad = mx.full_like(p, value)


# Memory and numbers ------------------------------------------------------------------------------


@EVERY
def test_parameters_change_in_their_own_memory(name, options, device):
    p = leaf(np.ones((3, 4)), device)
    memory, view = p.array, p.detach()
    set_gradient(p)
    getattr(mx.optim, name)([p], lr=0.1, **options).step()
    assert p.array is memory
    np.testing.assert_array_equal(values(view), values(p))
    assert (values(p) < 1).all() and p.requires_grad and p.is_leaf


@EVERY
def test_cutting_into_pieces_changes_no_number(name, options, monkeypatch):
    whole = trajectory(mx, name, {"lr": 0.1, **options})
    monkeypatch.setattr(optimizer_module, "PIECE", 5)
    np.testing.assert_array_equal(trajectory(mx, name, {"lr": 0.1, **options}), whole)


@EVERY
def test_the_order_of_elements_in_memory_changes_no_number(name, options, device, rng):
    theta, g = rng.standard_normal((2, 6, 4))
    results = []
    for order, order_of_gradient in ("CC", "CF", "FC", "FF"):
        p = mx.as_tensor(np.array(theta, order=order), device=device).requires_grad_()
        optimizer = getattr(mx.optim, name)([p], lr=0.1, **options)
        for _ in range(3):
            p.grad = mx.as_tensor(np.array(g, order=order_of_gradient), device=device)
            optimizer.step()
        results.append(values(p))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@EVERY
def test_a_strided_part_of_a_larger_array_can_be_trained(name, options, rng):
    whole = rng.standard_normal((6, 8))
    before = whole.copy()
    part = mx.from_numpy(whole[::2, 1::3]).requires_grad_()
    alone = leaf(before[::2, 1::3])
    for p in (part, alone):
        set_gradient(p, 0.5)
        getattr(mx.optim, name)([p], lr=0.1, **options).step()
    assert_close(part, alone)
    np.testing.assert_array_equal(whole[::2, 1::3], values(part))
    untouched = np.ones(whole.shape, bool)
    untouched[::2, 1::3] = False
    np.testing.assert_array_equal(whole[untouched], before[untouched])


@EVERY
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_and_shapes_stay(name, options, dtype, device):
    shapes = (3, 4), (), (0, 2)
    params = [mx.tensor(np.ones(s, dtype), device=device, requires_grad=True) for s in shapes]
    optimizer = getattr(mx.optim, name)(params, lr=0.01, **options)
    for _ in range(2):
        for p in params:
            set_gradient(p, 0.5)
        optimizer.step()
    for p, shape in zip(params, shapes):
        assert (p.dtype, p.shape, str(p.device)) == (getattr(mx, dtype), shape, device)
        if p.numel():
            expected = 1 - 0.01 * (0.5 + 0.5) if name == "SGD" and not options else None
            assert np.isfinite(values(p)).all() and (values(p) < 1).all()
            if expected:
                np.testing.assert_allclose(values(p), expected, rtol=2e-3)


@EVERY
def test_a_step_is_not_recorded_but_noticed_by_a_graph_that_needs_the_old_values(
    name, options, device
):
    p = leaf([1.0, 2.0], device)
    y = (p * p).sum()
    set_gradient(p)
    getattr(mx.optim, name)([p], lr=0.1, **options).step()
    assert p.is_leaf
    with pytest.raises(mx.GraphError, match="changed in place"):
        y.backward()


# Gradients ---------------------------------------------------------------------------------------


@EVERY
def test_parameters_without_gradient_are_skipped(name, options, device):
    with_gradient, without = leaf([1.0], device), leaf([1.0], device)
    optimizer = getattr(mx.optim, name)([with_gradient, without], lr=0.1, **options)
    set_gradient(with_gradient)
    optimizer.step()
    assert values(without)[0] == 1.0 and values(with_gradient)[0] != 1.0
    assert without not in optimizer.state


def test_zero_grad_forgets_gradients_or_sets_them_to_zero(device):
    p, q = leaf([1.0, 2.0], device), leaf([3.0], device)
    optimizer = mx.optim.SGD([p, q])
    (p * p).sum().backward()
    memory = p.grad.array
    optimizer.zero_grad(set_to_none=False)
    assert q.grad is None and p.grad.array is memory
    np.testing.assert_array_equal(values(p.grad), [0, 0])
    (p * p).sum().backward()
    optimizer.zero_grad()
    assert p.grad is None


def test_zero_grad_cuts_a_differentiable_gradient_off_its_graph(device):
    p = leaf([1.0, 2.0], device)
    (p**3).sum().backward(create_graph=True)
    assert p.grad.requires_grad
    mx.optim.SGD([p]).zero_grad(set_to_none=False)
    assert not p.grad.requires_grad
    np.testing.assert_array_equal(values(p.grad), [0, 0])


def test_a_closure_computes_the_loss_with_gradients_and_step_returns_it(device):
    params = parameters(mx, device=device)
    optimizer = mx.optim.SGD(params, lr=0.01)
    before = values(params[0]).copy()

    def closure():
        optimizer.zero_grad()
        y = loss(mx, params, device=device)
        y.backward()
        return y

    with mx.no_grad():
        first = optimizer.step(closure).item()
    assert first == pytest.approx(optimizer.step(closure).item(), rel=0.5)
    assert optimizer.step(closure).item() < first
    assert not np.array_equal(values(params[0]), before)
    assert optimizer.step() is None


def test_a_gradient_of_another_shape_is_refused_before_anything_changes(device):
    p, q = leaf([1.0], device), leaf([1.0, 2.0, 3.0], device)
    optimizer = mx.optim.SGD([{"params": p}, {"params": [q]}], lr=0.1)
    set_gradient(p)
    q.grad = mx.ones(1, dtype=mx.float64, device=device)
    message = r"param_groups\[1\]\['params'\]\[0\] has shape \(3,\), but its .grad has shape \(1,\)"
    with pytest.raises(mx.ShapeError, match=message):
        optimizer.step()
    assert values(p)[0] == 1.0


def test_a_gradient_on_another_device_is_refused(stand_in):
    p = leaf([1.0], "cuda")
    p.grad = mx.ones(1, dtype=mx.float64)
    with pytest.raises(mx.DeviceError, match=r"is on cuda, but its \.grad on cpu.*zero_grad"):
        mx.optim.SGD([p]).step()


# Optimizers of one's own ------------------------------------------------------------------------


def test_an_optimizer_of_ones_own_needs_an_update_only(device):
    class SignDescent(mx.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def update(self, theta, g, state, group):
            theta -= group["lr"] * np.sign(g)

    p = leaf([1.0, 2.0], device)
    p.grad = mx.tensor([-3.0, 0.1], dtype=mx.float64, device=device)
    SignDescent([p], lr=0.5).step()
    assert_close(p, [1.5, 1.5])


def test_an_optimizer_without_update_says_so():
    p = leaf([1.0])
    set_gradient(p)
    with pytest.raises(NotImplementedError, match=r"Optimizer must define update\(\) or step\(\)"):
        mx.optim.Optimizer([p], {}).step()


def test_training_goes_on_after_an_error_in_the_middle(device):
    params = parameters(mx, device=device)
    optimizer = mx.optim.Adam(params, lr=0.1)
    params[0].grad = mx.ones(2, device=device)
    with pytest.raises(mx.ShapeError):
        optimizer.step()
    one_step(mx, optimizer, params, 0, device=device)
    assert optimizer.state[params[0]]["step"].item() == 1
