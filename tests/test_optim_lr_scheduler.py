"""Learning rate schedules: frozen curves, closed forms, continuing, errors."""

import math
import warnings

import numpy as np
import pytest
from freeze_optim import FROZEN, SCHEDULES, STEPS, parameters, schedule
from helpers import assert_close, leaf

import minixattn as mx
from minixattn.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR


def sgd(lr=0.2, momentum=0.9, groups=1):
    return mx.optim.SGD([{"params": leaf([1.0])} for _ in range(groups)], lr, momentum)


def curve(scheduler, steps):
    """The learning rates of the first group."""
    rows = []
    for _ in range(steps):
        rows.append(scheduler.get_last_lr()[0])
        assert scheduler.optimizer.param_groups[0]["lr"] == rows[-1]
        scheduler.optimizer.step()
        scheduler.step()
    return np.array(rows)


@pytest.mark.parametrize("key", SCHEDULES)
def test_curves_are_pytorchs(key):
    assert_close(schedule(mx, *SCHEDULES[key]), np.load(FROZEN)[key])


def test_lambda_multiplies_the_initial_rate_by_a_function_of_the_step():
    scheduler = LambdaLR(sgd(lr=0.5), lambda t: 0.9**t)
    assert_close(curve(scheduler, 6), 0.5 * 0.9 ** np.arange(6))


def test_lambdas_may_differ_between_groups():
    optimizer = sgd(lr=1.0, groups=2)
    scheduler = LambdaLR(optimizer, [lambda t: 1 / (1 + t), lambda t: np.float32(t)])
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5, 1.0]
    assert type(optimizer.param_groups[1]["lr"]) is float


def test_cosine_falls_to_the_smallest_rate_and_rises_again():
    rates = curve(CosineAnnealingLR(sgd(lr=1.0), T_max=10, eta_min=0.1), 21)
    t = np.arange(21)
    assert_close(rates, 0.1 + 0.5 * 0.9 * (1 + np.cos(math.pi * t / 10)))
    assert rates.argmin() == 10 and rates[20] == pytest.approx(1.0)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_one_cycle_goes_up_and_down_once_and_momentum_the_other_way(strategy):
    optimizer = sgd()
    scheduler = OneCycleLR(optimizer, 1.0, total_steps=100, anneal_strategy=strategy)
    rates, momenta = [], []
    for _ in range(100):
        rates.append(scheduler.get_last_lr()[0])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        scheduler.step()
    assert rates[0] == pytest.approx(1 / 25) and max(rates) == rates[29] == 1.0
    assert rates[-1] == pytest.approx(1 / 25 / 1e4)
    assert (np.diff(rates[:30]) > 0).all() and (np.diff(rates[29:]) < 0).all()
    assert momenta[0] == 0.95 and min(momenta) == momenta[29] == pytest.approx(0.85)
    assert momenta[-1] == pytest.approx(0.95)


def test_one_cycle_moves_the_first_beta_of_adam():
    optimizer = mx.optim.AdamW(parameters(mx), betas=(0.9, 0.98))
    OneCycleLR(optimizer, 0.1, epochs=2, steps_per_epoch=5)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.98)


def test_one_cycle_leaves_momentum_alone_when_told():
    optimizer = sgd(momentum=0.3)
    scheduler = OneCycleLR(optimizer, 0.1, total_steps=5, cycle_momentum=False)
    curve(scheduler, 4)
    assert optimizer.param_groups[0]["momentum"] == 0.3


@pytest.mark.parametrize("pct_start", [0.0, 0.1, 1.0])
def test_phases_without_length_are_passed_over(pct_start):
    rates = curve(OneCycleLR(sgd(), 1.0, total_steps=10, pct_start=pct_start), 10)
    assert np.isfinite(rates).all() and (rates > 0).all()
    if pct_start == 0.1:  # the first step is the whole way up
        assert rates[0] == 1.0


def test_groups_may_have_different_peaks():
    optimizer = sgd(groups=2)
    OneCycleLR(optimizer, [1.0, 2.0], total_steps=10, base_momentum=[0.8, 0.7])
    assert_close([g["lr"] for g in optimizer.param_groups], [1 / 25, 2 / 25])
    assert [g["base_momentum"] for g in optimizer.param_groups] == [0.8, 0.7]


@pytest.mark.parametrize("key", SCHEDULES)
def test_a_schedule_continued_from_its_state_gives_the_very_same_rates(key):
    name, options = SCHEDULES[key]
    make = getattr(mx.optim.lr_scheduler, name)
    scheduler = make(sgd(), **options)
    curve(scheduler, 9)
    states = scheduler.optimizer.state_dict(), scheduler.state_dict()
    again = make(sgd(lr=0.7), **options)
    again.optimizer.load_state_dict(states[0])
    again.load_state_dict(states[1])
    np.testing.assert_array_equal(curve(again, STEPS - 9), curve(scheduler, STEPS - 9))


