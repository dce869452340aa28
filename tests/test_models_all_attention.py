"""All-attention is the Transformer without feed-forward: its slots stay visible, and uncached."""

import numpy as np
import pytest
from helpers import assert_close, values, weighted
from layer_checks import attended

import minixattn as mx
from minixattn.models import (
    AllAttention,
    PostNorm,
    PreNorm,
    Transformer,
    beam,
    evaluate,
    greedy,
    load_pretrained,
    translate,
)
from minixattn.nn import PersistentMemoryAttention

SOURCES, TARGETS, E, H, N, B, L, S = 9, 7, 12, 3, 5, 2, 4, 5
either_norm = pytest.mark.parametrize("residual", (PreNorm, PostNorm))


def made(residual=PreNorm, device="cpu", **options):
    mx.manual_seed(1)
    options = {"width": E, "heads": H, "slots": N, "layers": (1, 2), "longest": 12} | options
    model = AllAttention(SOURCES, TARGETS, residual=residual, **options)
    with mx.no_grad():
        for p in model.parameters():  # no bias is 0, no norm 1: each has its say
            p += mx.tensor(np.random.default_rng(p.numel()).normal(0, 0.2, p.shape)).to(p.dtype)
    return model.to(mx.float64).to(device).eval()


def inputs(device="cpu"):
    rng = np.random.default_rng(0)
    source, given = rng.integers(1, SOURCES, (B, S)), rng.integers(1, TARGETS, (B, L))
    mask = np.arange(S) < np.array([5, 3])[:, None]
    return tuple(mx.tensor(x, device=device) for x in (source, given, mask))


class ByHand:
    """The equations of the module's docstring, in NumPy."""

    def __init__(self, residual):
        self.residual, self.looks = residual, []

    def norm(self, layer, x):
        hat = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return values(layer.weight) * hat + values(layer.bias)

    def around(self, part, x, layer, context=None, keep=True):
        """x ⊕ A [c W_V; P_v]."""
        n = self.norm(part.norm, x) if self.residual is PreNorm else x
        slots = layer.P_k, layer.P_v
        y, A = attended(layer, n, n if context is None else context, keep=keep, slots=slots)
        self.looks.append(A)
        return x + y if self.residual is PreNorm else self.norm(part.norm, x + y)

    def last(self, layer, x):
        return self.norm(layer, x) if self.residual is PreNorm else x

    def __call__(self, model, source, given, mask):
        def embed(table, ids):
            return values(table.weight)[ids] * np.sqrt(E) + values(model.position)[: ids.shape[1]]

        keep, past = mask[:, None], np.tril(np.ones((L, L), bool))
        (layer,) = model.encoder
        z = self.around(layer.around_read, embed(model.source, source), layer.read, keep=keep)
        z, x, self.looks = self.last(model.norm_encoder, z), embed(model.target, given), []
        for layer in model.decoder:
            x = self.around(layer.around_recall, x, layer.recall, keep=past)
            x = self.around(layer.around_look, x, layer.look, z, keep)
        return self.last(model.norm_decoder, x) @ values(model.target.weight).T


@either_norm
def test_the_model_is_its_equations(residual, device):
    model, parts = made(residual, device), inputs(device)
    logits, weights = model(*parts)
    hand = ByHand(residual)
    assert_close(logits, hand(model, *map(values, parts)), 1e-10, 1e-10)
    for A, look in zip(weights, hand.looks[1::2], strict=True):
        assert_close(A, look[..., :S], 1e-10, 1e-10)
        assert A.shape == (B, H, L, S)
        assert (values(A).sum(-1) < 1 - 1e-6).all()  # the rest lies on the slots


@either_norm
@pytest.mark.parametrize("write", (greedy, beam))
def test_decoding_with_a_cache_is_decoding_without(residual, write, device):
    model, (source, _, mask) = made(residual, device), inputs(device)
    with_cache = write(model, source, mask, longest=9)
    without = write(model, source, mask, longest=9, cached=False)
    assert_close(with_cache.ids, without.ids, 0, 0)
    assert_close(with_cache.scores, without.scores)
    for a, b in zip(with_cache.weights, without.weights):
        assert_close(a, b)
        assert a.shape[-1] == S


def test_the_caches_hold_the_tokens_and_no_slot():
    model, (source, given, mask) = made(), inputs()
    caches = model.caches()
    with mx.no_grad():
        memory = model.encode(source, mask)
        pieces = given[:, :1], given[:, 1:3], given[:, 3:]
        parts = [model.decode(piece, memory, mask, caches)[0] for piece in pieces]
        expected, _ = model(source, given, mask)
    assert_close(mx.cat(parts, 1), expected)
    assert [(len(back), len(look)) for back, look in caches] == [(L, S), (L, S)]


@either_norm
def test_no_token_sees_what_is_written_after_it(residual):
    model, (source, given, mask) = made(residual), inputs()
    logits = values(model(source, given, mask)[0])
    for t in range(L):
        other = values(given).copy()
        other[:, t] = other[:, t] % (TARGETS - 1) + 1
        changed = values(model(source, mx.tensor(other), mask)[0])
        np.testing.assert_array_equal(changed[:, :t], logits[:, :t])
        assert abs(changed[:, t:] - logits[:, t:]).max((0, 2)).min() > 1e-6


