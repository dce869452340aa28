"""The Trainer: the same numbers twice, and the same whether or not it was stopped in between."""

import warnings

import numpy as np
import pytest
from helpers import values
from training_runs import STEPS, Small, Squares, assert_same, judge, loss_of, made, state_of

import minixattn as mx
from minixattn.optim import SGD
from minixattn.trainer import Trainer
from minixattn.training import train


class Stop(Exception):
    pass


def stopping(at):
    def callback(trainer):
        if trainer.step == at:
            raise Stop

    return callback


def stopped(folder, at, **options):
    with pytest.raises(Stop):
        made(folder, callbacks=[stopping(at)], **options).run(resume=True)


# The same numbers --------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_weights_twice_and_another_one_does_not(device):
    one, two, other = (made(seed=seed, device=device, steps=9).run() for seed in (5, 5, 6))
    assert_same(state_of(one), state_of(two))
    assert not np.array_equal(values(one.model.last.weight), values(other.model.last.weight))


@pytest.mark.parametrize("at", [1, 5, 6, 39, 40, 41, STEPS - 1, STEPS])
def test_a_run_that_is_stopped_and_continued_ends_with_the_very_same_weights(at, tmp_path):
    whole = made(tmp_path / "whole").run()
    stopped(tmp_path / "parts", at)
    parts = made(tmp_path / "parts").run(resume=True)
    assert_same(state_of(parts), state_of(whole))
    assert parts.history == whole.history and parts.step == STEPS
    files = [(tmp_path / name / "metrics.csv").read_text() for name in ("whole", "parts")]
    assert files[0] == files[1] and files[0].count("\n") == 1 + STEPS


def test_a_run_continues_on_every_device(device, tmp_path):
    options = {"device": device, "steps": 12}
    whole = made(tmp_path / "whole", **options).run()
    stopped(tmp_path / "parts", 8, **options)
    assert_same(state_of(made(tmp_path / "parts", **options).run(True)), state_of(whole))


def test_stopping_again_and_again_changes_nothing(tmp_path):
    whole = made().run()
    for at in (3, 7, 8, 30, 31, 77, 119):
        stopped(tmp_path, at)
    assert_same(state_of(made(tmp_path).run(True)), state_of(whole))


def test_a_finished_run_that_is_continued_stays_as_it_is(tmp_path):
    whole = made(tmp_path).run()
    again = made(tmp_path, callbacks=[stopping(STEPS)]).run(resume=True)
    assert_same(state_of(again), state_of(whole))


def test_a_damaged_newest_checkpoint_costs_some_steps_and_changes_no_number(tmp_path):
    whole = made().run()
    stopped(tmp_path, 33)
    newest = tmp_path / "checkpoint-00000030.npz"
    newest.write_bytes(newest.read_bytes()[:-100])
    trainer = made(tmp_path)
    with pytest.warns(UserWarning, match=r"00030\.npz is damaged.* Going back to .*, step 25\."):
        trainer.run(resume=True)
    assert_same(state_of(trainer), state_of(whole))


def test_it_takes_the_steps_that_train_takes():
    trainer = made(steps=20, seed=4).run()
    mx.manual_seed(3)
    model = Small()
    optimizer = mx.optim.AdamW(model.parameters(), lr=0.01)
    cycle = mx.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=20, cycle_momentum=False)
    mx.manual_seed(4)
    train(model, Squares().batches(4, 16), loss_of, optimizer, cycle, steps=20)
    np.testing.assert_array_equal(values(model.last.weight), values(trainer.model.last.weight))


def test_gradients_of_several_batches_are_averaged(device):
    """n batches of B are one batch of n B, in float64 to its rounding."""
    weights = []
    for size, accumulate in ((16, 1), (4, 4)):
        mx.manual_seed(3)
        model = Small().to(mx.float64).to(device)
        model.drop.p = 0.0
        options = {"size": size, "accumulate": accumulate, "steps": 10}
        optimizer = SGD(model.parameters(), lr=0.1)

        def loss64(model, batch):
            x, y = (mx.as_tensor(part, dtype=mx.float64, device=device) for part in batch)
            return ((model(x) - y) ** 2).mean(), None

        Trainer(model, Rows(), loss64, optimizer, **options).run()
        weights.append(values(model.last.weight).copy())
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-12)


class Rows(Squares):
    """Squares drawn a row at a time, so that batches of any size hold the same rows."""

    def draw(self, rng, size):
        rows = [Squares.draw(self, rng, 1) for _ in range(size)]
        return tuple(np.concatenate(parts) for parts in zip(*rows))


# Judging and stopping ----------------------------------------------------------------------------


def test_it_evaluates_when_it_should_in_evaluation_mode(tmp_path):
    modes = []

    def watched(model):
        modes.append(model.training)
        return judge(model)

    trainer = made(tmp_path, steps=10, evaluate=watched, evaluate_every=4).run()
    assert [step for step, _ in trainer.history] == [4, 8, 10] and modes == [False] * 3
    assert not trainer.model.training
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines[0] == "step,loss,accuracy,held out loss"
    filled = [line.split(",")[0] for line in lines[1:] if not line.endswith(",")]
    assert filled == ["4", "8", "10"]
    assert float(lines[4].split(",")[3]) == trainer.history[0][1]["loss"]


@pytest.mark.parametrize(
    ("watch", "scores"), [("loss", [3, 2, 2, 5, 1]), ("right", [1, 4, 4, 2, 9])]
)
def test_it_stops_when_nothing_has_become_better_for_long_enough(watch, scores, tmp_path):
    def judged(_model, given=None):
        return {watch: next(results)}

    for folder in (None, tmp_path):
        results = iter(scores)
        trainer = made(
            folder, evaluate=judged, evaluate_every=3, patience=2, watch=watch, save_every=100
        ).run()
        assert trainer.step == 12 and trainer.best == scores[1] and trainer.stale == 2
    results = iter(())  # a continued run knows that it has stopped
    again = made(tmp_path, evaluate=judged, evaluate_every=3, patience=2, watch=watch)
    assert again.run(resume=True).step == 12


def test_a_callback_is_called_after_every_step_and_keeps_its_state(tmp_path):
    class Sum:
        def __init__(self):
            self.total, self.ended = 0, 0

        def __call__(self, trainer):
            self.total += trainer.step

        def state_dict(self):
            return {"total": self.total}

        def load_state_dict(self, state):
            self.total = state["total"]

        def finish(self, trainer):
            self.ended += 1

    def sums():
        return Sum(), lambda trainer: None

    with pytest.raises(Stop):
        made(tmp_path, steps=10, callbacks=[*sums(), stopping(8)]).run()
    again = sums()
    made(tmp_path, steps=10, callbacks=again).run(resume=True)
    assert (again[0].total, again[0].ended) == (55, 1)


def test_report_is_told_every_step():
    rows = []
    made(steps=7, report=lambda *row: rows.append(row)).run()
    assert [row[0] for row in rows] == [*range(1, 8)]
    assert all(metric == pytest.approx(1 / (1 + loss)) for _, loss, metric in rows)


def test_it_learns():
    trainer = made(steps=300).run()
    assert judge(trainer.model)["loss"] < 0.75 * judge(Small())["loss"]


def test_no_warning_comes_from_a_continued_schedule(tmp_path):
    stopped(tmp_path, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made(tmp_path).run(resume=True)
