"""SelfDoc is its equations, what it is compared with sees what it says, and misfits are named."""

import re

import numpy as np
import pytest
from helpers import assert_close, values, weighted
from layer_checks import attended, check_derivatives, projected

import minixattn as mx
from minixattn.models import OneStream, SelfDoc
from minixattn.models.selfdoc import CrossModalityLayer, PrintedWords

B, N, C, P, E, H, V, Z = 2, 4, 5, 9, 8, 2, 7, 3
SIZES = {"regions": N, "pixels": P, "width": E, "heads": H}
KINDS = {
    "SelfDoc": (SelfDoc, {}),
    "two layers": (SelfDoc, {"layers": 2}),
    "text": (OneStream, {"sees": ("text",)}),
    "image": (OneStream, {"sees": ("image",)}),
    "joined": (OneStream, {}),
}
every_model = pytest.mark.parametrize("name", KINDS)


def made(name="SelfDoc", device="cpu"):
    mx.manual_seed(0)
    kind, options = KINDS[name]
    model = kind(V, C, Z, **SIZES, **options)
    with mx.no_grad():
        for p in model.parameters():  # no bias is 0, no norm 1: each has its say
            p += mx.tensor(np.random.default_rng(p.numel()).normal(0, 0.2, p.shape)).to(p.dtype)
        model.words and mx.nn.init.zeros_(model.words.character.weight[0])
    return model.to(mx.float64).to(device).eval()


def inputs(device="cpu"):
    rng = np.random.default_rng(0)
    text = rng.integers(1, V, (B, N, C)) * (np.arange(C) < rng.integers(2, C + 1, (B, N, 1)))
    images, mask = rng.random((B, N, P)), np.arange(N) < np.array([4, 2])[:, None]
    return tuple(mx.tensor(x, device=device) for x in (text, images, mask))


def norm(layer, x):
    hat = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return values(layer.weight) * hat + values(layer.bias)


def words(model, text):
    """Words(print), one region at a time, one character at a time."""
    table = values(model.character.weight)
    found = np.zeros((*text.shape[:-1], E))
    for at in np.ndindex(text.shape[:-1]):
        e = [np.zeros(E), *table[text[at]], np.zeros(E)]
        u = [
            np.maximum(projected(model.three, np.concatenate(e[c : c + 3])), 0)
            for c in range(C)
            if text[at][c]
        ]
        found[at] = projected(model.word, np.mean(u, 0))
    return found


def mlp(layers, x):
    return projected(layers[2], np.maximum(projected(layers[0], x), 0))


def think(layer, x):
    return projected(layer.W_2, np.maximum(projected(layer.W_1, x), 0))


def by_hand(model, text, images, keep):
    """The table in the module's docstring, in NumPy."""
    t = words(model.words, text) + values(model.place)
    v = mlp(model.ink, images) + values(model.place)
    looks = []
    for layer in model.layers:
        n, m = norm(layer.norms_t[0], t), norm(layer.norms_v[0], v)
        dt, A_t = attended(layer.agree.A, n, m, n, keep)  # keys from the other, values its own
        dv, A_v = attended(layer.agree.B, m, n, m, keep)
        t, v = t + dt, v + dv
        n, m = norm(layer.norms_t[1], t), norm(layer.norms_v[1], v)
        dt, A_tv = attended(layer.to_vision, n, m, keep=keep)
        dv, A_vt = attended(layer.to_text, m, n, keep=keep)
        t, v = t + dt, v + dv
        t = t + think(layer.think_t, norm(layer.norms_t[2], t))
        v = v + think(layer.think_v, norm(layer.norms_v[2], v))
        looks.append((A_t, A_v, A_tv, A_vt))
    fused = np.concatenate([norm(model.norm_t, t), norm(model.norm_v, v)], -1)
    return projected(model.label, fused), looks


@pytest.mark.parametrize("name", ("SelfDoc", "two layers"))
def test_the_model_is_its_equations(name, device):
    model, parts = made(name, device), inputs(device)
    logits, weights = model(*parts)
    text, images, mask = map(values, parts)
    expected, looks = by_hand(model, text, images, np.repeat(mask[:, None], N, 1))
    assert_close(logits, expected, 1e-10, 1e-10)
    for found, wanted in zip(weights, looks, strict=True):
        for A, look in zip(found, wanted, strict=True):
            assert_close(A, look, 1e-10, 1e-10)


def test_one_stream_is_self_attention_over_what_is_joined(device):
    model, parts = made("joined", device), inputs(device)
    logits, weights = model(*parts)
    text, images, mask = map(values, parts)
    keep = np.repeat(mask[:, None], N, 1)
    seen = np.concatenate([words(model.words, text), mlp(model.ink, images)], -1)
    x = projected(model.join, seen) + values(model.place)
    for layer, A in zip(model.layers, weights, strict=True):
        n = norm(layer.norm_read, x)
        y, look = attended(layer.read, n, n, keep=keep)
        x = x + y
        x = x + think(layer.think, norm(layer.norm_think, x))
        assert_close(A, look, 1e-10, 1e-10)
    assert_close(logits, projected(model.label, norm(model.norm, x)), 1e-10, 1e-10)


