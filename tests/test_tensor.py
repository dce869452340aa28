"""The tensor: what it tells of itself, how values leave it, how it is copied and saved."""

import copy
import io
import pickle

import numpy as np
import pytest
from helpers import assert_close, leaf, values

import minixattn as mx

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])

# What it holds -----------------------------------------------------------------------------------


def test_a_tensor_tells_its_shape_type_and_device(device):
    x = mx.tensor(A, device=device, dtype=mx.float32)
    assert x.shape == (2, 3) and type(x.shape) is tuple
    assert (x.ndim, x.dim(), x.numel(), len(x)) == (2, 2, 6, 2)
    assert x.size() == (2, 3) and x.size(0) == 2 and x.size(-1) == 3
    assert x.dtype == mx.float32 and x.itemsize == 4 and x.is_floating_point()
    assert not x.long().is_floating_point()
    assert x.device == device and x.device.type == device
    assert x.is_contiguous() and not x.mT.is_contiguous() and x.mT.contiguous().is_contiguous()
    assert x.is_leaf and x.grad is None and x.grad_fn is None and not x.requires_grad


def test_detach_and_data_share_memory_without_history(device):
    x = leaf(A, device)
    for same in (x.detach(), x.data, (x * 1).detach()):
        assert same.is_leaf and not same.requires_grad
    x.detach()[0, 0] = 9
    assert x[0, 0].item() == 9
    x.data = mx.zeros(2, 3, device=device, dtype=mx.float64)
    assert_close(x, np.zeros((2, 3)))
    assert x.requires_grad
    x.data -= 1
    assert_close(x, np.full((2, 3), -1.0))


# Out of the package ------------------------------------------------------------------------------


def test_numpy_shares_memory_on_the_cpu():
    x = mx.tensor(A)
    array = x.numpy()
    array[0, 0] = 9
    assert x[0, 0].item() == 9


def test_numpy_refuses_a_history_and_a_gpu_unless_forced(stand_in):
    message = r"this tensor of shape \(2, 3\) requires a gradient, .*use \.detach\(\)\.numpy\(\)"
    for x in (leaf(A), leaf(A) * 2):
        with pytest.raises(mx.GraphError, match=message):
            x.numpy()
        with pytest.raises(mx.GraphError, match=message):
            np.asarray(x)
    np.testing.assert_array_equal(leaf(A).numpy(force=True), A)
    on_gpu = mx.tensor(A, device="cuda")
    with pytest.raises(TypeError, match=r"this tensor is on cuda: use \.cpu\(\)\.numpy\(\)"):
        on_gpu.numpy()
    with pytest.raises(TypeError, match="this tensor is on cuda"):
        np.asarray(on_gpu)
    np.testing.assert_array_equal(on_gpu.numpy(force=True), A)


def test_numpy_functions_read_a_tensor():
    x = mx.tensor(A)
    assert np.shares_memory(np.asarray(x), x.array)
    assert not np.shares_memory(np.array(x), x.array)
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(np.exp(x), np.exp(A))
    np.testing.assert_array_equal(np.stack([x, x]), np.stack([A, A]))


def test_item_tolist_and_numbers_of_python(device):
    x = mx.tensor(2.75, device=device)
    assert x.item() == 2.75 and type(x.item()) is float
    assert type(mx.tensor(3, device=device).item()) is int
    assert mx.tensor([True], device=device).item() is True
    assert float(x) == 2.75 and int(x) == 2 and bool(x)
    assert mx.tensor([[1, 2], [3, 4]], device=device).tolist() == [[1, 2], [3, 4]]
    assert mx.tensor(1.5, device=device).tolist() == 1.5
    assert f"{x:.1f}" == "2.8" and f"{mx.tensor(7, device=device):03d}" == "007"
    assert f"{mx.tensor([1, 2])}" == "tensor([1, 2])"


def test_item_and_truth_need_a_single_element():
    message = r"item\(\) needs a tensor of one element, got shape \(2, 3\): use \.tolist\(\)\."
    with pytest.raises(mx.ShapeError, match=message):
        mx.tensor(A).item()
    message = r"the truth of a tensor of shape \(2, 3\) is ambiguous: use \.any\(\) or \.all\(\)\."
    with pytest.raises(RuntimeError, match=message):
        bool(mx.tensor(A))
    with pytest.raises(TypeError, match=r"shape \(0,\) is ambiguous"):
        bool(mx.zeros(0))


def test_an_integer_tensor_is_an_index_and_a_float_tensor_is_not(device):
    one = mx.tensor(1, device=device)
    assert [10, 20, 30][one] == 20 and list(range(one)) == [0]
    with pytest.raises(mx.DTypeError, match="only integer tensors can be used as an index"):
        [10, 20][mx.tensor(1.0)]


def test_iteration_and_membership(device):
    x = mx.tensor(A, device=device)
    assert [row.tolist() for row in x] == A.tolist()
    _, second = x
    assert_close(second, A[1])
    assert 5.0 in x and 7 not in x
    with pytest.raises(TypeError, match="0-d tensor"):
        iter(mx.tensor(1.0))
    with pytest.raises(TypeError, match=r"len\(\) of a 0-d tensor"):
        len(mx.tensor(1.0))


