"""Functions of the user's that see gradients on their way."""

import numpy as np
import pytest
from helpers import leaf, values

import minixattn as mx

W = mx.tensor([1.0, 5.0], dtype=mx.float64)


def test_a_hook_sees_the_gradient_of_a_result_and_of_a_leaf():
    seen = {}
    x = leaf([1.0, 2.0])
    y = x * 3
    x.register_hook(lambda g: seen.update(x=g))
    y.register_hook(lambda g: seen.update(y=g))
    (y * W).sum().backward()
    assert values(seen["y"]).tolist() == [1, 5] and values(seen["x"]).tolist() == [3, 15]
    assert values(x.grad).tolist() == [3, 15] and y.grad is None


def test_what_a_hook_returns_goes_on_in_the_order_of_the_hooks():
    x = leaf([1.0, 2.0])
    y = x * 3
    y.register_hook(lambda g: g + 1)
    y.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: -g)
    y.retain_grad()
    (y * W).sum().backward()
    assert values(y.grad).tolist() == [4, 12] and values(x.grad).tolist() == [-12, -36]
    (g,) = mx.autograd.grad((x * 3 * W).sum(), x)
    assert values(g).tolist() == [-3, -15]


def test_a_hook_can_be_taken_away():
    x = leaf([1.0, 2.0])
    handle = x.register_hook(lambda g: g * 0)
    handle.remove()
    handle.remove()
    with x.register_hook(lambda g: g * 100):
        pass
    (x * W).sum().backward()
    assert values(x.grad).tolist() == [1, 5]


def test_a_kept_gradient_is_the_hooks_own():
    kept = []
    x = leaf([1.0, 2.0])
    x.register_hook(kept.append)
    for _ in range(2):
        (x * W).sum().backward()
    assert values(x.grad).tolist() == [2, 10]
    assert [values(g).tolist() for g in kept] == [[1, 5], [1, 5]]


def test_hooks_see_differentiable_gradients_with_create_graph():
    x = leaf([1.0, 2.0])
    x.register_hook(lambda g: g * 10)
    (g,) = mx.autograd.grad((x**3 * W).sum(), x, create_graph=True)
    (h,) = mx.autograd.grad((g * W).sum(), x, retain_graph=True)
    np.testing.assert_allclose(values(g), [30, 600])
    np.testing.assert_allclose(values(h), [600, 30000])  # 10 · 10 · 6x w²


def test_the_gradient_of_attention_weights_reaches_a_hook():
    seen = []
    layer = mx.nn.MultiheadAttention(8, 2, batch_first=True, dtype=mx.float64)
    q, c = mx.randn(1, 3, 8).double(), mx.randn(1, 4, 8).double()
    out, weights = layer(q, c, c, average_attn_weights=False)
    weights.register_hook(seen.append)
    out.square().sum().backward()
    assert seen[0].shape == (1, 2, 3, 4) and seen[0].abs().sum() > 0


def test_a_wrong_hook_is_explained():
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match="a hook must be a function, got int"):
        x.register_hook(3)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(mx.ShapeError, match=r"hook on a tensor of shape \(2,\) returned a Tensor"):
        (x * W).sum().backward()
    with pytest.raises(mx.GraphError, match=r"register_hook\(\) on a tensor that does not require"):
        mx.ones(2).register_hook(print)
