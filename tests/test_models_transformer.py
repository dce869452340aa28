"""The Transformer is its equations: by hand in NumPy, with every sublayer in either order."""

import math
import re

import numpy as np
import pytest
from helpers import assert_close, values, weighted
from layer_checks import check_derivatives
from transformer_by_hand import ByHand, E, H

import minixattn as mx
from minixattn.models import (
    AdditiveTransformer,
    PooledTransformer,
    PostNorm,
    PreNorm,
    Transformer,
)
from minixattn.models.transformer_layers import sinusoids

SOURCES, TARGETS, D_FF, B, L, S = 9, 7, 10, 2, 4, 5
KINDS = (Transformer, PooledTransformer, AdditiveTransformer)
NORMS = (PreNorm, PostNorm)
every_model = pytest.mark.parametrize("kind", KINDS)
either_norm = pytest.mark.parametrize("residual", NORMS)


def made(kind=Transformer, residual=PreNorm, device="cpu", sizes=(SOURCES, TARGETS)):
    mx.manual_seed(1)
    model = kind(*sizes, width=E, heads=H, hidden=D_FF, layers=(1, 2), residual=residual, longest=8)
    with mx.no_grad():
        for p in model.parameters():  # no bias is 0, no norm 1: each has its say
            p += mx.tensor(np.random.default_rng(p.numel()).normal(0, 0.2, p.shape)).to(p.dtype)
    return model.to(mx.float64).to(device).eval()


def inputs(device="cpu"):
    rng = np.random.default_rng(0)
    source, given = rng.integers(1, SOURCES, (B, S)), rng.integers(1, TARGETS, (B, L))
    mask = np.arange(S) < np.array([5, 3])[:, None]
    return tuple(mx.tensor(x, device=device) for x in (source, given, mask))


# The equations ----------------------------------------------------------------------------------


@either_norm
@every_model
def test_the_model_is_its_equations(kind, residual, device):
    model, parts = made(kind, residual, device), inputs(device)
    logits, weights = model(*parts)
    by_hand = ByHand(model, residual)
    for b, (source, given, keep) in enumerate(zip(*map(values, parts))):
        expected, looks = by_hand(source, given, keep)
        assert_close(logits[b], expected, 1e-10, 1e-10)
        for A, look in zip(weights, looks, strict=True):
            assert_close(A[b], look, 1e-10, 1e-10)


@every_model
def test_every_documented_shape_is_true(kind, device):
    model, (source, given, mask) = made(kind, device=device), inputs(device)
    logits, weights = model(source, given, mask)
    heads = 1 if kind is AdditiveTransformer else H
    assert logits.shape == (B, L, TARGETS) and logits.device == device
    assert [A.shape for A in weights] == [(B, heads, L, S)] * 2
    assert model.encode(source, mask).shape == (B, S, E)
    assert_close(weights[0].sum(-1), np.ones((B, heads, L)))


def test_the_positions_are_sines_and_cosines_of_falling_frequency():
    table = sinusoids(50, 6)
    assert table.dtype == np.float32 and table.shape == (50, 6)
    for pos in (0, 1, 17, 49):
        for i in range(3):
            angle = pos / 10000 ** (2 * i / 6)
            np.testing.assert_allclose(table[pos, 2 * i], math.sin(angle), atol=1e-6)
            np.testing.assert_allclose(table[pos, 2 * i + 1], math.cos(angle), atol=1e-6)
    assert sinusoids(4, 5).shape == (4, 5)


# What it must not see ----------------------------------------------------------------------------


@either_norm
@every_model
def test_no_token_sees_what_is_written_after_it(kind, residual):
    model, (source, given, mask) = made(kind, residual), inputs()
    logits = values(model(source, given, mask)[0])
    for t in range(L):
        other = values(given).copy()
        other[:, t] = other[:, t] % (TARGETS - 1) + 1
        changed = values(model(source, mx.tensor(other), mask)[0])
        np.testing.assert_array_equal(changed[:, :t], logits[:, :t])
        assert abs(changed[:, t:] - logits[:, t:]).max((0, 2)).min() > 1e-6


@every_model
def test_padding_has_no_influence(kind, device):
    model, (source, given, mask) = made(kind, device=device), inputs(device)
    logits, _ = model(source, given, mask)
    other = np.where(values(mask), values(source), 3)
    assert (other != values(source)).any()
    changed, looks = model(mx.tensor(other, device=device), given, mask)
    assert_close(changed, logits, 0, 0)
    assert not values(looks[0])[1, :, :, 3:].any()
    alone, _ = model(source[1:, :3], given[1:])
    assert_close(alone, logits[1:], 1e-10, 1e-10)


def test_without_cross_attention_every_token_gets_the_same_of_the_source():
    model, (source, given, mask) = made(PooledTransformer), inputs()
    _, weights = model(source, given, mask)
    even = values(mask)[:, None, None] / values(mask).sum(1)[:, None, None, None]
    assert_close(weights[1], np.broadcast_to(even, (B, H, L, S)))
    _, unmasked = model(source, given)
    assert_close(unmasked[0], np.full((B, H, L, S), 1 / S))


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a mask that hides everything
@every_model
def test_a_source_without_a_real_token_gives_finite_numbers(kind):
    model, (source, given, mask) = made(kind), inputs()
    logits, weights = model(source, given, mask & False)
    assert np.isfinite(values(logits)).all()
    assert not values(weights[0]).any()