def test_iteration_records_its_parts():
    x = leaf(A)
    sum(row.sum() * k for k, row in enumerate(x, 1)).backward()
    assert_close(x.grad, [[1.0] * 3, [2.0] * 3])


def test_dlpack_hands_the_memory_to_another_library():
    x = mx.tensor(A)
    array = np.from_dlpack(x)
    np.testing.assert_array_equal(array, A)
    assert np.shares_memory(array, x.array)
    with pytest.raises(BufferError, match=r"requires a gradient cannot be exported: \.detach\(\)"):
        np.from_dlpack(leaf(A))


def test_tensors_are_hashed_by_identity():
    a, b = mx.ones(2), mx.ones(2)
    assert len({a, b, a}) == 2 and {a: 1}[a] == 1


# Copies and files --------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_and_pickles_are_leaves_with_memory_and_gradient_of_their_own(copied, device):
    x = leaf(A, device)
    (x * x).sum().backward()
    y = copied(x)
    assert isinstance(y, mx.Tensor) and y.is_leaf and y.requires_grad and y.device == device
    assert_close(y, A)
    assert_close(y.grad, 2 * A)
    y.detach().zero_()
    y.grad.zero_()
    assert_close(x, A)
    assert_close(x.grad, 2 * A)
    (y * y).sum().backward()
    assert not copied(x.detach()).requires_grad


def test_a_deep_copy_keeps_what_was_shared_shared():
    x = leaf(A)
    a, b = copy.deepcopy([x, x])
    assert a is b and a is not x


def test_pickled_dtypes_still_mix_with_others():
    x = pickle.load(io.BytesIO(pickle.dumps(mx.ones(2))))
    assert (x * mx.ones(2)).dtype == mx.float32


def test_results_cannot_be_pickled_or_deep_copied():
    message = r"only leaves can be pickled or deep-copied, .*use \.detach\(\) first"
    y = leaf(A) * 2
    for attempt in (copy.deepcopy, pickle.dumps):
        with pytest.raises(mx.GraphError, match=message):
            attempt(y)
    copy.deepcopy(y.detach())


# Gradients, types, devices -----------------------------------------------------------------------


def test_requires_grad_can_be_switched_on_leaves_only():
    x = mx.ones(2)
    assert x.requires_grad_() is x and x.requires_grad
    assert not x.requires_grad_(False).requires_grad
    message = r"only float tensors can require gradients, got int64: use \.float\(\) first\."
    for data in ([1, 2], [True]):
        with pytest.raises(mx.DTypeError, match=message if data == [1, 2] else "got bool"):
            mx.tensor(data, requires_grad=True)
    with pytest.raises(mx.GraphError, match=r"a result always requires its gradient: use \.detach"):
        (leaf(A) * 2).requires_grad_(False)


def test_to_converts_type_and_device(device):
    x = mx.tensor(A, device=device)
    for y in (
        x.to(mx.float32),
        x.to(dtype="float32"),
        x.to("float32"),
        x.to(mx.ones(1).to(device)),
    ):
        assert y.dtype == mx.float32 and y.device == device
    assert x.to(mx.float64) is x and x.to(device) is x and x.to(device, mx.float64) is x
    copied = x.to(mx.float64, copy=True)
    assert copied is not x and copied.array is not x.array
    assert x.to(device, mx.int64).dtype == mx.int64


def test_tensors_move_between_devices_with_their_gradient(stand_in):
    x = leaf(A)
    y = x.cuda()
    assert y.device == "cuda" and x.to("cuda:0").device == "cuda" and y.cuda() is y
    (y * y).sum().cpu().backward()
    assert x.grad.device == "cpu"
    assert_close(x.grad, 2 * A)
    z = leaf(A, "cuda")
    (z.cpu() * 3).sum().backward()
    assert z.grad.device == "cuda"
    assert_close(z.grad, np.full((2, 3), 3.0))


def test_an_unknown_device_or_type_is_named():
    with pytest.raises(mx.DeviceError, match=r"unknown device 'cuda:1': expected 'cpu' \(NumPy\)"):
        mx.ones(2).to("cuda:1")
    with pytest.raises(mx.DeviceError, match="unknown device 'mps'"):
        mx.ones(2).to("mps")
    with pytest.raises(mx.DTypeError, match="unknown dtype <class 'str'>: expected one of float16"):
        mx.ones(2).to(str)


def test_values_helper_reads_any_tensor(device):
    assert_close(values(leaf(A, device) * 1), A)


def test_the_class_itself_makes_a_float_copy():
    data = np.array([1, 2])
    t = mx.Tensor(data)
    assert t.dtype == mx.float32 and t.tolist() == [1.0, 2.0] and not t.requires_grad
    with pytest.raises(TypeError, match="nested lists or an array.*zeros"):
        mx.Tensor(2)
