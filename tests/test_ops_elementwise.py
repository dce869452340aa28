"""Elementwise operations: NumPy's values, broadcasting, kinks, extreme inputs and errors."""

import math

import numpy as np
import pytest
from helpers import assert_close, leaf, values
from hypothesis import given
from strategies import arrays, broadcasting_arrays

import minixattn as mx

quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")

BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide,
    "maximum": np.maximum, "minimum": np.minimum, "remainder": np.remainder,
    "floor_divide": np.floor_divide,
}  # fmt: skip


@quiet
@pytest.mark.parametrize("name, numpy_function", BINARY.items(), ids=BINARY)
@given(pair=broadcasting_arrays())
def test_two_tensors_give_numpys_values_and_gradients_of_their_own_shapes(
    name, numpy_function, pair
):
    a, b = map(leaf, pair)
    y = getattr(mx, name)(a, b)
    assert_close(y, numpy_function(*pair))
    if y.requires_grad:
        y.backward(mx.ones_like(y))
        assert a.grad.shape == a.shape and b.grad.shape == b.shape


@given(pair=broadcasting_arrays())
def test_broadcasting_gradients_are_sums_over_the_copies(pair):
    a, b = map(leaf, pair)
    shape = np.broadcast_shapes(a.shape, b.shape)
    g = np.arange(float(math.prod(shape))).reshape(shape)
    (a * b).backward(mx.tensor(g))
    for x, other in ((a, pair[1]), (b, pair[0])):
        full = g * np.broadcast_to(other, shape)
        lead = len(shape) - x.ndim
        dims = (*range(lead), *(lead + d for d, n in enumerate(x.shape) if n != shape[lead + d]))
        assert_close(x.grad, full.sum(dims, keepdims=True).reshape(x.shape))


UNARY = {
    "exp": np.exp, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "square": np.square,
    "neg": np.negative, "abs": np.abs, "sign": np.sign, "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt,
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "logical_not": np.logical_not,
}  # fmt: skip


@quiet
@pytest.mark.parametrize("name, numpy_function", UNARY.items(), ids=UNARY)
@given(array=arrays())
def test_one_tensor_gives_numpys_values(name, numpy_function, array):
    x = mx.tensor(array)
    for y in (getattr(mx, name)(x), getattr(x, name)()):
        assert_close(y, numpy_function(array))


def test_functions_give_the_same_on_every_device(device, rng):
    a = rng.standard_normal((2, 3))
    b = rng.uniform(0.5, 2, (3,))
    for f in (
        lambda a, b: a.exp() + b.log() - a.sigmoid() * b.sqrt(), lambda a, b: a.erf() * b.log1p(),
        lambda a, b: a % b + a // b, lambda a, b: b**a + a.abs() ** b + 2**a + b**-1.5,
        lambda a, b: mx.maximum(a, b) - mx.minimum(a, b), lambda a, b: a.clamp(-0.5, 0.5) * b,
        lambda a, b: mx.where(a > b, a, b) + a.masked_fill(a < 0, 3), lambda a,
        b: a.relu() - b.sign(),
        lambda a, b: a.add(b, alpha=2) - a.sub(b, alpha=3), lambda a, b: 1 - b / a + 3 / b,
    ):  # fmt: skip
        found = f(mx.tensor(a, device=device), mx.tensor(b, device=device))
        assert found.device == device
        assert_close(found, f(mx.tensor(a), mx.tensor(b)))


# Extremes ----------------------------------------------------------------------------------------


def test_sigmoid_and_tanh_do_not_overflow(device):
    with np.errstate(over="raise"):
        for dtype in ("float16", "float32", "float64"):
            x = mx.tensor([-1e4, 0.0, 1e4], dtype=dtype, device=device)
            assert x.sigmoid().tolist() == [0, 0.5, 1] and x.tanh().tolist() == [-1, 0, 1]


def test_sigmoid_is_exact_for_very_negative_numbers():
    x = leaf(-700.0)
    y = x.sigmoid()
    y.backward()
    assert y.item() == pytest.approx(math.exp(-700), rel=1e-12)
    assert x.grad.item() == pytest.approx(math.exp(-700), rel=1e-12)


def test_log1p_is_exact_for_small_numbers():
    assert mx.log1p(leaf(1e-12)).item() == pytest.approx(1e-12, rel=1e-12)


# Kinks -------------------------------------------------------------------------------------------


