"""Moving elements: NumPy's results, views that share memory, and errors that name shapes."""

import numpy as np
import pytest
from helpers import assert_close, leaf
from hypothesis import given
from hypothesis import strategies as st
from strategies import arrays, filled

import minixattn as mx

A = np.arange(24.0).reshape(2, 3, 4)


def on(device):
    return mx.tensor(A, device=device)


def test_results_are_those_of_numpy(device):
    x = on(device)
    for y, expected in (
        (x.reshape(6, 4), A.reshape(6, 4)), (x.reshape((4, -1)), A.reshape(4, -1)),
        (x.view(24), A.reshape(24)), (x.view(2, -1), A.reshape(2, -1)), (x.flatten(), A.ravel()),
        (x.flatten(1), A.reshape(2, 12)), (x.flatten(0, 1), A.reshape(6, 4)),
        (x.unflatten(2, (2, 2)), A.reshape(2, 3, 2, 2)),
        (x.unflatten(-1, (-1, 2)), A.reshape(2, 3, 2, 2)),
        (x.permute(2, 0, 1), A.transpose(2, 0, 1)), (x.permute((1, -1, 0)), A.transpose(1, 2, 0)),
        (x.transpose(0, -1), A.swapaxes(0, -1)), (x.movedim(0, 2), np.moveaxis(A, 0, 2)),
        (x.movedim((0, 1), (-1, 0)), np.moveaxis(A, (0, 1), (-1, 0))), (x.mT, A.swapaxes(-1, -2)),
        (x[0].T, A[0].T), (x.flip(0), A[::-1]), (x.flip((1, 2)), A[:, ::-1, ::-1]),
        (mx.flip(x, dims=[-1]), A[..., ::-1]),
        (x[:1].expand(2, 3, 4), np.broadcast_to(A[:1], A.shape)),
        (x[:, :1].expand(-1, 5, -1), np.broadcast_to(A[:, :1], (2, 5, 4))),
        (x.expand(2, 2, 3, 4), np.broadcast_to(A, (2, 2, 3, 4))), (x.unsqueeze(1), A[:, None]),
        (x.unsqueeze(-1), A[..., None]), (x[:1].squeeze(), A[0]), (x[:1].squeeze(0), A[0]),
        (x.squeeze(1), A), (x[:1, :1].squeeze((0, 1)), A[0, 0]),
        (x.repeat(2, 1, 1), np.tile(A, (2, 1, 1))),
        (x.repeat(2, 1, 1, 3), np.tile(A, (2, 1, 1, 3))), (x.tile(2), np.tile(A, 2)),
        (mx.tile(x, (2, 1, 1)), np.tile(A, (2, 1, 1))),
        (mx.cat([x, x], 1), np.concatenate([A, A], 1)),
        (mx.cat((x, x[:, :1]), dim=-2), np.concatenate([A, A[:, :1]], 1)), (x.clone(), A),
        (mx.stack([x, x], -1), np.stack([A, A], -1)),
        (mx.concat([x, x], axis=0), np.concatenate([A, A])),
        (x.contiguous(), A), (x.mT.contiguous(), A.swapaxes(-1, -2)),
        (mx.swapaxes(x, 0, 1), A.swapaxes(0, 1)),
    ):  # fmt: skip
        assert y.device == device
        assert_close(y, expected)


@given(array=arrays(), data=st.data())
def test_any_order_of_dimensions_can_be_undone(array, data):
    order = data.draw(st.permutations(range(array.ndim)))
    x = leaf(array)
    y = x.permute(*order)
    assert_close(y, array.transpose(order))
    assert_close(y.permute(*np.argsort(order).tolist()), array)
    y.backward(mx.tensor(array.transpose(order)))
    assert_close(x.grad, array)


