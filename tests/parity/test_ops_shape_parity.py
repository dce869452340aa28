"""Reshaping, reordering, repeating, joining and parting against PyTorch."""

import numpy as np
import pytest
import torch
from compare import array, compare, entries, everywhere, normal

import minixattn as mx

CUBE = """
x.reshape(6, 4); x.reshape(-1); x.reshape((2, 12)); x.reshape([4, -1]); t.reshape(x, (24,));
t.reshape(x, shape=(3, 8)); x.reshape(2, 3, 2, 2); x.contiguous().view(6, 4);
x.reshape(1, -1, 1); x.contiguous().view(-1, 4); x.contiguous().view((2, 12));
x.contiguous().view_as(t.zeros(24)); x.reshape(x.size(0), -1); x.reshape(x.shape[0], -1, 2);
x.permute(2, 0, 1); x.permute((1, 0, 2)); x.permute([-1, 0, 1]); t.permute(x, (0, 2, 1));
t.permute(x, dims=(2, 1, 0)); x.transpose(0, 1); x.transpose(-2, -1); t.transpose(x, 1, 2);
t.transpose(x, dim0=0, dim1=-1); x.swapaxes(0, 2); t.swapaxes(x, 0, 1); x.swapdims(1, 2);
x.movedim(0, 2); t.movedim(x, -1, 0); x.movedim((0, 1), (1, 2));
x.movedim(source=1, destination=0); x.mT; x.mT @ x; x.unsqueeze(0); x.unsqueeze(-1);
t.unsqueeze(x, 1); x.unsqueeze(dim=2); x.squeeze(); x.unsqueeze(1).squeeze(1);
t.squeeze(x.unsqueeze(0)); x[None, :, None].squeeze((0, 2)); x.squeeze(0); x.squeeze(-1);
x.squeeze(dim=1); x.expand(5, 2, 3, 4); x[:1].expand(6, -1, -1); x.expand(-1, -1, -1);
x.unsqueeze(1).expand(2, 5, 3, 4); x[:, :1].expand_as(x); t.broadcast_to(x, (2, 2, 3, 4));
x.broadcast_to((1, 2, 3, 4)); x.flatten(); x.flatten(1); x.flatten(0, 1); t.flatten(x, 1, 2);
t.flatten(x, start_dim=1); x.flatten(start_dim=-2, end_dim=-1); x.unflatten(2, (2, 2));
x.unflatten(-1, (-1, 2)); x.unflatten(dim=1, sizes=(3, 1)); x.flip(0); x.flip(0, 1);
x.flip((1,)); t.flip(x, (0, 2)); t.flip(x, dims=[-1]); x.repeat(2, 1, 1); x.repeat(2, 2, 1, 3);
x.repeat((1, 2, 1)); x.repeat(0, 1, 1); x.tile(2); x.tile(2, 1); x.tile((1, 2, 1, 1));
t.tile(x, (2, 2)); t.tile(x, dims=(3,)); x.contiguous(); x.clone(); t.clone(x); x.detach();
x.transpose(0, 1).contiguous(); x.split(2, dim=1); t.split(x, 2, 2); x.split([1, 2], dim=1);
t.split(x, [1, 1], 0); x.split(5, -1); x.split(1); x.split(split_size=3, dim=-1); x.chunk(2);
x.chunk(2, dim=1); t.chunk(x, 3, -1); x.chunk(5, 2); x.unbind(); x.unbind(1);
t.unbind(x, dim=-1); t.cat([x, x * 2]); t.cat((x, x[:, :, :1]), dim=-1); t.cat([x, x], 1);
t.cat([x, x[:, :0]], dim=1); t.concat([x, x], dim=0); t.stack([x, 2 * x]);
t.stack((x, x), dim=1); t.stack([x, x, x], -1); t.cat(tensors=[x], dim=0); t.cat([x, x], axis=2);
t.cat(x.chunk(2, -1), 0); t.stack(x.unbind(1), 1); t.cat(x.split(2, -1), dim=-1);
x.permute(0, 2, 1).reshape(2, -1); x.permute(0, 2, 1).contiguous().view(2, 12);
x.reshape(2, 3, 2, 2).permute(0, 2, 1, 3).contiguous().view(2, -1, 2); list(x); [*x]
"""
SMALL = [(), (1,), (3,), (0,), (1, 0), (3, 1), (1, 2, 1)]
OTHERS = {
    "x.T; x.t(); x.mT; t.flip(x, [0, 1]); x.transpose(0, 1); x.T.contiguous().view(-1)": [
        (2, 3), (1, 1), (0, 3),
    ],
    "x.flatten(); x.reshape(-1); x.squeeze(); x.unsqueeze(0); x.clone(); x.reshape(x.shape)": SMALL,
    "x.contiguous(); x.view_as(x); x.expand_as(x)": SMALL,
    "x.reshape(1); x.reshape(()); x.view(1, 1); x.squeeze(0); x.unsqueeze(-1); x.expand(2, 3); "
    "x.repeat(2, 2); x.tile(3); t.stack([x, x]); x.permute(()); x.squeeze(-1)": [()],
    "x.t(); x.repeat(3); x.tile(2, 2); x.flip(0); x.split(2); x.chunk(2); x.unbind(); "
    "t.cat([x, x]); t.stack([x, x], 1); x.expand(2, -1)": [(3,), (1,)],
    "x.reshape(0, 2); x.sum(0); x.transpose(0, 1); x.split(2, 0); t.cat([x, x], 0); "
    "t.stack([x, x]); x.unsqueeze(0); x.chunk(2, 1); x.unbind(0); x.permute(1, 0); "
    "x.repeat(2, 2); x.flip(0); x.flatten(); x.expand(2, 0, 2)": [(0, 2)],
    "x.squeeze(); x.squeeze(1); x.squeeze((0, 1)); x.squeeze(dim=-1); x.expand(4, 3, 5); "
    "x.squeeze(2); x.expand(4, -1, 5)": [(1, 3, 1)],
}  # fmt: skip
CASES = [(e, s) for text, shapes in OTHERS.items() for e in entries(text) for s in shapes]