def test_padding_has_no_influence(device):
    model, (source, given, mask) = made(device=device), inputs(device)
    logits, looks = model(source, given, mask)
    other = np.where(values(mask), values(source), 3)
    assert_close(model(mx.tensor(other, device=device), given, mask)[0], logits, 0, 0)
    assert not values(looks[0])[1, :, :, 3:].any()
    assert_close(model(source[1:, :3], given[1:])[0], logits[1:], 1e-10, 1e-10)


def test_a_source_without_a_real_token_leaves_the_slots_to_look_at(recwarn):
    model, (source, given, mask) = made(), inputs()
    logits, weights = model(source, given, mask & False)
    assert np.isfinite(values(logits)).all() and not values(weights[0]).any()
    assert not recwarn.list


def test_it_weighs_what_the_transformer_weighs():
    """As many slots as hidden units: the totals differ by the biases and norms alone."""
    sizes = {"width": 64, "heads": 4, "layers": 2}
    ours, theirs = AllAttention(200, 14, **sizes), Transformer(200, 14, **sizes)
    a, b = (sum(p.numel() for p in model.parameters()) for model in (ours, theirs))
    layers, biases, norm = 4, 256 + 64, 2 * 64
    assert b - a == layers * (biases + norm) and (b - a) / b < 0.01


def test_odd_slots_are_shared_out_whole():
    slots = [
        (layer.recall.num_slots, layer.look.num_slots) for layer in made(slots=5).decoder
    ]  # fmt: skip
    assert slots == [(2, 3), (2, 3)]
    assert made(slots=5).encoder[0].read.num_slots == 5
    assert made(slots=None).encoder[0].read.num_slots == 4 * E
    assert made(slots=0)(*inputs())[0].shape == (B, L, TARGETS)
    with pytest.raises(ValueError, match="num_slots must be 0 or more, got -3"):
        made(slots=-3)


def test_slots_start_as_their_layer_says():
    mx.manual_seed(0)
    model = AllAttention(SOURCES, TARGETS, width=32, slots=400, layers=1)
    parts = [m for m in model.modules() if isinstance(m, PersistentMemoryAttention)]
    assert len(parts) == 3
    for part in parts:
        for slots in (part.P_k, part.P_v):
            assert values(slots).std() == pytest.approx(1.0, rel=0.05)


def test_every_parameter_gets_a_gradient(device):
    model, parts = made(device=device), inputs(device)
    weighted(model(*parts)[0]).backward()
    for name, p in model.named_parameters():
        assert p.grad is not None and np.isfinite(values(p.grad)).all(), name
        assert values(p.grad).any(), name


def test_a_trace_holds_the_slots_too():
    model, parts = made(), inputs()
    with mx.trace() as t:
        logits, weights = model(*parts)
    assert_close(t["AllAttention 1", "logits"].value, logits, 0, 0)
    assert t["AllEncoderLayer 1", "weights"].shape == (B, H, S, S + N)
    for i, A in enumerate(weights, 1):
        assert t[f"AllDecoderLayer {i}", "back"].shape == (B, H, L, L + N // 2)
        seen = t[f"AllDecoderLayer {i}", "weights"]
        assert seen.shape == (B, H, L, S + N - N // 2)
        assert_close(seen.value[..., :S], A, 0, 0)
        np.testing.assert_allclose(values(seen.value).sum(-1), 1)


# The trained weights -----------------------------------------------------------------------------


def test_the_trained_model_is_within_a_point_of_the_feed_forward_form():
    pytest.importorskip("safetensors")
    metrics = load_pretrained("all-attention").metrics
    theirs = metrics["baselines"]["feed-forward"]
    assert metrics["exact"] >= theirs["exact"] - 0.01
    assert metrics["parameters"] == pytest.approx(theirs["parameters"], rel=0.02)


def test_the_trained_model_writes_dates_with_a_cache_and_without():
    pytest.importorskip("safetensors")
    found = load_pretrained("all-attention")
    assert translate(found.model, found.vocabularies, "7. května 2031").target == "2031-05-07"
    source = found.vocabularies["source"].encode("Wednesday, May 7, 2031")
    for cached in (True, False):
        ids = greedy(found.model, mx.tensor(source[None]), longest=11, cached=cached).ids[0]
        assert found.vocabularies["target"].decode(ids.tolist()) == "2031-05-07"


def test_the_trained_model_still_scores_what_it_claims():
    pytest.importorskip("safetensors")
    pytest.importorskip("babel")
    from minixattn.data import Dates

    found = load_pretrained("all-attention")
    known = set("".join(found.vocabularies["source"].tokens[3:]))
    if set("".join(Dates("test").vocabularies["source"].tokens[3:])) - known:
        pytest.skip("this Babel writes characters which the one of the training did not")
    scores = evaluate(found.model, Dates("test", vocabularies=found.vocabularies), 300)
    assert scores["exact"] >= found.metrics["exact"] - 0.015
    np.testing.assert_allclose(scores["attention"], found.metrics["attention"], atol=0.05)
