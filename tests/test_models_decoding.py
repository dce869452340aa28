"""Decoding writes the likeliest, with a cache or without, and beams find what greed overlooks."""

import itertools
import re

import numpy as np
import pytest
from helpers import assert_close, values

import minixattn as mx
from minixattn.models import (
    AdditiveTransformer,
    PooledTransformer,
    PostNorm,
    PreNorm,
    Transformer,
    beam,
    greedy,
)

START, END, PAD = 1, 2, 0
SOURCES, TARGETS, B, S = 9, 5, 4, 7
MODELS = [
    (Transformer, PreNorm),
    (Transformer, PostNorm),
    (PooledTransformer, PreNorm),
    (AdditiveTransformer, PostNorm),
]
every_model = pytest.mark.parametrize("kind, residual", MODELS)


def made(kind=Transformer, residual=PreNorm, device="cpu", seed=3):
    mx.manual_seed(seed)
    model = kind(
        SOURCES, TARGETS, width=12, heads=3, hidden=10, layers=(1, 2), residual=residual,
        longest=20,
    )  # fmt: skip
    with mx.no_grad():
        model.target.weight *= 3  # surer of itself
    return model.to(mx.float64).to(device).eval()


def texts(device="cpu"):
    ids = np.random.default_rng(0).integers(3, SOURCES, (B, S))
    mask = np.arange(S) < np.array([7, 3, 1, 5])[:, None]
    return mx.tensor(ids, device=device), mx.tensor(mask, device=device)


@pytest.mark.parametrize("write", [greedy, beam])
@every_model
def test_decoding_with_a_cache_is_decoding_without(kind, residual, write, device):
    model, (source, mask) = made(kind, residual, device), texts(device)
    with_cache = write(model, source, mask, longest=9)
    without = write(model, source, mask, longest=9, cached=False)
    assert_close(with_cache.ids, without.ids, 0, 0)
    assert_close(with_cache.scores, without.scores, 1e-12)
    for a, b in zip(with_cache.weights, without.weights):
        assert_close(a, b, 1e-12)


@every_model
def test_greedy_takes_the_likeliest_token_each_time(kind, residual):
    model, (source, mask) = made(kind, residual), texts()
    found = greedy(model, source, mask, longest=8)
    ids, T = values(found.ids), found.ids.shape[1]
    given = np.concatenate([np.full((B, 1), START), ids[:, :-1]], 1)
    logits, weights = model(source, mx.tensor(given), mask)
    logp = values(mx.log_softmax(logits, -1))
    for b in range(B):
        n = list(ids[b]).index(END) + 1 if END in ids[b] else T
        np.testing.assert_array_equal(ids[b, :n], logp[b, :n].argmax(-1))
        assert (ids[b, n:] == PAD).all()
        np.testing.assert_allclose(values(found.scores)[b], logp[b, :n].max(-1).sum())
    for a, b in zip(found.weights, weights):
        assert a.shape[2] == T
        assert_close(a, b, 1e-12)


def exhaustive(model, source, mask, T):
    """The likeliest of all sequences of at most T tokens, and its log p, by trying them all."""
    best = (-np.inf, None)
    for tokens in itertools.product(range(TARGETS), repeat=T):
        logits, _ = model(source, mx.tensor([[START, *tokens[:-1]]]), mask)
        logp = values(mx.log_softmax(logits, -1))[0]
        n = tokens.index(END) + 1 if END in tokens else T
        best = max(best, (sum(logp[t, y] for t, y in enumerate(tokens[:n])), tokens[:n]))
    return best


@pytest.mark.parametrize("seed", [3, 8])
def test_beams_enough_for_all_find_the_likeliest_sequence_of_all(seed):
    model, (source, mask), T = made(seed=seed), texts(), 3
    found = beam(model, source, mask, beams=TARGETS**T, alpha=0.0, longest=T)
    for b in range(B):
        score, tokens = exhaustive(model, source[b : b + 1], mask[b : b + 1], T)
        row = values(found.ids)[b]
        assert tuple(row[: len(tokens)]) == tokens and (row[len(tokens) :] == PAD).all()
        np.testing.assert_allclose(values(found.scores)[b], score)


