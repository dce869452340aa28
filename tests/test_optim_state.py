"""An optimizer's state: its layout, continuing from it to the bit, and states that do not fit."""

import copy
import pickle

import numpy as np
import pytest
from freeze_optim import RUNS, one_step, parameters, values

import minixattn as mx


def run(name, options, device, groups=False):
    """(parameters, optimizer) at the start of a run."""
    params = parameters(mx, device=device)
    given = [{"params": params[:1], "lr": 0.02}, {"params": params[1:]}] if groups else params
    return params, getattr(mx.optim, name)(given, **options)


def steps(params, optimizer, first, last, device):
    for i in range(first, last):
        one_step(mx, optimizer, params, i, device=device)
    return values(params)


@pytest.mark.parametrize("key", RUNS)
def test_a_run_continued_from_a_state_gives_the_very_same_numbers(key, device):
    name, options = RUNS[key]
    params, optimizer = run(name, options, device, groups=True)
    steps(params, optimizer, 0, 10, device)
    optimizer.param_groups[1]["lr"] = 0.03
    saved = copy.deepcopy(optimizer.state_dict())
    weights = [p.detach().clone() for p in params]
    expected = steps(params, optimizer, 10, 20, device)

    again, other = run(name, {}, device, groups=True)
    for p, w in zip(again, weights):
        p.data.copy_(w)
    other.load_state_dict(saved)
    np.testing.assert_array_equal(steps(again, other, 10, 20, device), expected)


def test_the_layout_is_pytorchs(device):
    params, optimizer = run("Adam", {"lr": 0.1}, device, groups=True)
    steps(params, optimizer, 0, 2, device)
    state = optimizer.state_dict()
    assert [g["params"] for g in state["param_groups"]] == [[0], [1, 2]]
    assert state["param_groups"][0]["lr"] == 0.02
    assert sorted(state["state"]) == [0, 1, 2]
    assert list(state["state"][0]) == ["step", "exp_avg", "exp_avg_sq"]
    step = state["state"][2]["step"]
    assert (step.shape, step.dtype, step.item(), step.device) == ((), mx.float32, 2, "cpu")


def test_loading_copies_so_that_one_state_serves_many_runs(device):
    params, optimizer = run("SGD", {"momentum": 0.9}, device)
    steps(params, optimizer, 0, 3, device)
    saved = copy.deepcopy(optimizer.state_dict())
    before = values([s["momentum_buffer"] for s in saved["state"].values()])
    other_params, other = run("SGD", {"momentum": 0.9}, device)
    other.load_state_dict(saved)
    steps(other_params, other, 3, 6, device)
    other.param_groups[0]["lr"] = 9
    after = values([s["momentum_buffer"] for s in saved["state"].values()])
    np.testing.assert_array_equal(before, after)
    assert saved["param_groups"][0]["lr"] == 1e-3


def test_a_state_moves_to_the_device_and_dtype_of_the_parameters(stand_in):
    params, optimizer = run("Adam", {}, "cpu")
    steps(params, optimizer, 0, 2, "cpu")
    there = parameters(mx, dtype="float32", device="cuda")
    other = mx.optim.Adam(there)
    other.load_state_dict(optimizer.state_dict())
    state = other.state[there[0]]
    assert (state["exp_avg"].device, state["exp_avg"].dtype) == ("cuda", mx.float32)
    assert state["step"].device == "cpu"
    np.testing.assert_allclose(
        state["exp_avg"].cpu().numpy(), optimizer.state[params[0]]["exp_avg"].numpy(), rtol=1e-6
    )
    steps(there, other, 2, 3, "cuda")


def test_float16_parameters_continue_to_the_bit(device):
    results = []
    for interrupted in (False, True):
        p = mx.tensor(np.ones(4, np.float16), device=device, requires_grad=True)
        optimizer = mx.optim.Adam([p], lr=0.01)
        for i in range(6):
            p.grad = mx.full_like(p, 1e-4 * (i + 1))
            optimizer.step()
            if interrupted:
                saved = copy.deepcopy(optimizer.state_dict())
                optimizer = mx.optim.Adam([p])
                optimizer.load_state_dict(saved)
        results.append(values([p]))
    np.testing.assert_array_equal(*results)


def test_optimizers_can_be_pickled_and_copied():
    params, optimizer = run("Adam", {"lr": 0.1}, "cpu")
    steps(params, optimizer, 0, 3, "cpu")
    expected = None
    twins = [
        copy.deepcopy((params, optimizer)), pickle.loads(pickle.dumps((params, optimizer))),
    ]  # fmt: skip
    expected = steps(params, optimizer, 3, 6, "cpu")
    for twin_params, twin in twins:
        np.testing.assert_array_equal(steps(twin_params, twin, 3, 6, "cpu"), expected)


def saved_state():
    params, optimizer = run("Adam", {"lr": 0.1}, "cpu")
    steps(params, optimizer, 0, 2, "cpu")
    return copy.deepcopy(optimizer.state_dict())


def without(name):
    state = saved_state()
    del state["state"][1][name]
    return state


def with_shape(shape):
    state = saved_state()
    state["state"][0]["exp_avg"] = mx.zeros(shape)
    return state


def with_option(name, value):
    state = saved_state()
    state["param_groups"][0][name] = value
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: {"weight": mx.ones(1)}, r"has 'state' and 'param_groups', got \['weight'\]"),
        (lambda: [1], "has 'state' and 'param_groups', got list"),
        (lambda: mx.optim.Adam([mx.ones(1)]).state_dict(),
         r"has 1 parameter group\(s\) of \[1\] tensors, this Adam has 1 of \[3\]"),
        (lambda: mx.optim.Adam([{"params": mx.ones(1)}] * 0 + [{"params": mx.ones(1)},
                               {"params": [mx.ones(1), mx.ones(2)]}]).state_dict(),
         r"has 2 parameter group\(s\) of \[1, 2\] tensors, this Adam has 1 of \[3\]"),
        (lambda: mx.optim.SGD(parameters(mx)).state_dict(),
         r"param_groups\[0\] of the state to load lacks amsgrad, betas, eps: .* than Adam"),
        (lambda: without("exp_avg"), "lacks exp_avg for parameter 1, which Adam needs"),
        (lambda: with_shape((4, 3)),
         r"exp_avg of parameter 0 has shape \(4, 3\) .* parameter has shape \(3, 4\)"),
        (lambda: with_option("lr", -1), "lr must be finite and at least 0, got -1"),
        (lambda: {**saved_state(), "state": {7: {}}}, "a parameter 7 that no saved group lists"),
    ],
)  # fmt: skip
def test_a_state_that_does_not_fit_is_explained_and_changes_nothing(state, message):
    params, optimizer = run("Adam", {"lr": 0.1}, "cpu")
    steps(params, optimizer, 0, 2, "cpu")
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state())
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for i, values_before in before["state"].items():
        for name, value in values_before.items():
            assert value.equal(after["state"][i][name])
