"""Number types: PyTorch's rules for mixtures, on every version of NumPy."""

import itertools

import numpy as np
import pytest
from helpers import assert_close, leaf

import minixattn as mx
from minixattn import dtypes

FLOATS = ("float16", "float32", "float64")
INTS = ("uint8", "int8", "int16", "int32", "int64")
ALL = (*FLOATS, *INTS, "bool")

# The table of PyTorch for two tensors with dimensions.
MIXED = {
    ("uint8", "int8"): "int16", ("uint8", "int16"): "int16", ("int8", "int32"): "int32",
    ("int32", "int64"): "int64", ("bool", "uint8"): "uint8", ("bool", "int64"): "int64",
    ("bool", "float16"): "float16", ("int64", "float16"): "float16",
    ("uint8", "float32"): "float32",
    ("int64", "float32"): "float32", ("int64", "float64"): "float64",
    ("float16", "float32"): "float32", ("float32", "float64"): "float64",
}  # fmt: skip


@pytest.mark.parametrize("pair, expected", MIXED.items(), ids=str)
def test_two_tensors_mix_as_in_pytorch(pair, expected, device):
    for a, b in (pair, pair[::-1]):
        x, y = mx.ones(2, dtype=a, device=device), mx.ones(2, dtype=b, device=device)
        assert (x + y).dtype == expected and (x * y).dtype == expected
        assert mx.cat([x, y]).dtype == expected and mx.stack([x, y]).dtype == expected


@pytest.mark.parametrize("dtype", ALL)
def test_a_python_number_never_widens_a_tensor_of_its_kind(dtype, device):
    for shape in ((), (2,), (2, 2)):
        x = mx.ones(shape, dtype=dtype, device=device)
        kept = "int64" if dtype == "bool" else dtype
        for y in (x + 1, 1 + x, x * 2, 3 - x):
            assert y.dtype == kept, shape
        real = dtype if dtype in FLOATS else "float32"
        for y in (x + 1.5, 1.5 + x, x * 0.5, x / 2, 2 / x, x / x, 2.0 - x, x**0.5, 2.0**x):
            assert y.dtype == real, shape
        assert (x == True).dtype == mx.bool and (x > 0.5).dtype == mx.bool  # noqa: E712


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_function_keeps_the_float_type_of_0d_and_nd_tensors(dtype, device):
    for shape in ((), (3,), (2, 3)):
        x = mx.full(shape, 0.5, dtype=dtype, device=device)
        d = 0
        for y in (
            x.exp(), x.log(), x.log1p(), x.sqrt(), x.sin(), x.cos(), x.tanh(), x.sigmoid(), x.erf(),
            x.relu(), x.abs(), -x, x.sign(), x.square(), x**2, x**3, x**-0.5, x.clamp(0, 1),
            x.sum(), x.mean(), x.amax(), x.amin(), x.prod(), x.max(), x.cumsum(d), x.softmax(d),
            x.log_softmax(d), x.logsumexp(d), x.var(correction=0), x.std(correction=0), x // 2,
            x % 2, mx.where(x > 0, x, 0.0), mx.where(x > 0, 1.0, x), mx.maximum(x, x), x.clone(),
            x.masked_fill(x > 0, 2.5), x.mean(d), x.sum(d, keepdim=True), x * np.float64(2),
        ):  # fmt: skip
            assert y.dtype == dtype, y


@pytest.mark.parametrize("dtype", FLOATS)
def test_gradients_of_0d_and_nd_leaves_have_their_type(dtype, device):
    for shape in ((), (3,), (2, 3)):
        x = leaf(np.full(shape, 0.5), device, dtype)
        y = (x.exp() * 2.5 + x.sigmoid() / 3 - x**1.5 + x.softmax(0) * x.std(correction=0)).sum()
        (g,) = mx.autograd.grad(y, x, create_graph=True)
        assert g.dtype == dtype
        g.sum().backward()
        assert x.grad.dtype == dtype


def test_a_0d_tensor_counts_only_if_its_kind_is_higher(device):
    def ones(shape, dtype):
        return mx.ones(shape, dtype=dtype, device=device)

    for wide, scalar, expected in (
        ("float32", "float64", "float32"), ("float16", "float64", "float16"),
        ("int32", "int64", "int32"), ("uint8", "int64", "uint8"), ("int64", "float64", "float64"),
        ("int64", "float32", "float32"), ("bool", "uint8", "uint8"),
        ("float32", "int64", "float32"),
    ):  # fmt: skip
        for a, b in itertools.permutations([ones((2,), wide), ones((), scalar)]):
            assert (a + b).dtype == expected
    assert (ones((), "float32") + ones((), "float64")).dtype == "float64"


