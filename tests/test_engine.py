"""How operations are recorded: inputs, types, devices, names and errors."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values

import minixattn as mx
from minixattn import engine

# Recording ---------------------------------------------------------------------------------------


def test_a_result_remembers_its_inputs_and_a_constant_does_not(device):
    x, c = leaf([1.0, 2.0], device), mx.ones(2, device=device, dtype=mx.float64)
    y = x * c
    assert y.requires_grad and not y.is_leaf and y.inputs[0] is x and y.inputs[1] is c
    z = c * c
    assert not z.requires_grad and z.is_leaf and z.inputs == () and z.grad_fn is None


def test_apply_takes_any_number_of_inputs_and_gives_arrays_for_arrays():
    def weighted_sum(*arrays):
        return sum(k * a for k, a in enumerate(arrays, 1))

    derivatives = [lambda g, *_, k=k: k * g for k in (1, 2, 3)]
    leaves = [leaf([float(k)]) for k in range(3)]
    y = engine.apply(weighted_sum, leaves, *derivatives)
    y.backward()
    assert values(y) == 8
    assert [x.grad.item() for x in leaves] == [1, 2, 3]
    bare = engine.apply(weighted_sum, [np.ones(1)] * 3, *derivatives)
    assert type(bare) is np.ndarray and bare == 6


def test_an_input_without_a_derivative_gets_no_gradient():
    a, b = leaf([1.0]), leaf([2.0])
    engine.apply(lambda a, b: a * b, (a, b), None, lambda g, _y, a, _b: g * a).backward()
    assert a.grad is None and b.grad.item() == 1


def test_one_function_may_give_all_derivatives_at_once():
    a, b = leaf([3.0]), leaf([2.0])
    y = engine.record(a.array * b.array, (a, b), lambda g, _y, a, b: (g * b, g * a))
    y.backward()
    assert (a.grad.item(), b.grad.item()) == (2, 3)


def test_results_are_arrays_even_where_numpy_returns_scalars(device):
    x = mx.tensor([1.0, 2.0], device=device)
    for y in (x.sum(), x[0], x.sum() * 2, x.amax(), -x.sum(), x[0] + x[1]):
        assert hasattr(y.array, "__setitem__") and y.shape == ()
        assert y.device == device


def test_an_operation_on_something_else_than_a_tensor_says_what_it_got():
    message = r"exp expects a Tensor, got list\. Make one with minixattn\.tensor\(\.\.\.\)\."
    with pytest.raises(TypeError, match=message):
        mx.exp([1.0])
    with pytest.raises(TypeError, match="add expects a Tensor, got int"):
        mx.add(1, 2)
    with pytest.raises(TypeError, match="expected a number or a Tensor, got NoneType: None"):
        mx.ones(2) + None
    with pytest.raises(TypeError, match="expected a number or a Tensor, got str: 'a'"):
        mx.ones(2) * "a"


def test_shapes_that_do_not_broadcast_are_named_with_the_guilty_dimension(device):
    a, b = mx.ones(2, 3, device=device), mx.ones(4, device=device)
    message = (
        r"add: shapes \(2, 3\) and \(4,\) do not broadcast: dimension -1 is 3 in the first and 4 "
        r"in the second\. Sizes must be equal or 1, counted from the right; reshape, transpose or "
        r"unsqueeze one of them\."
    )
    with pytest.raises(mx.ShapeError, match=message):
        a + b
    with pytest.raises(ValueError, match=r"dimension -2 is 2 in the first and 5 in the second"):
        a * mx.ones(5, 3, device=device)
    with pytest.raises(RuntimeError, match=r"equal: shapes"):
        assert a == b


def test_an_error_of_numpy_that_is_not_about_shapes_is_passed_on():
    with pytest.raises(TypeError, match="boolean subtract"):
        mx.tensor([True]) - mx.tensor([True])


def test_tensors_on_two_devices_are_refused_by_name(stand_in):
    a, b = mx.ones(2, 3), mx.ones(2, 3, device="cuda")
    message = (
        r"mul: the tensors live on different devices: \(2, 3\) on cpu, \(2, 3\) on cuda\. "
        r'Move them to one with \.to\("cuda"\) or \.to\("cpu"\)\.'
    )
    with pytest.raises(mx.DeviceError, match=message):
        a * b
    with pytest.raises(mx.DeviceError, match=r"mul: .*\(\) on cuda, \(2, 3\) on cpu"):
        mx.tensor(2.0, device="cuda") * a
    with pytest.raises(mx.DeviceError, match="matmul: the tensors live on different devices"):
        a @ b.mT
    with pytest.raises(mx.DeviceError, match="cat: the tensors live on different devices"):
        mx.cat([a, b])
    with pytest.raises(mx.DeviceError, match="add: the tensors live on different devices"):
        b + mx.tensor(1.0, requires_grad=True)


def test_a_0d_constant_of_the_cpu_follows_to_the_other_device(stand_in):
    b = mx.ones(2, device="cuda", requires_grad=True)
    for y in (b * mx.tensor(2.0), mx.tensor(2.0) * b, b * 2, 2 * b, b * np.float64(2)):
        assert y.device == "cuda"
        assert_close(y, np.full(2, 2.0))
    scalar = mx.tensor(1.0, device="cuda")
    for y in (scalar * 2, 2 * scalar, scalar + mx.tensor(1.0), mx.tensor(1.0) + scalar):
        assert y.device == "cuda" and y.item() == 2
    assert mx.where(b > 0, 1.0, 0.0).device == "cuda"


# Numbers and types -------------------------------------------------------------------------------


def test_lift_makes_constants_of_numbers_and_arrays():
    x = mx.ones(2)
    assert engine.lift(x) is x
    assert engine.lift(2.5).dtype == mx.float32 and engine.lift(2.5).shape == ()
    assert engine.lift(3, mx.int64).dtype == mx.int64
    array = np.ones(2)
    assert engine.lift(array).array is array


def test_a_numpy_scalar_counts_as_a_number():
    assert engine.lift(np.float64(2)).dtype == mx.float32
    for scalar in (np.float64(3), np.sqrt(9), np.int64(3)):
        for x in (mx.tensor(2.0), mx.tensor([2.0])):
            for y in (x * scalar, scalar * x):
                assert isinstance(y, mx.Tensor) and y.dtype == mx.float32
                assert (values(y) == 6).all()


def test_cast_sends_the_gradient_back_in_the_type_it_came_from(device):
    x = leaf([1.0, 2.0], device, "float32")
    y = engine.cast(x, mx.float64)
    (y * y).sum().backward()
    assert y.dtype == mx.float64 and x.grad.dtype == mx.float32
    assert_close(x.grad, [2.0, 4.0])
    assert engine.cast(x, mx.float32) is x


def test_an_array_on_the_left_of_an_operator_leaves_it_to_the_tensor():
    x = leaf([1.0, 2.0])
    a = np.array([3.0, 4.0])
    for y, expected in (
        (a * x, [3.0, 8]), (a + x, [4.0, 6]), (a - x, [2.0, 2]), (a / x, [3.0, 2]),
        (a**x, [3.0, 16]), (a @ x, 11.0),
    ):  # fmt: skip
        assert isinstance(y, mx.Tensor) and y.requires_grad
        assert_close(y, expected)
    assert isinstance(a > x, mx.Tensor) and isinstance(a == x, mx.Tensor)


def test_names_of_operations_are_read_off_their_derivatives():
    x = leaf([[1.0, 2.0]])
    for y, name in (
        (x * x, "MulBackward0"), (x @ x.mT, "MatmulBackward0"), (x.softmax(-1), "SoftmaxBackward0"),
        (x.sum(), "SumBackward0"), (x.exp(), "ExpBackward0"), (x.mT, "TransposeBackward0"),
        (x.log_softmax(0), "LogSoftmaxBackward0"),
    ):  # fmt: skip
        assert y.grad_fn.name() == name
        assert repr(y.grad_fn) == f"<{name}>"
    assert engine.name_of(None) == "" and engine.name_of((None,)) == ""


def test_next_functions_lead_back_to_the_leaves():
    x = leaf([1.0])
    y = x.exp() * x
    (first, _), (second, _) = y.grad_fn.next_functions
    assert first.name() == "ExpBackward0" and second is None
