"""Modules: what they consist of, in which order, and what changes all of it."""

import copy
import pickle

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.nn import Linear, Module, Parameter


class Block(Module):
    """Attributes in an order in which parts, parameters and buffers take turns."""

    def __init__(self, width):
        super().__init__()
        self.inner = Linear(width, 2)
        self.gain = Parameter(mx.ones(width))
        self.register_buffer("count", mx.zeros(1))
        self.width = width
        self.shift = Parameter(mx.zeros(width))
        self.register_buffer("cache", mx.zeros(3), persistent=False)

    def forward(self, x):
        return self.inner(x * self.gain + self.shift) + self.count


class Model(Module):
    def __init__(self):
        super().__init__()
        self.rows = [Block(3), Block(4)]
        self.named = {"a": Linear(2, 3), "b": (Linear(3, 2), None)}
        self.scale = Parameter(mx.ones(()))
        self.tied = self.rows[0].inner.weight
        self.again = self.rows[1]


OWN = ["gain", "shift", "inner.weight", "inner.bias"]


def names(pairs):
    return [name for name, _ in pairs]


def test_parameters_come_in_the_order_of_assignment_with_parts_last():
    assert names(Block(3).named_parameters()) == OWN
    assert [p.shape for p in Block(3).parameters()] == [(3,), (3,), (2, 3), (2,)]


def test_lists_tuples_and_dicts_are_looked_into_and_shared_parameters_count_once():
    model = Model()
    assert names(model.named_parameters()) == [
        "scale", "tied",
        *[f"rows.0.{n}" for n in OWN if n != "inner.weight"], *[f"rows.1.{n}" for n in OWN],
        "named.a.weight", "named.a.bias", "named.b.0.weight", "named.b.0.bias",
    ]  # fmt: skip
    assert len(list(model.parameters())) == len({id(p) for p in model.parameters()}) == 13
    assert "again.gain" in names(model.named_parameters(remove_duplicate=False))


def test_own_parameters_alone_and_a_prefix():
    assert names(Block(3).named_parameters(recurse=False)) == ["gain", "shift"]
    assert names(Block(3).named_parameters("block"))[-1] == "block.inner.bias"
    assert len(list(Block(3).parameters(recurse=False))) == 2


def test_modules_and_children_are_found_once():
    model = Model()
    assert names(model.named_modules()) == [
        "", "rows.0", "rows.0.inner", "rows.1", "rows.1.inner", "named.a", "named.b.0",
    ]  # fmt: skip
    assert names(model.named_children()) == ["rows.0", "rows.1", "named.a", "named.b.0"]
    assert list(model.children()) == [*model.rows, model.named["a"], model.named["b"][0]]
    assert next(model.modules()) is model


def test_a_part_that_knows_its_parent_does_no_harm():
    model = Model()
    model.rows[0].parent = model
    assert len(list(model.parameters())) == 13
    assert not any("parent" in name for name in model.state_dict())


def test_buffers_are_those_that_were_registered():
    block = Block(3)
    block.plain = mx.ones(3)
    assert names(block.named_buffers()) == ["count", "cache"]
    block.count = mx.ones(1)
    assert [b.shape for b in block.buffers()] == [(1,), (3,)]
    assert values(next(block.buffers())) == 1


def test_a_parameter_registered_as_a_buffer_is_not_learned():
    module = Module()
    module.register_buffer("fixed", Parameter(mx.ones(2), requires_grad=False))
    assert names(module.named_parameters()) == []
    assert names(module.named_buffers()) == ["fixed"]


def test_forgetting_super_init_breaks_nothing():
    class Forgetful(Module):
        def __init__(self):
            self.weight = Parameter(mx.ones(2))
            self.register_buffer("mean", mx.zeros(2))
            self.part = Linear(2, 2)

    module = Forgetful().double().train()
    assert names(module.named_parameters()) == ["weight", "part.weight", "part.bias"]
    assert list(module.state_dict()) == ["weight", "mean", "part.weight", "part.bias"]
    assert module.training
    assert not module.eval().part.training


def test_registered_parts_are_attributes():
    module = Module()
    module.register_parameter("weight", Parameter(mx.ones(2)))
    module.register_parameter("bias", None)
    module.add_module("0", Linear(2, 3))
    assert module.bias is None
    assert names(module.named_parameters()) == ["weight", "0.weight", "0.bias"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.register_buffer("x", [1.0]), TypeError, "'x' must be a Tensor or None.*list"),
        (lambda m: m.register_parameter("x", mx.ones(1)), TypeError, "must be a Parameter or None"),
        (lambda m: m.add_module("x", mx.ones(1)), TypeError, "must be a Module or None.*Tensor"),
        (lambda m: m.register_buffer("a.b", None), KeyError, r"contain a point, got 'a.b'"),
        (lambda m: m.register_buffer("", None), KeyError, "must not be empty"),
        (lambda m: m.register_buffer(3, None), TypeError, "must be a string, got int"),
        (lambda m: m.register_buffer("gain", None), KeyError, "already has an attribute 'gain'"),
        (lambda m: m.add_module("eval", Linear(1, 1)), KeyError, "already has an attribute 'eval'"),
    ],
)
def test_what_cannot_be_registered_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(Block(3))


