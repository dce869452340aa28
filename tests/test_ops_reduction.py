"""Reductions: NumPy's values for every form of `dim`, ties, empty tensors, types and errors."""

import numpy as np
import pytest
from helpers import assert_close, leaf
from hypothesis import given
from strategies import arrays, reductions

import minixattn as mx

A = np.array([[1.0, -2.0, 3.0], [4.0, 0.5, -6.0]])

NAMES = {
    "sum": np.sum, "mean": np.mean, "amax": np.max, "amin": np.min, "prod": np.prod, "any": np.any,
    "all": np.all,
}  # fmt: skip


@pytest.mark.parametrize("name, numpy_function", NAMES.items(), ids=NAMES)
@given(case=reductions())
def test_reductions_are_numpys_for_every_dim(name, numpy_function, case):
    array, dim, keep = case
    expected = numpy_function(array, axis=dim, keepdims=keep)
    x = mx.tensor(array)
    f = getattr(mx, name)
    for y in (
        f(x, dim, keep), f(x, dim=dim, keepdim=keep), f(x, axis=dim, keepdims=keep),
        getattr(x, name)(dim, keepdim=keep),
    ):  # fmt: skip
        assert_close(y, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["var", "std"])
@given(case=reductions())
def test_variances_are_numpys_for_every_dim_and_correction(name, case):
    array, dim, keep = case
    x, f, exact = mx.tensor(array), getattr(mx, name), getattr(np, name)
    n = array.size // max(exact(array, axis=dim).size, 1)
    expected = exact(array, axis=dim, keepdims=keep)
    assert_close(f(x, dim, correction=0, keepdim=keep), expected, rtol=1e-9, atol=1e-9)
    assert_close(f(x, dim, unbiased=False, keepdim=keep), expected, rtol=1e-9, atol=1e-9)
    if n > 1:
        expected = exact(array, axis=dim, keepdims=keep, ddof=1)
        assert_close(f(x, dim, keepdim=keep), expected, rtol=1e-9, atol=1e-9)
    else:
        assert f(x, dim).isnan().all()


@given(case=reductions())
def test_gradients_of_sums_are_spread_over_what_was_summed(case):
    array, dim, keep = case
    x = leaf(array)
    y = x.sum(dim, keep)
    g = np.arange(1.0, y.numel() + 1).reshape(y.shape)
    y.backward(mx.tensor(g))
    kept = np.sum(array, axis=dim, keepdims=True).shape
    assert_close(x.grad, np.broadcast_to(g.reshape(kept), array.shape))


@given(case=reductions())
def test_extremes_along_a_dimension_come_with_their_indices(case):
    array, dim, keep = case
    d = dim if isinstance(dim, int) else 0
    x = leaf(array)
    for f, value, index in ((mx.max, np.max, np.argmax), (mx.min, np.min, np.argmin)):
        values, indices = f(x, d, keep)
        assert_close(values, value(array, axis=d, keepdims=keep))
        assert_close(indices, index(array, axis=d, keepdims=keep))
        assert indices.dtype == mx.int64 and not indices.requires_grad
        named = f(x, dim=d, keepdim=keep)
        assert_close(named.values, values)
        assert_close(named.indices, indices)


@given(array=arrays())
def test_cumulative_sums_are_numpys(array):
    x = mx.tensor(array)
    for d in range(-array.ndim, array.ndim):
        assert_close(x.cumsum(d), np.cumsum(array, d))
        assert_close(mx.cumsum(x, axis=d), np.cumsum(array, d))


def test_reductions_are_the_same_on_every_device(device):
    x = mx.tensor(A, device=device)
    for f in (
        lambda x: x.sum(), lambda x: x.mean(1), lambda x: x.var(0), lambda x: x.std(),
        lambda x: x.prod(1),
        lambda x: x.amax(0), lambda x: x.amin((0, 1)), lambda x: x.max(1)[0], lambda x: x.min(0)[1],
        lambda x: x.argmax(), lambda x: x.argmin(1, keepdim=True), lambda x: x.cumsum(1),
        lambda x: (x > 0).any(1), lambda x: (x > 0).all(), lambda x: (x > 0).sum(),
        lambda x: x.max(),
    ):  # fmt: skip
        y = f(x)
        assert y.device == device
        assert_close(y, f(mx.tensor(A)))


def test_scalars_are_reduced_over_their_one_element(device):
    x = mx.tensor(3.0, device=device)
    for y in (x.sum(), x.sum(0), x.mean(-1), x.amax(0), x.prod(), x.cumsum(0), x.max(0).values):
        assert y.shape == () and y.item() == 3
    assert x.argmax().item() == 0 and x.argmax(0).item() == 0 and x.max(0).indices.item() == 0


