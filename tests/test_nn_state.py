"""state_dict and load_state_dict: everything is checked before anything is written."""

import numpy as np
import pytest
from helpers import values
from test_nn_module import Block, Model

import minixattn as mx
from minixattn.nn import Linear, Parameter, Sequential


def snapshot(module):
    return {k: values(v).copy() for k, v in module.state_dict().items()}


def unchanged(module, before):
    after = snapshot(module)
    assert list(after) == list(before)
    for name in before:
        np.testing.assert_array_equal(after[name], before[name])


def test_the_state_has_parameters_then_persistent_buffers_then_parts():
    assert list(Block(3).state_dict()) == ["gain", "shift", "count", "inner.weight", "inner.bias"]
    assert list(Linear(2, 3).state_dict(prefix="fc.")) == ["fc.weight", "fc.bias"]


def test_shared_parameters_are_stored_under_every_name():
    keys = list(Model().state_dict())
    assert {"tied", "rows.0.inner.weight", "again.gain", "rows.1.gain"} <= set(keys)


def test_values_are_constants_that_share_memory(device):
    layer = Linear(2, 3).to(device)
    weight = layer.state_dict()["weight"]
    assert type(weight) is mx.Tensor
    assert not weight.requires_grad
    weight.zero_()
    assert not values(layer.weight).any()
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight


@pytest.mark.parametrize("kind", ["Tensor", "Parameter", "array", "list"])
def test_a_state_loads_in_place_from_anything_that_holds_numbers(kind, device, rng):
    layer = Linear(2, 3).to(device)
    W, b = rng.standard_normal((3, 2)), rng.standard_normal(3)
    make = {
        "Tensor": lambda a: mx.tensor(a, device=device), "Parameter": lambda a: Parameter(a),
        "array": lambda a: a, "list": lambda a: a.tolist(),
    }[kind]  # fmt: skip
    weight, memory = layer.weight, layer.weight.array
    result = layer.load_state_dict({"bias": make(b), "weight": make(W)})
    assert result == ([], [])
    assert result.missing_keys == result.unexpected_keys == []
    assert layer.weight is weight
    assert layer.weight.array is memory
    assert layer.weight.requires_grad
    assert layer.weight.dtype == mx.float32
    np.testing.assert_array_equal(values(layer.weight), W.astype("float32"))
    np.testing.assert_array_equal(values(layer.bias), b.astype("float32"))


def test_a_state_goes_from_one_model_to_another(device):
    mx.manual_seed(0)
    a, b = (Sequential(Linear(2, 3), Linear(3, 1)).to(device) for _ in range(2))
    b.load_state_dict(a.state_dict())
    x = mx.ones(4, 2, device=device)
    np.testing.assert_array_equal(values(a(x)), values(b(x)))


def test_a_state_that_shares_memory_with_the_model_is_read_before_it_is_written():
    layer = Linear(2, 2)
    W = values(layer.weight).copy()
    layer.load_state_dict({"weight": layer.weight.detach().T, "bias": layer.weight.detach()[0]})
    np.testing.assert_array_equal(values(layer.weight), W.T)
    np.testing.assert_array_equal(values(layer.bias), W[0])


def test_every_misfit_is_listed_and_nothing_is_written():
    model = Block(3)
    before = snapshot(model)
    state = {"gain": mx.ones(4), "count": mx.ones(1), "inner.weight": mx.zeros(3, 2), "extra": 1.0,
             "inner.bias": "text"}  # fmt: skip
    with pytest.raises(RuntimeError) as error:
        model.load_state_dict(state)
    text = str(error.value)
    assert "the state_dict does not fit Block; nothing was loaded" in text
    for line in (
        "gain: the model has shape (3,), the state_dict (4,)",
        "inner.weight: the model has shape (2, 3), the state_dict (3, 2)",
        "inner.bias: expected numbers, got str",
        "shift: missing from the state_dict",
        "extra: in the state_dict, but not in the model",
    ):
        assert line in text
    unchanged(model, before)


def test_without_strict_the_keys_that_fit_are_loaded_and_the_others_returned():
    model = Block(3)
    missing, unexpected = model.load_state_dict({"gain": [2, 2, 2], "extra": 1}, strict=False)
    assert missing == ["shift", "count", "inner.weight", "inner.bias"]
    assert unexpected == ["extra"]
    assert values(model.gain).tolist() == [2, 2, 2]


def test_a_wrong_shape_is_refused_even_without_strict():
    model = Block(3)
    before = snapshot(model)
    with pytest.raises(RuntimeError, match=r"gain: the model has shape \(3,\), the state_dict"):
        model.load_state_dict({"gain": [2.0], "shift": [1.0, 2.0, 3.0]}, strict=False)
    unchanged(model, before)


def test_the_error_says_when_only_names_differ():
    with pytest.raises(RuntimeError, match="To load only the keys that both have, pass strict=Fal"):
        Linear(2, 3).load_state_dict({"weight": mx.ones(3, 2)})


def test_the_error_recognises_a_common_prefix():
    layer = Linear(2, 3)
    with pytest.raises(RuntimeError, match="Every key starts with 'module' and a point"):
        Linear(2, 3).load_state_dict(layer.state_dict(prefix="module."))


def test_complex_numbers_are_refused():
    with pytest.raises(RuntimeError, match=r"bias: expected numbers, got ndarray \(complex128\)"):
        Linear(2, 1).load_state_dict({"weight": [[1, 2]], "bias": np.array([1j])})


def test_what_a_recorded_graph_needs_is_not_changed_unnoticed():
    layer = Linear(2, 3)
    y = layer(mx.ones(1, 2, requires_grad=True)).sum()
    layer.load_state_dict({k: v.clone() for k, v in layer.state_dict().items()})
    with pytest.raises(mx.GraphError, match="changed in place"):
        y.backward()


def test_an_optimizer_keeps_hold_of_loaded_parameters(device):
    layer = Linear(1, 1, bias=False).to(device)
    optimizer = mx.optim.SGD(layer.parameters(), lr=1.0)
    layer.load_state_dict({"weight": [[5.0]]})
    layer(mx.ones(1, 1, device=device)).sum().backward()
    optimizer.step()
    assert values(layer.weight).tolist() == [[4.0]]


@pytest.mark.parametrize(("given", "message"), [
    ("model.safetensors", r"got str: load_state_dict\(minixattn.load\('model.safetensors'\)\)."),
    ([1], "takes a dict of names and tensors, got list."), (None, "got NoneType."),
])  # fmt: skip
def test_a_state_that_is_no_dict_is_told_what_one_is(given, message):
    with pytest.raises(TypeError, match=message):
        mx.nn.Linear(2, 3).load_state_dict(given)


def test_the_answer_says_in_words_that_all_keys_matched():
    layer = mx.nn.Linear(2, 3)
    assert repr(layer.load_state_dict(layer.state_dict())) == "<All keys matched successfully>"
    answer = layer.load_state_dict({"weight": np.ones((3, 2)), "other": 1}, strict=False)
    assert repr(answer) == "IncompatibleKeys(missing_keys=['bias'], unexpected_keys=['other'])"