def test_a_module_without_forward_is_named():
    class Empty(Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty must define forward\(\)"):
        Empty()(1)


def test_calling_a_module_is_its_forward():
    class Add(Module):
        def forward(self, x, y, *, z=0):
            return x + y + z

    assert Add()(1, 2, z=3) == 6


def test_train_and_eval_reach_every_part_and_return_the_module():
    model = Model()
    assert all(m.training for m in model.modules())
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    model.rows[0].train()
    assert [m.training for m in model.modules()] == [False, True, True, False, False, False, False]
    assert model.train() is model
    assert all(m.training for m in model.modules())


def test_a_part_may_refuse_to_train():
    class Frozen(Linear):
        def train(self, mode=True):
            return super().train(False)

    model = mx.nn.Sequential(Frozen(2, 2), Linear(2, 2)).train()
    assert [m.training for m in model] == [False, True]


def test_apply_visits_parts_before_the_module():
    seen = []
    block = Block(3)
    assert block.apply(seen.append) is block
    assert seen == [block.inner, block]


def test_requires_grad_freezes_and_thaws_everything():
    block = Block(3)
    assert block.requires_grad_(False) is block
    assert not any(p.requires_grad for p in block.parameters())
    assert all(p.requires_grad for p in block.requires_grad_().parameters())


def test_zero_grad_forgets_gradients_or_makes_them_zero(device):
    block = Block(3).to(device)
    block(mx.ones(5, 3, device=device)).sum().backward()
    kept = block.gain.grad
    block.zero_grad(set_to_none=False)
    assert not values(block.gain.grad).any()
    assert not values(kept).any()
    block.zero_grad()
    assert all(p.grad is None for p in block.parameters())


# Other types and devices -------------------------------------------------------------------------


def test_to_keeps_the_parameters_and_takes_gradients_and_buffers_along(device):
    block = Block(3).to(device)
    block(mx.ones(5, 3, device=device)).sum().backward()
    before = list(block.parameters())
    assert block.to(mx.float64) is block
    assert all(p is q for p, q in zip(before, block.parameters()))
    for x in (*block.parameters(), *block.buffers()):
        assert x.dtype == mx.float64
        assert x.device == device
    assert {p.grad.dtype for p in before} == {mx.float64}
    block(mx.ones(5, 3, device=device).double()).sum().backward()


def test_a_module_moves_between_devices(device):
    block = Block(3)
    block(mx.ones(5, 3)).sum().backward()
    block.to(device)
    assert {x.device for x in (*block.parameters(), *block.buffers())} == {device}
    assert {p.grad.device for p in block.parameters()} == {device}
    assert block(mx.ones(5, 3, device=device)).device == device
    assert {p.device for p in block.cpu().parameters()} == {"cpu"}


def test_cuda_moves_a_module(stand_in):
    assert {p.device for p in Block(3).cuda().parameters()} == {"cuda"}
    assert {p.device for p in Block(3).to("cuda:0", mx.float64).parameters()} == {"cuda"}


def test_float_types_have_methods_and_integer_buffers_stay():
    block = Block(3)
    block.register_buffer("steps", mx.arange(3))
    for method, dtype in (("half", mx.float16), ("double", mx.float64), ("float", mx.float32)):
        assert getattr(block, method)() is block
        assert {p.dtype for p in block.parameters()} == {dtype}
        assert block.count.dtype == dtype
        assert block.steps.dtype == mx.int64
    assert block.to(mx.ones(1).double()).gain.dtype == mx.float64


def test_a_module_takes_float_types_only():
    with pytest.raises(mx.DTypeError, match=r"to\(\) changes between float types only.*int64"):
        Block(3).to(mx.int64)


def test_a_moved_tied_parameter_stays_tied():
    model = Model().double()
    assert model.tied is model.rows[0].inner.weight


# Copies and text ---------------------------------------------------------------------------------


def test_copies_are_independent_and_keep_ties(device):
    model = mx.nn.Sequential(Linear(2, 2), Linear(2, 2)).to(device)
    model[1].weight = model[0].weight
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other[0].weight is other[1].weight
        assert other[0].weight is not model[0].weight
        np.testing.assert_array_equal(values(other[0].weight), values(model[0].weight))


def test_a_module_prints_its_parts():
    assert repr(Linear(2, 3)) == "Linear(in_features=2, out_features=3, bias=True)"
    assert repr(Block(3)) == (
        "Block(\n  (inner): Linear(in_features=3, out_features=2, bias=True)\n)"
    )
    assert repr(mx.nn.Sequential(Block(3))) == (
        "Sequential(\n  (0): Block(\n    (inner): Linear(in_features=3, out_features=2, bias=True)"
        "\n  )\n)"
    )
    assert repr(Module()) == "Module()"
