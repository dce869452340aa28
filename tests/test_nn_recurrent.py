"""Recurrent layers: their equations step by step, and what they refuse."""

import numpy as np
import pytest
from helpers import assert_close, values

import minixattn as mx
from minixattn.autograd import gradcheck

KINDS = ["RNN", "GRU", "LSTM"]


def made(kind, *sizes, **options):
    mx.manual_seed(0)
    return getattr(mx.nn, kind)(*sizes, dtype=mx.float64, **options)


def last(state):
    return state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_its_cell_step_by_step(kind, device):
    layer, cell = made(kind, 3, 4).to(device), made(kind + "Cell", 3, 4).to(device)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x, state = mx.randn(5, 2, 3, device=device).double(), None
    outputs, end = layer(x)
    for t in range(5):
        state = cell(x[t], state)
        assert_close(outputs[t], values(last(state)))
    assert_close(last(end)[0], values(last(state)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_other_direction_reads_from_the_end(kind):
    layer = made(kind, 3, 4, bidirectional=True)
    state = layer.state_dict()
    for name in [n for n in state if n.endswith("_reverse")]:
        state[name] = state[name.removesuffix("_reverse")]
    layer.load_state_dict(state)
    x = mx.randn(5, 2, 3).double()
    forwards, backwards = layer(x)[0].chunk(2, -1)
    assert_close(layer(x.flip(0))[0].chunk(2, -1)[0].flip(0), values(backwards))
    assert not forwards.allclose(backwards)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_agree_with_central_differences(kind):
    layer = made(kind, 2, 2, 2)
    x = mx.randn(3, 1, 2).double().requires_grad_()
    assert gradcheck(lambda x, *_: layer(x)[0], [x, *layer.parameters()])


def test_batches_may_come_first_or_not_at_all():
    layer = made("GRU", 3, 4, batch_first=True)
    x = mx.randn(2, 5, 3).double()
    outputs, h = layer(x)
    assert outputs.shape == (2, 5, 4) and h.shape == (1, 2, 4)
    alone, end = layer(x[1])
    assert_close(alone, values(outputs[1]))
    assert_close(end, values(h[:, 1]))


def test_a_run_can_be_continued_from_its_state():
    layer = made("LSTM", 3, 4, 2)
    x = mx.randn(6, 2, 3).double()
    whole, _ = layer(x)
    _, state = layer(x[:2])
    assert_close(layer(x[2:], state)[0], values(whole[2:]))


def test_dropout_acts_between_layers_in_training_only():
    layer = made("GRU", 3, 4, 2, dropout=0.5)
    x = mx.randn(6, 2, 3).double()
    assert not layer(x)[0].allclose(layer(x)[0])
    layer.eval()
    assert layer(x)[0].equal(layer(x)[0])


def test_what_does_not_fit_is_named():
    layer = made("GRU", 3, 4)
    with pytest.raises(mx.ShapeError, match=r"GRU: the input has shape \(5, 2, 2\), expected .*"):
        layer(mx.ones(5, 2, 2))
    with pytest.raises(mx.ShapeError, match=r"GRU: hx has shape \(2, 4\), expected \(1, 2, 4\)"):
        layer(mx.ones(5, 2, 3).double(), mx.ones(2, 4).double())
    with pytest.raises(TypeError, match=r"LSTM: the state is a pair \(h, c\), got Tensor"):
        made("LSTM", 3, 4)(mx.ones(5, 2, 3).double(), mx.ones(1, 2, 4).double())
    with pytest.raises(ValueError, match='nonlinearity must be "tanh" or "relu", got \'gelu\''):
        mx.nn.RNN(3, 4, nonlinearity="gelu")


def test_attention_over_its_states_is_bahdanaus():
    mx.manual_seed(0)
    states, _ = mx.nn.GRU(3, 4, batch_first=True, bidirectional=True)(mx.randn(2, 5, 3))
    context, weights = mx.nn.AdditiveAttention(6, 8)(mx.randn(2, 1, 6), states)
    assert context.shape == (2, 1, 8)
    np.testing.assert_allclose(values(weights).sum(-1), 1, rtol=1e-6)