@pytest.mark.parametrize("key", SCHEDULES)
def test_a_schedule_continued_from_last_epoch_gives_the_same_rates(key):
    name, options = SCHEDULES[key]
    make = getattr(mx.optim.lr_scheduler, name)
    scheduler = make(sgd(), **options)
    curve(scheduler, 9)
    optimizer = sgd(lr=0.7)
    optimizer.load_state_dict(scheduler.optimizer.state_dict())
    again = make(optimizer, **options, last_epoch=8)
    assert_close(curve(again, STEPS - 9), curve(scheduler, STEPS - 9))


def test_attributes_of_a_callable_object_are_part_of_the_state():
    class Warmup:
        def __init__(self, steps):
            self.steps = steps

        def __call__(self, t):
            return min(1.0, (t + 1) / self.steps)

    state = LambdaLR(sgd(), Warmup(10)).state_dict()
    assert state["lr_lambdas"] == [{"steps": 10}]
    again = LambdaLR(sgd(), Warmup(3))
    again.load_state_dict(state)
    assert again.lr_lambdas[0].steps == 10
    assert LambdaLR(sgd(), lambda t: 1.0).state_dict()["lr_lambdas"] == [None]


def test_a_schedule_of_ones_own_needs_get_lr_only():
    class Halving(LRScheduler):
        def get_lr(self):
            return [lr / 2**self.last_epoch for lr in self.base_lrs]

    assert_close(curve(Halving(sgd(lr=1.0)), 4), [1, 0.5, 0.25, 0.125])


def test_stepping_the_scheduler_before_the_optimizer_is_warned_of():
    scheduler = LambdaLR(sgd(), lambda t: 1.0)
    with pytest.warns(UserWarning, match="first learning rate of the schedule is never used"):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve(LambdaLR(sgd(), lambda t: 1.0), 3)


# Errors ------------------------------------------------------------------------------------------


def test_steps_beyond_the_cycle_are_refused():
    scheduler = OneCycleLR(sgd(), 0.1, total_steps=5)
    curve(scheduler, 5)
    with pytest.raises(ValueError, match="step 6 of a OneCycleLR made for total_steps=5"):
        scheduler.step()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs total_steps, or both epochs and steps_per_epoch"),
        ({"epochs": 3}, "needs total_steps, or both epochs and steps_per_epoch"),
        ({"total_steps": 0}, "total_steps must be a whole number above 0, got 0"),
        ({"total_steps": 2.5}, r"total_steps must be a whole number above 0, got 2\.5"),
        ({"epochs": -1, "steps_per_epoch": 3}, "epochs must be a whole number above 0, got -1"),
        ({"total_steps": 9, "pct_start": 1.5}, r"pct_start must lie between 0 and 1, got 1\.5"),
        ({"total_steps": 9, "anneal_strategy": "up"}, "must be 'cos' or 'linear', got 'up'"),
        ({"total_steps": 9, "div_factor": 0}, "div_factor must be above 0, got 0"),
        ({"total_steps": 9, "final_div_factor": -1}, "final_div_factor must be above 0, got -1"),
        ({"total_steps": 9, "max_lr": [1, 2]}, r"max_lr has 2 values for 1 parameter group\(s\)"),
    ],
)
def test_arguments_of_one_cycle_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        OneCycleLR(sgd(), **{"max_lr": 0.1, **options})


def test_cycling_momentum_needs_one():
    class Plain(mx.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

    with pytest.raises(ValueError, match="cycle_momentum=True needs an optimizer with momentum"):
        OneCycleLR(Plain([leaf([1.0])]), 0.1, total_steps=3)
    OneCycleLR(Plain([leaf([1.0])]), 0.1, total_steps=3, cycle_momentum=False)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: LambdaLR(o, lambda t: 1.0), lambda o: CosineAnnealingLR(o, 3),
        lambda o: OneCycleLR(o, 0.1, 3),
    ],
)  # fmt: skip
def test_a_scheduler_takes_optimizers_only(make):
    with pytest.raises(TypeError, match="a scheduler takes an Optimizer, got list"):
        make([mx.ones(1)])


def test_other_wrong_arguments_are_explained():
    with pytest.raises(ValueError, match="T_max must be a number of steps above 0, got 0"):
        CosineAnnealingLR(sgd(), 0)
    with pytest.raises(ValueError, match=r"lr_lambda has 1 values for 2 parameter group\(s\)"):
        LambdaLR(sgd(groups=2), [lambda t: 1.0])
    with pytest.raises(KeyError, match="lacks 'initial_lr'.*last_epoch=4"):
        CosineAnnealingLR(sgd(), 5, last_epoch=4)
    with pytest.raises(NotImplementedError, match=r"LRScheduler must define get_lr\(\)"):
        LRScheduler(sgd())


def test_the_state_of_another_scheduler_is_refused():
    scheduler = CosineAnnealingLR(sgd(), 5)
    with pytest.raises(ValueError, match="not the state of a CosineAnnealingLR.*T_max"):
        scheduler.load_state_dict(LambdaLR(sgd(), lambda t: 1.0).state_dict())
    with pytest.raises(ValueError, match=r"for 2 parameter group\(s\), this optimizer has 1"):
        scheduler.load_state_dict(CosineAnnealingLR(sgd(groups=2), 5).state_dict())
