"""Number types against PyTorch: what each operation makes of each, and what mixtures become."""

import itertools

import numpy as np
import pytest
import torch
from compare import TOLERANCE, array, entries, function

import minixattn as mx

TYPES = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]
ONE = """
-x; abs(x); x.exp(); x.log(); x.log1p(); x.sqrt(); x.square(); x.pow(2); x ** 3; x ** 0;
x ** 0.5; x ** 2.0; 2 ** x; 2.0 ** x; x.sin(); x.cos(); x.tanh(); x.sigmoid(); x.erf(); x.relu();
x.clamp(0, 1); x.clamp(min=0.5); x.clip(max=2); x.isnan(); x.isinf(); x.isfinite(); x + 1;
x + 1.5; x + True; 1 - x; x * 2; x * 2.5; x / 2; x / 2.0; 2 / x; 1.0 / x; x // 2; x // 2.0;
x % 2; x % 2.5; x > 1; x == 1.0; x.sum(); x.sum(0); x.sum(dtype=t.float32); x.mean(); x.var();
x.std(); x.amax(); x.amax(0); x.amin(0); x.max(); x.max(0); x.min(0); x.argmax(); x.argmax(0);
x.prod(); x.prod(0); x.cumsum(0); x.logsumexp(0); x.softmax(0); x.log_softmax(0);
x.softmax(0, dtype=t.float64); (x > 0).any(); (x > 0).all(0); t.where(x > 0, x, 0);
t.where(x > 0, x, 0.5); t.where(x > 0, 1, 2); t.where(x > 0, 1.0, 2);
t.where(x > 0, x, x.float()); x.masked_fill(x > 0, True); t.maximum(x, x);
t.minimum(x, x.flip(0)); ~x; x & x; x | x; x ^ x; t.logical_not(x); x.float(); x.half();
x.double(); x.long(); x.int(); x.bool(); x.to(t.int8); x.repeat(2); t.cat([x, x]);
t.stack([x, x]); x.flip(0); t.zeros_like(x); t.ones_like(x); t.full_like(x, 2); t.outer(x, x);
x @ x; x[None] @ x[:, None]; t.einsum("i,i->", x, x); x.gather(0, t.tensor([0, 0]));
t.add(x, 2, alpha=2); x.mean(dtype=t.float32); x.type(t.float64); x.type_as(t.zeros(1));
x.clone(); x.sum() + 1.5; x.sum() * x; x.remainder(2); x.floor_divide(2);
t.as_tensor(x, dtype=t.float64); t.tensor(3) * x; t.tensor(2.5) * x;
t.tensor(2.5, dtype=t.float64) * x; x + t.tensor(True); t.tensor([2.5]) * x; x.add(1).div(2);
x.logical_and(x); x.logical_or(x > 1); x.logical_xor(x); x[None].tril(); x[None].expand(2, 2);
x.reshape(2, 1).T; x[x > 1]; x[[0, 0]]; x.tile(2)
"""
TWO = """
x + y; x * y; x / y; x ** y; x // y; x % y; x > y; x == y; t.maximum(x, y); x & y; x @ y;
t.where(x > 1, x, y); t.cat([x.reshape(-1), y.reshape(-1)]); x - y; x.logical_and(y);
t.stack([x.reshape(-1)[:1], y.reshape(-1)[:1]]); t.minimum(x, y); x != y; t.mul(x, y);
t.div(x, y)
"""


def outcome(t, expression, inputs):
    """The results as arrays, or the error."""
    try:
        out = function(expression, inputs)(t, *[t.tensor(a) for a in inputs.values()])
    except (RuntimeError, TypeError, IndexError, ValueError) as error:
        return error
    return [array(x) for x in (out if isinstance(out, tuple) else (out,))]


def agree(expression, **inputs):
    """Equal dtypes and values wherever PyTorch computes; where it refuses, ours may or may not."""
    ours, theirs = outcome(mx, expression, inputs), outcome(torch, expression, inputs)
    what = f"{expression} on { ({k: (str(v.dtype), v.shape) for k, v in inputs.items()}) }"
    if isinstance(theirs, Exception):
        return
    assert not isinstance(ours, Exception), f"{what}: {ours!r}, PyTorch gives {theirs}"
    for a, b in zip(ours, theirs, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), f"{what}: {a.dtype}, PyTorch {b.dtype}"
        tolerance = TOLERANCE.get(str(b.dtype), 0)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=what)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", entries(ONE))
def test_every_operation_gives_pytorchs_type_for_every_type(expression):
    for dtype in TYPES:
        agree(expression, x=np.array([1, 0] if dtype == "bool" else [1, 3]).astype(dtype))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", entries(TWO))
def test_mixtures_of_types_and_of_numbers_with_tensors_are_pytorchs(expression):
    shapes = [((2,), (2,)), ((), (2,)), ((2,), ()), ((), ()), ((1,), (2,))]
    for (a, b), (m, n) in itertools.product(itertools.product(TYPES, TYPES), shapes):
        agree(expression, x=np.full(m, 1 if a == "bool" else 2).astype(a),
              y=np.full(n, 1 if b == "bool" else 3).astype(b))  # fmt: skip


