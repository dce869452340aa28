"""SGD: the update equation, frozen runs, and what it remembers."""

import numpy as np
import pytest
from freeze_optim import FROZEN, RUNS, loss, one_step, parameters, trajectory
from helpers import assert_close, leaf, values

import minixattn as mx


def after_steps(gradients, theta, device, **options):
    """The parameter after one step for each of the gradients."""
    p = leaf(theta, device)
    optimizer = mx.optim.SGD([p], **options)
    for g in gradients:
        p.grad = mx.tensor(np.asarray(g), device=device)
        optimizer.step()
    return p, optimizer


@pytest.mark.parametrize("run", [k for k in RUNS if k.startswith("sgd")])
def test_runs_are_pytorchs(run, device):
    assert_close(trajectory(mx, *RUNS[run], device=device), np.load(FROZEN)[run])


def test_one_step_subtracts_the_gradient_times_the_learning_rate(device, rng):
    theta, g = rng.standard_normal((2, 3, 4))
    p, optimizer = after_steps([g], theta, device, lr=0.1)
    assert_close(p, theta - 0.1 * g)
    assert not any(optimizer.state.values())


def test_momentum_remembers_the_gradients(device, rng):
    theta, g1, g2, g3 = rng.standard_normal((4, 5))
    mu, tau, lr = 0.9, 0.25, 0.1
    v1 = g1  # the first step is not dampened
    v2 = mu * v1 + (1 - tau) * g2
    v3 = mu * v2 + (1 - tau) * g3
    p, optimizer = after_steps([g1, g2, g3], theta, device, lr=lr, momentum=mu, dampening=tau)
    assert_close(p, theta - lr * (v1 + v2 + v3))
    assert_close(optimizer.state[p]["momentum_buffer"], v3)


def test_nesterovs_momentum_looks_one_step_ahead(device, rng):
    theta, g1, g2 = rng.standard_normal((3, 5))
    mu, lr = 0.8, 0.1
    v2 = mu * g1 + g2
    p, _ = after_steps([g1, g2], theta, device, lr=lr, momentum=mu, nesterov=True)
    assert_close(p, theta - lr * (g1 + mu * g1) - lr * (g2 + mu * v2))


def test_weight_decay_adds_the_parameter_to_the_gradient(device, rng):
    theta, g = rng.standard_normal((2, 5))
    p, _ = after_steps([g], theta, device, lr=0.1, weight_decay=0.5)
    assert_close(p, theta - 0.1 * (g + 0.5 * theta))


def test_maximize_climbs(device, rng):
    theta, g = rng.standard_normal((2, 5))
    p, _ = after_steps([g], theta, device, lr=0.1, maximize=True)
    assert_close(p, theta + 0.1 * g)


def test_the_gradient_itself_is_not_changed(device, rng):
    theta, g = rng.standard_normal((2, 5))
    p, _ = after_steps([g], theta, device, lr=0.1, momentum=0.9, weight_decay=0.1, maximize=True)
    np.testing.assert_array_equal(values(p.grad), g)


def test_the_loss_falls(device):
    params = parameters(mx, device=device)
    optimizer = mx.optim.SGD(params, lr=0.3, momentum=0.9)
    before = loss(mx, params, device=device).item()
    for i in range(100):
        one_step(mx, optimizer, params, i, device=device)
    assert loss(mx, params, device=device).item() < 0.5 * before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"lr": -0.1},
            r"lr must be finite and at least 0, got -0\.1 \(to climb, use maximize=True",
        ),
        ({"lr": float("nan")}, "lr must be finite and at least 0, got nan"),
        ({"lr": float("inf")}, "lr must be finite and at least 0, got inf"),
        ({"momentum": -1}, "momentum must be finite and at least 0, got -1"),
        ({"weight_decay": -2}, "weight_decay must be finite and at least 0, got -2"),
        ({"nesterov": True}, "needs a momentum above 0 and no dampening, got momentum=0"),
        ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, r"no dampening.*dampening=0\.1"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        mx.optim.SGD([leaf([1.0])], **options)


def test_a_learning_rate_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="lr must be a number, got str: '0.1'"):
        mx.optim.SGD([leaf([1.0])], lr="0.1")
