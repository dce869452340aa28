"""Schedules that multiply, follow one another, or look at what training achieves."""

import copy

import numpy as np
import pytest

import minixattn as mx
from minixattn.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def rates(make, steps=9):
    """The learning rates of so many steps of SGD that starts with 1."""
    optimizer = mx.optim.SGD([mx.ones(1, requires_grad=True)], lr=1.0)
    scheduler, found = make(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_multiplied_rates_are_their_formulas():
    t = np.arange(9)
    np.testing.assert_allclose(rates(lambda o: StepLR(o, 3, 0.5)), 0.5 ** (t // 3))
    np.testing.assert_allclose(rates(lambda o: ExponentialLR(o, 0.9)), 0.9**t)
    passed = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2])
    np.testing.assert_allclose(rates(lambda o: MultiStepLR(o, [5, 2])), 0.1**passed)
    np.testing.assert_allclose(
        rates(lambda o: LinearLR(o, 0.2, total_iters=4)), np.minimum(0.2 + 0.2 * t, 1)
    )


def test_restarts_begin_from_the_full_rate():
    found = rates(lambda o: CosineAnnealingWarmRestarts(o, 2, T_mult=2), 8)
    assert found[0] == found[2] == found[6] == 1 and found[1] == pytest.approx(0.5)


def test_a_warm_up_is_followed_by_a_decay_and_the_run_can_be_continued():
    def make(optimizer):
        parts = [LinearLR(optimizer, 0.25, total_iters=3), CosineAnnealingLR(optimizer, 6)]
        return SequentialLR(optimizer, parts, [3])

    found = rates(make, 10)
    assert found[:4] == pytest.approx([0.25, 0.5, 0.75, 1]) and found[6] == pytest.approx(0.5)
    optimizer = mx.optim.SGD([mx.ones(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    again = mx.optim.SGD([mx.ones(1, requires_grad=True)], lr=1.0)
    other = make(again)
    other.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    again.step()
    other.step()
    assert again.param_groups[0]["lr"] == pytest.approx(found[6])


def test_the_rate_falls_where_the_metric_does_not():
    optimizer = mx.optim.SGD([mx.ones(1, requires_grad=True)], lr=1.0)
    scheduler = ReduceLROnPlateau(optimizer, patience=1, factor=0.5, min_lr=0.25)
    found = []
    for loss in (3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0):
        scheduler.step(mx.tensor(loss))
        found += scheduler.get_last_lr()
    assert found == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    other = ReduceLROnPlateau(optimizer)
    other.load_state_dict(scheduler.state_dict())
    assert other.best == 1 and other.patience == 1


@pytest.mark.parametrize(("make", "message"), [
    (lambda o: StepLR(o, 0), "step_size must be a number of steps above 0, got 0"),
    (lambda o: LinearLR(o, 0.0), "start_factor must be above 0.*got 0.0 and 1.0"),
    (lambda o: CosineAnnealingWarmRestarts(o, 2.5), "T_0 must be a whole number above 0, got 2.5"),
    (lambda o: SequentialLR(o, [StepLR(o, 1)], [3]), r"1 scheduler\(s\) need 0 milestone\(s\)"),
    (lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []), r"schedulers\[0\] must be a"),
    (lambda o: ReduceLROnPlateau(o, factor=1.0), "factor must be below 1, got 1.0"),
    (lambda o: ReduceLROnPlateau(o, "down"), "mode must be 'min' or 'max', got 'down'"),
])  # fmt: skip
def test_arguments_of_schedules_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make(mx.optim.SGD([mx.ones(1, requires_grad=True)], lr=1.0))
