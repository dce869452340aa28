"""mse_loss, l1_loss and binary_cross_entropy_with_logits."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn.functional import binary_cross_entropy_with_logits, l1_loss, mse_loss


def cross_entropy_by_hand(x, t, w=1.0, p=1.0):
    s = 1 / (1 + np.exp(-x))
    return -w * (p * t * np.log(s) + (1 - t) * np.log(1 - s))


LOSSES = {
    "mse": (mse_loss, lambda x, t: (x - t) ** 2),
    "l1": (l1_loss, lambda x, t: np.abs(x - t)),
    "bce": (binary_cross_entropy_with_logits, cross_entropy_by_hand),
}
each = pytest.mark.parametrize("name", LOSSES)
REDUCE = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


def numbers(rng, shape):
    return rng.standard_normal(shape) * 2, rng.uniform(0.1, 0.9, shape)


@each
@pytest.mark.parametrize("reduction", REDUCE)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (4, 2, 3)])
def test_losses_are_their_equations(name, reduction, shape, rng, device):
    function, formula = LOSSES[name]
    x, t = numbers(rng, shape)
    y = function(mx.tensor(x, device=device), mx.tensor(t, device=device), reduction=reduction)
    assert_close(y, REDUCE[reduction](formula(x, t)))


@each
@pytest.mark.parametrize("reduction", REDUCE)
def test_derivatives_agree_with_central_differences(name, reduction, rng, device):
    leaves = [leaf(a, device) for a in numbers(rng, (2, 3))]

    def loss(x, t):
        return LOSSES[name][0](x, t, reduction=reduction)

    assert gradcheck(loss, leaves)
    assert gradgradcheck(loss, leaves)


@pytest.mark.parametrize("reduction", REDUCE)
def test_cross_entropy_takes_weights(reduction, rng, device):
    x, t = numbers(rng, (2, 3))
    w, p = rng.uniform(0.5, 2, (2, 1)), rng.uniform(0.5, 2, 3)
    x_, t_, w_, p_ = (mx.tensor(a, device=device) for a in (x, t, w, p))
    y = binary_cross_entropy_with_logits(x_, t_, w_, reduction=reduction, pos_weight=p_)
    assert_close(y, REDUCE[reduction](cross_entropy_by_hand(x, t, w, p)))
    x_ = leaf(x, device)
    assert gradcheck(lambda x: binary_cross_entropy_with_logits(x, t_, w_, pos_weight=p_), (x_,))


def test_cross_entropy_is_exact_far_out_and_smooth_at_zero(device):
    x = leaf(np.array([-1000.0, 0.0, 1000.0]), device)
    t = mx.tensor([1.0, 0.25, 0.0], device=device, dtype=mx.float64)
    y = binary_cross_entropy_with_logits(x, t, reduction="none")
    assert_close(y, np.array([1000, np.log(2), 1000]))
    y.sum().backward()
    assert_close(x.grad, np.array([-1, 0.25, 1]))


@each
def test_one_type_comes_of_two(name, device):
    x = mx.ones(2, device=device)
    assert LOSSES[name][0](x, mx.ones(2, device=device).double()).dtype == mx.float64
    assert LOSSES[name][0](x, mx.tensor([0, 1], device=device)).dtype == mx.float32
    assert LOSSES[name][0](x.half(), x.half()).dtype == mx.float16


def test_half_precision_sums_in_float32(device):
    x = mx.ones(4096, dtype=mx.float16, device=device)
    assert values(mse_loss(x, x * 0, reduction="sum")).item() == 4096
    assert values(l1_loss(x, x * 0, reduction="sum")).item() == 4096


def test_mse_records_one_operation(rng):
    x, t = (leaf(a) for a in numbers(rng, (2, 3)))
    y = mse_loss(x, t)
    assert y.inputs == (x, t)
    weighted(y).backward()
    assert_close(x.grad, -t.grad)


@each
def test_shapes_that_would_broadcast_wrongly_are_named(name):
    message = r"target has shape \(3,\), expected the input's shape \(3, 1\)"
    with pytest.raises(mx.ShapeError, match=message):
        LOSSES[name][0](mx.ones(3, 1), mx.ones(3))
    with pytest.raises(TypeError, match="target must be a Tensor, got int"):
        LOSSES[name][0](mx.ones(3), 1)


@each
def test_other_bad_input_is_named(name):
    loss = LOSSES[name][0]
    with pytest.raises(mx.DTypeError, match="expected float tensors, got int64"):
        loss(mx.arange(3), mx.arange(3))
    with pytest.raises(ValueError, match='reduction must be "mean", "sum" or "none", got \'all\''):
        loss(mx.ones(2), mx.ones(2), reduction="all")
    with pytest.raises(ValueError, match=r"no mean over no elements: the input has shape \(0, 2\)"):
        loss(mx.ones(0, 2), mx.ones(0, 2))
    assert loss(mx.ones(0, 2), mx.ones(0, 2), reduction="sum").item() == 0


def test_weights_that_make_the_loss_larger_are_named():
    with pytest.raises(mx.ShapeError, match=r"must broadcast to .* shape \(3,\).*\(2, 3\)"):
        binary_cross_entropy_with_logits(mx.ones(3), mx.ones(3), mx.ones(2, 1))
