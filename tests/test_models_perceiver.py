"""Perceiver IO is its equations, whatever the number and order of the pixels."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted
from layer_checks import attended, check_derivatives, check_trace, projected

import minixattn as mx
from minixattn.models import FullSelfAttention, PerceiverIO
from minixattn.models.perceiver import DecodeBlock, ProcessBlock, fourier_positions

B, M, Q, N, D, H, K, L = 2, 7, 3, 5, 12, 2, 3, 2
both = pytest.mark.parametrize("kind", [PerceiverIO, FullSelfAttention])


def made(kind, rng, device="cpu"):
    """A small model in float64, no parameter of which is 0 or 1."""
    latents = {"latents": N} if kind is PerceiverIO else {}
    model = kind(width=D, heads=H, blocks=L, bands=K, side=6, channels=2, classes=4, **latents)
    return randomised(model, rng, device)


def randomised(layer, rng, device="cpu"):
    layer.to(mx.float64)
    with mx.no_grad():
        for p in layer.parameters():
            p.copy_(mx.tensor(rng.standard_normal(p.shape) * 0.4))
    return layer.to(device)


def inputs(rng, device="cpu"):
    shapes = (B, M, 2), (B, M, 2), (B, Q, 2)
    return [leaf(rng.uniform(-1, 1, shape), device) for shape in shapes]


# The equations -----------------------------------------------------------------------------------


def phi(p):
    """The first row of the table, place by place."""
    f = [1 + k * (3 - 1) / (K - 1) for k in range(K)]  # from 1 to μ/2 = 3
    rows = [
        [*place, *(np.sin(np.pi * w * x) for x in place for w in f),
         *(np.cos(np.pi * w * x) for x in place for w in f)]
        for place in p.reshape(-1, 2)
    ]  # fmt: skip
    return np.reshape(rows, (*p.shape[:-1], 2 * (2 * K + 1)))


def norm(layer, x):
    hat = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return values(layer.weight) * hat + values(layer.bias)


def mlp(layer, x):
    h = projected(layer.W_1, x)
    erf = values(mx.erf(mx.tensor(h / np.sqrt(2))))
    return projected(layer.W_2, h * (1 + erf) / 2)


def by_hand(model, pixels, positions, queries):
    """The table in the module's docstring, in NumPy."""
    x = np.concatenate([pixels, phi(positions)], -1)
    first = None
    if type(model) is PerceiverIO:
        e = model.encode
        z = np.broadcast_to(values(e.z), (len(x), N, D))
        seen, first = attended(e.attention, norm(e.norm_latents, z), norm(e.norm_input, x))
        z = z + seen
        z = z + mlp(e.feed_forward, norm(e.norm_feed_forward, z))
    else:
        z = projected(model.encode, x)
    looks = []
    for block in model.process:
        n = norm(block.norm_attention, z)
        seen, weights = attended(block.attention, n, n)
        looks.append(weights)
        z = z + seen
        z = z + mlp(block.mlp, norm(block.norm_mlp, z))
    q_class = np.broadcast_to(values(model.q_class), (len(x), 1, 2 * (2 * K + 1)))
    q, d = np.concatenate([q_class, phi(queries)], 1), model.decode
    y, last = attended(d.attention, norm(d.norm_query, q), norm(d.norm_latents, z))
    y = y + mlp(d.mlp, norm(d.norm_mlp, y))
    return projected(model.to_digit, y[:, 0]), projected(model.to_ink, y[:, 1:]), first, looks, last


@both
def test_the_model_is_its_equations(kind, rng, device):
    model, parts = made(kind, rng, device), inputs(rng, device)
    digit, ink, maps = model(*parts)
    expected = by_hand(model, *map(values, parts))
    assert digit.shape == (B, 4) and ink.shape == (B, Q, 2)
    assert digit.device == ink.device == device
    assert_close(digit, expected[0], 1e-9, 1e-9)
    assert_close(ink, expected[1], 1e-9, 1e-9)
    for found, weights in zip(maps.process, expected[3], strict=True):
        assert_close(found, weights, 1e-9, 1e-9)
    assert_close(maps.decode, expected[4], 1e-9, 1e-9)
    assert maps.decode.shape == (B, H, 1 + Q, N if kind is PerceiverIO else M)
    if kind is PerceiverIO:
        assert maps.encode.shape == (B, H, N, M)
        assert_close(maps.encode, expected[2], 1e-9, 1e-9)
        assert_close(maps.encode.sum(-1), np.ones((B, H, N)))
    else:
        assert maps.encode is None


def test_fourier_positions_have_evenly_spaced_frequencies(rng, device):
    p = rng.uniform(-1, 1, (4, 3, 2))
    assert_close(fourier_positions(mx.tensor(p, device=device), K, 6), phi(p), 1e-9, 1e-9)
    one = values(fourier_positions(mx.tensor([0.25], device=device), 4, 8))
    waves = [np.sin(np.pi * f / 4) for f in (1, 2, 3, 4)] + [
        np.cos(np.pi * f / 4) for f in (1, 2, 3, 4)
    ]
    np.testing.assert_allclose(one, [0.25, *waves], atol=1e-6)


