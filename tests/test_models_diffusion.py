"""The diffusion model's equations, and that it learns to draw."""

import math

import numpy as np
import pytest
from helpers import assert_close, values

import minixattn as mx
from minixattn.models.diffusion import LatentDiffusion, cosine_schedule, nothing
from minixattn.optim import AdamW


def small(**options):
    """A model of 8 × 8 images, with numbers of its own for every parameter, in float64."""
    model = LatentDiffusion(6, 3, side=8, widths=(8, 16), num_heads=2, context_dim=4, **options)
    rng = np.random.default_rng(5)
    with mx.no_grad():
        for p in model.parameters():
            p.copy_(mx.tensor(0.2 * rng.standard_normal(p.shape)))
    return model.to(mx.float64)


def texts(device="cpu"):
    words = mx.tensor([[1, 3, 4], [1, 5, 0]], device=device)
    return words, words != 0


def test_the_schedule_falls_from_all_signal_to_none():
    alpha_bar = cosine_schedule(1000)
    assert alpha_bar[0] == 1 and 0 <= alpha_bar[-1] < 1e-30 and (np.diff(alpha_bar) < 0).all()
    f = math.cos((0.5 + 0.008) / 1.008 * math.pi / 2) ** 2
    assert alpha_bar[500] == pytest.approx(f / math.cos(0.008 / 1.008 * math.pi / 2) ** 2)


def test_encoding_is_undone_by_decoding(rng, device):
    model = small().to(device)
    x = mx.tensor(rng.standard_normal((2, 1, 8, 8)), device=device)
    assert model.encode(x).shape == (2, 4, 4, 4)
    assert_close(model.decode(model.encode(x)), x)


def test_signal_and_noise_are_cosine_and_sine_of_one_angle():
    signal, noise = small().rates(np.array([0, 400, 1000]))
    assert signal.shape == noise.shape == (3, 1, 1, 1)
    assert_close(signal * signal + noise * noise, np.ones((3, 1, 1, 1)))
    assert values(noise)[0] == 0 and values(signal)[2] < 1e-12