def grad_of(f, *data):
    leaves = [leaf(d) for d in data]
    f(*leaves).sum().backward()
    return [x.grad.tolist() for x in leaves]


def test_relu_and_abs_have_slope_0_at_their_kink():
    assert grad_of(mx.relu, [-1.0, 0.0, 2.0]) == [[0, 0, 1]]
    assert grad_of(mx.abs, [-1.0, 0.0, 2.0]) == [[-1, 0, 1]]


def test_equal_elements_share_the_gradient_of_maximum_and_minimum():
    for create in (False, True):
        for f in (mx.maximum, mx.minimum):
            a, b = leaf([1.0, 2.0, 3.0]), leaf([2.0, 2.0, 2.0])
            ga, gb = mx.autograd.grad(f(a, b).sum(), (a, b), create_graph=create)
            larger = [0.0, 0.5, 1.0] if f is mx.maximum else [1.0, 0.5, 0.0]
            assert ga.tolist() == larger and gb.tolist() == [1 - v for v in larger]


def test_clamp_passes_the_gradient_within_its_bounds():
    assert grad_of(lambda x: mx.clamp(x, 0, 1), [-1.0, 0.0, 0.5, 1.0, 2.0]) == [[0, 1, 1, 1, 0]]
    assert mx.clamp(mx.tensor([-1, 5]), min=0).tolist() == [0, 5]
    assert mx.clamp(mx.tensor([-1, 5]), max=2).tolist() == [-1, 2]
    with pytest.raises(ValueError, match=r"clamp\(\) needs a min, a max, or both; got neither\."):
        mx.clamp(mx.ones(2))


def test_powers_of_zero_have_the_gradients_of_their_limits():
    assert grad_of(lambda x: x**2, [0.0]) == [[0]]
    assert grad_of(lambda x: x**1, [0.0]) == [[1]]
    assert grad_of(lambda x: x**0, [0.0]) == [[0]]
    assert grad_of(lambda x, e: x**e, [0.0, 0.0], [2.0, 0.0]) == [[0, 0], [0, 0]]
    assert grad_of(lambda e: 0**e, [2.0]) == [[0]]


def test_powers_with_numbers_keep_integers_integers():
    x = mx.tensor([2, 3])
    assert (x**2).tolist() == [4, 9] and (x**2).dtype == mx.int64
    assert (x**2.0).tolist() == [4.0, 9.0] and (x**2.0).dtype == mx.float32
    assert (2**x).tolist() == [4, 8]
    with pytest.raises(ValueError, match="Integers to negative integer powers are not allowed"):
        x**-1


def test_masked_values_keep_the_gradient_finite():
    x = leaf([0.0, 4.0])
    y = mx.where(x > 0, x, 1.0).sqrt()
    y.sum().backward()
    assert x.grad.tolist() == [0, 0.25]


# where -------------------------------------------------------------------------------------------


def test_where_takes_tensors_and_numbers(device):
    a = mx.tensor([1.0, -2.0], device=device, dtype=mx.float64)
    assert_close(mx.where(a > 0, a, 0.0), [1.0, 0.0])
    assert_close(mx.where(a > 0, 7, a), [7.0, -2.0])
    assert mx.where(a > 0, 1, 2).tolist() == [1, 2] and mx.where(a > 0, 1, 2).dtype == mx.int64
    assert mx.where(a > 0, 1.0, 2.0).dtype == mx.float32
    assert mx.where(a > 0, a, mx.ones(2, 2, device=device)).shape == (2, 2)


def test_where_of_a_condition_alone_gives_the_indices(device):
    rows, columns = mx.where(mx.tensor([[True, False], [True, True]], device=device))
    assert rows.tolist() == [0, 1, 1] and columns.tolist() == [0, 0, 1]


def test_masked_fill_replaces_where_the_mask_holds(device):
    x = mx.tensor([[1.0, 2.0], [3.0, 4.0]], device=device)
    mask = mx.tensor([True, False], device=device)
    assert x.masked_fill(mask, -np.inf).tolist() == [[-np.inf, 2], [-np.inf, 4]]
    assert x.masked_fill(mask, 0).dtype == mx.float32


def test_shapes_that_do_not_fit_are_named():
    message = r"where \(condition, input, other\): shapes \(2,\) and \(3,\) do not broadcast"
    for bad in (
        lambda: mx.where(mx.tensor([True, False]), mx.ones(3), 0.0),
        lambda: mx.ones(3).masked_fill(mx.tensor([True, False]), 0.0),
        lambda: mx.where(mx.tensor(True), mx.ones(2), mx.ones(3)),
    ):
        with pytest.raises(mx.ShapeError, match=message):
            bad()


