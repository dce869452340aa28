"""How far two vectors are apart, or how alike they point."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx
import minixattn.nn.functional as F


def test_the_cosine_is_that_of_the_angle(device):
    angle = mx.linspace(0, 3, 5, dtype=mx.float64, device=device)
    x = mx.stack([angle.cos(), angle.sin()], 1) * 7
    y = mx.tensor([[2.0, 0.0]], dtype=mx.float64, device=device)
    np.testing.assert_allclose(values(F.cosine_similarity(x, y)), np.cos(values(angle)), atol=1e-15)


def test_a_zero_vector_is_like_nothing_and_passes_a_finite_gradient():
    x = mx.zeros(1, 3, requires_grad=True)
    y = F.cosine_similarity(x, mx.ones(1, 3))
    y.sum().backward()
    assert y.item() == 0 and x.grad.isfinite().all()


def test_vectors_that_do_not_fit_are_named():
    with pytest.raises(mx.ShapeError, match=r"cosine_similarity: .*\(2, 3\).*\(2, 4\)"):
        F.cosine_similarity(mx.ones(2, 3), mx.ones(2, 4))


def test_the_parabola_goes_over_into_the_line_smoothly():
    x = mx.tensor([0.0, 0.5, 0.9999, 1.0001, 3.0], requires_grad=True)
    losses = F.smooth_l1_loss(x, mx.zeros(5), reduction="none")
    losses.sum().backward()
    np.testing.assert_allclose(values(losses), [0, 0.125, 0.5, 0.5, 2.5], atol=2e-4)
    np.testing.assert_allclose(values(x.grad), [0, 0.5, 1, 1, 1], atol=2e-4)
    with pytest.raises(ValueError, match="smooth_l1_loss: beta must not be negative, got -1"):
        F.smooth_l1_loss(x, x, beta=-1)
