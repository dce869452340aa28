"""Each mistake, made on purpose by code of its own, is named."""

import numpy as np
import pytest
from mistaken_attention import CASES, FIRST, SEEDS, Written, made, mask_for

import minixattn as mx
from minixattn import interop


@pytest.mark.parametrize("wrong, label, length", CASES)
def test_each_mistake_is_named_from_all_steps(wrong, label, length):
    for seed in SEEDS:
        layer, x, c, keep = made(seed, length)
        keep = mask_for(wrong, keep)
        report = interop.compare(layer, Written(layer, x, c, keep, wrong).steps(), x, c, keep)
        assert report.convention == label, report
        assert report.later == [] and not report
        assert report.step == FIRST.get(wrong, report.step)


@pytest.mark.parametrize("wrong, label, length", CASES)
@pytest.mark.parametrize("given", [("weights",), ("heads",), ("output",), ("Q", "K", "weights")])
def test_each_mistake_is_named_from_a_few_steps_or_not_at_all(wrong, label, length, given):
    for seed in SEEDS[:1]:
        layer, x, c, keep = made(seed, length)
        keep = mask_for(wrong, keep)
        steps = Written(layer, x, c, keep, wrong).steps()
        report = interop.compare(layer, {k: steps[k] for k in given}, x, c, keep)
        if report:  # the mistake comes after these steps
            right = Written(layer, x, c, keep).steps()
            assert all(np.allclose(steps[k], right[k]) for k in given)
        else:
            assert report.convention == label, report


@pytest.mark.parametrize("wrong, label, length", CASES)
def test_each_mistake_is_named_from_two_sets_of_steps(wrong, label, length):
    for seed in SEEDS[:2]:
        layer, x, c, keep = made(seed, length)
        keep = mask_for(wrong, keep)
        ours = Written(layer, x, c, keep).steps()
        theirs = Written(layer, x, c, keep, wrong).steps()
        report = interop.compare(ours, theirs)
        assert report.convention in (label, None), report
        assert not report
        from_steps = ("unscaled", "width", "d_k", "transposed scores", "over queries", "inverted",
                      "late", "unmasked", "over heads", "projections swapped")  # fmt: skip
        assert report.convention == label or wrong not in from_steps, report


@pytest.mark.parametrize("wrong, label, length", CASES)
def test_each_mistake_is_named_in_float32(wrong, label, length):
    for seed in SEEDS[:2]:
        layer, x, c, keep = made(seed, length, mx.float32)
        keep = mask_for(wrong, keep)
        steps = Written(layer, x, c, keep, wrong).steps()
        report = interop.compare(layer, steps, x, c, keep)
        assert report.convention == label, report


def test_two_mistakes_are_named_one_after_the_other():
    for seed in SEEDS:
        layer, x, c, keep = made(seed)
        written = Written(layer, x, c, keep, "inverted")
        written.scale = lambda: 1.0
        report = interop.compare(layer, written.steps(), x, c, keep)
        assert (report.step, report.convention) == ("scores", "missing scale")
        assert report.later == [("masked", "inverted mask")]
        assert "With that allowed for, masked still differs: inverted mask." in repr(report)