MAKING = """
t.tensor(1); t.tensor(1.5); t.tensor(True); t.tensor([1, 2]); t.tensor([1, 2.5]);
t.tensor([True, False]); t.tensor([[1, 2], [3, 4]]); t.tensor([]); t.tensor([[]]);
t.tensor(np.float64(1.5)); t.tensor(np.float32(1.5)); t.tensor(np.int32(2));
t.tensor(np.array([1.5])); t.tensor(np.array([1], dtype="int32"));
t.tensor([np.float64(1.5), 2]); t.tensor([np.float32(1.5), 2]); t.tensor([np.int32(3)]);
t.tensor([np.int64(3), 2.5]); t.tensor((1, 2)); t.tensor(range(3)); t.tensor([(1, 2), (3, 4)]);
t.tensor([1, 2], dtype=t.float32); t.tensor([1.9], dtype=t.int64);
t.tensor([0, 2], dtype=t.bool); t.tensor(1.0, dtype=t.float16);
t.tensor([t.tensor(1.0), t.tensor(2.0)]); t.tensor([True, 2]); t.tensor([True, 2.5]);
t.tensor([1, 2], dtype=t.long); t.tensor([1, 2], dtype=t.float); t.tensor([1, 2], dtype=t.int);
t.tensor([1.5], dtype=t.double); t.as_tensor([1, 2]); t.as_tensor(np.array([1.5]));
t.as_tensor(np.array([1.5]), dtype=t.float32); t.as_tensor(2.5); t.from_numpy(np.array([1.5]));
t.from_numpy(np.array([1], dtype="uint8")); t.from_numpy(np.array([True])); t.zeros(2, 3);
t.zeros((2, 3)); t.zeros([2, 3]); t.zeros(3); t.zeros(size=(2, 3)); t.zeros(()); t.zeros(0);
t.zeros(2, dtype=t.int64); t.ones(2, dtype=t.bool); t.ones(2, 3, requires_grad=True);
t.zeros(2, dtype=t.float64, device="cpu"); t.full((2, 3), 7); t.full((2,), 7.5);
t.full((2,), True); t.full([2], 1, dtype=t.float32); t.full(size=(2,), fill_value=3);
t.full((), 2.0); t.full((2, 2), float("-inf")); t.eye(3); t.eye(2, 3); t.eye(3, dtype=t.int64);
t.eye(n=2, m=4); t.arange(5); t.arange(5.0); t.arange(1, 5); t.arange(1, 5, 2);
t.arange(0, 1, 0.25); t.arange(5, 0, -1); t.arange(5, 0, -2.5); t.arange(start=1, end=4);
t.arange(3, dtype=t.float32); t.arange(0); t.arange(end=4); t.arange(0, 0.3, 0.1);
t.arange(0, 10, 3); t.arange(1, 2, 0.1); t.arange(0, 1, 0.1); t.arange(t.tensor(3));
t.arange(0, 7, 2, dtype=t.float64); t.linspace(0, 1, 5); t.linspace(-1, 1, 3);
t.linspace(0, 10, 1); t.linspace(0, 1, 0); t.linspace(0, 1, steps=7);
t.linspace(start=0, end=1, steps=2); t.linspace(0, 1, 5, dtype=t.float64);
t.linspace(3, 10, steps=5); t.rand(2, 3) * 0; t.rand((2, 3)) * 0; t.rand(size=(2,)) * 0;
t.randn(2, 3, dtype=t.float64) * 0; t.randn(size=(2, 3)) * 0; t.randn(()) * 0;
t.randint(0, 10, (2, 3)) * 0; t.randint(10, (2,)) * 0; t.randint(low=0, high=5, size=(3,)) * 0;
t.randint(3, size=(2,)) * 0; t.randint(0, 5, (2,), dtype=t.float32) * 0; t.randperm(4) * 0;
t.empty(2, 3).fill_(1); t.empty((2,), dtype=t.int64).fill_(1);
t.zeros_like(t.ones(2, 3, dtype=t.int64)); t.zeros_like(t.ones(2), dtype=t.float64);
t.ones_like(t.zeros(2, dtype=t.bool)); t.ones_like(t.zeros(2, requires_grad=True));
t.zeros_like(input=t.ones(2)); t.full_like(t.zeros(2), 3); t.tensor([1]).to("cpu");
t.tensor([1]).to(t.device("cpu")); t.tensor([1]).to("cpu", t.float64);
t.tensor([1]).to(t.ones(1, dtype=t.float16)); t.tensor([1]).to(device="cpu", dtype=t.float32);
t.tensor([2.7, -2.7]).long(); t.tensor([0.0, 0.5]).bool(); t.zeros(2).requires_grad_()
"""


@pytest.mark.parametrize("expression", entries(MAKING))
def test_made_tensors_have_pytorchs_type_shape_and_values(expression):
    ours, theirs = (eval(expression, {"t": t, "np": np}) for t in (mx, torch))
    assert str(theirs.dtype) == f"torch.{ours.dtype}"
    assert tuple(theirs.shape) == ours.shape and ours.requires_grad == theirs.requires_grad
    np.testing.assert_allclose(array(ours), array(theirs), rtol=1e-6)


def test_random_numbers_lie_where_pytorchs_lie():
    for t in (mx, torch):
        t.manual_seed(0)
        u, n, i = t.rand(4000), t.randn(4000), t.randint(3, 7, (4000,))
        assert u.min().item() >= 0 and u.max().item() < 1 and abs(u.mean().item() - 0.5) < 0.03
        assert abs(n.mean().item()) < 0.08 and abs(n.std().item() - 1) < 0.05
        assert sorted(set(i.tolist())) == [3, 4, 5, 6]
        assert sorted(t.randperm(9).tolist()) == list(range(9))


def test_the_types_of_the_default_can_be_changed_as_in_pytorch():
    for t in (mx, torch):
        t.set_default_dtype(t.float64)
        try:
            made = [t.tensor(1.5), t.zeros(2), t.rand(2), t.arange(2.0), t.tensor([1]) / 2]
            assert {str(x.dtype).removeprefix("torch.") for x in made} == {"float64"}
        finally:
            t.set_default_dtype(t.float32)
