"""Every operation under its method names and Python's operators."""

import numpy as np
import pytest
from helpers import assert_close, leaf

import minixattn as mx
from minixattn.methods import Methods

A = np.array([[1.5, -2.0, 3.0], [0.5, 5.0, -6.0]])
B = np.array([[2.0, 4.0, -1.0], [3.0, 0.25, 8.0]])


def test_operators_are_those_of_numpy(device):
    a, b = mx.tensor(A, device=device), mx.tensor(B, device=device)
    for ours, theirs in (
        (a + b, A + B), (a - b, A - B), (a * b, A * B), (a / b, A / B), (a // b, A // B),
        (a % b, A % B), (b**2, B**2), (a**3, A**3), (-a, -A), (+a, A), (abs(a), abs(A)),
        (a @ b.mT, A @ B.T), (a + 2, A + 2), (2 + a, 2 + A), (2 - a, 2 - A), (2 * a, 2 * A),
        (2 / a, 2 / A), (2**a, 2**A), (a > b, A > B), (a >= b, A >= B), (a < b, A < B),
        (a <= b, A <= B), (a == b, A == B), (a != b, A != B), (a > 0, A > 0),
    ):  # fmt: skip
        assert_close(ours, theirs)


def test_bool_and_integer_operators_are_those_of_numpy(device):
    p, q = A > 0, B > 0
    a, b = mx.tensor(p, device=device), mx.tensor(q, device=device)
    for ours, theirs in ((a & b, p & q), (a | b, p | q), (a ^ b, p ^ q), (~a, ~p)):
        assert ours.dtype == mx.bool
        assert_close(ours, theirs)
    i, j = mx.tensor([5, 6], device=device), mx.tensor([3, 12], device=device)
    assert ((i & j).tolist(), (i | j).tolist(), (i ^ j).tolist()) == ([1, 4], [7, 14], [6, 10])
    assert (~i).tolist() == [-6, -7]
    assert (i & 4).tolist() == [4, 4] and (True | a).all()


def test_logical_methods_ask_for_truth_not_for_bits(device):
    x, y = mx.tensor([1.0, 2.0, 0.0], device=device), mx.tensor([2, 0, 0], device=device)
    assert x.logical_and(y).tolist() == [True, False, False]
    assert x.logical_or(y).tolist() == [True, True, False]
    assert x.logical_xor(y).tolist() == [False, True, False]
    assert x.logical_not().tolist() == [False, False, True]
    assert mx.logical_and(mx.tensor([1]), mx.tensor([2])).tolist() == [True]
    assert mx.logical_or(mx.tensor([0]), mx.tensor([2])).tolist() == [True]


SAME = {
    "sum": "sum", "mean": "mean", "prod": "prod", "amax": "max", "amin": "min", "argmax": "argmax",
    "argmin": "argmin", "any": "any", "all": "all", "exp": "exp", "square": "square", "sin": "sin",
    "cos": "cos", "tanh": "tanh", "sign": "sign", "abs": "abs", "neg": "negative",
    "negative": "negative", "isnan": "isnan", "isinf": "isinf", "isfinite": "isfinite",
    "max": "max", "min": "min",
}  # fmt: skip


@pytest.mark.parametrize("name, numpy_name", SAME.items(), ids=SAME)
def test_methods_without_arguments_are_those_of_numpy(name, numpy_name, device):
    ours = getattr(mx.tensor(A, device=device), name)()
    assert ours.device == device
    assert_close(ours, getattr(np, numpy_name)(A))


def test_pairs_of_names_are_one_function():
    for a, b in (
        ("sub", "subtract"), ("mul", "multiply"), ("div", "divide"), ("div", "true_divide"),
        ("clamp", "clip"), ("transpose", "swapaxes"), ("transpose", "swapdims"),
    ):  # fmt: skip
        assert getattr(Methods, a) is getattr(Methods, b)


def test_where_view_as_expand_as_and_t(device):
    a, b = mx.tensor(A, device=device), mx.tensor(B, device=device)
    assert_close(a.where(a > 0, b), np.where(A > 0, A, B))
    assert a.view_as(mx.ones(3, 2)).shape == (3, 2)
    assert a[:1].expand_as(a).shape == (2, 3)
    assert_close(a.t(), A.T)
    assert_close(a.T, A.T)


def test_conversions_name_their_type(device):
    x = mx.tensor([0.0, 1.7, -2.3], device=device)
    for y, dtype, expected in (
        (x.half(), "float16", [0, 1.7, -2.3]), (x.float(), "float32", [0, 1.7, -2.3]),
        (x.double(), "float64", [0, 1.7, -2.3]), (x.int(), "int32", [0, 1, -2]),
        (x.long(), "int64", [0, 1, -2]), (x.bool(), "bool", [False, True, True]),
        (x.type("int8"), "int8", [0, 1, -2]), (x.type_as(mx.tensor([1])), "int64", [0, 1, -2]),
    ):  # fmt: skip
        assert y.dtype == dtype and y.device == device
        assert_close(y, expected, rtol=1e-3)
    assert x.float() is x
    assert Methods.half.__doc__ == "This tensor as float16."


def test_allclose_and_equal(device):
    a = mx.tensor(A, device=device)
    assert a.equal(a.clone()) and not a.equal(a + 1) and not a.equal(a[0])
    assert a.allclose(a + 1e-9) and not a.allclose(a + 1e-3) and a.allclose(a + 1e-3, atol=1e-2)
    nan = mx.tensor([np.nan], device=device)
    assert not nan.allclose(nan) and nan.allclose(nan, equal_nan=True)


def test_methods_record_as_functions_do(device):
    x = leaf(A, device)
    for y in (x.add(1), x.softmax(-1), x.view(6), x[0], x.clip(0, 1), x.cumsum(0), x.repeat(2, 1)):
        assert y.requires_grad and not y.is_leaf
