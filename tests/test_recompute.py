"""Derivatives by way of another function."""

import numpy as np
from helpers import assert_close, values

import minixattn as mx
from minixattn.recompute import through


def test_arrays_give_arrays_that_are_the_derivatives(rng):
    a, b, g = rng.standard_normal((3, 2, 5))
    da, db, dc = through(lambda a, b, _c: (a * b).sin(), (a, b, a), g)
    assert dc is None and type(da) is np.ndarray
    assert_close(da, g * np.cos(a * b) * b)
    assert_close(db, g * np.cos(a * b) * a)


def test_tensors_give_tensors_that_can_be_differentiated_again(rng, device):
    x = mx.tensor(rng.standard_normal(4), device=device, requires_grad=True)
    g = mx.tensor(rng.standard_normal(4), device=device, requires_grad=True)
    (d,) = through(lambda x: x**3, (x,), g)
    assert_close(d, 3 * values(g) * values(x) ** 2)
    dx, dg = mx.autograd.grad((d * d).sum(), [x, g])
    assert_close(dx, 2 * values(d) * 6 * values(g) * values(x))
    assert_close(dg, 2 * values(d) * 3 * values(x) ** 2)


def test_what_reaches_an_input_by_way_of_another_input_is_not_counted(rng):
    x = mx.tensor(rng.standard_normal(4), requires_grad=True)
    y = x * 2
    dx, dy = through(lambda x, y: x * y, (x, y), mx.ones(4, dtype=mx.float64, requires_grad=True))
    assert_close(dx, values(y))
    assert_close(dy, values(x))