@every_model
def test_every_documented_shape_is_true(name, device):
    model = made(name, device)
    logits, weights = model(*inputs(device))
    assert logits.shape == (B, N, Z) and logits.device == device
    for layer in weights:
        for A in [layer] if isinstance(layer, mx.Tensor) else layer:
            assert A.shape == (B, H, N, N)
    assert len(weights) == (1 if name == "SelfDoc" else 2)


@every_model
def test_what_is_in_a_region_that_is_not_there_has_no_influence(name):
    model, (text, images, mask) = made(name), inputs()
    logits, weights = model(text, images, mask)
    there = values(mask)[..., None]
    other = np.where(there, values(text), 3), np.where(there, values(images), 0.7)
    changed, _ = model(*map(mx.tensor, other), mask)
    np.testing.assert_array_equal(values(changed)[values(mask)], values(logits)[values(mask)])
    first = weights[0] if isinstance(weights[0], mx.Tensor) else weights[0].agree_t
    assert not values(first)[1, :, :, 2:].any()


def test_one_modality_alone_does_not_see_the_other():
    text, images, mask = inputs()
    other = mx.tensor(values(text)[:, ::-1].copy()), mx.tensor(values(images)[:, ::-1].copy())
    for name, same, differs in (
        ("text", (text, other[1]), (other[0], images)),
        ("image", (other[0], images), (text, other[1])),
    ):
        model = made(name)
        logits = values(model(text, images, mask)[0])
        np.testing.assert_array_equal(values(model(*same, mask)[0]), logits)
        assert abs(values(model(*differs, mask)[0]) - logits).max() > 1e-3


@every_model
def test_a_region_without_print_and_a_form_without_regions_give_finite_numbers(name):
    model, (text, images, mask) = made(name), inputs()
    assert np.isfinite(values(model(text * 0, images, mask)[0])).all()
    with pytest.warns(UserWarning, match="With nothing to look at"):
        logits, _ = model(text, images, mask & False)
    assert np.isfinite(values(logits)).all()


@every_model
def test_every_parameter_gets_a_gradient(name, device):
    model, parts = made(name, device), inputs(device)
    weighted(model(*parts)[0]).backward()
    for key, p in model.named_parameters():
        got = p.grad is not None and np.isfinite(values(p.grad)).all()
        assert got and abs(values(p.grad)).max() > (0 if key.endswith("W_K.bias") else 1e-9), key


def test_derivatives_of_the_layer_are_right(rng):
    mx.manual_seed(0)
    layer = CrossModalityLayer(2, 1).to(mx.float64)
    t, v = (mx.tensor(rng.standard_normal((1, 2, 2)), requires_grad=True) for _ in "tv")
    names = ("agree.A.W_V.weight", "agree.B.W_K.weight", "to_text.W_O.bias")
    check_derivatives(layer, t, v, parameters=names, mask=mx.tensor([[[True, True]]]))


def test_words_of_all_lengths_stand_side_by_side():
    """Padding behind a word changes nothing."""
    mx.manual_seed(0)
    model = PrintedWords(V, E).to(mx.float64)
    short = model(mx.tensor([[3, 4, 5]]))
    assert_close(model(mx.tensor([[3, 4, 5, 0, 0]])), short)
    assert abs(values(model(mx.tensor([[3, 5, 4]])) - short)).max() > 1e-3  # their order counts


def test_a_trace_holds_the_equations_of_every_layer():
    model, parts = made("two layers"), inputs()
    with mx.trace() as t:
        logits, weights = model(*parts)
    assert_close(t["SelfDoc 1", "z"].value, logits, 0, 0)
    assert t["SelfDoc 1", "fused"].shape == (B, N, 2 * E)
    assert t["PrintedWords 1", "output"].shape == (B * N, E)
    for i, looks in enumerate(weights, 1):
        for symbol, A in looks._asdict().items():
            assert_close(t[f"CrossModalityLayer {i}", symbol].value, A, 0, 0)
    assert t["OneWayAgreement 1", "weights"].value is weights[0].agree_t
    with mx.trace() as t:
        logits, weights = made("joined")(*parts)
    assert_close(t["OneStream 1", "z"].value, logits, 0, 0)
    assert_close(t["RegionLayer 2", "weights"].value, weights[1], 0, 0)


@every_model
@pytest.mark.parametrize(
    "change, said",
    [
        (lambda t, i, m: (t[0], i, m), "text has shape (4, 5), expected (B, N, C) = (4, 4, 5)"),
        (lambda t, i, m: (t[:, :3], i, m), "text has shape (2, 3, 5), expected (B, N, C) ="),
        (lambda t, i, m: (t, i[..., :8], m), "images has shape (2, 4, 8), expected (B, N, pixels)"),
        (lambda t, i, m: (t, i, m[:1]), "mask has shape (1, 4), expected (B, N) = (2, 4)"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_name(name, change, said):
    model = made(name)
    with pytest.raises(mx.ShapeError, match=re.escape(f"{type(model).__name__}: {said}")):
        model(*change(*inputs()))


def test_a_modality_that_there_is_not_is_named():
    with pytest.raises(ValueError, match=r"sees names .*'text', 'image'.*; got \('sound',\)"):
        OneStream(V, C, Z, sees=("sound",))
    with pytest.raises(ValueError, match=r"sees names what the model sees, .*; got \(\)"):
        OneStream(V, C, Z, sees=())
