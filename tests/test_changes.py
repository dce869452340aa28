"""In-place changes: which are allowed, which are refused, and which make `backward()` refuse."""

import gc
import inspect

import numpy as np
import pytest
from helpers import assert_close, leaf, values

import minixattn as mx
from minixattn import changes

# What may be changed -----------------------------------------------------------------------------


def test_a_leaf_that_requires_a_gradient_cannot_be_changed_in_place(device):
    x = leaf([1.0, 2.0], device)
    message = (
        r"cannot change a leaf that requires a gradient of shape \(2,\) in place: its gradient "
        r"would be wrong\. Make a new tensor instead: x = x\.masked_fill\(mask, value\), x = where"
        r"\(mask, value, x\), or collect rows in a list and stack\(\) or cat\(\) them\. To change "
        r"values that no gradient concerns, do it inside `with no_grad\(\):` or on `x\.detach"
    )
    for change in (
        lambda: x.zero_(), lambda: x.fill_(1), lambda: x.add_(1), lambda: x.__setitem__(0, 1.0),
        lambda: x.__iadd__(1), lambda: x.copy_(x.detach()), lambda: x.clamp_(min=0),
    ):  # fmt: skip
        with pytest.raises(mx.GraphError, match=message):
            change()
    assert_close(x, [1.0, 2.0])


def test_a_recorded_result_cannot_be_changed_in_place(device):
    y = leaf([1.0, 2.0], device) * 2
    with pytest.raises(mx.GraphError, match=r"cannot change a recorded result of shape \(2,\)"):
        y[0] = 1
    with pytest.raises(RuntimeError, match=r"cannot change a recorded result of shape \(2,\)"):
        y.mul_(2)


def test_a_view_of_a_leaf_cannot_be_changed_in_place():
    x = leaf([[1.0, 2.0]])
    with pytest.raises(mx.GraphError, match=r"a recorded result of shape \(2,\)"):
        x[0].fill_(3)


def test_inside_no_grad_anything_may_be_changed(device):
    x = leaf([1.0, 2.0], device)
    with mx.no_grad():
        x -= 0.5
        x[0] = 7
        x.mul_(2)
    assert x.requires_grad and x.is_leaf
    assert_close(x, [14.0, 3.0])


# What backward() notices -------------------------------------------------------------------------

CHANGED = r"was changed in place after it was used\. Change a copy \(\.clone\(\)\), or run backward"


def optimizer_like(x):
    with mx.no_grad():
        x -= 0.1 * x


def through_a_view(x):
    with mx.no_grad():
        x.reshape(-1)[1:] = 5


WAYS = {
    "detach": lambda x: x.detach().mul_(2), "data": lambda x: x.data.fill_(1),
    "an assignment": lambda x: x.detach().__setitem__(0, 3.0), "optimizer": optimizer_like,
    "a view": through_a_view, "a view of detach": lambda x: x.detach().mT.zero_(),
}  # fmt: skip


@pytest.mark.parametrize("change", WAYS.values(), ids=WAYS)
def test_a_changed_value_that_a_derivative_needs_is_an_error(change, device):
    x = leaf([[1.0, 2.0], [3.0, 4.0]], device)
    y = (x * x).sum()
    change(x)
    message = (
        rf"backward of mul: the tensor of shape \(2, 2\) that its derivative needs \(b\) {CHANGED}"
    )
    with pytest.raises(mx.GraphError, match=message):
        y.backward()
    assert x.grad is None


def test_a_changed_result_that_its_own_derivative_needs_is_an_error(device):
    y = leaf([1.0, 2.0], device).exp()
    total = y.sum()
    y.detach().zero_()
    with pytest.raises(mx.GraphError, match=rf"backward of exp: .*needs \(y\) {CHANGED}"):
        total.backward()


def test_a_change_through_another_tensor_on_the_same_memory_is_an_error():
    array = np.array([1.0, 2.0])
    data, same = mx.from_numpy(array), mx.from_numpy(array[:1])
    w = leaf([1.0, 1.0])
    y = (w * data).sum()
    same[0] = 9.0
    assert_close(data, [9.0, 2.0])
    with pytest.raises(mx.GraphError, match=rf"backward of mul: .*needs \(b\) {CHANGED}"):
        y.backward()


def test_memory_that_no_array_owns_can_be_changed_and_is_watched():
    buffer = mx.from_numpy(np.frombuffer(bytearray(16)))
    capsule = mx.from_dlpack(np.array([1.0, 2.0]))
    for t in (buffer, capsule.clone()):
        w = leaf([1.0, 1.0])
        y = (w * t).sum()
        t.fill_(2.0)
        with pytest.raises(mx.GraphError, match=CHANGED):
            y.backward()


def test_a_gradient_that_is_used_in_a_graph_and_then_grows_is_an_error(device):
    w, x = leaf([1.0], device), leaf([2.0], device)
    x.sum().backward()
    y = (w * x.grad).sum()
    x.sum().backward()
    with pytest.raises(mx.GraphError, match=CHANGED):
        y.backward()


def test_changing_what_the_derivative_does_not_look_at_is_allowed(device):
    x = leaf([[1.0, 2.0]], device)
    for f in (
        lambda x: x + 1, lambda x: x.sum(), lambda x: x.reshape(2), lambda x: x[0], lambda x: -x,
        lambda x: x.mT, lambda x: mx.cat([x, x]), lambda x: x.mean(0), lambda x: x.float(),
        lambda x: x.expand(3, 2), lambda x: x - x, lambda x: x.cumsum(1), lambda x: x.softmax(-1),
    ):  # fmt: skip
        x.grad = None
        y = f(x).sum()
        with mx.no_grad():
            x += 1
        y.backward()
        assert x.grad.shape == (1, 2)


def test_changing_a_factor_is_allowed_where_only_its_own_gradient_is_wanted(device):
    w, data = leaf([1.0, 2.0], device), mx.tensor([3.0, 4.0], device=device, dtype=mx.float64)
    y = (w * data).sum()
    with mx.no_grad():
        w.zero_()
    y.backward()
    assert_close(w.grad, [3.0, 4.0])


def test_changes_before_the_operation_or_after_backward_do_not_matter(device):
    x = leaf([1.0, 2.0], device)
    with mx.no_grad():
        x *= 2
    (x * x).sum().backward()
    with mx.no_grad():
        x *= 2
    assert_close(x.grad, [4.0, 8.0])
    (x * x).sum().backward()
    assert_close(x.grad, [12.0, 24.0])


def test_changing_another_tensor_or_a_copy_does_not_matter(device):
    x = leaf([1.0, 2.0], device)
    y = (x * x).sum()
    x.detach().clone().zero_()
    mx.ones(2, device=device).add_(1)
    y.backward()
    assert_close(x.grad, [2.0, 4.0])


def test_the_notes_of_changes_die_with_the_memory():
    gc.collect()
    before = len(changes._changed)
    for _ in range(10):
        mx.ones(3).add_(1)
    assert len(changes._changed) == before
    x = mx.ones(3).add_(1)
    for _ in range(10):
        x.add_(1)
    assert len(changes._changed) == before + 1
    assert_close(values(x), [12.0, 12.0, 12.0])


def test_ctrl_c_is_not_lost_while_memory_that_was_changed_is_freed():
    x = mx.zeros(2)
    x.fill_(1)
    _, memory = changes._changed[id(x.array)]
    # A function of Python's, called while something is freed, can only say "Exception ignored".
    assert not inspect.isfunction(memory.__callback__)
    kept = id(x.array)
    del x
    assert kept not in changes._changed
