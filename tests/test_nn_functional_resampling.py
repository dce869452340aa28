"""Images of another size."""

import numpy as np
import pytest
from helpers import assert_close, leaf

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn import functional as F


@pytest.mark.parametrize(
    ("options", "rows", "columns"),
    [
        ({"scale_factor": 2}, [0, 0, 1, 1, 2, 2], [0, 0, 1, 1]),
        ({"scale_factor": (1, 3)}, [0, 1, 2], [0, 0, 0, 1, 1, 1]),
        ({"size": (5, 3)}, [0, 0, 1, 1, 2], [0, 0, 1]),
        ({"size": 2}, [0, 1], [0, 1]),
        ({"scale_factor": 0.7}, [0, 1], [0]),
    ],
)
def test_each_new_pixel_is_the_one_that_it_falls_into(options, rows, columns, rng, device):
    x = rng.standard_normal((2, 3, 3, 2))
    y = F.interpolate(mx.tensor(x, device=device), **options)
    assert_close(y, x[:, :, rows][:, :, :, columns])


@pytest.mark.parametrize("options", [{"scale_factor": 2}, {"size": (5, 3)}])
def test_interpolation_has_its_derivatives(options, rng, device):
    x = leaf(rng.standard_normal((1, 2, 3, 2)), device)
    assert gradcheck(lambda x: F.interpolate(x, **options), (x,))
    assert gradgradcheck(lambda x: F.interpolate(x, **options) ** 2, (x,))


def test_average_pooling_is_the_mean_of_each_patch(rng, device):
    x = rng.standard_normal((2, 3, 4, 6))
    t = leaf(x, device)
    assert_close(F.avg_pool2d(t, 2), x.reshape(2, 3, 2, 2, 3, 2).mean((3, 5)))
    assert F.avg_pool2d(t, 3, stride=1, padding=1).shape == (2, 3, 4, 6)
    assert_close(F.avg_pool2d(t, 3, 1, 1)[:, :, 0, 0], x[:, :, :2, :2].sum((2, 3)) / 9)
    assert gradcheck(lambda t: F.avg_pool2d(t, (2, 3), 1), (t,))


def test_pixels_become_channels_and_come_back(rng, device):
    x = rng.standard_normal((2, 3, 4, 6))
    z = F.pixel_unshuffle(mx.tensor(x, device=device), 2)
    assert z.shape == (2, 12, 2, 3)
    assert_close(z[:, 4 * 2 + 2 * 1 + 0], x[:, 2, 1::2, 0::2])  # channel 2, lower left
    assert_close(F.pixel_shuffle(z, 2), x)
    assert_close(F.pixel_unshuffle(mx.tensor(x[0], device=device), 2), z[0])


def test_shuffling_has_its_derivatives(rng, device):
    x = leaf(rng.standard_normal((1, 4, 2, 4)), device)
    assert gradcheck(lambda x: F.pixel_unshuffle(x, 2), (x,))
    assert gradcheck(lambda x: F.pixel_shuffle(x, 2), (x,))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: F.interpolate(x, 2, mode="bilinear"), NotImplementedError,
         "mode 'bilinear' is not offered; expected \"nearest\""),
        (lambda x: F.interpolate(x), ValueError, "give either size or scale_factor"),
        (lambda x: F.interpolate(x, 2, 2), ValueError, "give either size or scale_factor"),
        (lambda x: F.interpolate(x, scale_factor=0.2), mx.ShapeError,
         r"\(3, 5\) pixels would become \(0, 1\)"),
        (lambda x: F.interpolate(x[0], 2), mx.ShapeError,
         r"expected images.*got shape \(2, 3, 5\)"),
        (lambda x: F.avg_pool2d(x, 2, padding=2), mx.ShapeError, "at most half of the kernel"),
        (lambda x: F.pixel_unshuffle(x, 2), mx.ShapeError,
         r"multiples of downscale_factor=2, got shape \(1, 2, 3, 5\)"),
        (lambda x: F.pixel_shuffle(x, 2), mx.ShapeError, r"upscale_factor = 2, got shape \(1, 2,"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call(mx.tensor(np.ones((1, 2, 3, 5))))
