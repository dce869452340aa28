"""Making tensors: values, types, devices, what is copied and what is shared."""

import numpy as np
import pytest
from helpers import assert_close, values

import minixattn as mx

# From data ---------------------------------------------------------------------------------------


def test_tensor_reads_numbers_lists_and_arrays(device):
    for data, dtype, shape in (
        (1.5, "float32", ()), (2, "int64", ()), (True, "bool", ()), ([], "float32", (0,)),
        ([1, 2], "int64", (2,)), ([1, 2.5], "float32", (2,)), ([[True], [False]], "bool", (2, 1)),
        (np.ones((2, 3)), "float64", (2, 3)), (np.ones(2, np.float16), "float16", (2,)),
        (np.float64(1), "float64", ()), ([np.float32(1)], "float32", (1,)), ((1, 2), "int64", (2,)),
        (np.array([1, 2], np.int8), "int8", (2,)), (range(3), "int64", (3,)),
    ):  # fmt: skip
        x = mx.tensor(data, device=device)
        assert x.dtype == dtype and x.shape == shape and x.device == device
        assert_close(x, np.array(list(data) if isinstance(data, range) else data), rtol=1e-7)


def test_tensor_copies(device):
    array = np.ones(3)
    x = mx.tensor(array, device=device)
    array[0] = 9
    assert_close(x, np.ones(3))
    y = mx.tensor(x)
    y.zero_()
    assert_close(x, np.ones(3))
    assert y.device == device


def test_tensor_reads_lists_of_tensors(device):
    parts = [mx.tensor(1.0, device=device), mx.tensor(2.0, device=device)]
    assert_close(mx.tensor(parts), [1.0, 2.0])
    assert mx.tensor(parts).device == device
    rows = [mx.ones(2, device=device), mx.zeros(2, device=device)]
    assert_close(mx.tensor(rows), [[1.0, 1.0], [0.0, 0.0]])


def test_tensor_takes_dtype_and_requires_grad(device):
    x = mx.tensor([1, 2], dtype=mx.float64, device=device, requires_grad=True)
    assert x.dtype == mx.float64 and x.requires_grad and x.is_leaf
    assert mx.tensor([1.7], dtype="int32", device=device).tolist() == [1]


def test_a_wider_type_keeps_all_digits_of_python_numbers(device):
    for make in (mx.tensor, mx.as_tensor):
        assert make([0.1, 1e300], dtype=mx.float64, device=device).tolist() == [0.1, 1e300]
        assert make([16777217.0], dtype=mx.int64, device=device).tolist() == [16777217]
    assert mx.full((1,), 0.1, dtype=mx.float64, device=device).item() == 0.1
    x = mx.zeros(1, dtype=mx.float64, device=device)
    for y in (
        x + 0.1,
        0.1 + x,
        mx.where(x > 0, x, 0.1),
        x.masked_fill(x == 0, 0.1),
        x.clone().fill_(0.1),
    ):
        assert y.item() == 0.1
    x[0] = 0.1
    assert x.item() == 0.1 and (x * 0 + mx.pi).item() == mx.pi
    assert mx.linspace(0, 0.1, 2, dtype=mx.float64, device=device).tolist() == [0, 0.1]
    assert mx.arange(0.1, 0.2, dtype=mx.float64, device=device).tolist() == [0.1]


def test_tensor_of_a_result_is_a_leaf_without_history():
    x = mx.ones(2, requires_grad=True) * 2
    y = mx.tensor(x)
    assert y.is_leaf and not y.requires_grad


def test_data_that_is_no_array_of_numbers_is_refused():
    message = (
        r"tensor\(\): the nested lists have rows of different lengths; every row must have as many "
        r"elements as its neighbours\. Pad them to one length\."
    )
    with pytest.raises(mx.ShapeError, match=message):
        mx.tensor([[1, 2], [3]])
    message = r"tensor\(\): expected numbers or bools, got str that NumPy reads as <U3: abc"
    with pytest.raises(mx.DTypeError, match=message):
        mx.tensor("abc")
    with pytest.raises(TypeError, match=r"expected numbers or bools, got list .* \[None\]"):
        mx.tensor([None])
    with pytest.raises(
        mx.DTypeError, match=r"a tensor cannot hold complex128: expected one of float16"
    ):
        mx.from_numpy(np.ones(2, complex))
    with pytest.raises(mx.DTypeError, match=r"a tensor cannot hold >f8"):
        mx.tensor(np.ones(2, ">f8"))


