"""How tensors print, against PyTorch's text without its "torch." prefix."""

import numpy as np
import pytest
import torch

import minixattn as mx

PRINTED = """
t.tensor([[1.0, 2.5]], requires_grad=True)
t.tensor([1.0, 2.0])
t.tensor(3)
t.tensor(3.0)
t.tensor(2.5)
t.tensor(True)
t.tensor([1, 2, 3])
t.tensor([[1, -20], [300, 4]])
t.tensor([True, False])
t.tensor([[True, False], [False, True]])
t.tensor([0.1, 0.25, 100.0])
t.tensor([-1.5, 2.0])
t.tensor([[0.0, -0.0], [1.0, 10.0]])
t.tensor([1.0, 2.5], dtype=t.float64)
t.tensor([1.0, 2.5], dtype=t.float16)
t.tensor([1, 2], dtype=t.int32)
t.tensor([1, 2], dtype=t.uint8)
t.tensor([1, 2], dtype=t.int32).bool()
t.tensor(1.5, dtype=t.float64)
t.tensor(0.1, requires_grad=True)
t.tensor([])
t.tensor([], dtype=t.int64)
t.tensor([], dtype=t.float64)
t.zeros(0, 3)
t.zeros(2, 0)
t.zeros(2, 3)
t.ones(2, 2, 2)
t.arange(24).reshape(2, 3, 4)
t.arange(12.0).reshape(2, 2, 3) / 7
t.tensor([1e-5, 1.0])
t.tensor([1e-3, 1.0])
t.tensor([1e5, 1.5])
t.tensor([1e3, 0.5])
t.tensor([1e9, 1.0])
t.tensor([1e8, 2e8])
t.tensor([123456.0, 2.0])
t.tensor([1e-8])
t.tensor([1e-4, 2e-4])
t.tensor([float("inf"), 1.0])
t.tensor([float("nan"), 1.5])
t.tensor([float("-inf"), 0.0, 2.25])
t.tensor([float("inf"), float("nan")])
t.tensor(float("nan"))
t.tensor(float("-inf"))
t.tensor(1e10)
t.tensor(1e-10)
t.tensor(12345.678)
t.tensor([[0.12345678, 1000.5], [3.0, 4.0]])
t.arange(1001)
t.arange(2000.0)
t.arange(2000.0) / 3
t.zeros(1000)
t.zeros(40, 40)
t.arange(10000).reshape(100, 100)
t.arange(30)
t.arange(40.0)
t.linspace(0, 1, 30)
t.arange(-5, 6).double() / 7
t.arange(60).reshape(3, 20)
t.eye(3)
t.ones(1, 1, 1, 1)
t.tensor([[1.5, float("inf")], [float("nan"), -2.0]], dtype=t.float64)
t.tensor([0.5]).half()
t.ones(2, requires_grad=True).detach()
t.tensor([-1, 2])
t.tensor([[-1.0], [2.0]])
t.ones(2, 1001)
t.arange(3).double() / 3
"""


@pytest.mark.parametrize("expression", [e for e in PRINTED.splitlines() if e])
def test_a_tensor_prints_as_pytorch_prints_it(expression):
    ours, theirs = (repr(eval(expression, {"t": t, "np": np})) for t in (mx, torch))
    theirs = theirs.replace("torch.", "")
    assert ours == theirs


@pytest.mark.parametrize(
    "text", ["f'{x}'", "str(x)", "f'{x.item():.3f}'", "f'{x:.2f}'", "f'{x.shape[0:0]}'"]
)
def test_numbers_format_as_in_pytorch(text):
    ours, theirs = (eval(text, {"x": t.tensor(2.71828)}) for t in (mx, torch))
    assert ours == theirs.replace("torch.Size([])", "()")
