"""Containers: modules in a row or by name."""

from collections import OrderedDict

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.nn import GELU, Linear, ModuleDict, ModuleList, Sequential, Tanh


def test_sequential_feeds_each_module_what_the_last_one_gave(device):
    model = Sequential(Linear(3, 5), Tanh(), Linear(5, 2)).to(device)
    x = mx.randn(4, 3, device=device)
    np.testing.assert_array_equal(values(model(x)), values(model[2](model[1](model[0](x)))))
    assert model(x).shape == (4, 2)
    assert Sequential()(x) is x


def test_sequential_has_names_from_numbers_or_a_dict():
    assert list(Sequential(Linear(1, 1), Tanh()).state_dict()) == ["0.weight", "0.bias"]
    model = Sequential(OrderedDict(fc=Linear(1, 1), act=GELU()))
    assert list(model.state_dict()) == ["fc.weight", "fc.bias"]
    assert model.fc is model[0]


def test_sequential_is_indexed_sliced_and_iterated():
    parts = [Linear(1, 1), Tanh(), GELU()]
    model = Sequential(*parts)
    assert len(model) == 3
    assert list(model) == parts
    assert model[-1] is parts[2]
    tail = model[1:]
    assert type(tail) is Sequential
    assert list(tail) == parts[1:]
    assert [n for n, _ in tail.named_children()] == ["1", "2"]


def test_one_module_may_come_twice():
    layer = Linear(2, 2)
    model = Sequential(layer, layer)
    assert len(model) == 2
    assert len(list(model.parameters())) == 2
    x = mx.ones(1, 2)
    np.testing.assert_array_equal(values(model(x)), values(layer(layer(x))))


@pytest.mark.parametrize("kind", [Sequential, ModuleList])
def test_rows_of_modules_change_as_lists_do(kind):
    a, b, c, d = (Linear(1, n) for n in (1, 2, 3, 4))
    row = kind(a, b) if kind is Sequential else kind([a, b])
    assert row.append(c) is row
    row.insert(1, d)
    assert list(row) == [a, d, b, c]
    del row[0]
    row[-1] = a
    assert list(row) == [d, b, a]
    assert [n for n, _ in row.named_children()] == ["0", "1", "2"]
    assert row.extend([c, c]) is row
    assert len(row) == 5
    del row[1:4]
    assert list(row) == [d, c]


def test_a_module_list_holds_parameters_but_computes_nothing():
    layers = ModuleList(Linear(2, 2) for _ in range(3))
    assert len(list(layers.parameters())) == 6
    assert list(layers.state_dict())[:2] == ["0.weight", "0.bias"]
    assert type(layers[:2]) is ModuleList
    with pytest.raises(NotImplementedError, match="ModuleList must define forward"):
        layers(mx.ones(2))


def test_a_module_list_prints_equal_neighbours_once():
    assert repr(ModuleList([Tanh(), Tanh(), GELU()])) == (
        "ModuleList(\n  (0-1): 2 x Tanh()\n  (2): GELU(approximate='none')\n)"
    )


def test_a_module_dict_is_a_dict_of_modules():
    parts = {"a": Linear(1, 2), "b": Tanh()}
    named = ModuleDict(parts)
    assert len(named) == 2
    assert list(named) == list(named.keys()) == ["a", "b"]
    assert "a" in named
    assert "c" not in named
    assert named["a"] is parts["a"]
    assert dict(named.items()) == parts
    assert list(named.values()) == list(parts.values())
    named["b"] = GELU()
    named.update({"c": Tanh()})
    assert [type(m) for m in named.values()] == [Linear, GELU, Tanh]
    assert isinstance(named.pop("c"), Tanh)
    del named["b"]
    assert list(named.state_dict()) == ["a.weight", "a.bias"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Sequential(Tanh(), mx.ones(1)), TypeError, "'1' must be a Module.*Tensor"),
        (lambda: Sequential(Tanh())[1], IndexError, "index 1 is out of range for Sequential of 1"),
        (lambda: ModuleList([3]), TypeError, "'0' must be a Module or None, got int"),
        (lambda: ModuleList([Tanh()]).__setitem__(0, 3), TypeError, "expected a Module, got int"),
        (lambda: ModuleDict({"a": Tanh()})["b"], KeyError, "no module 'b'.*it has 'a'"),
        (lambda: ModuleDict({"a": Tanh()}).pop("b"), KeyError, "no module 'b'"),
        (lambda: ModuleDict({"a": Tanh()}).__setitem__("a", 3), TypeError, "'a' must be a Module"),
        (lambda: ModuleDict({"a": Tanh()}).__delitem__("b"), KeyError, "no module 'b'"),
        (lambda: ModuleDict({"keys": Tanh()}), KeyError, "already has an attribute 'keys'"),
        (lambda: ModuleDict({"a.b": Tanh()}), KeyError, "contain a point"),
    ],
)
def test_what_a_container_cannot_hold_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