def test_from_numpy_shares_memory_both_ways():
    array = np.ones(3)
    x = mx.from_numpy(array)
    array[0] = 2
    x[1] = 3
    assert x.tolist() == [2, 3, 1] and array.tolist() == [2, 3, 1]
    with pytest.raises(TypeError, match=r"from_numpy\(\) expects a numpy\.ndarray, got list\."):
        mx.from_numpy([1.0])


def test_as_tensor_shares_where_it_can():
    array = np.ones(3)
    x = mx.as_tensor(array)
    array[0] = 2
    assert x.tolist() == [2, 1, 1]
    assert mx.as_tensor(x) is x
    assert mx.as_tensor(x, dtype=mx.float32).dtype == mx.float32
    assert mx.as_tensor([1, 2]).dtype == mx.int64


def test_from_dlpack_shares_memory():
    array = np.ones(3)
    x = mx.from_dlpack(array)
    array[0] = 2
    assert x.tolist() == [2, 1, 1]


# From nothing ------------------------------------------------------------------------------------

SHAPED = {
    "zeros": (mx.zeros, np.zeros), "ones": (mx.ones, np.ones), "empty": (mx.empty, None),
    "rand": (mx.rand, None), "randn": (mx.randn, None),
}  # fmt: skip


@pytest.mark.parametrize("make, like", SHAPED.values(), ids=SHAPED)
def test_sizes_are_given_as_numbers_or_as_one_tuple(make, like, device):
    for x, shape in (
        (make(2, 3, device=device), (2, 3)), (make((2, 3), device=device), (2, 3)),
        (make([2], device=device), (2,)), (make(device=device), ()), (make((), device=device), ()),
        (make(0, 2, device=device), (0, 2)), (make(size=(2, 1), device=device), (2, 1)),
    ):  # fmt: skip
        assert x.shape == shape and x.device == device and x.dtype == mx.float32
        if like:
            assert_close(x, like(shape))
    x = make(2, dtype=mx.float64, device=device, requires_grad=True)
    assert x.dtype == mx.float64 and x.requires_grad and x.is_leaf


@pytest.mark.parametrize("make", [mx.zeros, mx.ones, mx.rand, mx.randn, mx.empty])
def test_a_size_that_is_no_count_is_refused(make):
    with pytest.raises(TypeError, match=r"got 1\.5 \(float\)\. Divide with //, not /"):
        make(3 / 2)
    with pytest.raises(
        mx.ShapeError, match=r"a new tensor cannot have a negative size, got \(2, -1\)"
    ):
        make(2, -1)


def test_full_takes_the_kind_of_its_value(device):
    for value, dtype in ((2, "int64"), (2.5, "float32"), (True, "bool")):
        x = mx.full((2, 2), value, device=device)
        assert x.dtype == dtype and x.device == device
        assert_close(x, np.full((2, 2), value))
    x = mx.full((2,), 1, dtype=mx.float64, device=device, requires_grad=True)
    assert x.dtype == mx.float64 and x.requires_grad


def test_like_functions_take_shape_type_and_device_from_a_tensor(device):
    x = mx.tensor([[1.0, 2.0]], dtype=mx.float64, device=device)
    for make, value in ((mx.zeros_like, 0.0), (mx.ones_like, 1.0)):
        y = make(x)
        assert y.dtype == mx.float64 and y.device == device and not y.requires_grad
        assert_close(y, np.full((1, 2), value))
    assert_close(mx.full_like(x, 7), [[7.0, 7.0]])
    for make in (mx.rand_like, mx.randn_like, mx.ones_like, mx.zeros_like):
        y = make(x, dtype=mx.float32, requires_grad=True)
        assert y.dtype == mx.float32 and y.shape == (1, 2) and y.device == device
        assert y.requires_grad
    assert mx.full_like(x, 1, dtype=mx.int64).dtype == mx.int64