# Parameters --------------------------------------------------------------------------------------


def test_one_matrix_embeds_the_target_and_makes_the_logits():
    model = made()
    assert not [name for name, _ in model.named_parameters() if "logits" in name]
    _, given, _ = parts = inputs()
    before = values(model(*parts)[0])
    with mx.no_grad():
        model.target.weight[0] = 7.0  # a token that is not given
    assert not (values(given) == 0).any()
    after = values(model(*parts)[0])
    np.testing.assert_array_equal(after[..., 1:], before[..., 1:])
    assert abs(after[..., 0] - before[..., 0]).min() > 1e-3


def test_with_one_vocabulary_all_three_matrices_are_one():
    model = made(sizes=(SOURCES,))
    assert model.source is model.target
    names = [name for name, p in model.named_parameters() if p.shape == (SOURCES, E)]
    assert names == ["source.weight"]
    assert model(*inputs())[0].shape == (B, L, SOURCES)


def test_embeddings_start_small_and_matrices_xavier_uniform():
    mx.manual_seed(0)
    model = Transformer(400, 300, width=64, heads=4, layers=1)
    assert abs(values(model.source.weight).std() * 8 - 1) < 0.02
    assert abs(values(model.target.weight).std() * 8 - 1) < 0.02
    W = values(model.encoder[0].think.W_1.weight)
    bound = math.sqrt(6 / (64 + 256))
    assert abs(abs(W).max() - bound) < 1e-3
    assert model.dropout.p == 0.0


def test_positions_are_neither_learned_nor_saved():
    model = made()
    assert "position" not in model.state_dict()
    assert "position" in dict(model.named_buffers())


def test_post_norm_has_no_norm_after_the_last_layer_and_pre_norm_has_one():
    names = {r: set(dict(made(residual=r).named_parameters())) for r in NORMS}
    assert names[PreNorm] - names[PostNorm] == {
        f"norm_{part}.{p}" for part in ("encoder", "decoder") for p in ("weight", "bias")
    }
    assert not names[PostNorm] - names[PreNorm]


@either_norm
@every_model
def test_derivatives_are_right(kind, residual):
    mx.manual_seed(0)
    model = kind(3, 4, width=2, heads=1, hidden=2, layers=1, residual=residual, longest=3)
    model = model.to(mx.float64)
    source, given = mx.tensor([[1, 2]]), mx.tensor([[1, 3, 2]])

    class AsLayer(mx.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self):
            logits, weights = self.model(source, given, mx.tensor([[True, True]]))
            return logits, weights[0]

    ends = ("source.weight", "target.weight", "W_V.weight", "W_a.weight", "W_1.weight")
    names = [n for n, _ in AsLayer().named_parameters() if n.endswith(ends) and "read" not in n]
    check_derivatives(AsLayer(), parameters=names)


@every_model
def test_every_parameter_gets_a_gradient(kind, device):
    model, parts = made(kind, device=device), inputs(device)
    weighted(model(*parts)[0]).backward()
    for name, p in model.named_parameters():
        got = p.grad is not None and np.isfinite(values(p.grad)).all() and values(p.grad).any()
        shift = name.endswith("W_K.bias")  # keys shifted all alike change no softmax
        unread = kind is PooledTransformer and ".around_look.norm" in name  # looks without asking
        assert got != unread or shift, name


def test_dropout_acts_in_training_only():
    mx.manual_seed(0)
    model = Transformer(SOURCES, TARGETS, width=E, heads=H, layers=1, dropout=0.5, longest=8)
    parts = inputs()
    a, b = (values(model(*parts)[0]) for _ in range(2))
    assert abs(a - b).max() > 1e-3
    model.eval()
    c, d = (values(model(*parts)[0]) for _ in range(2))
    np.testing.assert_array_equal(c, d)


# Traces ------------------------------------------------------------------------------------------


@every_model
def test_a_trace_holds_the_attention_of_every_layer(kind):
    model, parts = made(kind), inputs()
    with mx.trace() as t:
        logits, weights = model(*parts)
    assert_close(t[kind.__name__ + " 1", "logits"].value, logits)
    for i, A in enumerate(weights):
        step = [s for s in t.layers[f"DecoderLayer {i + 1}"] if s.symbol == "back"]
        assert step[0].shape == (B, H, L, L)
        looks = [s for s in t.steps if s.symbol == "weights" and s.value is A]
        assert looks
    assert t["EncoderLayer 1", "output"].shape == (B, S, E)


# Misfits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda s, g, m: (s[0], g, m[0]), "source has shape (5,), expected (batch, length) token"),
        (lambda s, g, m: (s, g[0], m), "given has shape (4,), expected (batch, length) token"),
        (lambda s, g, m: (s, g, m[:, :4]), "mask has shape (2, 4), expected (B, S) = (2, 5)"),
        (lambda s, g, m: (s, g, m.unsqueeze(1)), "mask has shape (2, 1, 5), expected (B, S)"),
        (
            lambda s, g, m: (mx.cat([s, s], 1), g, None),
            "source is 10 tokens long, but the model has positions for 8: shorten it, or make the",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_name(change, said):
    with pytest.raises(mx.ShapeError, match=re.escape(said)):
        made()(*change(*inputs()))


def test_a_token_number_beyond_the_vocabulary_is_named():
    source, given, mask = inputs()
    with pytest.raises(IndexError, match="the index 7 is out of range: expected 0 to 6"):
        made()(source, given * 0 + 7, mask)
