"""Adam and AdamW: Algorithm 1 of the paper, frozen runs, amsgrad, small numbers in float16."""

import numpy as np
import pytest
from freeze_optim import FROZEN, RUNS, loss, one_step, parameters, trajectory
from helpers import assert_close, leaf, values

import minixattn as mx

BOTH = pytest.mark.parametrize("method", ["Adam", "AdamW"])


def after_steps(method, gradients, theta, device, **options):
    """The parameter after one step for each of the gradients."""
    p = leaf(theta, device)
    optimizer = getattr(mx.optim, method)([p], **options)
    for g in gradients:
        p.grad = mx.tensor(np.asarray(g), device=device)
        optimizer.step()
    return p, optimizer


@pytest.mark.parametrize("run", [k for k in RUNS if k.startswith("adam")])
def test_runs_are_pytorchs(run, device):
    assert_close(trajectory(mx, *RUNS[run], device=device), np.load(FROZEN)[run])


def test_steps_are_those_of_the_papers_algorithm(device, rng):
    theta, *gradients = rng.standard_normal((5, 6))
    lr, b1, b2, eps = 0.1, 0.8, 0.95, 1e-4
    p, optimizer = after_steps("Adam", gradients, theta, device, lr=lr, betas=(b1, b2), eps=eps)
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        theta = theta - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    assert_close(p, theta)
    state = optimizer.state[p]
    assert state["step"].item() == 4
    assert_close(state["exp_avg"], m)
    assert_close(state["exp_avg_sq"], v)


@BOTH
def test_the_first_step_is_the_learning_rate_in_the_gradients_sign(method, device):
    g = np.array([1e-3, -5.0, 1e4])
    p, _ = after_steps(method, [g], np.zeros(3), device, lr=0.01)
    assert_close(p, -0.01 * np.sign(g), rtol=1e-4)


@BOTH
def test_a_gradient_of_zero_moves_nothing(method, device):
    p, _ = after_steps(method, [np.zeros(3)] * 3, np.ones(3), device, weight_decay=0)
    np.testing.assert_array_equal(values(p), 1.0)


def test_decay_of_adamw_is_apart_from_the_gradient(device, rng):
    theta, g = rng.standard_normal((2, 5))
    plain, _ = after_steps("Adam", [g], theta, device, lr=0.1)
    decayed, _ = after_steps("AdamW", [g], theta, device, lr=0.1, weight_decay=0.5)
    assert_close(decayed, values(plain) - 0.1 * 0.5 * theta)


def test_decay_of_adam_is_part_of_the_gradient(device, rng):
    theta, g = rng.standard_normal((2, 5))
    decayed, _ = after_steps("Adam", [g], theta, device, lr=0.1, weight_decay=0.5)
    by_hand, _ = after_steps("Adam", [g + 0.5 * theta], theta, device, lr=0.1)
    assert_close(decayed, by_hand)


@BOTH
def test_amsgrad_divides_by_the_largest_average_so_far(method, device):
    gradients = np.array([[10.0], [0.1], [0.1]])
    p, optimizer = after_steps(method, gradients, [0.0], device, betas=(0.9, 0.5), amsgrad=True)
    state = optimizer.state[p]
    assert_close(state["max_exp_avg_sq"], [50.0])
    assert values(state["exp_avg_sq"])[0] < 13


@BOTH
def test_maximize_climbs(method, device, rng):
    theta, g = rng.standard_normal((2, 5))
    up, _ = after_steps(method, [g], theta, device, lr=0.1, maximize=True)
    down, _ = after_steps(method, [-g], theta, device, lr=0.1)
    assert_close(up, down)


@BOTH
def test_small_gradients_of_float16_neither_vanish_nor_explode(method, device):
    p = mx.tensor(np.ones(3, np.float16), device=device, requires_grad=True)
    optimizer = getattr(mx.optim, method)([p], lr=0.01, weight_decay=0)
    for _ in range(3):
        p.grad = mx.tensor(np.array([1e-4, -1e-4, 0], np.float16), device=device)
        optimizer.step()
    assert p.dtype == mx.float16
    assert optimizer.state[p]["exp_avg_sq"].dtype == mx.float32
    np.testing.assert_allclose(values(p).astype(float), [0.97, 1.03, 1.0], atol=2e-3)


@BOTH
def test_the_loss_falls(method, device):
    params = parameters(mx, device=device)
    optimizer = getattr(mx.optim, method)(params, lr=0.05)
    before = loss(mx, params, device=device).item()
    for i in range(120):
        one_step(mx, optimizer, params, i, device=device)
    assert loss(mx, params, device=device).item() < 0.5 * before


@BOTH
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1}, "lr must be finite and at least 0, got -1"),
        ({"eps": -1e-8}, "eps must be finite and at least 0, got -1e-08"),
        ({"weight_decay": -0.1}, r"weight_decay must be finite and at least 0, got -0\.1"),
        ({"betas": (1.0, 0.999)}, r"betas\[0\] must be at least 0 and below 1, got 1\.0"),
        ({"betas": (0.9, -0.5)}, r"betas\[1\] must be at least 0 and below 1, got -0\.5"),
        ({"betas": (0.9, float("nan"))}, r"betas\[1\] must be at least 0 and below 1, got nan"),
        ({"betas": 0.9}, r"betas must be a pair of numbers, got 0\.9"),
        ({"betas": (0.9,)}, r"betas must be a pair of numbers, got \(0\.9,\)"),
    ],
)
def test_options_out_of_range_are_named(method, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(mx.optim, method)([leaf([1.0])], **options)