def test_integers_divide_to_the_default_float(device):
    a, b = mx.tensor([1, 2], device=device), mx.tensor([2, 3], device=device)
    for y in (a / b, a / 2, 2 / b, mx.div(3, b), a.int() / b.int(), (a > 1) / b):
        assert y.dtype == mx.float32
    assert (a // b).dtype == mx.int64 and (a % 2).dtype == mx.int64
    assert_close(a / b, np.float32([1, 2]) / np.float32([2, 3]))
    assert (a / b.to(mx.float64)).dtype == mx.float64


def test_real_functions_take_integers_as_the_default_float(device):
    for x in (mx.tensor([1, 2], device=device), mx.tensor([True, False], device=device)):
        for f in (mx.exp, mx.sqrt, mx.sin, mx.sigmoid, mx.tanh, mx.erf):
            assert f(x).dtype == mx.float32
        assert x.softmax(0).dtype == mx.float32


def test_integers_and_bools_sum_to_int64(device):
    for dtype in (*INTS, "bool"):
        x = mx.ones(300, dtype=dtype, device=device)
        assert x.sum().dtype == mx.int64 and x.sum().item() == 300
        assert x.prod().dtype == mx.int64 and x.cumsum(0).dtype == mx.int64
        assert x.cumsum(0)[-1].item() == 300


def test_float16_is_summed_in_float32(device):
    x = mx.full((5000,), 1.0, dtype=mx.float16, device=device)
    assert x.sum().item() == 5000  # float16 alone stops at 2048
    assert x.cumsum(0)[-1].item() == 5000
    assert (x * 100).mean().item() == 100  # the sum itself is beyond float16
    assert (x[:, None].mT @ x[:, None]).item() == 5000
    assert mx.full((3000,), 1.0, dtype=mx.float16).softmax(0).sum().item() == pytest.approx(
        1, rel=1e-2
    )
    varied = mx.tensor(np.tile([90.0, 110.0], 1000).astype(np.float16), device=device)
    assert varied.var(correction=0).item() == 100 and varied.std(correction=0).item() == 10


def test_float16_gradients_are_summed_in_float32(device):
    x = leaf(1.0, device, "float16")
    (x * mx.ones(5000, dtype=mx.float16, device=device)).sum().backward()
    assert x.grad.item() == 5000
    w = leaf(np.ones((1, 1)), device, "float16")
    (mx.ones(5000, 1, dtype=mx.float16, device=device) @ w).sum().backward()
    assert w.grad.item() == 5000


def test_the_default_type_can_be_changed():
    assert mx.get_default_dtype() == mx.float32
    try:
        for dtype in (mx.float64, "float16"):
            mx.set_default_dtype(dtype)
            assert mx.get_default_dtype() == dtype
            assert mx.ones(2).dtype == dtype and mx.tensor(1.5).dtype == dtype
            assert (mx.tensor([1, 2]) / 2).dtype == dtype and mx.rand(2).dtype == dtype
            assert (mx.tensor([1]) * 0.5).dtype == dtype
        with pytest.raises(
            mx.DTypeError, match="the default dtype must be a float type, got int64"
        ):
            mx.set_default_dtype(mx.int64)
    finally:
        mx.set_default_dtype(mx.float32)


def test_types_go_by_pytorchs_names():
    for name in ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64"):
        assert getattr(mx, name) == np.dtype(name)
    assert (mx.half, mx.float, mx.double) == (mx.float16, mx.float32, mx.float64)
    assert (mx.short, mx.int, mx.long, mx.bool) == (mx.int16, mx.int32, mx.int64, np.dtype("bool"))
    assert dtypes.resolve(float) == mx.float64 and dtypes.resolve(bool) == mx.bool


def test_an_unknown_type_lists_the_known_ones():
    known = "float16, float32, float64, uint8, int8, int16, int32, int64, bool"
    for bad in ("complex64", "nonsense", "cuda:1", None, complex, object, 3, "f4"):
        with pytest.raises(mx.DTypeError, match=rf"unknown dtype .*: expected one of {known}\."):
            dtypes.resolve(bad)


def test_number_type_of_what_is_no_number_is_an_error():
    with pytest.raises(mx.DTypeError, match=r"expected a number or a Tensor, got complex: 1j\."):
        dtypes.number_type(1j, mx.float32)
