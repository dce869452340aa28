"""The layers as one operation: the same numbers and derivatives as the readable form."""

import gc
import weakref

import numpy as np
import pytest
from helpers import assert_close, values

import minixattn as mx
from minixattn import threads
from minixattn.errors import GraphError
from minixattn.nn import fused
from minixattn.nn.functional import fast_attention as fast

B, L, S, E, H = 2, 5, 7, 12, 3
MASKS = ["none", "allowed", "float", "heads"]


@pytest.fixture(params=["CrossAttention", "CrossAttention without biases", "narrow heads",
                        "MultiheadAttention", "MultiheadAttention without biases"])  # fmt: skip
def layer(request, device):
    """Every layer that runs as one operation, in float64."""
    mx.manual_seed(0)
    bias = "without" not in request.param
    if request.param.startswith("Multi"):
        made = mx.nn.MultiheadAttention(E, H, bias=bias, batch_first=True)
    elif request.param.startswith("Cross"):
        made = mx.nn.CrossAttention(E, num_heads=H, bias=bias)
    else:
        made = mx.nn.CrossAttention(E, num_heads=H, head_dim=2, value_dim=3, out_dim=8, scale=0.3)
    return made.double().to(device)


@pytest.fixture
def streams(rng, device):
    return [mx.tensor(rng.standard_normal((B, n, E)), device=device, requires_grad=True)
            for n in (L, S)]  # fmt: skip


def mask_of(kind, rng, device, layer):
    """A mask as the layer takes it; one query may look nowhere."""
    shape = {"allowed": (L, S), "float": (L, S), "heads": (B, H, L, S), "none": ()}[kind]
    allowed = rng.random(shape) < 0.7
    if kind == "none":
        return None
    allowed[..., 1, :] = False
    multihead = isinstance(layer, mx.nn.MultiheadAttention)
    if kind == "float" and multihead:
        allowed = np.where(allowed, rng.standard_normal(shape), -np.inf)
    elif multihead:
        allowed = ~allowed.reshape((-1, L, S) if kind == "heads" else (L, S))
    return mx.tensor(allowed, device=device)


def call(layer, x, c, mask, **options):
    if isinstance(layer, mx.nn.MultiheadAttention):
        return layer(x, c, c, attn_mask=mask, average_attn_weights=False, **options)
    return layer(x, c, mask, **options)


def loss_of(output, weights, part):
    """A scalar in which every number of the output, the weights, or both counts differently."""
    total = 0
    for name, t in (("output", output), ("weights", weights)):
        if part in (name, "both"):
            n = mx.arange(t.numel(), dtype=mx.float64, device=t.device).reshape(t.shape)
            total = total + (t * (n + 1).sin()).sum() + (t * t).sum()
    return total


@pytest.fixture
def readably(monkeypatch):
    """A function that runs another one with the readable form."""

    def run(function):
        with monkeypatch.context() as patch:
            for module in ("attention", "multihead"):
                patch.setattr(f"minixattn.nn.{module}.is_plain", lambda *_: False)
            return function()

    return run


@pytest.mark.filterwarnings("ignore::minixattn.mask_type.EmptyRowWarning")
@pytest.mark.parametrize("part", ["output", "weights", "both"])
@pytest.mark.parametrize("kind", MASKS)
def test_output_weights_and_gradients_are_those_of_the_readable_form(
    rng, device, layer, streams, kind, part, readably
):  # fmt: skip
    mask, inputs = mask_of(kind, rng, device, layer), [*streams, *layer.parameters()]

    def run():
        output, weights = call(layer, *streams, mask)
        found = mx.autograd.grad(loss_of(output, weights, part), inputs, materialize_grads=True)
        return output, weights, *found

    for ours, theirs in zip(run(), readably(run)):
        assert_close(ours, theirs, 1e-11, 1e-12)


