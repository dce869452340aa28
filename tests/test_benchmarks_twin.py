"""The step that is timed for a whole model is the step that trains it, number for number."""

import itertools

import numpy as np
import pytest

import minixattn as mx
from benchmarks import (
    targets,
    twin,
    twin_all_attention,
    twin_captions,
    twin_dates,
    twin_forms,
    twin_pixels,
    twin_vqa,
    twins,
)
from minixattn.runs import Run
from minixattn.training import Snapshot, update

for package in ("babel", "sklearn"):
    pytest.importorskip(package, reason='needs pip install "minixattn[data]"')

TRAINED = {
    "dates": (twin_dates, {}),
    "all-attention": (twin_all_attention, {}),
    "captions": (twin_captions, {"dropout": 0.0}),
    "vqa": (twin_vqa, {}),
    "pixels": (twin_pixels, {}),
    "forms": (twin_forms, {}),
}


@pytest.mark.parametrize("name", TRAINED)
def test_a_step_is_that_of_the_recipe(name, tmp_path):
    module, options = TRAINED[name]
    pieces = module.pieces()
    step = twin.Step(mx, pieces.model, pieces)

    run = Run(name, tmp_path, steps=twin.SCHEDULE, **options)
    trainer, good = run.trainer, Snapshot(run.model.train())
    batches = run.task.batches(np.random.default_rng(0), trainer.size)
    for batch in itertools.islice(batches, 3):
        expected = update(
            run.model, [batch], trainer.loss_of, trainer.optimizer, trainer.schedule, good, 1,
            trainer.max_norm,
        )  # fmt: skip
        assert (step.step(), step.right) == expected
    for (key, ours), theirs in zip(
        pieces.model.state_dict().items(), run.model.state_dict().values(), strict=True
    ):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), err_msg=key)


def test_every_model_is_raced_on_one_and_on_two_threads():
    for entrants in twins.TWINS.values():
        assert list(entrants) == ["minixattn", "torch", "torch-1"]


def test_every_model_is_held_to_four_fifths_of_the_time_of_its_faster_twin():
    times = {"minixattn": {"ms": 9.0}, "torch": {"ms": 10.0}, "torch-1": {"ms": 12.0}}
    found = targets.verdicts({"models": dict.fromkeys(twins.TWINS, times)})
    assert [v.contest for v in found] == list(twins.TWINS)
    assert all((v.value, v.bound) == (pytest.approx(0.9), 0.8) for v in found)


def test_settings_of_a_recipe_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="captions has no setting 'drop'"):
        twin.of_recipe("captions", twin_captions.parts, twin_captions.loss_of, drop=0.0)
