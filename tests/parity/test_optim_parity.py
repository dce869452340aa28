"""Optimizers and schedulers against PyTorch: every combination of options, states exchanged."""

import itertools
import warnings

import numpy as np
import pytest
import torch
from freeze_optim import one_step, parameters, schedule, trajectory, values

import minixattn as mx


def combinations(**choices):
    return [dict(zip(choices, c)) for c in itertools.product(*choices.values())]


SGD = [
    {**o, "lr": o["lr"] / 10 if o["maximize"] else o["lr"]}  # climbing fast leaves no digits
    for o in combinations(
        lr=[0.0, 0.05], momentum=[0, 0.9], dampening=[0, 0.3], weight_decay=[0, 0.1],
        nesterov=[False, True], maximize=[False, True],
    )
    if not (o["nesterov"] and (o["momentum"] == 0 or o["dampening"]))
]  # fmt: skip
ADAM = combinations(
    lr=[0.02], betas=[(0.9, 0.999), (0.0, 0.7)], eps=[1e-8, 1e-2], weight_decay=[0, 0.1],
    amsgrad=[False, True], maximize=[False, True],
)  # fmt: skip
RUNS = [("SGD", o) for o in SGD] + [(n, o) for n in ("Adam", "AdamW") for o in ADAM]
DEFAULTS = [(n, {}) for n in ("SGD", "Adam", "AdamW")]


@pytest.mark.parametrize(("name", "options"), RUNS + DEFAULTS)
def test_trajectories_are_pytorchs(name, options):
    ours, theirs = (trajectory(t, name, options) for t in (mx, torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "options"), DEFAULTS + [("SGD", {"momentum": 0.9})])
def test_float32_trajectories_are_pytorchs(name, options):
    runs = []
    for t in (mx, torch):
        params = parameters(t, "float32")
        optimizer = getattr(t.optim, name)(params, lr=0.01, **options)
        for i in range(20):
            one_step(t, optimizer, params, i)
        runs.append(values(params))
    np.testing.assert_allclose(*runs, rtol=1e-4, atol=1e-5)


def grouped(t, name):
    params = parameters(t)
    groups = [{"params": params[:1], "lr": 0.03}, {"params": params[1:], "weight_decay": 0.2}]
    return params, getattr(t.optim, name)(groups, lr=0.01)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_groups_are_pytorchs(name):
    runs = []
    for t in (mx, torch):
        params, optimizer = grouped(t, name)
        for i in range(20):
            one_step(t, optimizer, params, i)
        runs.append(values(params))
    np.testing.assert_allclose(*runs, rtol=1e-12, atol=1e-12)


def converted(state, t):
    """A packed state with its tensors in the other library."""
    tensors = {
        i: {k: v if v is None else t.tensor(v.numpy()) for k, v in s.items()}
        for i, s in state["state"].items()
    }
    return {"state": tensors, "param_groups": state["param_groups"]}


@pytest.mark.parametrize(("start", "end"), [(mx, torch), (torch, mx)], ids=["to", "from"])
@pytest.mark.parametrize(
    ("name", "options"),
    [("SGD", {"momentum": 0.9}), ("Adam", {"amsgrad": True}), ("AdamW", {"betas": (0.5, 0.9)})],
)
def test_a_run_can_be_continued_in_the_other_library(start, end, name, options):
    params = parameters(start)
    optimizer = getattr(start.optim, name)(params, lr=0.02, **options)
    for i in range(10):
        one_step(start, optimizer, params, i)
    there = [end.tensor(p.detach().numpy()).requires_grad_() for p in params]
    other = getattr(end.optim, name)(there)
    other.load_state_dict(converted(optimizer.state_dict(), end))
    for i in range(10, 25):
        one_step(start, optimizer, params, i)
        one_step(end, other, there, i)
    np.testing.assert_allclose(values(there), values(params), rtol=1e-12, atol=1e-12)
    pair = (optimizer, other) if start is mx else (other, optimizer)
    ours, theirs = (o.state_dict() for o in pair)
    assert sorted(ours["state"]) == sorted(theirs["state"])
    for i, state in theirs["state"].items():
        assert list(ours["state"][i]) == list(state)
        for k, v in state.items():
            assert str(v.dtype).removeprefix("torch.") == str(ours["state"][i][k].dtype)
    for a, b in zip(ours["param_groups"], theirs["param_groups"]):
        assert {k: b[k] for k in a} == a


