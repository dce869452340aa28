"""Gradient clipping, and parameters as one vector."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.nn import Parameter
from minixattn.nn.utils import (
    clip_grad_norm_,
    clip_grad_value_,
    parameters_to_vector,
    vector_to_parameters,
)


def made(rng, device="cpu", dtype=None):
    """Three parameters with gradients, and one without."""
    ps = [Parameter(mx.zeros(s, device=device, dtype=dtype)) for s in ((2, 3), (4,), (), (5,))]
    for p in ps[:3]:
        p.grad = mx.tensor(rng.standard_normal(p.shape), device=device).to(p.dtype)
    return ps


def flat(ps):
    return np.concatenate([values(p.grad).reshape(-1) for p in ps if p.grad is not None])


@pytest.mark.parametrize("p", [1.0, 2.0, 3, np.inf])
def test_the_norm_of_all_gradients_together_is_brought_down(p, rng, device):
    ps = made(rng, device, mx.float64)
    before = flat(ps)
    total = clip_grad_norm_(ps, 0.5, p)
    assert total.shape == ()
    assert values(total) == pytest.approx(np.linalg.norm(before, p))
    assert np.linalg.norm(flat(ps), p) == pytest.approx(0.5, rel=1e-5)
    np.testing.assert_allclose(flat(ps) / before, flat(ps)[0] / before[0])


def test_small_gradients_stay_as_they_are(rng, device):
    ps = made(rng, device)
    before = flat(ps)
    clip_grad_norm_(ps, 100.0)
    np.testing.assert_array_equal(flat(ps), before)


def test_gradients_change_in_place(rng, device):
    p = made(rng, device)[0]
    grad, memory = p.grad, p.grad.array
    clip_grad_norm_(p, 0.1)
    assert p.grad is grad
    assert grad.array is memory
    clip_grad_value_([p], 0.01)
    assert p.grad.array is memory
    assert np.abs(values(p.grad)).max() == pytest.approx(0.01)


def test_a_generator_of_parameters_is_read_once(rng):
    ps = made(rng)
    clip_grad_norm_((p for p in ps), 0.5)
    assert np.linalg.norm(flat(ps)) == pytest.approx(0.5, rel=1e-4)


def test_no_gradients_have_norm_zero():
    assert clip_grad_norm_([Parameter(mx.ones(2))], 1.0).item() == 0
    assert clip_grad_norm_([], 1.0).item() == 0


def test_a_norm_that_is_not_finite_is_an_error_on_request(rng):
    ps = made(rng)
    ps[0].grad[0, 0] = np.inf
    before = flat(ps)
    with pytest.raises(RuntimeError, match="the norm of the gradients is inf; nothing was changed"):
        clip_grad_norm_(ps, 1.0, error_if_nonfinite=True)
    np.testing.assert_array_equal(flat(ps), before)


def test_half_precision_is_summed_in_float32(device):
    p = Parameter(mx.zeros(4, dtype=mx.float16, device=device))
    p.grad = mx.full((4,), 300.0, dtype=mx.float16, device=device)
    total = clip_grad_norm_(p, 6.0)
    assert total.item() == pytest.approx(600, rel=1e-3)
    assert values(p.grad).tolist() == pytest.approx([3.0] * 4, rel=1e-3)


def test_every_element_is_brought_within_the_value(rng, device):
    ps = made(rng, device)
    before = flat(ps)
    clip_grad_value_(ps, 0.3)
    np.testing.assert_array_equal(flat(ps), np.clip(before, np.float32(-0.3), np.float32(0.3)))
    with pytest.raises(ValueError, match="clip_value must not be negative, got -1"):
        clip_grad_value_(ps, -1)


def test_parameters_become_a_vector_and_come_back(rng, device):
    ps = [Parameter(mx.tensor(rng.standard_normal(s), device=device)) for s in ((2, 3), (), (4,))]
    vector = parameters_to_vector(ps)
    assert vector.shape == (11,)
    assert vector.requires_grad
    np.testing.assert_array_equal(values(vector)[6], values(ps[1]))
    memory = [p.array for p in ps]
    vector_to_parameters(vector * 2, ps)
    assert all(p.array is m for p, m in zip(ps, memory))
    np.testing.assert_array_equal(values(parameters_to_vector(ps)), values(vector) * 2)


def test_a_vector_of_the_wrong_length_is_named():
    with pytest.raises(mx.ShapeError, match=r"have 3 elements.*shape \(3,\); got \(4,\)"):
        vector_to_parameters(mx.ones(4), [Parameter(mx.ones(3))])
