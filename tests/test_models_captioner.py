"""The captioner is the decoder of the Transformer over an encoder of patches."""

import numpy as np
import pytest
from helpers import assert_close, values, weighted

import minixattn as mx
from minixattn.errors import ShapeError
from minixattn.models import Captioner, PooledCaptioner, greedy

B, S, PIXELS, V, L = 2, 5, 6, 9, 4


def made(kind=Captioner, **options):
    mx.manual_seed(0)
    return kind(V, pixels=PIXELS, patches=S, width=8, heads=2, hidden=12, longest=10, **options)


@pytest.fixture
def inputs(rng):
    return mx.tensor(rng.random((B, S, PIXELS))), mx.tensor(rng.integers(3, V, (B, L)))


def test_words_look_at_patches(inputs):
    model = made().double()
    logits, weights = model(*inputs)
    assert logits.shape == (B, L, V)
    assert [A.shape for A in weights] == [(B, 2, L, S)] * 2
    assert_close(weights[0].sum(-1), np.ones((B, 2, L)), 1e-12, 1e-12)


def test_an_encoded_page_is_patches_with_their_places_that_look_at_one_another(inputs):
    model, (patches, _) = made(layers=(1, 1)).double(), inputs
    p = {name: values(x) for name, x in model.named_parameters()}
    hidden = np.maximum(values(patches) @ p["patch.0.weight"].T + p["patch.0.bias"], 0)
    x = mx.tensor(hidden @ p["patch.2.weight"].T + p["patch.2.bias"] + p["place"])
    expected = model.norm_encoder(model.encoder[0](x)[0])
    assert_close(model.encode(patches), values(expected), 1e-12, 1e-12)


def test_a_word_does_not_see_what_is_written_after_it(inputs):
    model, (patches, given) = made().double(), inputs
    before = values(model(patches, given)[0])
    later = values(given).copy()
    later[:, 2] = (later[:, 2] - 3 + 1) % (V - 3) + 3
    after = values(model(patches, mx.tensor(later))[0])
    np.testing.assert_allclose(after[:, :2], before[:, :2], rtol=1e-12)
    assert abs(after[:, 2:] - before[:, 2:]).max() > 1e-4


def test_a_mean_vector_cannot_tell_which_patch_is_where(inputs):
    model, (patches, given) = made(PooledCaptioner, layers=(0, 1)).double(), inputs
    model.place.data = mx.zeros(S, 8, dtype=mx.float64)
    order = [3, 1, 4, 0, 2]
    logits, weights = model(patches, given)
    assert_close(model(patches[:, order], given)[0], values(logits), 1e-12, 1e-12)
    assert_close(weights[0], np.full((B, 2, L, S), 1 / S), 1e-12, 1e-12)


def test_writing_with_a_cache_is_writing_without_one(inputs):
    model = made().double().eval()
    fast, slow = (greedy(model, inputs[0], longest=6, cached=c) for c in (True, False))
    np.testing.assert_array_equal(values(fast.ids), values(slow.ids))
    assert_close(fast.scores, values(slow.scores), 1e-6, 1e-6)


def test_gradients_reach_every_parameter(inputs):
    model = made().double()
    weighted(model(*inputs)[0]).backward()
    silent = {n for n, p in model.named_parameters() if not np.abs(values(p.grad)).max() > 1e-9}
    assert all(name.endswith("W_K.bias") for name in silent)  # the same for all keys: no effect


@pytest.mark.parametrize("shape", [(B, S), (B, S, PIXELS + 1), (B, S - 1, PIXELS)])
def test_patches_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r"expected \(B, S, pixels\) = \(B, 5, 6\)"):
        made()(mx.zeros(*shape), mx.ones(B, L).long())
