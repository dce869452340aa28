"""Softmax and its logarithms: rows that sum to one, scores of any size, rows all masked."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values
from hypothesis import given
from strategies import arrays, filled

import minixattn as mx

INF = np.inf


def softmax(a, d):
    e = np.exp(a - a.max(d, keepdims=True))
    return e / e.sum(d, keepdims=True)


@given(array=arrays(filled))
def test_softmax_and_its_logarithms_follow_their_equations(array):
    x = mx.tensor(array)
    for d in range(-array.ndim, array.ndim):
        expected = softmax(array, d)
        assert_close(x.softmax(d), expected)
        assert_close(mx.softmax(x, axis=d), expected)
        assert_close(x.softmax(d).sum(d), np.ones(expected.sum(d).shape))
        assert_close(x.log_softmax(d), np.log(expected), rtol=1e-9, atol=1e-9)
        lse = np.log(np.exp(array).sum(d))
        assert_close(x.logsumexp(d), lse, rtol=1e-9, atol=1e-9)
        assert x.logsumexp(d, keepdim=True).shape == array.sum(d, keepdims=True).shape
    assert_close(x.logsumexp(tuple(range(array.ndim))), np.log(np.exp(array).sum()), rtol=1e-9)


@given(array=arrays(filled))
def test_adding_a_number_to_all_scores_changes_no_weight(array):
    x = mx.tensor(array)
    assert_close((x + 1000).softmax(-1), x.softmax(-1), rtol=1e-9, atol=1e-12)


def test_the_gradient_of_softmax_is_its_jacobian(rng):
    a, g = rng.standard_normal(4), rng.standard_normal(4)
    x = leaf(a)
    x.softmax(0).backward(mx.tensor(g))
    y = softmax(a, 0)
    assert_close(x.grad, (np.diag(y) - np.outer(y, y)) @ g)


@pytest.mark.filterwarnings("error")
def test_scores_of_any_size_give_weights(device):
    for dtype in ("float16", "float32", "float64"):
        big = float(np.finfo(dtype).max)
        x = leaf([[big, 0.0], [-big, -big], [0.0, -INF]], device, dtype)
        y = x.softmax(-1)
        assert y.tolist() == [[1, 0], [0.5, 0.5], [1, 0]] and y.dtype == dtype
        assert x.log_softmax(-1)[:, 0].tolist() == pytest.approx([0, np.log(0.5), 0], rel=1e-3)
        assert x.logsumexp(-1)[0].item() == big
        y.sum().backward()
        assert np.isfinite(values(x.grad)).all()


@pytest.mark.filterwarnings("error")
def test_a_row_with_nothing_to_choose_from_has_no_weights_and_no_gradient(device):
    x = leaf([[-INF, -INF], [0.0, 0.0]], device)
    y = x.softmax(-1)
    assert y.tolist() == [[0, 0], [0.5, 0.5]]
    y.backward(mx.tensor([[1.0, 2.0], [1.0, 3.0]], device=device, dtype=mx.float64))
    assert x.grad.tolist() == [[0, 0], [-0.5, 0.5]]
    x.grad = None
    z = x.logsumexp(-1)
    assert z.tolist() == [-INF, pytest.approx(np.log(2))]
    z.sum().backward()
    assert x.grad.tolist() == [[0, 0], [0.5, 0.5]]
    assert x.log_softmax(-1)[0].tolist() == [-INF, -INF]


def test_long_rows_of_float16_sum_to_one(device):
    y = mx.zeros(4000, dtype=mx.float16, device=device).softmax(0)
    assert abs(values(y).astype(float).sum() - 1) < 0.01


def test_scalars_and_empty_tensors(device):
    assert mx.tensor(3.0, device=device).softmax(0).item() == 1
    assert mx.tensor(3.0, device=device).log_softmax(-1).item() == 0
    assert mx.tensor(3.0, device=device).logsumexp(0).item() == 3
    for shape in ((0, 2), (2, 0)):
        for f in (mx.softmax, mx.log_softmax):
            assert f(mx.zeros(shape, device=device), -1).shape == shape


def test_a_dtype_is_converted_to_first(device):
    x = mx.zeros(2, dtype=mx.float16, device=device)
    for f in (mx.softmax, mx.log_softmax):
        assert f(x, -1, dtype=mx.float32).dtype == mx.float32
    assert mx.tensor([0, 0], device=device).softmax(0).tolist() == [0.5, 0.5]


def test_the_dimension_must_be_named():
    for f in (mx.softmax, mx.log_softmax):
        message = (
            rf"{f.__name__}\(\) needs dim: the dimension whose elements sum to 1\. For attention "
            r"scores \(queries, keys\) that is the keys: dim=-1\."
        )
        with pytest.raises(TypeError, match=message):
            f(mx.ones(2, 3))


def test_weights_may_be_changed_in_place_only_before_they_are_used(device):
    x = leaf([[1.0, 2.0]], device)
    y = x.softmax(-1)
    y.detach().mul_(2)
    with pytest.raises(
        mx.GraphError, match=r"backward of softmax: .*needs \(y\) was changed in place"
    ):
        y.sum().backward()
