"""What PyTorch refuses, minixattn refuses with an error that the same `except` catches."""

import numpy as np
import pytest
import torch
from compare import entries, normal, same_error

import minixattn as mx

REFUSED = """
x + t.ones(4); x @ x; x @ t.ones(2, 3, dtype=t.float64); t.bmm(x, x); x.mm(x);
t.ones(3).dot(t.ones(4)); t.outer(x, x); x.sum(2); x.sum(-3); x.mean(5); x.sum((0, 0));
x.sum(1.0); x.sum(True); x.softmax(2); x.amax(7); x.argmax(3); x.max(2); x.cumsum(2); x.prod(4);
x.std(2); x.logsumexp(-4); x.any(3); t.zeros(0, 3).amax(0); t.zeros(0).argmax();
t.zeros(2, 0).min(1); x.reshape(4); x.reshape(-1, 4); x.reshape(-1, -1); x.view(5); x.T.view(6);
x.transpose(0, 2); x.permute(0); x.permute(0, 0); x.permute(0, 3); x.unsqueeze(4); x.squeeze(3);
x.expand(3, 3); x.expand(3); x.expand(-1, 2, 3); x.repeat(2); x.flatten(2); x.flip(3);
x.mT[0].mT; x.movedim(0, 5); x.split(0.5); x.split([1, 2]); x.split(-1); x.chunk(0); x.unbind(3);
t.ones(()).unbind(); t.cat([x, t.ones(2, 4)]); t.cat([x, t.ones(3)]); t.cat([]);
t.stack([x, t.ones(3)]); t.stack([]); t.cat(x); t.cat([x, x], 3); t.stack([x, x], 4); x[2];
x[0, 3]; x[-3]; x[0, 0, 0]; x[[5]]; x[t.tensor([2])]; x[t.tensor([0.5])];
x[t.tensor([True, False, True])]; x[:, t.tensor([3])]; x[1.0]; t.ones(())[0];
x[[0, 1], [0, 1, 2]]; x.gather(1, t.tensor([0])); x.gather(2, t.tensor([[0]]));
x.gather(1, t.tensor([[0.5]])); x.index_select(0, t.tensor([2]));
x.index_select(0, t.tensor([[0]])); t.tril(t.ones(3)); t.einsum("ij,jk", x, x);
t.einsum("ijk", x); t.einsum("ij,jk->ik", x); t.einsum("ij->k", x); t.einsum("ij->ii", x);
t.tensor([[1, 2], [3]]); t.tensor("abc"); t.tensor([1, "a"]); t.tensor(None);
t.from_numpy([1, 2]); t.zeros(-1); t.zeros(2.0); t.arange(0, 5, -1); t.arange(5, 1);
t.arange(0, 1, 0); t.randint(5, 5, (2,)); t.linspace(0, 1, -1);
t.ones(2, dtype=t.int64, requires_grad=True); t.tensor([1, 2], requires_grad=True);
t.tensor([1, 2]).requires_grad_(); t.tensor([1, 2]).mean(); t.tensor([1, 2]).std(); ~x; x.item();
bool(x); float(x); int(x); len(t.ones(())); list(t.ones(())); x.numpy(); (x * 2).numpy();
x.to("nowhere"); x.to("mps0"); x.masked_fill(t.ones(3, 4) > 0, 1); t.where(x > 0, x, t.ones(4));
t.exp([1.0]); t.add("a", 1); x + "a"; x + None; x + [1]; t.matmul(x, t.ones(()));
t.ones(()) @ t.ones(()); x.view(2, -1, -1); x.backward(); x.sum().backward(t.ones(2));
t.tensor([1.0]).backward(); t.autograd.grad(x.sum(), t.ones(1, requires_grad=True));
t.autograd.grad(x.sum(), t.ones(1)); t.autograd.grad(x, x); x.tile("a"); x.unflatten(1, (2, 2));
t.softmax(x); x.softmax(); t.sum(x, foo=1); x.transpose(0); x.reshape(2.0, 3); x.reshape("a");
x.float(1); t.full((2,)); t.stack(x, 5); x.size(2); x.take_along_dim(t.tensor([0]), 1);
x.broadcast_to((3, 3)); t.bmm(t.ones(2, 2, 3), t.ones(3, 3, 2));
t.ones(2, 3) @ t.ones(2, 3).half(); x.swapaxes(0, 2); x.tril().backward();
x.masked_fill(t.ones(2, 3).long(), 1); t.where(t.ones(2, 3), x, x);
x.half().masked_fill(x > 0, -1e9); t.tensor([1, 2]).masked_fill(t.tensor([True, False]), -t.inf);
"a" in x; None in x; x.split([-1, 3]); x.split(2.0); x.chunk(2.0); x.unflatten(1, (-1, -1));
x.unflatten(1, (0, -1)); x.movedim((0, 0), (0, 1)); t.zeros(0).max(); t.eye(-1); t.arange(t.nan);
x.flip((0, 0)); t.manual_seed("a"); t.nn.functional.normalize(t.zeros(2)); x.topk(4);
t.tensor([1, 2]).norm(); x.repeat_interleave(-1, 1); t.allclose(x, t.ones(4));
x.requires_grad_(False) and (x * 1).requires_grad_(False)
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", [e for e in entries(REFUSED) if "and (x" not in e])
def test_an_impossible_request_raises_pytorchs_kind_of_error(expression):
    same_error(expression, x=normal(2, 3))


@pytest.mark.parametrize(
    "statement",
    entries("""
    x[5] = 1; x[0, 7] = 1; x[0] = t.ones(4); x[:, 0] = t.ones(3); x += t.ones(4); x += "a";
    x[[9]] = 0; x.copy_(t.ones(5)); x.fill_(t.ones(2)); x[t.tensor([True, False, True])] = 1;
    x[0] = "a"; i += 0.5; i *= 1.5; i /= 2; w += 1; w[0] = 1; w.zero_(); w.add_(1);
    y.detach().expand(2, 2, 3).add_(1); x.requires_grad_().fill_(0)"""),
)
def test_an_impossible_change_raises_pytorchs_kind_of_error(statement):
    errors = []
    for t in (torch, mx):
        w = t.ones(2, 3, requires_grad=True)
        names = {"t": t, "x": t.ones(2, 3), "w": w, "y": w * 2, "i": t.tensor([1, 2])}
        try:
            exec(statement, names)
            errors.append(None)
        except Exception as error:
            errors.append(error)
    assert errors[0] is not None, f"PyTorch accepts {statement}"
    assert isinstance(errors[1], type(errors[0])), f"{errors[1]!r}, PyTorch {errors[0]!r}"
    assert len(str(errors[1])) > 20


def test_an_index_out_of_range_ends_a_loop_as_in_pytorch():
    assert [row.tolist() for row in mx.tensor(np.eye(2))] == [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(IndexError, match="shape"):
        mx.zeros(2, 3)[2]
