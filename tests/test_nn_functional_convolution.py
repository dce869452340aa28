"""Convolution by unfolding, against sums written out, and its derivatives."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn import functional as F


def by_hand(x, W, b, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """The sum of the equation, one product at a time over kernels and pixels."""
    (s_h, s_w), (p_h, p_w), (d_h, d_w) = stride, padding, dilation
    x = np.pad(x, ((0, 0), (0, 0), (p_h, p_h), (p_w, p_w)))
    (N, _, H, V), (kernels, _, k_h, k_w) = x.shape, W.shape
    rows = (H - d_h * (k_h - 1) - 1) // s_h + 1
    columns = (V - d_w * (k_w - 1) - 1) // s_w + 1
    y = np.zeros((N, kernels, rows, columns)) + b[:, None, None]
    for o, i, j, u, v in np.ndindex(kernels, rows, columns, k_h, k_w):
        pixel = x[:, :, i * s_h + u * d_h, j * s_w + v * d_w]
        y[:, o, i, j] += pixel @ W[o, :, u, v]
    return y


CASES = {
    "plain": {},
    "padding": {"padding": (1, 2)},
    "stride": {"stride": (2, 1)},
    "dilation": {"dilation": (1, 2)},
    "all": {"stride": (1, 2), "padding": (2, 1), "dilation": (2, 1)},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_every_pixel_is_the_sum_of_the_equation(options, rng, device):
    x, W, b = (rng.standard_normal(n) for n in ((2, 3, 6, 5), (4, 3, 3, 2), (4,)))
    y = F.conv2d(*(mx.tensor(a, device=device) for a in (x, W, b)), **options)
    assert_close(y, by_hand(x, W, b, **options))


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_derivatives_agree_with_central_differences(options, rng, device):
    shapes = ((2, 2, 5, 4), (3, 2, 3, 2), (3,))
    inputs = [leaf(rng.standard_normal(n), device) for n in shapes]
    assert gradcheck(lambda x, W, b: F.conv2d(x, W, b, **options), inputs)
    assert gradgradcheck(lambda x, W, b: F.conv2d(x, W, b, **options), inputs)


def test_groups_are_convolutions_of_their_own(rng, device):
    x, W, b = (
        leaf(rng.standard_normal(n), device) for n in ((2, 4, 5, 3), (6, 2, 2, 2), (6,))
    )
    y = F.conv2d(x, W, b, groups=2)
    halves = [F.conv2d(x[:, 2 * g : 2 * g + 2], W[3 * g : 3 * g + 3], b[3 * g : 3 * g + 3])
              for g in range(2)]  # fmt: skip
    assert_close(y, mx.cat(halves, 1))
    assert gradcheck(lambda x, W, b: F.conv2d(x, W, b, groups=2), (x, W, b))


def test_a_single_image_and_padding_in_words(rng, device):
    x, W = (mx.tensor(rng.standard_normal(n), device=device) for n in ((3, 5, 4), (2, 3, 3, 2)))
    assert_close(F.conv2d(x, W), F.conv2d(x.unsqueeze(0), W)[0])
    assert F.conv2d(x, W, padding="same").shape == (2, 5, 4)
    assert_close(F.conv2d(x, W, padding="valid"), F.conv2d(x, W))
    uneven = F.conv2d(mx.nn.functional.pad(x, (0, 1, 1, 1)), W)  # one more column on the right
    assert_close(F.conv2d(x, W, padding="same"), uneven)


def test_the_memory_order_of_the_input_does_not_matter(rng):
    a, W = rng.standard_normal((2, 5, 4, 3)), mx.tensor(rng.standard_normal((2, 3, 3, 3)))
    strided = mx.tensor(a).permute(0, 3, 1, 2)
    assert_close(F.conv2d(strided, W), F.conv2d(strided.clone().contiguous(), W))


def test_types_stay_and_float16_is_summed_in_float32(rng, device):
    x, W, b = (rng.standard_normal(n) for n in ((1, 40, 3, 3), (2, 40, 3, 3), (2,)))
    exact = by_hand(x, W, b)
    for dtype, limit in ((mx.float64, 1e-12), (mx.float32, 1e-4), (mx.float16, 0.15)):
        y = F.conv2d(*(mx.tensor(a, dtype=dtype, device=device) for a in (x, W, b)))
        assert y.dtype == dtype
        assert_close(y.double(), exact, rtol=0, atol=limit)


def test_unfold_puts_every_patch_into_a_column(rng, device):
    x = rng.standard_normal((2, 3, 5, 4))
    columns = values(F.unfold(mx.tensor(x, device=device), (2, 3), padding=1, stride=2))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    assert columns.shape == (2, 3 * 2 * 3, 3 * 2)
    for at, (i, j) in enumerate(np.ndindex(3, 2)):
        patch = padded[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 3]
        assert_close(columns[:, :, at], patch.reshape(2, -1))


def test_unfold_has_its_derivatives_and_takes_one_image(rng, device):
    x = leaf(rng.standard_normal((1, 2, 4, 3)), device)
    assert gradcheck(lambda x: F.unfold(x, 2, 2, 1, 1), (x,))
    assert_close(F.unfold(x[0], 2), F.unfold(x, 2)[0])


MISTAKES = {
    "channels": (((1, 4, 5, 5), (2, 3, 3, 3)), {}, mx.ShapeError,
                 r"input has shape \(1, 4, 5, 5\), expected \(N, 3, H, W\).*takes 3 channels"),
    "groups": (((1, 4, 5, 5), (2, 3, 3, 3)), {"groups": 2}, mx.ShapeError,
               r"expected \(N, 6, H, W\).*takes 3 channels times groups=2"),
    "kernels": (((1, 6, 5, 5), (3, 3, 3, 3)), {"groups": 2}, mx.ShapeError,
                "3 kernels do not divide into groups=2"),
    "bias": (((1, 3, 5, 5), (2, 3, 3, 3), (3,)), {}, mx.ShapeError,
             r"bias has shape \(3,\), expected \(2,\)"),
    "dimensions": (((3, 5), (2, 3, 3, 3)), {}, mx.ShapeError,
                   r"expected images \(N, C, H, W\).*got shape \(3, 5\)"),
    "weight": (((1, 3, 5, 5), (2, 27)), {}, mx.ShapeError,
               r"weight has shape \(2, 27\), expected 4 dimensions"),
    "room": (((1, 3, 2, 5), (2, 3, 3, 3)), {}, mx.ShapeError,
             r"image of 2 x 5 pixels.*no room for a kernel of size \(3, 3\)"),
    "stride": (((1, 3, 5, 5), (2, 3, 3, 3)), {"stride": 0}, mx.ShapeError,
               r"at least 1.*stride \(0, 0\)"),
    "negative": (((1, 3, 5, 5), (2, 3, 3, 3)), {"padding": -1}, mx.ShapeError,
                 r"padding is at least 0, got \(-1, -1\)"),
    "three": (((1, 3, 5, 5), (2, 3, 3, 3)), {"padding": (1, 2, 3)}, mx.ShapeError,
              r"padding is a number or a pair.*got \(1, 2, 3\)"),
    "word": (((1, 3, 5, 5), (2, 3, 3, 3)), {"padding": "full"}, ValueError,
             'padding is a number, a pair, "same" or "valid", got \'full\''),
    "same": (((1, 3, 5, 5), (2, 3, 3, 3)), {"padding": "same", "stride": 2}, ValueError,
             r"padding='same' needs stride 1, got \(2, 2\)"),
}  # fmt: skip


@pytest.mark.parametrize(("shapes", "options", "kind", "message"), MISTAKES.values(), ids=MISTAKES)
def test_what_does_not_fit_is_named(shapes, options, kind, message):
    with pytest.raises(kind, match=message):
        F.conv2d(*(mx.ones(n) for n in shapes), **options)


def test_types_that_differ_are_named():
    with pytest.raises(mx.DTypeError, match="one float type, got float.*x.to"):
        F.conv2d(mx.ones(1, 1, 2, 2, dtype=mx.float64), mx.ones(1, 1, 2, 2))
    with pytest.raises(TypeError, match="conv2d: weight must be a Tensor, got ndarray"):
        F.conv2d(mx.ones(1, 1, 2, 2), np.ones((1, 1, 2, 2)))