@pytest.mark.filterwarnings("ignore::minixattn.mask_type.EmptyRowWarning")
@pytest.mark.parametrize("part", ["output", "both"])
@pytest.mark.parametrize("kind", ["none", "allowed"])
def test_second_derivatives_are_those_of_the_readable_form(
    rng, device, layer, streams, kind, part, readably
):  # fmt: skip
    mask, inputs = mask_of(kind, rng, device, layer), [*streams, *layer.parameters()]

    def run():
        loss = loss_of(*call(layer, *streams, mask), part)
        first = mx.autograd.grad(loss, inputs, create_graph=True)
        total = sum((g * (i + g)).sum() for i, g in enumerate(first))
        return mx.autograd.grad(total, inputs, materialize_grads=True)

    for ours, theirs in zip(run(), readably(run)):
        assert_close(ours, theirs, 1e-9, 1e-10)


def test_the_gradient_of_the_weights_can_be_asked_for(device, layer, streams, readably):
    def retained():
        output, weights = call(layer, *streams, None)
        weights.retain_grad()
        loss_of(output, weights, "output").backward()
        return weights.grad

    def asked():
        output, weights = call(layer, *streams, None)
        return mx.autograd.grad(loss_of(output, weights, "output"), weights)[0]

    expected = readably(asked)
    assert np.abs(values(expected)).max() > 0.01
    assert_close(retained(), expected)
    assert_close(asked(), expected)


def test_weights_that_were_changed_in_place_are_noticed(device, layer, streams):
    output, weights = call(layer, *streams, None)
    weights.detach().mul_(2)
    with pytest.raises(GraphError, match="changed in place"):
        output.sum().backward()


def test_parameters_that_were_changed_in_place_are_noticed(device, layer, streams):
    output, _ = call(layer, *streams, None)
    with mx.no_grad():
        next(layer.parameters()).mul_(2)
    with pytest.raises(GraphError, match="changed in place"):
        output.sum().backward()


def test_without_weights_the_output_and_gradients_are_the_same(device, layer, streams, monkeypatch):
    inputs = [*streams, *layer.parameters()]
    output, _ = call(layer, *streams, None)
    expected = mx.autograd.grad(loss_of(output, None, "output"), inputs)
    for whole, shared in ((0, 1 << 60), (0, 0)):  # in tiles, and by several threads
        monkeypatch.setattr(fast, "WHOLE", whole)
        monkeypatch.setattr(threads, "SHARED", shared)
        again, weights = call(layer, *streams, None, need_weights=False)
        assert weights is None
        assert_close(again, output)
        found = mx.autograd.grad(loss_of(again, None, "output"), inputs)
        for ours, theirs in zip(found, expected):
            assert_close(ours, theirs)


@pytest.mark.filterwarnings("ignore::minixattn.mask_type.EmptyRowWarning")
@pytest.mark.parametrize("kind", ["none", "allowed", "float", "heads"])
def test_an_element_at_a_time_gives_what_the_whole_batch_gives(
    device, layer, streams, rng, monkeypatch, kind
):
    if kind == "float" and not isinstance(layer, mx.nn.MultiheadAttention):
        pytest.skip("CrossAttention takes bool masks")
    mask, inputs = mask_of(kind, rng, device, layer), [*streams, *layer.parameters()]
    found = []
    for shared in (1 << 60, 0):  # whole; by several threads
        monkeypatch.setattr(threads, "SHARED", shared)
        output, weights = call(layer, *streams, mask)
        loss = loss_of(output, weights.detach(), "output")
        found.append([output, weights, *mx.autograd.grad(loss, inputs)])
    for whole, apart in zip(*found):
        assert_close(apart, whole)


def test_a_graph_that_was_kept_can_be_walked_twice(device, layer, streams):
    output, _ = call(layer, *streams, None)
    loss = loss_of(output, None, "output")
    loss.backward(retain_graph=True)
    first = values(streams[0].grad).copy()
    loss.backward()
    assert_close(streams[0].grad, 2 * first)


