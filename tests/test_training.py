"""The training loop: the right steps in the right order, good weights whatever happens."""

import itertools
import math
import re
import warnings

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.nn import Linear
from minixattn.optim import SGD
from minixattn.optim.lr_scheduler import LambdaLR
from minixattn.training import Diverged, Snapshot, train


def made(device="cpu"):
    mx.manual_seed(0)
    return Linear(3, 2).to(mx.float64).to(device)


def batches(device="cpu", seed=0):
    """Inputs (4, 3) without end."""
    rng = np.random.default_rng(seed)
    while True:
        yield mx.tensor(rng.standard_normal((4, 3)), device=device)


def squares(model, x):
    return (model(x) ** 2).mean(), 0.5


def weights(model):
    return [values(p).copy() for p in model.parameters()]


def run(model, loss_of=squares, steps=5, device="cpu", lr=0.1, **options):
    train(model, batches(device), loss_of, SGD(model.parameters(), lr=lr), steps=steps, **options)


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


# The loop ----------------------------------------------------------------------------------------


def test_training_is_forward_backward_clip_step(device):
    model, by_hand = made(device), made(device)
    log = []
    run(model, device=device, max_norm=0.3, report=lambda *row: log.append(row))
    for (step, x), row in zip(enumerate(batches(device), 1), log, strict=False):
        W, b = map(values, by_hand.parameters())
        x = values(x)
        y = x @ W.T + b
        gW, gb = 2 * y.T @ x / y.size, 2 * y.sum(0) / y.size
        norm = math.sqrt((gW**2).sum() + (gb**2).sum())
        assert norm > 0.3  # or nothing was clipped
        W -= 0.1 * gW * 0.3 / norm
        b -= 0.1 * gb * 0.3 / norm
        by_hand.weight.data = mx.tensor(W, device=device)
        by_hand.bias.data = mx.tensor(b, device=device)
        assert row == (step, pytest.approx((y**2).mean(), rel=1e-5), 0.5)
    assert len(log) == 5
    for ours, theirs in zip(weights(model), weights(by_hand)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("max_norm", [0.01, 1e9])
def test_gradients_are_no_longer_than_the_norm_allowed(max_norm, device):
    model, norms = made(device), []

    def note(*_):
        flat = np.concatenate([values(p.grad).ravel() for p in model.parameters()])
        norms.append(np.linalg.norm(flat))

    run(model, device=device, max_norm=max_norm, report=note)
    assert len(norms) == 5
    if max_norm == 0.01:
        assert norms == pytest.approx([0.01] * 5, rel=1e-3)
    else:
        assert min(norms) > 0.01  # short ones are left alone


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_exactly_as_many_batches_are_taken_as_there_are_steps(steps):
    endless, seen = itertools.count(), []

    def loss_of(model, number):
        seen.append(number)
        return squares(model, mx.ones(1, 3, dtype=mx.float64))

    model = made()
    train(model, endless, loss_of, SGD(model.parameters(), lr=0.1), steps=steps)
    assert seen == list(range(steps)) and next(endless) == steps


def test_too_few_batches_are_an_error_and_not_a_shorter_training():
    model, log = made(), []
    few = list(itertools.islice(batches(), 3))
    optimizer = SGD(model.parameters(), lr=0.1)
    said = r"ran out after 3 of 5 steps: .*itertools\.cycle\(batches\)"
    with pytest.raises(ValueError, match=said):
        train(model, few, squares, optimizer, steps=5, report=lambda *row: log.append(row))
    assert len(log) == 3 and not model.training
    train(model, itertools.cycle(few), squares, optimizer, steps=5)  # the mend


def test_the_scheduler_steps_after_every_step():
    model, rates = made(), []
    optimizer = SGD(model.parameters(), lr=1.0)
    scheduler = LambdaLR(optimizer, lambda t: 0.5**t)

    def loss_of(model, x):
        rates.append(optimizer.param_groups[0]["lr"])
        return squares(model, x)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(model, batches(), loss_of, optimizer, scheduler, steps=4)
    assert rates == [1.0, 0.5, 0.25, 0.125] and scheduler.last_epoch == 4


def test_gradients_of_one_step_do_not_add_to_those_of_the_next():
    model, other = made(), made()
    for p in model.parameters():
        p.grad = mx.full(p.shape, 1e6, dtype=mx.float64)  # left over from before
    run(model)
    run(other)
    assert_same(weights(model), weights(other))


def failing(error):
    def loss_of(model, x):
        assert model.training
        if error is not None:
            raise error
        return squares(model, x)

    return loss_of


@pytest.mark.parametrize(
    "error", [None, KeyboardInterrupt(), KeyError("batch"), Diverged("no")], ids=repr
)
def test_the_model_is_in_training_mode_meanwhile_and_in_evaluation_mode_after(error):
    model = made().eval()
    if error is None:
        run(model, failing(None))
    else:
        with pytest.raises(type(error)):
            run(model, failing(error))
    assert not model.training


# When it goes wrong ------------------------------------------------------------------------------


def turning(when, factor):
    """Squares until step `when`, whose loss is multiplied by `factor`."""
    steps = itertools.count(1)

    def loss_of(model, x):
        loss, accuracy = squares(model, x)
        return (loss * factor if next(steps) == when else loss), accuracy

    return loss_of


@pytest.mark.parametrize("factor", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("when", [1, 2, 4])
def test_a_loss_that_is_not_finite_leaves_the_last_weights_that_gave_one(when, factor, device):
    model, earlier, log = made(device), made(device), []
    said = rf"the loss is {re.escape(str(factor))} at step {when}\. .*smaller learning rate"
    with pytest.raises(Diverged, match=said):
        run(model, turning(when, factor), 6, device, report=lambda *row: log.append(row))
    run(earlier, steps=max(when - 2, 0), device=device)  # its weights gave the loss of step k - 1
    assert_same(weights(model), weights(earlier))
    assert len(log) == when - 1 and not model.training


@pytest.mark.parametrize("when", [1, 3])
def test_a_gradient_that_is_not_finite_leaves_the_weights_of_its_step(when, device):
    """√ of the norm is finite at 0, its slope is not."""
    model, earlier, steps = made(device), made(device), itertools.count(1)

    def loss_of(model, x):
        loss, accuracy = squares(model, x)
        if next(steps) == when:
            loss = loss + ((model.weight - model.weight.detach()) ** 2).sum().sqrt()
        return loss, accuracy

    said = rf"the norm of the gradient is (nan|inf) at step {when}\."
    with np.errstate(all="ignore"), pytest.raises(Diverged, match=said):
        run(model, loss_of, 5, device)
    run(earlier, steps=when - 1, device=device)
    assert_same(weights(model), weights(earlier))


def test_weights_that_grow_without_bound_are_caught_while_finite():
    """Steps far too long, for real: nothing is made infinite by hand."""
    model, log = made(), []
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(Diverged, match="at step"):
        run(model, steps=5000, lr=10.0, max_norm=math.inf, report=lambda *row: log.append(row))
    assert 10 < len(log) < 5000
    assert all(np.isfinite(w).all() for w in weights(model))
    assert math.isfinite(squares(model, next(batches()))[0].item())


def interrupted(model, when):
    """Train on; Ctrl-C comes somewhere in step `when`, in the middle of the update."""
    optimizer = SGD(model.parameters(), lr=0.1)
    plain, calls = optimizer.update, itertools.count(1)

    def update(theta, *rest):
        if next(calls) == 2 * when:  # the weight is updated, the bias is not
            raise KeyboardInterrupt
        plain(theta, *rest)

    optimizer.update = update
    with pytest.raises(KeyboardInterrupt):
        train(model, batches(model.weight.device), squares, optimizer, steps=9)


def test_ctrl_c_in_the_middle_of_an_update_undoes_it(device):
    model, earlier = made(device), made(device)
    interrupted(model, when=3)
    run(earlier, steps=2, device=device)
    assert_same(weights(model), weights(earlier))
    assert not model.training


def test_ctrl_c_in_the_middle_of_a_snapshot_leaves_the_one_before(device):
    model = made(device)
    snapshot, before = Snapshot(model), weights(model)
    with mx.no_grad():
        for p in model.parameters():
            p.add_(1.0)
    snapshot.parameters = interrupting(snapshot.parameters)
    with pytest.raises(KeyboardInterrupt):
        snapshot.take()
    snapshot.parameters = list(model.parameters())
    snapshot.restore()
    assert_same(weights(model), before)


def interrupting(parameters):
    yield parameters[0]
    raise KeyboardInterrupt


def test_training_can_go_on_after_an_interruption(device):
    model = made(device)
    interrupted(model, when=2)
    first = squares(model, next(batches(device)))[0].item()
    run(model, steps=20, device=device)
    assert squares(model, next(batches(device)))[0].item() < first
