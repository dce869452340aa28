"""Patches of images: what is cut out, and what is laid over one another."""

import numpy as np
import pytest
from helpers import assert_close, leaf

from minixattn.autograd import gradgradcheck
from minixattn.nn.functional.patches import Window, cut, overlay

WINDOWS = {
    "plain": Window((2, 3)),
    "stride": Window((2, 2), stride=(2, 3)),
    "padding": Window((3, 2), padding=((1, 2), (0, 1))),
    "dilation": Window((2, 2), padding=((1, 1), (1, 1)), dilation=(2, 3)),
}
SHAPE = 5, 6


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_every_number_of_a_patch_is_the_pixel_that_the_equation_says(window, rng):
    x = rng.standard_normal((2, 3, *SHAPE))
    P = cut(x, window)
    (top, _), (left, _) = window.padding
    for n, i, j, u, v, c in np.ndindex(P.shape):
        h = i * window.stride[0] + u * window.dilation[0] - top
        w = j * window.stride[1] + v * window.dilation[1] - left
        inside = 0 <= h < SHAPE[0] and 0 <= w < SHAPE[1]
        assert P[n, i, j, u, v, c] == (x[n, c, h, w] if inside else 0)


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_overlaying_is_the_transposed_of_cutting(window, rng):
    x = rng.standard_normal((2, 3, *SHAPE))
    P = cut(x, window)
    g = rng.standard_normal(P.shape)
    assert_close((P * g).sum(), (x * overlay(g, window, SHAPE)).sum())
    assert gradgradcheck(lambda x: cut(x * x, window), [leaf(x[:1, :1])])


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_backwards_there_is_a_patch_for_every_pixel(window):
    back = window.backwards()
    if window.stride != (1, 1):
        assert back is None
    else:
        assert back.counts(window.counts(SHAPE)) == SHAPE


def test_a_padding_wider_than_the_kernel_has_no_way_back():
    assert Window((2, 2), padding=((2, 2), (0, 0))).backwards() is None


def test_a_window_larger_than_the_image_does_not_fit():
    assert Window(SHAPE).fits(SHAPE) and not Window((6, 6)).fits(SHAPE)
    assert Window((6, 6), padding=((1, 0), (0, 0))).fits(SHAPE)
