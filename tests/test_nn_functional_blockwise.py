"""Attention without the matrix of scores, as an operation on tensors."""

import numpy as np
import pytest
from helpers import assert_close

import minixattn as mx
from minixattn.errors import GraphError, ShapeError
from minixattn.nn import functional as F
from minixattn.nn.functional import attention
from minixattn.nn.functional import fast_attention as fast
from minixattn.nn.functional.blockwise import causal


@pytest.fixture(autouse=True)
def as_one_operation(monkeypatch):
    """No scores are too few for it."""
    monkeypatch.setattr(attention, "FEW", 0)


@pytest.fixture
def in_tiles(monkeypatch):
    """Every attention counts as long."""
    monkeypatch.setattr(fast, "WHOLE", 0)
    monkeypatch.setattr(fast, "TILE", (4, 3))


def made(rng, device, lead, L=9, S=7, d=4, d_v=3):
    shapes = (*lead, L, d), (*lead, S, d), (*lead, S, d_v)
    return [mx.tensor(rng.standard_normal(s), device=device, requires_grad=True) for s in shapes]


def both_orders(function, inputs):
    """The output, its derivatives, and theirs."""
    out = function(*inputs)
    number = mx.arange(out.numel(), dtype=out.dtype, device=out.device)
    weight = number.cos().reshape(out.shape)
    first = mx.autograd.grad((out * weight).sum(), inputs, create_graph=True)
    total = sum((g * g * (i + 1)).sum() for i, g in enumerate(first))
    return out, *first, *mx.autograd.grad(total, inputs)


OPTIONS = [{}, {"is_causal": True}, {"scale": 0.7}, {"attn_mask": "bool"}, {"attn_mask": "float"}]


def look(*inputs, **options):
    """Output and weights side by side, so that derivatives of both are compared."""
    found = attention.attention(*inputs, **options)
    assert found.scores is None
    return mx.cat([found.output, found.weights], -1)


def steps(*inputs, **options):
    """The same by the readable form."""
    found = F.attention_steps(*inputs, **options)
    return mx.cat([found.output, found.weights], -1)


@pytest.mark.parametrize("lead", [(), (2,), (2, 3), (2, 1, 2)])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("form", ["whole", "tiled", "with weights"])
@pytest.mark.filterwarnings("ignore::minixattn.mask_type.EmptyRowWarning")
def test_attention_as_one_operation_is_the_equation_with_all_its_derivatives(
    rng, device, lead, options, form, request
):  # fmt: skip
    if form == "tiled":
        request.getfixturevalue("in_tiles")
    inputs = made(rng, device, lead)
    if "attn_mask" in options:
        mask = rng.random((9, 7)) < 0.6
        mask[2] = False
        if options["attn_mask"] == "float":
            mask = np.where(mask, rng.standard_normal(mask.shape), -np.inf)
        options = {"attn_mask": mx.tensor(mask, device=device)}

    fast, readable = F.scaled_dot_product_attention, lambda *x, **o: F.attention_steps(*x, **o)[-1]
    if form == "with weights":
        fast, readable = look, steps
    found = both_orders(lambda *x: fast(*x, **options), inputs)
    for ours, theirs in zip(found, both_orders(lambda *x: readable(*x, **options), inputs)):
        assert_close(ours, theirs, 1e-9, 1e-10)


def test_weights_that_are_watched_get_their_gradient(rng, device):
    Q, K, V = made(rng, device, (2,))
    found = []
    for function in (attention.attention, F.attention_steps):
        *_, weights, output = function(Q, K, V)
        weights.retain_grad()
        number = mx.arange(output.numel(), dtype=output.dtype, device=device).cos()
        (output * number.reshape(output.shape)).sum().backward()
        found.append([x.grad for x in (Q, K, V)])
        assert_close(weights.grad, number.reshape(output.shape) @ V.detach().mT)
        Q.grad = K.grad = V.grad = None
    for ours, theirs in zip(*found):
        assert_close(ours, theirs, 1e-9, 1e-10)


def test_nothing_to_look_at_or_to_ask_gives_zeros_or_nothing(device):
    for L, S in ((0, 3), (3, 0), (0, 0)):
        sizes = ((2, L, 4), (2, S, 4), (2, S, 5))
        Q, K, V = (mx.ones(*size, device=device) for size in sizes)
        output = F.scaled_dot_product_attention(Q, K, V)
        assert output.shape == (2, L, 5) and not output.array.any()


def test_a_learned_mask_still_learns(rng, device, in_tiles):
    inputs = made(rng, device, (2,))
    bias = mx.tensor(rng.standard_normal((9, 7)), device=device, requires_grad=True)
    F.scaled_dot_product_attention(*inputs, attn_mask=bias).square().sum().backward()
    assert bias.grad is not None and (bias.grad.array != 0).any()


def test_a_learned_scale_still_learns(rng, device, in_tiles):
    scale = mx.tensor(0.7, dtype=mx.float64, device=device, requires_grad=True)
    F.scaled_dot_product_attention(*made(rng, device, (2,)), scale=scale).square().sum().backward()
    assert scale.grad is not None and scale.grad.item() != 0


def test_an_output_that_was_changed_in_place_is_noticed(rng, device, in_tiles):
    output = F.scaled_dot_product_attention(*made(rng, device, (2,)))
    output.detach().mul_(2)
    with pytest.raises(GraphError, match="changed in place"):
        output.sum().backward()


@pytest.mark.parametrize("order", [1, 2])
def test_a_mask_counts_as_it_was_in_the_call(rng, device, order, in_tiles):
    inputs = made(rng, device, (2, 1))
    found = []
    for change in (False, True):
        mask = mx.ones(2, 1, 1, 7, device=device).bool()
        rows = mask.expand(2, 1, 9, 7)
        output = F.scaled_dot_product_attention(*inputs, attn_mask=rows)
        if change:
            mask[..., 2:5] = False
        grads = mx.autograd.grad(output.square().sum(), inputs, create_graph=order == 2)
        if order == 2:
            grads = mx.autograd.grad(sum(g.square().sum() for g in grads), inputs)
        found.append(grads)
    for ours, theirs in zip(*found):
        assert_close(ours, theirs)


def test_errors_are_those_of_the_short_form(rng, device, in_tiles):
    q, k, v = made(rng, device, (2,))
    with pytest.raises(ShapeError, match="attn_mask of shape"):
        F.scaled_dot_product_attention(q, k, v, attn_mask=mx.ones(3, 3, device=device).bool())
    with pytest.raises(ShapeError, match="each key needs its value"):
        F.scaled_dot_product_attention(q, k, v[:, :3])


@pytest.mark.parametrize(("L", "S"), [(1, 1), (3, 5), (5, 3), (6, 6)])
def test_the_causal_mask_is_a_triangle_in_the_memory_of_a_row(L, S):
    mask = causal(np.empty(0), L, S)
    np.testing.assert_array_equal(mask, np.tri(L, S, dtype=bool))
    assert mask.strides == (1, -1)
