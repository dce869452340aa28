"""Recipes: every one trains, goes on where it was stopped, and is scored."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.models import Transformer, fit
from minixattn.models.recipes import RECIPES
from minixattn.runs import Run

SMALL = {
    "captions": {"width": 8, "heads": 2, "size": 4, "hidden": 8},
    "vqa": {"width": 8, "heads": 2, "size": 4},
    "pixels": {"width": 8, "heads": 2, "size": 4, "latents": 3, "blocks": 1, "asked": 2},
    "drawings": {"size": 2},
    "forms": {"width": 8, "heads": 2, "size": 4},
    "dates": {"width": 8, "heads": 2, "size": 4, "hidden": 8},
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_is_continued_and_scored(name, tmp_path):
    if name in ("dates", "all-attention"):
        pytest.importorskip("babel")
    if name in ("vqa", "captions", "pixels", "drawings", "forms"):
        pytest.importorskip("sklearn")
    small = SMALL.get(name, {"width": 8, "heads": 2, "size": 4, "hidden": 8})
    options = {"steps": 4, **small}
    whole = Run(name, tmp_path / "whole", **options).train()
    parts = Run(name, tmp_path / "parts", **options)
    parts.trainer.callbacks += (stop_at(2),)
    with pytest.raises(KeyboardInterrupt):
        parts.train()
    parts = Run(name, tmp_path / "parts", **options).train(resume=True)
    for a, b in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        np.testing.assert_array_equal(values(a), values(b))
    judged = whole.judge(whole.model)
    assert 0 < judged["loss"] < 20
    if name != "drawings":  # drawing takes seconds, and is tested with its model
        scores = whole.score(12)
        assert all(np.isfinite(v) for v in scores.values() if isinstance(v, float))
        assert whole.recipe.measure in scores


def stop_at(step):
    def callback(trainer):
        if trainer.step == step + 1:
            raise KeyboardInterrupt

    return callback


def test_a_recipe_takes_the_steps_that_fit_takes(tmp_path):
    """The numbers that `models.translation.fit` gives are those of `minixattn train`."""
    options = {"width": 8, "heads": 2, "hidden": 8, "layers": 1}
    run = Run("copy", tmp_path, steps=6, size=4, seed=5, **options).train()
    mx.manual_seed(5)
    sizes = [len(run.task.vocabularies[part]) for part in ("source", "target")]
    model = Transformer(*sizes, longest=14, **options)
    fit(model, run.task, steps=6, size=4, seed=5)
    for a, b in zip(run.model.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(values(a), values(b))
