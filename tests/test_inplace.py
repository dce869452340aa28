"""Changing a tensor's own memory: the values, what becomes of histories, and the errors.

What a change means for a gradient that is still to be computed is in test_changes.py.
"""

import numpy as np
import pytest
from helpers import assert_close, leaf, values

import minixattn as mx


def fresh(device, data=(1.0, 2.0, 3.0)):
    return mx.tensor(np.array(data), device=device)


def test_methods_that_end_in_an_underscore_change_and_return_the_tensor(device):
    for change, expected in (
        (lambda x: x.fill_(7), [7, 7, 7]), (lambda x: x.zero_(), [0, 0, 0]),
        (lambda x: x.add_(1), [2, 3, 4]), (lambda x: x.add_(x, alpha=2), [3, 6, 9]),
        (lambda x: x.sub_(1), [0, 1, 2]), (lambda x: x.sub_(x, alpha=0.5), [0.5, 1, 1.5]),
        (lambda x: x.mul_(2), [2, 4, 6]), (lambda x: x.div_(2), [0.5, 1, 1.5]),
        (lambda x: x.clamp_(1.5, 2.5), [1.5, 2, 2.5]), (lambda x: x.clamp_(max=2), [1, 2, 2]),
        (lambda x: x.copy_(mx.ones(1, device=x.device)), [1, 1, 1]),
        (lambda x: x.masked_fill_(x > 1.5, 0), [1, 0, 0]),
    ):  # fmt: skip
        x = fresh(device)
        memory = x.array
        assert change(x) is x and x.array is memory
        assert_close(x, np.array(expected, float))


def test_operators_change_a_constant_in_its_memory(device):
    x = fresh(device)
    memory = x.array
    x += 1
    x *= mx.tensor([2.0, 3.0, 4.0], device=device)
    x -= 1
    x /= 2
    assert x.array is memory
    assert_close(x, [1.5, 4.0, 7.5])


def test_assignment_takes_every_kind_of_index(device):
    for key, value in (
        (0, 5.0), (slice(1, None), 7.0), ((slice(None), 1), [8.0, 9.0]), ([0, 0], 3.0),
        (np.array([[True, False, True], [False, False, True]]), 0.0), ((..., None), 4.0),
        (([0, 1], [2, 0]), [1.0, 2.0]),
    ):  # fmt: skip
        array = np.arange(6.0).reshape(2, 3)
        x = mx.tensor(array, device=device)
        where = mx.tensor(key, device=device) if isinstance(key, np.ndarray) else key
        x[where] = mx.tensor(value, device=device, dtype=mx.float64)
        array[key] = value
        assert_close(x, array)


def test_a_tensor_as_a_mask_or_index_selects_what_is_assigned(device):
    x = fresh(device)
    x[x > 1.5] = 0
    x[mx.tensor([0], device=device)] = 9
    assert_close(x, [9.0, 0.0, 0.0])


def test_writing_keeps_the_type_of_the_tensor(device):
    x = mx.ones(2, device=device)
    x[0] = mx.tensor(2.5, dtype=mx.float64)
    x += np.float64(1)
    x.add_(mx.ones(2, device=device, dtype=mx.float64))
    assert x.dtype == mx.float32
    assert_close(x, [4.5, 3.0])


def test_an_integer_tensor_does_not_swallow_a_fraction(device):
    x = mx.tensor([1, 2], device=device)
    message = (
        r"a result of type float32 cannot be stored in place in a tensor of type int64: use the "
        r"plain operator, or make the tensor \.float\(\) first\."
    )
    for change in (
        lambda: x.__iadd__(0.5), lambda: x.add_(0.5), lambda: x.mul_(1.5), lambda: x.div_(2),
        lambda: x.__itruediv__(2), lambda: x.clamp_(min=1.5),
    ):  # fmt: skip
        with pytest.raises(mx.DTypeError, match=message):
            change()
    x += 1
    assert x.tolist() == [2, 3]


def test_adding_a_tensor_with_a_history_to_a_constant_gives_a_recorded_result(device):
    total, x = mx.zeros(2, device=device, dtype=mx.float64), leaf([1.0, 2.0], device)
    before = total
    for _ in range(3):
        total += x * x
    assert total.requires_grad and total is not before
    total.sum().backward()
    assert_close(x.grad, [6.0, 12.0])
    assert_close(before, [0.0, 0.0])


