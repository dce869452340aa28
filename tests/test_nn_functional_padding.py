"""Padding with a constant, last dimension first."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn.functional import pad


@pytest.mark.parametrize(
    ("given", "widths"),
    [
        ((1, 2), ((0, 0), (0, 0), (1, 2))),
        ((0, 1, 2, 3), ((0, 0), (2, 3), (0, 1))),
        ((1, 0, 0, 2, 3, 1), ((3, 1), (0, 2), (1, 0))),
        ((), ((0, 0),) * 3),
    ],
)
@pytest.mark.parametrize("value", [None, -2.5])
def test_numbers_go_around_the_dimensions_from_the_last(given, widths, value, rng, device):
    x = rng.standard_normal((2, 3, 4))
    y = pad(mx.tensor(x, device=device), given, "constant", value)
    assert_close(y, np.pad(x, widths, constant_values=value or 0))


def test_negative_numbers_cut_off(rng, device):
    x = rng.standard_normal((4, 5))
    y = pad(mx.tensor(x, device=device), (-1, 2, 1, -3), value=7.0)
    assert y.shape == (2, 6)
    assert_close(y, np.pad(x[:1, 1:], ((1, 0), (0, 2)), constant_values=7))


@pytest.mark.parametrize("given", [(1, 2), (-1, 1, 0, 2)])
def test_derivatives_agree_with_central_differences(given, rng, device):
    x = leaf(rng.standard_normal((2, 3)), device)
    assert gradcheck(lambda x: pad(x, given, value=3.0), (x,))
    assert gradgradcheck(lambda x: pad(x, given, value=3.0), (x,))


def test_types_stay(device):
    for dtype in (mx.float16, mx.float32, mx.int64, mx.bool):
        assert pad(mx.ones(2, device=device).to(dtype), (1, 1)).dtype == dtype
    assert values(pad(mx.tensor([True], device=device), (1, 0), value=False)).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((1,), r"got 1 numbers \(1,\) for a tensor of shape \(2, 3\): expected pairs"),
        ((1, 1, 1, 1, 1, 1), "got 6 numbers.*at most 4 numbers"),
        ((-2, -2), r"\(-2, -2\) cuts more off shape \(2, 3\) than there is"),
    ],
)
def test_padding_that_does_not_fit_is_named(given, message):
    with pytest.raises(mx.ShapeError, match=message):
        pad(mx.ones(2, 3), given)


def test_another_mode_is_named():
    with pytest.raises(NotImplementedError, match="mode 'reflect' is not offered; expected \"c"):
        pad(mx.ones(2, 3), (1, 1), "reflect")