def test_what_the_derivative_needed_is_given_back_by_backward(streams, layer, device):
    output, weights = call(layer, *streams, None)
    del weights
    saved = [c.cell_contents for c in output.derivatives.__closure__
             if isinstance(c.cell_contents, fused.Saved)]  # fmt: skip
    queries = weakref.ref(saved.pop().Q)
    gc.disable()
    try:
        output.sum().backward()
        assert queries() is None
    finally:
        gc.enable()


def test_gradients_of_frozen_streams_are_not_computed(device, layer, streams):
    x, c = (t.detach() for t in streams)
    output, _ = call(layer, x, c, None)
    loss_of(output, None, "output").backward()
    assert x.grad is None and c.grad is None
    assert all(p.grad is not None for p in layer.parameters())


def test_without_keys_the_outputs_are_those_of_the_readable_form(device, layer, readably):
    x, c = mx.ones(B, L, E, device=device).double(), mx.zeros(B, 0, E, device=device).double()
    for ours, theirs in zip(call(layer, x, c, None), readably(lambda: call(layer, x, c, None))):
        assert_close(ours, theirs)


def test_a_learned_mask_learns(rng, device):
    layer = mx.nn.MultiheadAttention(E, H, batch_first=True).double().to(device)
    x = mx.tensor(rng.standard_normal((B, L, E)), device=device)
    mask = mx.tensor(rng.standard_normal((L, L)), device=device, requires_grad=True)
    layer(x, x, x, attn_mask=mask)[0].square().sum().backward()
    assert np.abs(values(mask.grad)).max() > 0


def test_a_learned_scale_learns(device, layer, streams):
    if isinstance(layer, mx.nn.MultiheadAttention):
        pytest.skip("its scale is given by its width")
    layer.scale = mx.tensor(0.3, dtype=mx.float64, device=device, requires_grad=True)
    layer(*streams)[0].square().sum().backward()
    assert layer.scale.grad.item() != 0


@pytest.mark.parametrize("wrong", [np.inf, np.nan])
def test_a_mask_that_would_make_nan_is_refused(wrong):
    layer, x = mx.nn.MultiheadAttention(E, H, batch_first=True), mx.ones(B, L, E)
    with pytest.raises(ValueError, match="holds \\+inf or NaN"):
        layer(x, x, x, attn_mask=mx.tensor(np.full((L, L), wrong)).float())


@pytest.mark.parametrize("whole", [0, 1 << 24])
def test_a_mask_counts_as_it_was_in_the_call(device, layer, streams, whole, monkeypatch):
    monkeypatch.setattr(fast, "WHOLE", whole)
    inputs, multihead = list(layer.parameters()), isinstance(layer, mx.nn.MultiheadAttention)
    found = []
    for change in (False, True):
        mask = mx.ones(L, S, device=device)
        mask = mask.double() if multihead else mask.bool()
        output, _ = call(layer, *streams, mask, need_weights=False)
        if change:
            mask[:, 2:5] = -9.0 if multihead else False
        first = mx.autograd.grad(output.square().sum(), inputs, retain_graph=True)
        second = mx.autograd.grad(output.square().sum(), inputs, create_graph=True)
        found.append([*first, *second])
    for ours, theirs in zip(*found):
        assert_close(ours, theirs)


def test_weights_alone_leave_the_gradients_of_what_made_only_the_output_at_none(device, streams):
    layer = mx.nn.CrossAttention(E, num_heads=H).double().to(device)
    layer(*streams)[1].square().sum().backward()
    assert {name for name, p in layer.named_parameters() if p.grad is not None} == {
        "W_Q.weight", "W_Q.bias", "W_K.weight", "W_K.bias"
    }  # fmt: skip


def test_a_subclass_that_projects_otherwise_is_asked(layer, streams):
    def refuse(*_):
        raise AssertionError("asked")

    layer.__class__ = type("Other", (type(layer),), {"keys_and_values": refuse, "project": refuse})
    with pytest.raises(AssertionError, match="asked"):
        call(layer, *streams, None)
