"""The twins that the race runs in PyTorch compute what the models here compute."""

import pytest

from benchmarks.twins import TWINS


@pytest.mark.parametrize("name", TWINS)
def test_losses_of_the_first_steps_agree(name):
    sides = TWINS[name]
    ours, theirs = sides["minixattn"](), sides["torch"]()
    for _ in range(4):
        assert ours.step() == pytest.approx(theirs.step(), rel=1e-5)