def test_the_blocks_have_their_derivatives(rng):
    z = leaf(rng.standard_normal((1, 3, 4)))
    check_derivatives(randomised(ProcessBlock(4, 2, 3), rng), z, parameters=["mlp.W_1.weight"])
    q = leaf(rng.standard_normal((1, 2, 6)))
    decode = randomised(DecodeBlock(6, 4, 2, 3), rng)
    check_derivatives(decode, q, z, parameters=["norm_query.weight"])


@both
def test_gradients_reach_every_parameter_and_the_places(kind, rng, device):
    model, parts = made(kind, rng, device), inputs(rng, device)
    digit, ink, _ = model(*parts)
    (weighted(digit) + weighted(ink)).backward()
    silent = {n for n, _ in model.named_parameters() if n.endswith("W_K.bias")}
    for name, p in model.named_parameters():
        largest = abs(values(p.grad)).max()
        assert largest < 1e-9 if name in silent else largest > 1e-6, name
    assert all(abs(values(p.grad)).max() > 1e-6 for p in parts)


@both
def test_every_step_can_be_traced(kind, rng):
    model = made(kind, rng)
    with mx.trace() as t:
        digit, ink, _ = model(*inputs(rng))
    steps = {step.symbol: step for step in t.layers[f"{kind.__name__} 1"]}
    assert (values(steps["digit"].value) == values(digit)).all()
    assert (values(steps["ink"].value) == values(ink)).all()
    without = {"weights"} if kind is FullSelfAttention else set()
    assert set(steps) == set(model.equations) - without
    check_trace(ProcessBlock(8, 2, 4), mx.randn(2, 5, 8))
    check_trace(DecodeBlock(6, 8, 2, 4), mx.randn(2, 3, 6), mx.randn(2, 5, 8))


# What follows from them --------------------------------------------------------------------------


@both
def test_the_order_of_pixels_does_not_matter_but_their_places_do(kind, rng):
    model, (pixels, places, asked) = made(kind, rng), inputs(rng)
    order = rng.permutation(M).tolist()
    one, two = model(pixels, places, asked), model(pixels[:, order], places[:, order], asked)
    assert_close(one.digit, two.digit, 1e-9, 1e-9)
    if one.maps.encode is not None:
        assert_close(one.maps.encode[..., order], two.maps.encode, 1e-9, 1e-9)
    other = model(pixels[:, order], places, asked)
    assert abs(values(one.digit) - values(other.digit)).max() > 1e-3


def test_what_else_is_asked_changes_no_answer(rng):
    model, (pixels, places, asked) = made(PerceiverIO, rng), inputs(rng)
    some, none = model(pixels, places, asked[:, 1:]), model(pixels, places, asked[:, :0])
    found = model(pixels, places, asked)
    assert_close(found.ink[:, 1:], some.ink, 1e-9, 1e-9)
    assert_close(found.digit, none.digit, 1e-9, 1e-9)
    assert none.ink.shape == (B, 0, 2)


def test_pages_of_one_batch_may_share_their_places(rng, device):
    model, (pixels, places, asked) = made(PerceiverIO, rng, device), inputs(rng, device)
    shared = model(pixels, places[0], asked[0])
    apart = model(pixels, places[:1].expand(B, M, 2), asked[:1].expand(B, Q, 2))
    assert_close(shared.digit, apart.digit)
    assert_close(shared.ink, apart.ink)


def test_pixels_that_are_each_seen_twice_read_as_once(rng):
    model, (pixels, places, asked) = made(PerceiverIO, rng), inputs(rng)
    once = model(pixels, places, asked)
    twice = model(mx.cat([pixels] * 2, 1), mx.cat([places] * 2, 1), asked)
    assert_close(once.digit, twice.digit, 1e-9, 1e-9)  # a weighted mean of the pixels


@pytest.mark.parametrize(
    "shapes, message",
    [
        (((2, 7), (7, 2), (3, 2)), r"values has shape \(2, 7\), expected \(B, M, 1\)"),
        (((2, 0, 1), (0, 2), (3, 2)), "M pixels, at least one, of 1 number each"),
        (((2, 7, 2), (7, 2), (3, 2)), r"positions are data.pixels.grid\(8\)"),
        (((2, 7, 1), (6, 2), (3, 2)), r"positions has shape \(6, 2\), expected \(7, 2\) or \(2, 7"),
        (((2, 7, 1), (7, 2), (3, 3)), r"queries has shape \(3, 3\), expected \(O, 2\) or \(2, O"),
        (((2, 7, 1), (7, 2), (3, 4, 2)), r"queries has shape \(3, 4, 2\).*a place \(y, x\) from"),
        (((2, 7, 1), (7, 2), (2,)), r"queries has shape \(2,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes, message):
    model = PerceiverIO(latents=3, width=8, heads=2, blocks=1)
    with pytest.raises(mx.ShapeError, match=f"PerceiverIO: .*{message}"):
        model(*(mx.ones(*shape) for shape in shapes))
