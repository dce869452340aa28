"""Small parameters updated end to end become what each would become by itself."""

import copy
import pickle

import numpy as np
import pytest
from helpers import leaf, values

import minixattn as mx
from minixattn.optim import together

SHAPES = [(3, 4), (5,), (), (1, 2, 3), (40,), (2, 3), (0, 3)]
EVERY = pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Adam", {"weight_decay": 0.1}),
        ("Adam", {"amsgrad": True, "maximize": True}),
        ("AdamW", {}),
        ("AdamW", {"amsgrad": True}),
    ],
    ids=["adam", "adam-max", "adamw", "adamw-amsgrad"],
)


def parameters(dtype, order="C"):
    rng = np.random.default_rng(0)
    return [leaf(np.array(rng.standard_normal(s), order=order), dtype=dtype) for s in SHAPES]


def trained(name, options, dtype=np.float32, order="C", steps=4):
    """Parameters, of which one has no gradient at first, and the optimizer."""
    params, rng = parameters(dtype, order), np.random.default_rng(1)
    groups = [{"params": params[:4]}, {"params": params[4:], "lr": 0.3}]
    optimizer = getattr(mx.optim, name)(groups, lr=0.1, **options)
    for step in range(steps):
        for i, p in enumerate(params):
            g = np.array(rng.standard_normal(p.shape), dtype, order=order)
            p.grad = None if (i, step) == (1, 0) else mx.as_tensor(g)
        optimizer.step()
    return params, optimizer


@EVERY
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_together_or_alone_they_are_the_same_to_the_bit(name, options, dtype, order, monkeypatch):
    monkeypatch.setattr(together, "SMALL", 20)
    found, optimizer = trained(name, options, dtype, order)
    monkeypatch.setattr(together, "SMALL", 0)
    expected, alone = trained(name, options, dtype, order)
    for p, q in zip(found, expected, strict=True):
        np.testing.assert_array_equal(values(p), values(q))
        for key, value in alone.state[q].items():
            own = optimizer.state[p][key]
            assert own.dtype == value.dtype and own.shape == value.shape
            np.testing.assert_array_equal(values(own), values(value))


def test_what_is_small_and_has_made_as_many_steps_is_one_bundle():
    _, optimizer = trained("AdamW", {})
    due = [(p, p.grad.array, group) for group in optimizer.param_groups for p in group["params"]]
    sizes = [[p.shape for p, _, _ in bundle] for bundle in together.bundles(due, optimizer.state)]
    assert sizes == [[(3, 4), (1, 2, 3)], [(5,)], [()], [(40,), (2, 3)], [(0, 3)]]


@EVERY
def test_what_is_remembered_stays_the_same_tensor_of_each_parameter(name, options):
    params, optimizer = trained(name, options, steps=2)
    before = {p: dict(optimizer.state[p]) for p in params}
    steps = [optimizer.state[p]["step"].item() for p in params]
    optimizer.step()
    for p, count in zip(params, steps):
        assert all(optimizer.state[p][key] is value for key, value in before[p].items())
        assert optimizer.state[p]["step"].item() == count + 1


def test_a_name_without_a_value_is_as_good_as_none():
    params, optimizer = trained("AdamW", {"amsgrad": True}, steps=2)
    state = copy.deepcopy(optimizer.state_dict())
    for known in state["state"].values():
        known["max_exp_avg_sq"], known["note"] = None, "of another library"
    optimizer.load_state_dict(state)
    optimizer.step()
    assert all(np.isfinite(values(p)).all() for p in params)
    assert optimizer.state[params[0]]["max_exp_avg_sq"].shape == (3, 4)


def test_an_update_of_ones_own_is_given_each_parameter_by_itself():
    class Normed(mx.optim.AdamW):
        def update(self, theta, g, state, group):
            theta -= group["lr"] * g / np.sqrt((g * g).sum())

    p, q = leaf([1.0, 1.0]), leaf([1.0])
    p.grad, q.grad = mx.tensor([3.0, 4.0], dtype=p.dtype), mx.tensor([2.0], dtype=p.dtype)
    Normed([p, q], lr=1.0).step()
    np.testing.assert_allclose(values(p), [0.4, 0.2])
    np.testing.assert_allclose(values(q), [0.0])


def test_copies_and_pickles_do_not_change_with_the_original():
    _, optimizer = trained("AdamW", {}, steps=2)
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        params = [p for group in twin.param_groups for p in group["params"]]
        before = [values(twin.state[p]["exp_avg"]).copy() for p in params]
        for p in params:
            p.grad = mx.ones_like(p)
        optimizer.step()
        for p, m in zip(params, before, strict=True):
            np.testing.assert_array_equal(values(twin.state[p]["exp_avg"]), m)
        twin.step()
        for p, m in zip(params, before, strict=True):
            np.testing.assert_allclose(values(twin.state[p]["exp_avg"]), 0.9 * m + 0.1, rtol=1e-6)


def test_parameters_that_change_places_keep_what_is_remembered_of_them():
    found, optimizer = trained("AdamW", {}, steps=2)
    expected, alone = trained("AdamW", {}, steps=2)
    optimizer.param_groups[0]["params"].reverse()
    for _ in range(2):
        optimizer.step()
        alone.step()
    for p, q in zip(found, expected, strict=True):
        np.testing.assert_array_equal(values(p), values(q))