class Oracle(LatentDiffusion):
    """A model that knows the truth: v of the image z₀ that it was given."""

    def predict(self, z_t, t, words, mask):
        signal, noise = self.rates(t)
        self.asked = (z_t, t, mask)
        z_0 = mx.cat([self.truth] * (len(z_t) // len(self.truth)))
        epsilon = (z_t - signal * z_0) / noise
        return signal * epsilon - noise * z_0, (mx.ones(len(z_t), 2, 4, words.shape[1]),)


def oracle(rng, **options):
    model = Oracle(6, 3, side=8, widths=(8, 16), num_heads=2, context_dim=4, **options)
    model.to(mx.float64).truth = model.encode(mx.tensor(rng.uniform(-1, 1, (2, 1, 8, 8))))
    return model


def test_the_loss_of_the_truth_is_zero(rng):
    model = oracle(rng)
    words, mask = texts()
    images = model.decode(model.truth)
    assert model.loss(images, words, mask, np.random.default_rng(0)).item() < 1e-20
    wrong = model.loss(images * 0.5, words, mask, np.random.default_rng(0)).item()
    assert wrong > 1e-3


@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("w", [0.0, 2.0])
def test_sampling_with_the_truth_ends_at_the_image(steps, w, rng):
    model = oracle(rng)
    drawn = model.sample(*texts(), steps=steps, w=w, rng=3)
    assert_close(drawn.images, model.decode(model.truth), rtol=1e-6, atol=1e-6)
    assert drawn.times[0] == 1000 and len(drawn.times) == steps and drawn.maps == ()


def test_a_step_of_sampling_is_equation_12(rng):
    model, (words, mask) = small(), texts()
    z = np.random.default_rng(9).standard_normal((2, 4, 4, 4))
    for t, s in ((1000, 500), (500, 0)):
        v = values(model.predict(mx.tensor(z), np.full(2, t), words, mask)[0])
        a_t, a_s = model.alpha_bar[t], model.alpha_bar[s]
        z_0 = math.sqrt(a_t) * z - math.sqrt(1 - a_t) * v
        epsilon = (z - math.sqrt(a_t) * z_0) / math.sqrt(1 - a_t)
        z = math.sqrt(a_s) * z_0 + math.sqrt(1 - a_s) * epsilon
    expected = np.clip(values(model.decode(mx.tensor(z))), -1, 1)
    assert_close(model.sample(words, mask, steps=2, w=0, rng=9).images, expected, rtol=1e-9)


def test_guidance_leads_away_from_what_no_words_would_give(rng, device):
    model, (words, mask) = small().to(device), texts(device)
    z, t = mx.tensor(rng.standard_normal((2, 4, 4, 4)), device=device), np.array([700, 300])
    with_y, maps = model.predict(z, t, words, mask)
    without, _ = model.predict(z, t, words, nothing(mask))
    guided, kept = model.guided(z, t, words, mask, 1.5)
    assert_close(guided, 2.5 * values(with_y) - 1.5 * values(without), rtol=1e-9)
    assert all((abs(values(a - b)) < 1e-12).all() for a, b in zip(maps, kept))
    assert (values(with_y) != values(without)).all()


def test_no_words_is_the_first_word_alone_whatever_the_rest_says(rng):
    model, (words, mask) = small(), texts()
    assert nothing(mask).tolist() == [[True, False, False]] * 2
    z, t = mx.tensor(rng.standard_normal((2, 4, 4, 4))), np.array([700, 300])
    other = mx.tensor([[1, 2, 2], [1, 2, 2]])
    a, b = (model.predict(z, t, w, nothing(mask))[0] for w in (words, other))
    assert_close(a, b)


def test_training_replaces_the_stated_share_of_texts(rng):
    for share in (0.0, 0.25, 1.0):
        model = oracle(rng, unconditional=share)
        model.truth = model.encode(mx.zeros(2000, 1, 8, 8, dtype=mx.float64))
        words = mx.ones(2000, 3).long()
        model.loss(model.decode(model.truth), words, words != 0, np.random.default_rng(1))
        hidden = ~values(model.asked[2])[:, 1]
        assert abs(hidden.mean() - share) < 0.03 and values(model.asked[2])[:, 0].all()


def test_maps_of_every_step_are_kept_when_asked_for():
    drawn = small().sample(*texts(), steps=3, w=1.0, rng=0, maps=True)
    assert len(drawn.maps) == len(drawn.times) == 3
    for looks in drawn.maps:
        assert [m.shape for m in looks] == [(2, 2, 4, 3), (2, 2, 16, 3)]
        assert_close(looks[1].sum(-1), np.ones((2, 2, 16)))
        assert (values(looks[1])[1, :, :, 2] == 0).all()  # padding


def test_the_same_seed_draws_the_same():
    model = small()
    a, b, c = (model.sample(*texts(), steps=2, rng=seed).images for seed in (1, 1, 2))
    assert (values(a) == values(b)).all() and (values(a) != values(c)).any()
    assert not a.requires_grad


def test_gradients_reach_every_parameter(rng, device):
    model = small(unconditional=0.0).to(device)
    words, mask = texts(device)
    images = mx.tensor(rng.uniform(-1, 1, (2, 1, 8, 8)), device=device)
    model.loss(images, words, mask, np.random.default_rng(0)).backward()
    for name, p in model.named_parameters():
        assert p.grad is not None and (values(p.grad) != 0).any(), name


def test_two_words_are_learned_as_two_images():
    """Black for one word, white for the other: a few steps suffice."""
    mx.manual_seed(0)
    model = LatentDiffusion(4, 2, side=4, widths=(8, 16), num_heads=2, context_dim=8)
    rng = np.random.default_rng(0)
    ink = np.array([-0.8, 0.8], np.float32)
    optimizer = AdamW(model.parameters(), lr=5e-3)
    for _ in range(150):
        which = rng.integers(2, size=32)
        images = mx.tensor(np.broadcast_to(ink[which].reshape(-1, 1, 1, 1), (32, 1, 4, 4)).copy())
        words = mx.tensor(np.stack([np.ones(32, int), 2 + which], 1))
        loss = model.loss(images, words, words != 0, rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    words = mx.tensor([[1, 2], [1, 3]] * 4)
    drawn = values(model.sample(words, words != 0, steps=10, w=1.0, rng=0).images)
    assert (np.sign(drawn.mean((1, 2, 3))) == [-1, 1] * 4).all()
    assert abs(abs(drawn.mean()) < 0.2)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda m, w, k: m.sample(w[0], k[0]), mx.ShapeError, "single text is a batch of B = 1"),
        (lambda m, w, k: m.sample(mx.cat([w, w], 1), mx.cat([k, k], 1)), mx.ShapeError,
         r"words has shape \(2, 6\) and mask \(2, 6\).*S at most 3"),
        (lambda m, w, k: m.sample(w, k[:, :2]), mx.ShapeError, r"mask \(2, 2\)"),
        (lambda m, w, k: m.sample(w, w), TypeError, "mask must be bool, got int64"),
        (lambda m, w, k: m.loss(mx.ones(2, 8, 8), w, k, None), mx.ShapeError,
         r"images has shape \(2, 8, 8\), expected \(2, 1, 8, 8\)"),
        (lambda m, w, k: m.sample(w + 9, k), IndexError, "index 10 is out of range"),
        (lambda m, w, k: m.sample(w, k, steps=0), ValueError, "steps.*from 1 to 1000; got 0"),
        (lambda m, w, k: LatentDiffusion(4, 2, side=10), mx.ShapeError,
         r"side=10 is not a multiple of 2 · factor = 4"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call(small(), *texts())