def test_an_operator_on_a_result_rebinds_it(device):
    x = leaf([1.0, 2.0], device)
    y = x * 2
    first = y
    y *= x
    y.sum().backward()
    assert y is not first
    assert_close(x.grad, [4.0, 8.0])


def test_a_tensor_with_a_history_cannot_be_written_into_another():
    message = (
        r"cannot write a tensor that requires a gradient into one of shape \(3,\): the gradient "
        r"could not follow\. Collect the parts in a list and stack\(\) or cat\(\) them, or write "
        r"value\.detach\(\)\."
    )
    x, value = mx.zeros(3), leaf(1.0)
    for change in (lambda: x.__setitem__(0, value), lambda: x.add_(value), lambda: x.fill_(value)):
        with pytest.raises(mx.DTypeError, match=message):
            change()
    with mx.no_grad():
        x[0] = value
    x[1] = value.detach()
    assert x.tolist() == [1, 1, 0] and not x.requires_grad


def test_a_value_that_does_not_fit_is_named_with_both_shapes(device):
    x = mx.zeros(2, 3, device=device)
    message = (
        r"cannot assign a value of shape \(2,\) to a part of shape \(3,\) of a tensor of shape "
        r"\(2, 3\)\."
    )
    with pytest.raises(mx.ShapeError, match=message):
        x[0] = mx.ones(2, device=device)
    with pytest.raises(mx.ShapeError, match=r"a value of shape \(2, 3\) to a part of shape \(3,\)"):
        x[0].add_(mx.ones(2, 3, device=device))


def test_memory_that_elements_share_is_not_written_into():
    message = (
        r"cannot write into a tensor of shape \(3, 2\) whose memory is read-only: .*\.clone\(\)"
    )
    with pytest.raises(mx.ShapeError, match=message):
        mx.ones(2).expand(3, 2).fill_(0)
    array = np.ones((3, 2))
    array.flags.writeable = False
    with pytest.raises(ValueError, match=message):
        mx.from_numpy(array)[0] = 1
    assert mx.ones(2).expand(3, 2).clone().fill_(0).sum().item() == 0


def test_values_move_to_the_device_only_where_asked(stand_in):
    x = mx.zeros(2, device="cuda")
    x[0] = mx.tensor(1.0)
    x += 1
    message = (
        r"cannot write a tensor of shape \(2,\) on cpu into one on cuda: move it first with "
        r'\.to\("cuda"\)\.'
    )
    for change in (lambda: x.__setitem__(..., mx.ones(2)), lambda: x.add_(mx.ones(2))):
        with pytest.raises(mx.DeviceError, match=message):
            change()
    assert_close(x, [2.0, 1.0])
    x.copy_(mx.ones(2))
    assert x.device == "cuda" and x.tolist() == [1, 1]


def test_masked_fill_takes_a_mask_that_broadcasts(device):
    x = mx.ones(2, 3, device=device)
    x.masked_fill_(mx.tensor([[True, False, True]], device=device), 0)
    assert_close(x, [[0.0, 1, 0], [0, 1, 0]])


def test_random_methods_fill_with_numbers_of_that_distribution(device):
    mx.manual_seed(0)
    x = mx.empty(20_000, device=device).normal_(3, 0.5)
    assert x.dtype == mx.float32
    assert abs(values(x).mean() - 3) < 0.02 and abs(values(x).std() - 0.5) < 0.02
    x.uniform_(-1, 3)
    assert values(x).min() >= -1 and values(x).max() <= 3
    assert abs(values(x).mean() - 1) < 0.05
    mx.manual_seed(5)
    first = x.normal_().tolist()
    mx.manual_seed(5)
    assert x.normal_().tolist() == first
    assert mx.empty((), device=device).normal_().shape == ()


def test_an_index_out_of_range_names_the_shape():
    for key in (7, (0, 3), [9]):
        with pytest.raises(IndexError, match=r"assigning to a part of a tensor of shape \(2, 3\)"):
            mx.zeros(2, 3)[key] = 1


def test_adding_to_a_recorded_result_binds_the_name_to_a_new_tensor():
    x = leaf([1.0, 2.0])
    y = x * 2
    before = y
    y += 1
    assert y is not before and y.tolist() == [3, 5] and before.tolist() == [2, 4]
