"""The checker of derivatives finds wrong ones, and says where."""

import numpy as np
import pytest
from helpers import leaf

import minixattn as mx
from minixattn.autograd import GradcheckError, gradcheck, gradgradcheck
from minixattn.engine import unary


def wrong(x):
    """x², whose derivative is off by 1 in its last element."""

    def derivative(g, _y, x):
        d = 2 * g * x
        off = np.zeros(x.shape)
        off[-1] = 1
        return d + g * off

    return unary(np.square, x, derivative)


def wrong_twice(x):
    """x³ with a right derivative whose own derivative is missing."""
    return unary(lambda x: x**3, x, lambda g, _y, x: 3 * g * x.detach() ** 2
                 if isinstance(x, mx.Tensor) else 3 * g * x**2)  # fmt: skip


def test_right_derivatives_pass(device):
    x, y = leaf([[1.0, 2.0]], device), leaf([3.0, -1.0], device)
    assert gradcheck(lambda x, y: (x * y).exp(), (x, y))
    assert gradgradcheck(lambda x, y: (x * y).exp(), (x, y))
    assert gradcheck(mx.tanh, x) and gradgradcheck(mx.tanh, x)


def test_a_wrong_derivative_is_named_with_both_numbers(device):
    message = (
        r"wrong: the derivative of output 0 at \(1,\) with respect to input 0 at \(1,\) is 5, but "
        r"the central difference says (4|3\.99999\d+)\. Input 0 has shape \(2,\), output 0 \(2,\)\."
    )
    with pytest.raises(GradcheckError, match=message):
        gradcheck(wrong, leaf([1.0, 2.0]))
    assert gradcheck(wrong, leaf([1.0, 2.0]), raise_exception=False) is False
    assert issubclass(GradcheckError, AssertionError) and issubclass(GradcheckError, RuntimeError)


def test_a_wrong_second_derivative_is_found():
    x = leaf([1.0, 2.0])
    assert gradcheck(wrong_twice, x)
    with pytest.raises(GradcheckError, match="gradient of wrong_twice: the derivative of output 0"):
        gradgradcheck(wrong_twice, x)
    assert not gradgradcheck(wrong_twice, x, raise_exception=False)


def test_a_derivative_that_is_not_a_number_is_wrong():
    def root(x):
        return unary(np.abs, x, lambda g, _y, x: g * x / 0)

    with np.errstate(all="ignore"), pytest.raises(GradcheckError, match="is nan"):
        gradcheck(root, leaf([0.0]))


def test_several_outputs_and_inputs_of_all_kinds():
    index = mx.tensor([1, 0])

    def f(x, scale, index, y):
        return (x * scale)[index], y.sum(), index + 1, x.detach()

    assert gradcheck(f, (leaf([1.0, 2.0]), 3.0, index, leaf([[1.0]])))
    assert gradgradcheck(f, (leaf([1.0, 2.0]), 3.0, index, leaf([[1.0]])))


def test_scalars_and_empty_tensors_pass():
    assert gradcheck(mx.exp, leaf(0.5)) and gradgradcheck(mx.exp, leaf(0.5))
    assert gradcheck(mx.exp, leaf(np.zeros((0, 2))))


def test_an_unused_input_has_derivative_zero():
    assert gradcheck(lambda x, _y: x * 2, (leaf([1.0]), leaf([2.0])))
    with pytest.raises(GradcheckError, match="with respect to input 1"):
        gradcheck(lambda x, y: x * y.detach(), (leaf([1.0]), leaf([2.0])))


def test_the_inputs_are_left_alone():
    x = leaf([1.0, 2.0])
    gradcheck(mx.exp, x)
    gradgradcheck(mx.exp, x)
    assert x.grad is None and x.tolist() == [1, 2]


def test_tolerances_and_the_step_can_be_chosen():
    with pytest.raises(GradcheckError, match="exp: the derivative"):
        gradcheck(mx.exp, leaf([1.0]), eps=0.1)
    assert gradcheck(mx.exp, leaf([1.0]), eps=0.1, rtol=0.01)
    assert gradcheck(wrong, leaf([1.0, 2.0]), atol=2)


def test_inputs_that_cannot_be_checked_are_refused():
    message = (
        r"gradcheck: input 0 is float32; central differences need float64\. Use "
        r"x\.detach\(\)\.double\(\)\.requires_grad_\(\)\."
    )
    with pytest.raises(mx.DTypeError, match=message):
        gradcheck(mx.exp, mx.ones(2, requires_grad=True))
    with pytest.raises(ValueError, match="no input requires a gradient, so there is nothing to"):
        gradcheck(mx.exp, mx.ones(2, dtype=mx.float64))