def test_one_beam_is_greedy():
    model, (source, mask) = made(), texts()
    one, greed = (
        beam(model, source, mask, beams=1, longest=6),
        greedy(model, source, mask, longest=6),
    )
    assert_close(one.ids, greed.ids, 0, 0)
    assert_close(one.scores, greed.scores, 1e-12)
    for a, b in zip(one.weights, greed.weights):
        assert_close(a, b, 1e-12)


class Told:
    """A model whose log p does not depend on what was written: a table (T, V)."""

    def __init__(self, table):
        self.table = mx.tensor(np.log(np.array(table)))

    def encode(self, source, mask=None):
        return mx.zeros(len(source), 1, 1, dtype=mx.float64)

    def caches(self):
        return []

    def decode(self, given, memory, mask, caches):
        (n, L), T = given.shape, len(self.table)
        logits = mx.stack([self.table[min(t, T - 1)] for t in range(L)])
        weights = mx.ones(n, 1, L, 1, dtype=mx.float64)
        return logits.unsqueeze(0).expand(n, L, self.table.shape[1]), (weights,)


def test_a_greater_alpha_prefers_longer_sequences():
    """The end at once has log p = ln 0.5; a token and then the end ln 0.4 + ln 0.9."""
    told = Told([[0.05, 0.05, 0.5, 0.4], [0.05, 0.03, 0.9, 0.02]])
    source = mx.zeros(1, 1, dtype=mx.int64)
    short = beam(told, source, beams=3, alpha=0.0, longest=4, cached=False)
    long = beam(told, source, beams=3, alpha=3.0, longest=4, cached=False)
    assert short.ids.tolist()[0][:2] == [END, PAD]
    assert long.ids.tolist()[0][:2] == [3, END]
    np.testing.assert_allclose(short.scores.item(), np.log(0.5))
    np.testing.assert_allclose(long.scores.item(), np.log(0.4 * 0.9))


def test_writing_stops_when_all_have_ended():
    told = Told([[0.1, 0.1, 0.1, 0.7], [0.01, 0.01, 0.97, 0.01]])
    source = mx.zeros(2, 1, dtype=mx.int64)
    assert greedy(told, source, longest=50, cached=False).ids.tolist() == [[3, END]] * 2
    assert beam(told, source, longest=50, beams=1, cached=False).ids.shape == (2, 2)
    assert greedy(told, source, longest=1, cached=False).ids.tolist() == [[3]] * 2


@every_model
def test_a_text_is_written_alike_alone_and_in_a_batch(kind, residual):
    model, (source, mask) = made(kind, residual), texts()
    for write in (greedy, beam):
        together = write(model, source, mask, longest=6)
        for b in range(B):
            n = int(values(mask)[b].sum())
            alone = write(model, source[b : b + 1, :n], longest=6)
            row = values(together.ids)[b, : alone.ids.shape[1]]
            np.testing.assert_array_equal(values(alone.ids)[0], row)
            assert_close(alone.scores, together.scores[b : b + 1], 1e-10)


@pytest.mark.parametrize(
    "write, options, said",
    [
        (greedy, {"longest": 0}, "longest must be 1 or more, got 0."),
        (beam, {"beams": 0}, "beams must be 1 or more, got 0."),
        (beam, {"longest": -2}, "longest must be 1 or more, got -2."),
    ],
)
def test_counts_below_one_are_refused(write, options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        write(made(), *texts(), **options)


def test_no_history_is_kept():
    found = greedy(made(), *texts(), longest=3)
    assert not found.scores.requires_grad and not found.weights[0].requires_grad
