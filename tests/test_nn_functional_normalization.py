"""layer_norm, rms_norm, group_norm and normalize: formulas, derivatives, errors."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn.functional import group_norm, layer_norm, normalize, rms_norm


def by_hand(x, axes, eps, centre=True):
    c = x - x.mean(axes, keepdims=True) if centre else x
    return c / np.sqrt((c * c).mean(axes, keepdims=True) + eps)


@pytest.mark.parametrize("shape", [4, (4,), (3, 4), [2, 3, 4]])
@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_layer_norm_is_its_equation(shape, eps, rng, device):
    x = rng.standard_normal((2, 3, 4)) * 3 + 1
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    w, b = rng.standard_normal((2, *sizes))
    expected = by_hand(x, tuple(range(-len(sizes), 0)), eps)
    x, w_, b_ = (mx.tensor(a, device=device) for a in (x, w, b))
    assert_close(layer_norm(x, shape, eps=eps), expected)
    assert_close(layer_norm(x, shape, w_, eps=eps), expected * w)
    assert_close(layer_norm(x, shape, None, b_, eps), expected + b)
    assert_close(layer_norm(x, shape, w_, b_, eps), expected * w + b)


@pytest.mark.parametrize("shape", [4, (3, 4)])
@pytest.mark.parametrize("eps", [None, 0.3])
def test_rms_norm_is_its_equation(shape, eps, rng, device):
    x = rng.standard_normal((2, 3, 4))
    sizes = (shape,) if isinstance(shape, int) else shape
    w = rng.standard_normal(sizes)
    expected = by_hand(x, tuple(range(-len(sizes), 0)), eps or 2.0**-52, centre=False)
    assert_close(rms_norm(mx.tensor(x, device=device), shape, eps=eps), expected)
    y = rms_norm(mx.tensor(x, device=device), shape, mx.tensor(w, device=device), eps)
    assert_close(y, expected * w)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("rest", [(), (5,), (4, 3)])
def test_group_norm_is_its_equation(groups, rest, rng, device):
    x = rng.standard_normal((2, 6, *rest)) * 2 + 1
    w, b = rng.standard_normal((2, 6, *(1 for _ in rest)))
    expected = by_hand(x.reshape(2, groups, -1), (2,), 1e-3).reshape(x.shape) * w + b
    tensors = [mx.tensor(a, device=device) for a in (x, w.reshape(6), b.reshape(6))]
    assert_close(group_norm(tensors[0], groups, *tensors[1:], eps=1e-3), expected)


@pytest.mark.parametrize("p", [1, 2, 3.5, np.inf])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_normalize_divides_by_the_norm(p, dim, rng, device):
    x = rng.standard_normal((3, 4))
    expected = x / np.linalg.norm(x, p, dim, keepdims=True)
    assert_close(normalize(mx.tensor(x, device=device), p, dim), expected)


FUNCTIONS = {
    "layer_norm": (lambda x, w, b: layer_norm(x, (4,), w, b), (2, 3, 4), (4,)),
    "layer_norm of two": (lambda x, w, b: layer_norm(x, (3, 4), w, b, 0.1), (2, 3, 4), (3, 4)),
    "layer_norm, w": (lambda x, w, _b: layer_norm(x, (4,), w), (3, 4), (4,)),
    "layer_norm, b": (lambda x, _w, b: layer_norm(x, (4,), None, b), (3, 4), (4,)),
    "rms_norm": (lambda x, w, _b: rms_norm(x, (4,), w), (2, 3, 4), (4,)),
    "rms_norm, plain": (lambda x, _w, _b: rms_norm(x, (4,), eps=0.1), (2, 4), (4,)),
    "group_norm": (lambda x, w, b: group_norm(x, 2, w, b), (2, 4, 3), (4,)),
    "normalize": (lambda x, _w, _b: normalize(x), (3, 4), (1,)),
    "normalize, p=1": (lambda x, _w, _b: normalize(x, 1), (3, 4), (1,)),
    "normalize, p=3": (lambda x, _w, _b: normalize(x, 3, dim=0), (3, 4), (1,)),
    "normalize, p=inf": (lambda x, _w, _b: normalize(x, np.inf), (3, 4), (1,)),
    "normalize, all below eps": (lambda x, _w, _b: normalize(x, eps=50.0), (3, 4), (1,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_agree_with_central_differences(name, rng, device):
    f, *shapes = FUNCTIONS[name]
    leaves = [leaf(rng.standard_normal(s), device) for s in (*shapes, shapes[1])]
    used = [x for x, n in zip(leaves, "xwb") if f"_{n}" not in f.__code__.co_varnames]

    def g(*used_now):
        now = dict(zip(map(id, used), used_now))
        return f(*(now.get(id(x), x) for x in leaves))

    assert gradcheck(g, used)
    assert gradgradcheck(g, used)


def test_a_constant_row_gives_zeros_and_finite_gradients(device):
    x = leaf(np.full((2, 4), 3.0), device)
    y = layer_norm(x, (4,))
    weighted(y).backward()
    assert not values(y).any()
    assert np.isfinite(values(x.grad)).all()


def test_a_row_of_zeros_is_normalized_to_zeros_with_gradients_of_zero_or_finite(device):
    for p in (1, 2, 3, np.inf):
        x = leaf(np.array([[0.0, 0.0], [3.0, 4.0]]), device)
        weighted(normalize(x, p)).backward()
        assert np.isfinite(values(x.grad)).all()
        assert values(normalize(x, p))[0].tolist() == [0, 0]


def test_a_large_mean_does_not_drown_the_variance(device):
    x = np.array([[1e4, 1e4 + 1, 1e4 + 2]], np.float32)
    y = values(layer_norm(mx.tensor(x, device=device), (3,)))
    np.testing.assert_allclose(y, [[-1.2247, 0, 1.2247]], atol=1e-3)


def test_half_precision_is_computed_in_float32(device):
    x = mx.tensor(np.array([[300.0, -300.0, 100.0, 0.0]], np.float16), device=device)
    w = mx.ones(4, dtype=mx.float16, device=device, requires_grad=True)
    for y in (layer_norm(x, (4,), w, w), rms_norm(x, (4,), w), group_norm(x, 1, w, w)):
        assert y.dtype == mx.float16
        assert np.isfinite(values(y)).all()  # 300² is more than float16 can hold
        y.sum().backward()
        assert w.grad.dtype == mx.float16


def test_a_norm_over_nothing_is_empty(device):
    assert layer_norm(mx.ones(0, 3, device=device), (3,)).shape == (0, 3)
    assert layer_norm(mx.ones(2, 0, device=device), (0,)).shape == (2, 0)
    assert group_norm(mx.ones(0, 4, 2, device=device), 2).shape == (0, 4, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layer_norm(mx.ones(2, 3), 4), mx.ShapeError,
         r"layer_norm: the input has shape \(2, 3\), expected \(…, 4\).*_shape is \(4,\)"),
        (lambda: layer_norm(mx.ones(3), (2, 3)), mx.ShapeError, r"expected \(…, 2, 3\)"),
        (lambda: layer_norm(mx.ones(3), ()), mx.ShapeError, r"normalized_shape is \(\)"),
        (lambda: layer_norm(mx.ones(2, 3), 3, mx.ones(2)), mx.ShapeError,
         r"layer_norm: the weight has shape \(2,\), expected \(3,\)"),
        (lambda: layer_norm(mx.ones(2, 3), 3, None, mx.ones(1)), mx.ShapeError,
         r"the bias has shape \(1,\), expected \(3,\)"),
        (lambda: layer_norm(mx.arange(3), 3), mx.DTypeError, r"expected a float input, got int64"),
        (lambda: rms_norm(mx.ones(2, 3), 4), mx.ShapeError, r"rms_norm: the input has shape"),
        (lambda: rms_norm(mx.arange(3), 3), mx.DTypeError, "rms_norm: expected a float input"),
        (lambda: group_norm(mx.ones(2, 6), 4), mx.ShapeError,
         r"group_norm: 6 channels \(input of shape \(2, 6\)\) do not divide into 4 groups"),
        (lambda: group_norm(mx.ones(6), 2), mx.ShapeError, r"input \(N, C, \*\), got shape \(6,\)"),
        (lambda: group_norm(mx.ones(2, 6), 2, mx.ones(2)), mx.ShapeError,
         r"group_norm: the weight has shape \(2,\), expected \(6,\)"),
        (lambda: normalize(mx.ones(2, 3), p=-1), ValueError, "norm: p must be a positive number"),
    ],
)  # fmt: skip
def test_what_cannot_be_normalised_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