@pytest.mark.parametrize("expression", entries(CUBE))
def test_shape_operations_are_pytorchs(expression):
    everywhere(expression, x=normal(2, 3, 4))


@pytest.mark.parametrize(("expression", "shape"), CASES, ids=str)
def test_shape_operations_are_pytorchs_at_sizes_0_and_1(expression, shape):
    everywhere(expression, x=normal(*shape))


@pytest.mark.parametrize(
    "pair",
    [
        ("float32", "float64"),
        ("int64", "float32"),
        ("bool", "int32"),
        ("float16", "float32"),
        ("int32", "int64"),
        ("uint8", "int8"),
    ],
)
@pytest.mark.parametrize("expression", ["t.cat([x, y])", "t.stack([x, y], dim=1)"])
def test_joined_tensors_have_pytorchs_common_type(pair, expression):
    x, y = (np.array([1, 0, 3]).astype(d) for d in pair)
    compare(expression, x=x, y=y, twice=False)


def test_sizes_are_read_as_in_pytorch():
    x = mx.zeros(2, 3, 4)
    assert x.shape == x.size() == (2, 3, 4)
    assert (x.size(0), x.size(-1), x.size(dim=1)) == (2, 4, 3)
    assert (x.dim(), x.ndim, x.numel(), len(x)) == (3, 3, 24, 2)
    assert x.is_contiguous() and not x.transpose(0, 1).is_contiguous()
    b, *rest = x.shape
    assert b == 2 and rest == [3, 4]


VIEWS = """
x.view(6); x.reshape(3, 2); x.T; x[0]; x.transpose(0, 1); x.unsqueeze(0); x.detach(); x[:, 1:];
x.flatten(); x.expand(2, 2, 3); x.split(1)[1]; x.chunk(3, 1)[2]; x.unbind(1)[0]; x.contiguous();
x.permute(1, 0); x.squeeze(); x.mT; x.movedim(0, 1)
"""
COPIES = """
x.clone(); x + 0; x.repeat(1, 1); t.cat([x]); t.tensor(x); x.T.contiguous(); x.T.reshape(6);
x.double(); x[[0, 1]]; x[x == x]; x.flip(0); x.T.flatten(); x.to(t.float32, copy=True)
"""


@pytest.mark.parametrize("view", entries(VIEWS))
def test_views_share_memory_as_in_pytorch(view):
    for t in (mx, torch):
        x = t.zeros(2, 3)
        y = eval(view)
        x += 1
        assert array(y).all(), f"{view} of {t.__name__} does not share memory"


@pytest.mark.parametrize("copy", entries(COPIES))
@pytest.mark.filterwarnings("ignore:To copy construct")
def test_copies_have_memory_of_their_own_as_in_pytorch(copy):
    for t in (mx, torch):
        x = t.zeros(2, 3)
        y = eval(copy, {"t": t, "x": x})
        x += 1
        assert not array(y).any(), f"{copy} of {t.__name__} shares memory"