@given(array=arrays(filled), data=st.data())
def test_pieces_put_together_again_are_the_whole(array, data):
    d = data.draw(st.integers(-array.ndim, array.ndim - 1))
    x = mx.tensor(array)
    n = array.shape[d]
    size = data.draw(st.integers(1, n))
    pieces = x.split(size, d)
    assert len(pieces) == -(-n // size) and all(p.shape[d] == size for p in pieces[:-1])
    assert_close(mx.cat(pieces, d), array)
    assert_close(mx.cat(x.chunk(size, d), d), array)
    assert_close(mx.stack(x.unbind(d), d), array)
    cut = data.draw(st.integers(0, n))
    assert [p.shape[d] for p in x.split([cut, n - cut], dim=d)] == [cut, n - cut]


def test_views_share_memory_and_copies_do_not(device):
    x = on(device)
    for view in (x.view(24), x.mT, x.permute(2, 0, 1), x[0], x.unsqueeze(0), x.split(1)[0], x.T):
        view.detach().fill_(7)
        assert x.sum().item() > 0 and x.flatten()[0].item() == 7
        x.copy_(on(device))
    for copied in (x.clone(), mx.cat([x]), mx.stack([x]), x.repeat(1, 1, 1), x.mT.contiguous()):
        copied.detach().fill_(7)
        assert_close(x, A)
    assert x.contiguous() is x


def test_axis_is_another_name_for_dim(device):
    x = on(device)
    assert_close(mx.cat([x, x], axis=1), np.concatenate([A, A], 1))
    assert_close(mx.stack([x, x], axis=1), np.stack([A, A], 1))
    assert [p.shape for p in mx.split(x, 2, axis=2)] == [(2, 3, 2)] * 2


def test_chunk_makes_equal_pieces_and_a_smaller_last_one():
    assert [len(p) for p in mx.arange(7).chunk(3)] == [3, 3, 1]
    assert [len(p) for p in mx.arange(3).chunk(5)] == [1, 1, 1]


def test_scalars_can_be_reshaped_repeated_and_stacked(device):
    x = mx.tensor(2.0, device=device)
    assert x.reshape(1, 1).shape == (1, 1) and x.flatten().shape == (1,) and x.squeeze().shape == ()
    assert x.unsqueeze(0).shape == (1,) and x.expand(3).tolist() == [2, 2, 2]
    assert x.repeat(2).tolist() == [2, 2] and mx.stack([x, x]).tolist() == [2, 2]


ERRORS = {
    "reshape": (lambda x: x.reshape(5), r"cannot reshape \(2, 3, 4\), which has 24 elements, to"),
    "view": (
        lambda x: x.mT.view(24),
        r"view\(\) cannot show a tensor of shape \(2, 4, 3\) as \(24,\) without copying:",
    ),
    "flatten": (lambda x: x.flatten(2, 1), r"flatten: start_dim 2 lies after end_dim 1 in shape"),
    "permute": (
        lambda x: x.permute(0, 1, 1),
        r"permute\(0, 1, 1\) does not name each dimension of a tensor of shape \(2, 3, 4\) once:",
    ),
    "permute out of range": (lambda x: x[0].permute(3, 0), "3|out of range"),
    "mT": (lambda x: x[0, 0].mT, r"\.mT needs at least 2 dimensions, got shape \(4,\)\."),
    "expand": (
        lambda x: x.expand(2, 5, 4),
        r"cannot expand shape \(2, 3, 4\) to \(2, 5, 4\): only dimensions of size 1 can grow",
    ),
    "repeat": (
        lambda x: x.repeat(2, 2),
        r"repeat\(2, 2\) needs a number for each dimension of a tensor of shape \(2, 3, 4\):",
    ),
    "cat": (
        lambda x: mx.cat([x, x[:, :2]], 0),
        r"cat along dim 0: tensor 0 has shape \(2, 3, 4\) and tensor 1 \(2, 2, 4\); they may",
    ),
    "stack": (
        lambda x: mx.stack([x, x[:1]]),
        r"stack: tensor 0 has shape \(2, 3, 4\) and tensor 1 \(1, 3, 4\); all must be equal\.",
    ),
    "cat of nothing": (lambda x: mx.cat([]), r"cat\(\) expects a list of at least one Tensor"),
    "movedim": (
        lambda x: x.movedim((0, 0), (0, 1)),
        r"movedim: source \(0, 0\) and destination \(0, 1\) must name equally many dimensions of a",
    ),
    "flip": (lambda x: x.flip(0, -3), r"flip: \(0, 0\) names a dimension of shape \(2, 3, 4\)"),
    "cat of scalars": (lambda x: mx.cat([x.sum(), x.sum()]), r"has shape \(\) and tensor 0 \(\)"),
    "cat after nothing": (
        lambda x: mx.cat([mx.zeros(0, device=x.device), x, x.mT]),
        r"tensor 1 has shape \(2, 3, 4\) and tensor 2 \(2, 4, 3\); they may differ in dim 0 only",
    ),
    "repeat_interleave": (
        lambda x: x.repeat_interleave(-1),
        r"repeat_interleave: repeats must not be negative, got -1\.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("bad, message", ERRORS.values(), ids=ERRORS)
def test_what_does_not_fit_is_named_with_its_shape(bad, message, device):
    with pytest.raises((mx.ShapeError, IndexError), match=message):
        bad(on(device))


def test_a_dimension_out_of_range_lists_those_there_are(device):
    message = r"dim 3 is out of range for a tensor of shape \(2, 3, 4\): expected -3 to 2\."
    for bad in (
        lambda x: x.transpose(0, 3), lambda x: x.unbind(3), lambda x: x.squeeze(3),
        lambda x: x.flip(3), lambda x: x.split(1, 3), lambda x: mx.cat([x], 3),
        lambda x: x.movedim(3, 0), lambda x: x.sum(3), lambda x: x.softmax(3),
        lambda x: x.cumsum(3),
    ):  # fmt: skip
        with pytest.raises(IndexError, match=message):
            bad(on(device))
    with pytest.raises(IndexError, match=r"dim 4 is out of range .*: expected -4 to 3\."):
        on(device).unsqueeze(4)


def test_a_list_of_tensors_is_wanted_where_one_is_given():
    with pytest.raises(
        TypeError, match=r"cat\(\) expects a list of Tensors, got one of shape \(2, 3, 4\)"
    ):
        mx.cat(on("cpu"))


def test_a_scalar_cannot_be_taken_apart():
    with pytest.raises(
        IndexError, match=r"unbind\(\) needs at least one dimension, got a 0-d tensor"
    ):
        mx.tensor(1.0).unbind()


def test_each_slice_is_repeated_in_a_row(device):
    x = on(device)
    assert_close(x.repeat_interleave(2), np.repeat(A, 2))
    for dim in (0, 1, -1):
        assert_close(mx.repeat_interleave(x, 3, dim), np.repeat(A, 3, dim))
    assert x.repeat_interleave(0, dim=1).shape == (2, 0, 4)
    assert mx.tensor(2.0, device=device).repeat_interleave(2).tolist() == [2, 2]
    with pytest.raises(TypeError, match=r"repeats is one int here, got a tensor of shape \(2,\)"):
        x.repeat_interleave(mx.tensor([1, 2], device=device))


def test_cat_leaves_out_what_is_1d_and_empty(device):
    x, nothing = on(device), mx.zeros(0, device=device)
    assert_close(mx.cat([nothing.double(), x, nothing], 2), A)
    assert mx.cat([nothing, nothing]).shape == (0,)
    assert mx.cat([nothing.double(), x.float()]).dtype == mx.float64  # its type counts