def test_eye_arange_and_linspace_are_those_of_numpy(device):
    at = {"device": device}
    for x, expected in (
        (mx.eye(2, **at), np.eye(2)), (mx.eye(2, 3, **at), np.eye(2, 3)),
        (mx.arange(4, **at), np.arange(4)), (mx.arange(1, 4, **at), np.arange(1, 4)),
        (mx.arange(4, 0, -2, **at), np.arange(4, 0, -2)), (mx.arange(0.5, 2, **at), [0.5, 1.5]),
        (mx.arange(0, 1, 0.25, **at), np.arange(0, 1, 0.25)),
        (mx.linspace(0, 1, 5, **at), np.linspace(0, 1, 5)), (mx.linspace(2, 2, 1, **at), [2.0]),
    ):  # fmt: skip
        assert x.device == device
        assert_close(x, expected)
    assert mx.eye(2).dtype == mx.float32 and mx.linspace(0, 1, 2).dtype == mx.float32
    assert mx.arange(3).dtype == mx.int64 and mx.arange(3.0).dtype == mx.float32
    assert mx.arange(np.int64(3)).dtype == mx.int64 and mx.arange(mx.tensor(3)).dtype == mx.int64
    assert mx.arange(3, dtype=mx.float64, requires_grad=True).requires_grad


def test_arange_needs_a_step_that_leads_somewhere():
    for arguments in ((0, 3, 0), (0, 3, -1), (3, 0), (np.nan,), (0, np.inf), (np.nan, np.nan)):
        with pytest.raises(
            mx.ShapeError, match=r"arange\(\) needs a step that leads from start to"
        ):
            mx.arange(*arguments)


def test_an_identity_has_no_negative_size_and_empty_like_a_tensors_form(device):
    for n, m in ((-1, None), (2, -1)):
        with pytest.raises(mx.ShapeError, match="a new tensor cannot have a negative size, got"):
            mx.eye(n, m)
    x = mx.empty_like(mx.ones(2, 3, device=device).half())
    assert x.shape == (2, 3) and x.dtype == mx.float16 and x.device == device


# Random ------------------------------------------------------------------------------------------


def test_a_seed_repeats_the_numbers(device):
    def draw():
        mx.manual_seed(3)
        return [
            mx.rand(2, device=device), mx.randn(2, device=device), mx.randperm(9, device=device),
            mx.randint(0, 100, (5,), device=device),
        ]  # fmt: skip

    first, second = draw(), draw()
    for a, b in zip(first, second):
        assert a.device == device
        assert_close(a, b)
    assert not mx.rand(2, device=device).equal(first[0])


def test_uniform_numbers_fill_the_interval_without_its_end(device):
    for dtype in ("float16", "float32", "float64"):
        x = values(mx.rand(20_000, dtype=dtype, device=device)).astype(float)
        assert x.min() >= 0 and x.max() < 1
        assert abs(x.mean() - 0.5) < 0.01 and abs(x.std() - 12**-0.5) < 0.01


def test_normal_numbers_have_mean_0_and_variance_1(device):
    mx.manual_seed(0)
    x = values(mx.randn(200, 100, device=device))
    assert abs(x.mean()) < 0.02 and abs(x.std() - 1) < 0.02


def test_random_integers_cover_their_range(device):
    for x in (mx.randint(2, 5, (300,), device=device), mx.randint(3, (300,), device=device) + 2):
        assert x.dtype == mx.int64 and set(x.tolist()) == {2, 3, 4}
    assert mx.randint(3, size=(2, 2)).shape == (2, 2)
    with pytest.raises(mx.ShapeError, match=r"randint\(\) needs low < high, got 3 and 3\."):
        mx.randint(3, 3, (2,))


def test_a_random_permutation_holds_every_number_once(device):
    x = mx.randperm(50, device=device)
    assert x.dtype == mx.int64 and sorted(x.tolist()) == list(range(50))
    assert x.tolist() != list(range(50))
    assert mx.randperm(0, device=device).shape == (0,)


def test_random_numbers_are_of_a_float_type():
    for make in (mx.rand, mx.randn):
        message = (
            rf"{make.__name__}\(\) makes numbers of a float type, not int64: see randint\(\)\."
        )
        with pytest.raises(mx.DTypeError, match=message):
            make(2, dtype=mx.int64)
