"""Hooks before and after a module's call."""

import pytest

import minixattn as mx


@pytest.fixture
def layer():
    mx.manual_seed(0)
    return mx.nn.Linear(2, 3)


X = mx.ones(1, 2)


def test_a_hook_sees_module_arguments_and_output(layer):
    seen = []
    layer.register_forward_hook(lambda *given: seen.append(given))
    y = layer(X)
    (module, args, output), = seen
    assert module is layer and args == (X,) and output is y


def test_what_a_hook_returns_takes_the_place_of_the_output(layer):
    plain = layer(X)
    layer.register_forward_hook(lambda module, args, output: output * 2)
    layer.register_forward_hook(lambda module, args, output: output + 1)
    assert layer(X).equal(plain * 2 + 1)


def test_what_a_hook_before_returns_takes_the_place_of_the_arguments(layer):
    expected = layer(X * 3)
    layer.register_forward_pre_hook(lambda module, args: args[0] * 3)
    assert layer(X).equal(expected)


def test_named_arguments_reach_hooks_that_ask_for_them():
    layer = mx.nn.MultiheadAttention(4, 2, batch_first=True)
    q, seen = mx.randn(1, 3, 4), []
    layer.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {**kwargs, "need_weights": False}), with_kwargs=True
    )
    layer.register_forward_hook(
        lambda module, args, kwargs, output: seen.append(kwargs), with_kwargs=True
    )
    _, weights = layer(q, q, value=q)
    assert weights is None and seen[0]["value"] is q and seen[0]["need_weights"] is False


def test_hooks_come_in_their_order_and_go_when_they_are_removed(layer):
    order = []
    first = layer.register_forward_hook(lambda *_: order.append("first"))
    layer.register_forward_hook(lambda *_: order.append("before"), prepend=True)
    layer(X)
    first.remove()
    with layer.register_forward_pre_hook(lambda *_: order.append("pre")):
        layer(X)
    layer(X)
    assert order == ["before", "first", "pre", "before", "before"]


def test_hooks_are_no_parts_of_the_module(layer):
    layer.register_forward_hook(mx.nn.Linear(2, 2).forward)
    assert list(layer.state_dict()) == ["weight", "bias"] and len(list(layer.modules())) == 1


def test_attention_inside_a_model_can_be_watched():
    model = mx.nn.TransformerDecoderLayer(8, 2, batch_first=True)
    shapes = []
    for name, module in model.named_modules():
        if name == "multihead_attn":
            module.register_forward_hook(lambda _module, _args, out: shapes.append(out[0].shape))
    model(mx.randn(1, 3, 8), mx.randn(1, 5, 8))
    assert shapes == [(1, 3, 8)]


def test_a_wrong_hook_is_explained(layer):
    with pytest.raises(TypeError, match="a hook must be a function, got str"):
        layer.register_forward_hook("print")
    layer.register_forward_pre_hook(lambda module, args, kwargs: args, with_kwargs=True)
    with pytest.raises(TypeError, match=r"returns None or \(args, kwargs\), got tuple"):
        layer(X)
