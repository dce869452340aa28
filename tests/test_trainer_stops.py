"""A Trainer that goes wrong: the step and the layer are named, the last good state is kept."""

import itertools
import math
import re

import numpy as np
import pytest
from helpers import values
from training_runs import Small, Squares, assert_same, loss_of, made, state_of

import minixattn as mx
from minixattn import serialization
from minixattn.optim import SGD
from minixattn.trainer import Trainer
from minixattn.training import Diverged


def test_nan_stops_it_with_the_step_and_the_layer_named(tmp_path, device):
    def poison(trainer):
        if trainer.step == 6:
            trainer.model.last.weight.data[0, 0] = math.nan

    trainer = made(tmp_path, callbacks=[poison], device=device)
    said = r"the loss is nan at step 7\. .*; the weights 'last\.weight' hold it already"
    with pytest.raises(Diverged, match=said):
        trainer.run()
    assert list(trainer.checkpoints.files()) == [5]
    assert np.isfinite(values(trainer.model.last.weight)).all()


def test_a_layer_that_overflows_is_named(device):
    class Long(Small):
        def forward(self, x):
            return self.last((self.first(x) * 1e30).exp())

    mx.manual_seed(0)
    model = Long().to(device)
    said = r"at step 1\. .*in, or right behind, the layer 'first' \(Linear\)\. The model holds"
    with np.errstate(all="ignore"), pytest.raises(Diverged, match=said):
        Trainer(model, Squares(), loss_of, SGD(model.parameters(), lr=0.1), steps=3).run()


def test_a_batch_with_nan_is_told_from_a_bad_layer():
    class Broken(Squares):
        def draw(self, rng, size):
            x, y = super().draw(rng, size)
            return x * np.float32("nan"), y

    model = Small()
    with pytest.raises(Diverged, match=r"behind, the layer 'first' .*|before the first layer"):
        Trainer(model, Broken(), loss_of, SGD(model.parameters(), lr=0.1), steps=3).run()


def test_a_bad_gradient_is_named_by_its_parameter():
    def root(model, batch):
        loss, metric = loss_of(model, batch)
        return loss + (model.first.bias - model.first.bias.detach()).square().sum().sqrt(), metric

    model = Small()
    said = r"norm of the gradient is (nan|inf) at step 1\. .*it first comes up at 'first\.bias'"
    with np.errstate(all="ignore"), pytest.raises(Diverged, match=said):
        Trainer(model, Squares(), root, SGD(model.parameters(), lr=0.1), steps=3).run()


def test_a_run_in_the_folder_is_not_overwritten_unasked(tmp_path):
    made(tmp_path, steps=6).run()
    said = r"holds a run that has come to step 6\. Continue it with resume=True"
    with pytest.raises(FileExistsError, match=said):
        made(tmp_path, steps=6).run()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 20}, r"steps was 12, now it is 20\."),
        ({"seed": 1}, r"seed was 0, now it is 1\."),
        ({"size": 8, "max_norm": 2.0}, r"size was 16, now it is 8; max_norm was 1\.0, now it is 2"),
        ({"about": {"text": "b"}}, r"text was None, now it is 'b'"),
        ({"width": 9}, r"first\.weight: the model has shape \(9, 4\), the state_dict \(8, 4\)"),
        ({"schedule": False}, r"schedule was 'OneCycleLR', now it is None"),
    ],
    ids=str,
)
def test_a_checkpoint_of_another_run_says_what_differs(options, said, tmp_path):
    made(tmp_path, steps=12).run()
    trainer = made(tmp_path, **{"steps": 12, **options})
    before = values(trainer.model.last.weight).copy()
    with pytest.raises(ValueError, match=rf"cannot go on .*(?s:.*){said}"):
        trainer.run(resume=True)
    np.testing.assert_array_equal(values(trainer.model.last.weight), before)


def test_a_checkpoint_of_another_model_names_both(tmp_path):
    class Other(Small):
        pass

    made(tmp_path, steps=6).run()
    model = Other()
    trainer = Trainer(model, Squares(), loss_of, SGD(model.parameters(), lr=0.1), steps=6, size=16,
                      folder=tmp_path)  # fmt: skip
    with pytest.raises(ValueError, match=r"kind of model was 'Small', now it is 'Other'"):
        trainer.run(resume=True)


def test_a_checkpoint_that_cannot_be_written_stops_the_run_and_leaves_the_last(
    tmp_path, monkeypatch
):
    whole, trainer, plain = made().run(), made(tmp_path), serialization.os.replace

    def full(temporary, target):
        if "00020" in target:
            raise OSError(28, "No space left on device")
        plain(temporary, target)

    monkeypatch.setattr(serialization.os, "replace", full)
    with pytest.raises(OSError, match=r"step 20 could not .*last good one is .*00000015\.npz"):
        trainer.run()
    monkeypatch.undo()
    assert list(trainer.checkpoints.files()) == [10, 15]
    assert_same(state_of(made(tmp_path).run(True)), state_of(whole))


def test_a_record_that_cannot_be_written_is_answered_in_the_same_way(tmp_path, monkeypatch):
    trainer = made(tmp_path, callbacks=[lambda t: t.step == 12 and monkeypatch.setattr(
        t.log, "flush", full)])  # fmt: skip

    def full():
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"step 15 could not .*No space.*good one is .*0010\.npz"):
        trainer.run()
    assert list(trainer.checkpoints.files()) == [5, 10]
    assert_same(state_of(made(tmp_path).run(True)), state_of(made().run()))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 0}, "size must be a whole number from 1 up, got 0"),
        ({"accumulate": 1.5}, "accumulate must be a whole number from 1 up, got 1.5"),
        ({"save_every": -1}, "save_every must be a whole number from 1 up, got -1"),
        ({"patience": 2, "evaluate_every": 0}, "patience counts evaluations, and there are none"),
    ],
    ids=str,
)
def test_numbers_out_of_range_are_refused(options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        made(**{"steps": 5, "schedule": False, **options})


def test_a_number_to_watch_that_is_not_measured_lists_those_that_are():
    trainer = made(patience=1, evaluate_every=1, watch="loess")
    with pytest.raises(ValueError, match="watch='loess' is not among what evaluate gives: loss"):
        trainer.run()


def test_batches_that_end_are_an_error():
    class Few(Squares):
        def batches(self, rng, size):
            return itertools.islice(super().batches(rng, size), 4)

    model = Small()
    with pytest.raises(ValueError, match=r"ran out at step 5 of 9: .*without end"):
        Trainer(model, Few(), loss_of, SGD(model.parameters(), lr=0.1), steps=9).run()
