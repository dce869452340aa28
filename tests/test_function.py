"""Operations of the user's own, as a class with forward and backward."""

import numpy as np
import pytest
from helpers import leaf, values, weighted

import minixattn as mx
from minixattn.autograd import Function, gradcheck, gradgradcheck


class Scaled(Function):
    """y = s x³, s a number."""

    @staticmethod
    def forward(ctx, x, s):
        ctx.save_for_backward(x)
        ctx.s = s
        return x**3 * s

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x**2 * ctx.s, None


class Reversed(Function):
    """y = x, with the gradient's sign turned round."""

    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, g):
        return -g


def test_the_derivative_is_the_one_that_was_written():
    x = leaf([1.0, -2.0])
    weighted(Scaled.apply(x, 2.0)).backward()
    np.testing.assert_allclose(values(x.grad), np.array([1, 4]) * 6 * [2.5, np.cos(1) + 1.5])
    assert gradcheck(lambda x: Scaled.apply(x, 2.0), [x])
    assert gradgradcheck(lambda x: Scaled.apply(x, 2.0), [x])


def test_a_derivative_may_be_another_than_the_true_one():
    x = leaf([1.0, 2.0])
    y = Reversed.apply(x * 2)
    assert y.grad_fn.name() == "ReversedBackward0"
    weighted(y).backward()
    assert (values(x.grad) < 0).all()


def test_an_argument_that_wants_no_gradient_is_told():
    class Both(Function):
        @staticmethod
        def forward(ctx, a, b):
            assert ctx.needs_input_grad == (True, False)
            return a * b

        @staticmethod
        def backward(ctx, g):
            return g * 2, None

    x = leaf([1.0])
    Both.apply(x, mx.tensor([2.0], dtype=mx.float64)).sum().backward()
    assert values(x.grad).tolist() == [2]


def test_what_does_not_fit_is_named():
    class Wrong(Reversed):
        pass

    x = leaf([1.0, 2.0])
    Wrong.backward = staticmethod(lambda ctx, g: (g, g))
    with pytest.raises(mx.ShapeError, match=r"Wrong.backward returned 2 gradient\(s\) for the 1"):
        weighted(Wrong.apply(x)).backward()
    Wrong.backward = staticmethod(lambda ctx, g: g.sum())
    with pytest.raises(mx.ShapeError, match=r"gradient of shape \(\) for argument 0: .*\(2,"):
        weighted(Wrong.apply(x)).backward()
    Wrong.forward = staticmethod(lambda ctx, x: 3)
    with pytest.raises(TypeError, match="Wrong.forward must return one Tensor, got int"):
        Wrong.apply(x)
    with pytest.raises(NotImplementedError, match=r"must define forward\(ctx"):
        Function.apply(x)
