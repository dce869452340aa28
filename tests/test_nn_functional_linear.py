"""functional.linear: one operation, its gradients in the parameters' own layout."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn.functional import linear
from minixattn.nn.functional.linear import sum_of_rows

SHAPES = [(3,), (2, 3), (5, 2, 3), (1, 5, 2, 3), (0, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_x_times_w_transposed_plus_b(shape, bias, rng, device):
    x, W, b = (rng.standard_normal(s) for s in (shape, (4, 3), 4))
    tensors = [mx.tensor(a, device=device) for a in ((x, W, b) if bias else (x, W))]
    assert_close(linear(*tensors), x @ W.T + (b if bias else 0))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bias", [True, False])
def test_derivatives_agree_with_central_differences(shape, bias, rng, device):
    leaves = [leaf(rng.standard_normal(s), device) for s in (shape, (4, 3), (4,))][: 2 + bias]
    assert gradcheck(linear, leaves)
    assert gradgradcheck(linear, leaves)


def test_linear_records_one_operation(rng):
    x, W, b = (leaf(rng.standard_normal(s)) for s in ((2, 3), (4, 3), (4,)))
    y = linear(x, W, b)
    assert y.inputs == (x, W, b)
    assert y.grad_fn.name() == "LinearBackward0"


def test_the_weight_gradient_has_the_weights_layout(rng):
    x, W = leaf(rng.standard_normal((2, 5, 3))), leaf(rng.standard_normal((4, 3)))
    weighted(linear(x, W)).backward()
    assert W.grad.array.flags.c_contiguous
    assert W.grad.array.flags.owndata


def test_linear_of_transposed_input_and_weight(rng, device):
    x, W = (rng.standard_normal(s) for s in ((3, 2), (3, 4)))
    y = linear(mx.tensor(x, device=device).T, mx.tensor(W, device=device).T)
    assert_close(y, x.T @ W)


def test_half_precision_sums_in_float32(device):
    x = mx.ones(1, 4096, dtype=mx.float16, device=device)
    y = linear(x, mx.ones(2, 4096, dtype=mx.float16, device=device))
    assert y.dtype == mx.float16
    assert values(y).tolist() == [[4096, 4096]]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 4), (5, 3), (5,)), r"the input has shape \(2, 4\), expected \(…, 3\).*\(5, 3\)"),
        (((), (5, 3), (5,)), r"the input has shape \(\), expected \(…, 3\)"),
        (((2, 3), (3,), (5,)), r"the weight has shape \(3,\), expected 2 dimensions"),
        (((2, 3), (5, 3), (3,)), r"the bias has shape \(3,\), expected \(5,\)"),
        (((2, 3), (5, 3), (1,)), r"the bias has shape \(1,\), expected \(5,\)"),
    ],
)
def test_sizes_that_do_not_fit_are_named(shapes, message):
    with pytest.raises(mx.ShapeError, match="linear: " + message):
        linear(*(mx.ones(s) for s in shapes))


def test_types_that_differ_are_named():
    with pytest.raises(mx.DTypeError, match="input is float64, the weight float32, the bias fl"):
        linear(mx.ones(3).double(), mx.ones(4, 3), mx.ones(4))
    with pytest.raises(mx.DTypeError, match=r"input is int64.*x.to\(weight.dtype\)"):
        linear(mx.arange(3), mx.ones(4, 3))


def test_tensors_on_different_devices_are_named(stand_in):
    with pytest.raises(mx.DeviceError, match=r"linear: .*different devices.*cpu.*cuda"):
        linear(mx.ones(2, 3), mx.ones(4, 3, device="cuda"))


def test_float32_stays_float32(rng):
    x = rng.standard_normal((2, 3)).astype(np.float32)
    assert linear(mx.tensor(x), mx.tensor(x), mx.ones(2)).dtype == mx.float32


def test_the_bias_of_thousands_of_rows_keeps_its_digits(rng):
    g = (rng.random((5000, 3)) + 1).astype(np.float32)
    exact = g.astype(np.float64).sum(0)
    assert np.abs(sum_of_rows(g) / exact - 1).max() < 2e-7
    assert np.abs(np.add.accumulate(g)[-1] / exact - 1).max() > 1e-6  # one after another
