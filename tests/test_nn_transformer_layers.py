"""PyTorch's Transformer layers: their equations, their names, their errors."""

import pytest
from helpers import assert_close
from layer_checks import check_derivatives, check_precisions

import minixattn as mx
from minixattn import nn

B, L, S, E, H, HIDDEN = 2, 3, 4, 4, 2, 5


@pytest.fixture(params=[False, True], ids=["post-norm", "pre-norm"])
def norm_first(request):
    return request.param


def made(kind, device, **options):
    mx.manual_seed(0)
    options = {"dropout": 0.0, "batch_first": True, **options}
    return kind(E, H, HIDDEN, **options).double().to(device)


@pytest.fixture
def streams(rng, device):
    return [mx.tensor(rng.standard_normal((B, n, E)), device=device, requires_grad=True)
            for n in (L, S)]  # fmt: skip


def test_an_encoder_layer_is_its_equation(device, streams, norm_first):
    layer, x = made(nn.TransformerEncoderLayer, device, norm_first=norm_first), streams[0]

    def look(x):
        return layer.self_attn(x, x, x)[0]

    def think(x):
        return layer.linear2(layer.linear1(x).relu())

    if norm_first:
        y = x + look(layer.norm1(x))
        expected = y + think(layer.norm2(y))
    else:
        y = layer.norm1(x + look(x))
        expected = layer.norm2(y + think(y))
    assert_close(layer(x), expected)


def test_a_decoder_layer_is_its_equation(device, streams, norm_first):
    layer, (x, m) = made(nn.TransformerDecoderLayer, device, norm_first=norm_first), streams
    blind = mx.tensor([[False, True, True], [False, False, True], [False] * 3], device=device)

    def recall(x):
        return layer.self_attn(x, x, x, attn_mask=blind)[0]

    def look(x):
        return layer.multihead_attn(x, m, m)[0]

    def think(x):
        return layer.linear2(layer.linear1(x).relu())

    parts, norms = (recall, look, think), (layer.norm1, layer.norm2, layer.norm3)
    y = x
    for part, norm in zip(parts, norms):
        y = y + part(norm(y)) if norm_first else norm(y + part(y))
    assert_close(layer(x, m, tgt_mask=blind, tgt_is_causal=True), y)


def test_derivatives_are_right_to_second_order(device, streams, norm_first):
    x, m = (t[:1, :2].detach().requires_grad_() for t in streams)
    options = {"norm_first": norm_first, "activation": "gelu"}
    names = ["norm1.weight", "linear1.bias"]
    encoder = made(nn.TransformerEncoderLayer, device, **options)
    check_derivatives(encoder, x, parameters=names)
    decoder = made(nn.TransformerDecoderLayer, device, **options)
    check_derivatives(decoder, x, m, parameters=names)


def test_every_precision_comes_out_as_it_came_in(device, streams):
    check_precisions(made(nn.TransformerDecoderLayer, device), *streams)


def test_weights_of_the_look_at_the_memory_are_to_be_had(device, streams):
    layer = made(nn.TransformerDecoderLayer, device)
    output, weights = layer.with_weights(*streams)
    assert_close(output, layer(*streams))
    assert weights.shape == (B, H, L, S)
    assert_close(weights.sum(-1), mx.ones(B, H, L, dtype=mx.float64, device=device))


def test_dropout_acts_in_training_only(device, streams):
    layer = made(nn.TransformerEncoderLayer, device, dropout=0.5)
    assert not layer(streams[0]).allclose(layer(streams[0]))
    layer.eval()
    assert_close(layer(streams[0]), layer(streams[0]))


def test_an_unknown_activation_is_named():
    with pytest.raises(RuntimeError, match="should be 'relu', 'gelu' or a function, not 'tanh'"):
        nn.TransformerEncoderLayer(E, H, activation="tanh")


def test_a_trace_tells_the_two_attentions_of_a_decoder_layer_apart(streams):
    layer = made(nn.TransformerDecoderLayer, "cpu")
    x, m = (t.detach() for t in streams)
    with mx.trace() as t:
        layer(x.cpu(), m.cpu())
    steps = [step for name in t.layers for step in t.layers[name]]
    shapes = [step.shape for step in steps if step.symbol == "weights"]
    assert sorted(shapes) == sorted([(B, H, L, L), (B, H, L, S)])