def test_a_dtype_is_converted_to_first(device):
    x = mx.tensor([1, 2], device=device)
    assert x.sum(dtype=mx.float64).dtype == mx.float64
    assert x.mean(dtype=mx.float32).item() == 1.5
    assert x.prod(dtype=mx.float32).dtype == mx.float32
    assert x.cumsum(0, dtype=mx.float64).dtype == mx.float64


def test_max_and_min_of_two_tensors_are_elementwise(device):
    a, b = mx.tensor([1.0, 5.0], device=device), mx.tensor([2.0, 3.0], device=device)
    assert mx.max(a, b).tolist() == [2, 5] and mx.min(a, b).tolist() == [1, 3]


@pytest.mark.parametrize("create_graph", [False, True])
def test_ties_share_the_gradient_evenly_to_the_last_digit(create_graph, device):
    for f in (lambda x: x.amax(), lambda x: -(-x).amin(), lambda x: x.max()):
        x = leaf([1.0, 1.0, 0.0, 1.0], device)
        (g,) = mx.autograd.grad(f(x), x, create_graph=create_graph)
        assert g.tolist() == [1 / 3, 1 / 3, 0, 1 / 3]
    x = leaf([[2.0, 2.0], [1.0, 3.0]], device)
    x.amax(1).sum().backward()
    assert x.grad.tolist() == [[0.5, 0.5], [0, 1]]


def test_the_first_of_ties_gives_the_value_along_a_dimension():
    x = leaf([1.0, 3.0, 3.0])
    x.max(0).values.backward()
    assert x.grad.tolist() == [0, 1, 0]


def test_a_product_with_zeros_has_the_gradient_of_the_others(device):
    for data, expected in (
        ([2.0, 0.0, 3.0], [0, 6, 0]), ([0.0, 0.0, 3.0], [0, 0, 0]), ([2.0, 4.0], [4, 2]),
    ):  # fmt: skip
        x = leaf(data, device)
        x.prod().backward()
        assert x.grad.tolist() == expected


def test_a_product_that_underflows_still_has_a_gradient():
    x = leaf([1e-200, 1e-200])
    x.prod().backward()
    assert x.grad.tolist() == [1e-200, 1e-200]


def test_the_gradient_of_std_is_0_where_nothing_varies():
    x = leaf([2.0, 2.0, 2.0])
    x.std().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_sums_of_nothing_are_0_and_products_1(device):
    x = mx.zeros(2, 0, device=device)
    assert x.sum().item() == 0 and x.prod().item() == 1
    assert x.sum(1).tolist() == [0, 0] and x.prod(1).tolist() == [1, 1]
    assert x.sum(0).shape == (0,) and x.cumsum(1).shape == (2, 0)
    assert x.all().item() and not x.any().item()


@pytest.mark.filterwarnings("error")
def test_the_mean_of_nothing_is_nan_without_a_warning():
    assert mx.zeros(0).mean().isnan().item()
    assert mx.ones(1).var().isnan().item()


def test_extremes_of_nothing_are_an_error(device):
    x = mx.zeros(2, 0, device=device)
    for name in ("amax", "amin", "argmax", "argmin", "logsumexp"):
        message = (
            rf"{name}\(\) over no elements: the tensor has shape \(2, 0\) and dimension\(s\) \(1,\)"
        )
        with pytest.raises(IndexError, match=message):
            getattr(x, name)(1)
    with pytest.raises(mx.ShapeError, match=r"Give it at least one element there\."):
        x.max()
    assert x.amax(0).shape == (0,)


def test_dimensions_that_are_not_there_or_named_twice_are_errors():
    x = mx.tensor(A)
    for name in ("sum", "mean", "var", "std", "amax", "argmax", "any", "prod", "logsumexp"):
        with pytest.raises(
            IndexError, match=r"dim 2 is out of range for a tensor of shape \(2, 3\)"
        ):
            getattr(x, name)(2)
    with pytest.raises(
        mx.ShapeError, match=r"dim=\(0, -2\) names a dimension of shape \(2, 3\) twice\."
    ):
        x.sum((0, -2))


def test_the_mean_of_integers_is_an_error_that_names_the_mend():
    with pytest.raises(TypeError, match=r"expects a float tensor, got int64: use x\.float\(\)"):
        mx.tensor([1, 2]).mean()


@pytest.mark.parametrize("name", ["max", "min"])
def test_an_extreme_of_nothing_is_refused_under_its_own_name(name):
    message = rf"^{name}\(\) over no elements: the tensor has shape"
    with pytest.raises(mx.ShapeError, match=message):
        getattr(mx, name)(mx.zeros(0))
    with pytest.raises(IndexError, match=message):
        getattr(mx, name)(mx.zeros(2, 0), 1)