SCHEDULES = [
    ("LambdaLR", {"lr_lambda": lambda t: min(t + 1, 8) / 8}),
    ("LambdaLR", {"lr_lambda": [lambda t: (t + 1) ** -0.5]}),
    *[
        ("CosineAnnealingLR", o)
        for o in combinations(T_max=[1, 7, 24, 25, 100], eta_min=[0.0, 0.05])
    ],
    *[
        ("OneCycleLR", {"max_lr": 0.5, **o})
        for o in combinations(
            total_steps=[25, 60], pct_start=[0.3, 0.5, 0.25], anneal_strategy=["cos", "linear"],
            cycle_momentum=[True, False], three_phase=[False, True],
        )
    ],
    ("OneCycleLR", {"max_lr": [0.5], "epochs": 5, "steps_per_epoch": 7, "div_factor": 4.0,
                    "final_div_factor": 20.0, "base_momentum": 0.6, "max_momentum": [0.8]}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 25, "pct_start": 0.0}),
    ("StepLR", {"step_size": 4}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("MultiStepLR", {"milestones": [3, 3, 11], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.95}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 12}),
    *[("CosineAnnealingWarmRestarts", o)
      for o in combinations(T_0=[1, 5], T_mult=[1, 2], eta_min=[0.0, 0.05])],
]  # fmt: skip


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedules_are_pytorchs(name, options, optimizer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's about steps without gradients
        ours, theirs = (schedule(t, name, options, optimizer) for t in (mx, torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_schedules_in_sequence_are_pytorchs():
    runs = []
    for t in (mx, torch):
        optimizer = t.optim.SGD(parameters(t), lr=0.2)
        kinds = t.optim.lr_scheduler
        warm_up = kinds.LinearLR(optimizer, 0.1, total_iters=4)
        wave = kinds.CosineAnnealingLR(optimizer, 6)
        parts = [warm_up, wave, kinds.ExponentialLR(optimizer, 0.9)]
        scheduler = kinds.SequentialLR(optimizer, parts, [4, 10])
        runs.append([])
        for _ in range(20):
            runs[-1].append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    np.testing.assert_allclose(*runs, rtol=1e-12)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("options", [
    {}, {"patience": 1, "cooldown": 2, "factor": 0.5},
    {"patience": 0, "threshold": 0.2, "min_lr": 0.05},
])  # fmt: skip
def test_plateaus_are_noticed_as_pytorch_notices_them(mode, threshold_mode, options):
    metrics = np.random.default_rng(0).uniform(0.5, 1.0, 60).round(2)
    runs = []
    for t in (mx, torch):
        optimizer = t.optim.SGD(parameters(t), lr=0.2)
        scheduler = t.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode, threshold_mode=threshold_mode, **options
        )
        runs.append([])
        for m in metrics:
            scheduler.step(t.tensor(m))
            runs[-1].append((*scheduler.get_last_lr(), scheduler.num_bad_epochs))
    np.testing.assert_allclose(*runs, rtol=1e-12)


def test_the_last_rate_of_a_cycle_is_pytorchs():
    rates = []
    for t in (mx, torch):
        optimizer = t.optim.SGD(parameters(t), lr=0.1, momentum=0.9)
        scheduler = t.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=10)
        for _ in range(10):
            optimizer.step()
            scheduler.step()
        with pytest.raises(ValueError, match="11"):
            scheduler.step()
        rates.append(scheduler.get_last_lr())
    np.testing.assert_allclose(*rates, rtol=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda t: t.optim.SGD([]), lambda t: t.optim.SGD(t.ones(2)),
        lambda t: t.optim.SGD([t.ones(2)], lr=-1.0), lambda t: t.optim.SGD([np.ones(2)]),
        lambda t: t.optim.SGD([t.ones(2, requires_grad=True) * 2], lr=0.1),
        lambda t: t.optim.SGD([t.ones(2)], momentum=-1.0), lambda t: t.optim.SGD([{1, 2}]),
        lambda t: t.optim.SGD([t.ones(2)], nesterov=True),
        lambda t: t.optim.Adam([t.ones(2)], betas=(1.0, 0.9)),
        lambda t: t.optim.Adam([t.ones(2)], eps=-1.0),
        lambda t: t.optim.AdamW([t.ones(2)], weight_decay=-1.0),
        lambda t: t.optim.lr_scheduler.OneCycleLR(t.optim.SGD([t.ones(2)]), 0.1),
        lambda t: t.optim.lr_scheduler.LambdaLR(t.optim.SGD([t.ones(2)]), [abs, abs]),
        lambda t: t.optim.lr_scheduler.CosineAnnealingLR(None, 5),
        lambda t: t.optim.lr_scheduler.CosineAnnealingLR(t.optim.SGD([t.ones(2)]), 5, last_epoch=3),
    ],
)  # fmt: skip
def test_errors_are_of_pytorchs_classes(wrong):
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        wrong(torch)
    with pytest.raises(theirs.type):
        wrong(mx)
