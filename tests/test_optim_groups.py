"""Groups of parameters with options of their own, and what cannot be optimized."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values

import minixattn as mx


def set_gradient(p, value=1.0):
    p.grad = mx.full_like(p, value)


def test_groups_have_options_of_their_own(device):
    p, q = leaf([1.0], device), leaf([1.0], device)
    groups = [{"params": [p]}, {"params": q, "lr": 0.5}]
    optimizer = mx.optim.SGD(groups, lr=0.1)
    set_gradient(p)
    set_gradient(q)
    optimizer.step()
    assert_close(p, [0.9])
    assert_close(q, [0.5])
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.5]
    assert groups == [{"params": [p]}, {"params": q, "lr": 0.5}]  # not changed


def test_a_learning_rate_can_be_changed_between_steps(device):
    p = leaf([1.0], device)
    optimizer = mx.optim.SGD([p], lr=0.1)
    for lr in (0.1, 0.5):
        optimizer.param_groups[0]["lr"] = lr
        set_gradient(p)
        optimizer.step()
    assert_close(p, [0.4])


def test_a_group_can_be_added_later(device):
    p, q = leaf([1.0], device), leaf([1.0], device)
    optimizer = mx.optim.AdamW([p], lr=0.1)
    optimizer.add_param_group({"params": [q], "weight_decay": 0})
    set_gradient(q)
    optimizer.step()
    assert_close(q, [0.9], rtol=1e-7)
    assert optimizer.param_groups[1]["betas"] == (0.9, 0.999)


def test_generators_and_empty_groups_are_taken(device):
    p = leaf([1.0], device)
    optimizer = mx.optim.SGD(iter([{"params": iter([p])}, {"params": []}]), lr=0.1)
    assert [len(g["params"]) for g in optimizer.param_groups] == [1, 0]


def test_the_text_shows_the_options_of_every_group():
    optimizer = mx.optim.SGD([{"params": leaf([1.0])}, {"params": leaf([1.0]), "lr": 0.5}], lr=0.1)
    assert repr(optimizer) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    lr: 0.1\n    maximize: False\n"
        "    momentum: 0\n    nesterov: False\n    weight_decay: 0\n"
        "Parameter Group 1\n    dampening: 0\n    lr: 0.5\n    maximize: False\n"
        "    momentum: 0\n    nesterov: False\n    weight_decay: 0\n)"
    )


class WithParameters:
    def parameters(self):
        return iter(())


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([], ValueError, r"empty list of parameters.*model\.parameters\(\) can be read only once"),
        (iter(()), ValueError, "empty list of parameters"),
        (mx.ones(2), TypeError, "takes an iterable of Tensors.*got Tensor"),
        (WithParameters(), TypeError, r"got WithParameters\. Did you mean \.parameters\(\)\?"),
        ({"params": [mx.ones(2)]}, TypeError, "takes an iterable of Tensors.*got dict"),
        ({mx.ones(2)}, TypeError, "need an order to be saved and loaded: use a list, not a set"),
        (
            [np.ones(2)],
            TypeError,
            r"param_groups\[0\]\['params'\]\[0\] must be a Tensor, got ndarr",
        ),
        ([("weight", mx.ones(2))], TypeError, r"got tuple: use parameters\(\), not named_param"),
        ([WithParameters()], TypeError, r"got WithParameters: use its \.parameters\(\)"),
        ([{"lr": 0.1}], ValueError, r"needs the key 'params', got only \['lr'\]"),
        (
            [{"params": mx.ones(2)}, mx.ones(2)],
            TypeError,
            "a parameter group is a dict.*got Tensor",
        ),
        ([{"params": {mx.ones(2)}}], TypeError, "use a list, not a set"),
        (
            [{"params": mx.ones(1), "lr": -1}],
            ValueError,
            "lr must be finite and at least 0, got -1",
        ),
    ],
)
def test_wrong_parameters_are_explained(params, error, message):
    with pytest.raises(error, match=message):
        mx.optim.SGD(params)


def test_results_of_operations_cannot_be_optimized(device):
    p = leaf([1.0, 2.0], device)
    with pytest.raises(ValueError, match=r"\[1\], of shape \(2,\), is the result of an operation"):
        mx.optim.SGD([p, p * 2])


def test_a_parameter_listed_twice_is_refused(device):
    p, q = leaf([1.0, 2.0], device), leaf([1.0], device)
    with pytest.raises(ValueError, match=r"\['params'\]\[2\], of shape \(2,\), is listed twice"):
        mx.optim.SGD([p, q, p])
    with pytest.raises(ValueError, match=r"param_groups\[1\]\['params'\]\[0\].*is listed twice"):
        mx.optim.SGD([{"params": [p, q]}, {"params": [q]}])


def test_memory_that_cannot_be_written_is_refused():
    p = mx.from_numpy(np.broadcast_to(np.ones(1), 3)).requires_grad_()
    with pytest.raises(ValueError, match=r"memory that cannot be written.*\.clone\(\)"):
        mx.optim.SGD([p])


def test_a_group_that_is_refused_is_not_added(device):
    p, q = leaf([1.0], device), leaf([1.0], device)
    optimizer = mx.optim.Adam([p])
    with pytest.raises(ValueError, match="betas"):
        optimizer.add_param_group({"params": [q], "betas": (2, 0)})
    assert len(optimizer.param_groups) == 1
    one_step_of = values(q).copy()
    set_gradient(q)
    optimizer.step()
    np.testing.assert_array_equal(values(q), one_step_of)