@pytest.mark.parametrize("kind", ["int64", "float32", "uint8"])
def test_masks_of_numbers_are_refused_because_they_may_be_meant_either_way_round(kind, device):
    x = mx.tensor([1.0, 2.0], device=device)
    mask = mx.tensor([1, 0], device=device).to(kind)
    message = rf"masked_fill: mask must be bool, got {kind}: use mask == 0, or mask\.bool\(\)\."
    for bad in (lambda: x.masked_fill(mask, 0.0), lambda: mx.masked_fill(x, mask.array, 0.0),
                lambda: x.clone().masked_fill_(mask, 0.0)):  # fmt: skip
        with pytest.raises(mx.DTypeError, match=message):
            bad()
    message = rf"where: condition must be bool, got {kind}: use condition != 0, or condition\.bool"
    for bad in (lambda: mx.where(mask, x, 0.0), lambda: x.where(mask, 0.0)):
        with pytest.raises(mx.DTypeError, match=message):
            bad()
    with pytest.raises(mx.DTypeError, match="where: condition must be bool, got a Python bool"):
        mx.where(True, x, 0.0)
    assert mx.where(mask.bool().array, x, 0.0).tolist() == [1, 0]


def test_masked_fill_keeps_the_type_of_the_tensor(device):
    x, mask = mx.tensor([1, 2], device=device), mx.tensor([True, False], device=device)
    for value in (2.7, mx.tensor(2.7, device=device), np.float64(2.7)):
        y = x.masked_fill(mask, value)
        assert y.dtype == mx.int64 and y.tolist() == [2, 2]
    assert mask.masked_fill(~mask, 3).tolist() == [True, True]
    assert x.half().masked_fill(mask, mx.finfo(mx.float16).min).tolist() == [-65504, 2]


def test_a_number_that_the_type_cannot_hold_is_refused(device):
    x, mask = mx.tensor([1, 2], device=device), mx.tensor([True, False], device=device)
    with pytest.raises(mx.DTypeError, match=r"masked_fill: -inf does not fit into int64, which"):
        x.masked_fill(mask, -np.inf)
    message = r"-1000000000\.0 does not fit into float16, which holds -65504\.0 to 65504\.0: us"
    with pytest.raises(mx.DTypeError, match=message):
        x.half().masked_fill(mask, -1e9)


def test_what_is_no_number_is_named_with_the_operation_and_the_mend():
    for bad, message in (
        (lambda: mx.zeros(2) + None, r"add: expected a number or a Tensor, got NoneType: None\. A"),
        (lambda: mx.zeros(2) * "a", r"mul: expected a number or a Tensor, got str: 'a'\."),
        (lambda: mx.zeros(2) - [1, 2], r"sub: .* got list: \[1, 2\]\. Make it a tensor with"),
    ):  # fmt: skip
        with pytest.raises(mx.DTypeError, match=message):
            bad()


# Division of integers ----------------------------------------------------------------------------


def test_integers_are_not_divided_by_zero(device):
    x = mx.tensor([1, 2], device=device)
    for name, f in (("floor_divide", lambda d: x // d), ("remainder", lambda d: x % d)):
        for zero in (0, mx.tensor([1, 0], device=device), mx.tensor(0, device=device)):
            message = rf"{name}: integers cannot be divided by 0, which `other` holds\."
            with pytest.raises(ZeroDivisionError, match=message):
                f(zero)
        assert values(f(mx.tensor([1, 2], device=device))).shape == (2,)


@quiet
def test_floats_divided_by_zero_are_infinite():
    assert (mx.tensor([1.0, -1.0]) / 0).tolist() == [np.inf, -np.inf]
    assert (mx.tensor([1.0, 2.0]) // 0).tolist() == [np.inf, np.inf]


# Bits --------------------------------------------------------------------------------------------


def test_floats_have_no_bits_to_combine():
    message = r"&, \|, \^ and ~ take bool or integer tensors, got a float one: compare first"
    x, mask = mx.ones(2), mx.tensor([True, False])
    for bad in (lambda: x & mask, lambda: mask | x, lambda: mask ^ 1.5, lambda: ~x):
        with pytest.raises(mx.DTypeError, match=message):
            bad()
