"""Training a diffusion model, reading what it draws, and telling copies from new digits."""

import numpy as np
import pytest
from helpers import assert_close, values

import minixattn as mx
from minixattn.data.digits import handwriting
from minixattn.data.drawings import Drawings, Reader
from minixattn.models import LatentDiffusion, load_pretrained
from minixattn.models.drawing import (
    Average,
    digits_on,
    draw,
    fit,
    measure,
    nearest,
    novelty,
    share_at_home,
    share_read,
)

pytest.importorskip("sklearn")


def small(task, seed=0):
    mx.manual_seed(seed)
    return LatentDiffusion(len(task.vocabulary), task.length, widths=(8, 16), context_dim=8)


def test_the_average_follows_the_weights_quickly_at_first():
    layer = mx.nn.Linear(1, 1, bias=False)
    average = Average(layer, mu=0.9)
    expected = theta = values(layer.weight).item()
    for n in range(200):
        theta += 0.5
        layer.weight.array[...] = theta
        average.update()
        mu = min(0.9, (1 + n) / (10 + n))
        expected = mu * expected + (1 - mu) * theta
    average.give()
    assert_close(layer.weight, [[expected]], rtol=1e-5)
    assert theta - 5 < expected < theta - 4  # 0.5 μ / (1 − μ) behind


def test_training_lowers_the_loss_and_repeats_itself_from_a_seed():
    task, losses = Drawings("train"), []
    for _ in range(2):
        model = small(task)
        fit(model, task, steps=30, size=8, report=lambda step, loss, _: losses.append(loss))
    assert losses[:30] == losses[30:] and np.mean(losses[25:30]) < 0.75 * losses[0]
    assert not model.training


def test_real_drawings_are_read_and_are_new_where_they_are_held_out():
    batch, reader = Drawings("test").test_set(300), Reader("train")
    assert share_read(batch.images, batch.texts, reader) > 0.96
    found = novelty(batch.images)
    assert 0.9 < found["ratio"] < 1.1 and found["nearer than 99 % of held out"] < 0.04


def test_copies_of_training_images_are_found_out():
    found = novelty(Drawings("train").test_set(100).images)
    assert found["ratio"] < 0.02 and found["nearer than 99 % of held out"] > 0.98


def test_digits_are_cut_out_where_they_lie(rng):
    task = Drawings("train", ("small", "pair"))
    batch = task.test_set(50)
    digits = digits_on(batch.images)
    assert digits.shape == (50 + (batch.kinds == 1).sum(), 64)
    np.testing.assert_allclose(nearest(digits, handwriting("train").images), 0, atol=2e-3)
    a, b = rng.random((3, 64)), rng.random((5, 64))
    by_hand = np.sqrt(((a[:, None] - b) ** 2).sum(-1)).min(1)
    np.testing.assert_allclose(nearest(a, b), by_hand)


def test_drawing_takes_texts_and_gives_images():
    task = Drawings("test")
    model = small(task)
    drawn = draw(model, task, ["a seven", "two zeros"], steps=2, rng=0, maps=True)
    assert drawn.images.shape == (2, 1, 16, 16) and len(drawn.maps) == 2
    assert drawn.maps[0][1].shape == (2, 2, 64, 6)
    with pytest.raises(ValueError, match="unknown word 'dog'"):
        draw(model, task, ["a dog"])


def test_no_text_draws_the_same_whatever_was_asked():
    task = Drawings("test")
    model = small(task)
    fit(model, Drawings("train"), steps=2, size=4)
    a, b = (draw(model, task, [text], blindly=True, steps=2, rng=0).images
            for text in ("a seven", "two zeros"))  # fmt: skip
    assert_close(a, b)


def test_an_untrained_model_is_read_as_asked_by_chance_only():
    task = Drawings("test")
    found = measure(small(task), task, samples=20, steps=2)
    assert found["read"] < 0.3 and found["new pairs"] < 0.3 and found["unconditional"] < 0.3
    assert found["novelty"]["ratio"] > 1.1  # noise is far from any digit
    assert abs(np.array(found["attention"]) - 0.5).max() < 0.1


def test_attention_from_the_half_where_a_digit_stands_is_at_home():
    grid = np.zeros((1, 2, 4, 4, 6))
    grid[0, 0, :, :2, 2] = grid[0, 0, :, 2:, 5] = 0.5  # the first head: each half its own digit
    grid[0, 1, :, :, 2] = grid[0, 1, :, 2:, 5] = 0.25  # the second: the right half looks at both
    fine, coarse = grid.reshape(1, 2, 16, 6), grid[:, :, ::2, ::2].reshape(1, 2, 4, 6)
    step = (mx.tensor(fine), mx.tensor(coarse))
    np.testing.assert_allclose(share_at_home([step, step]), [[1, 2 / 3]] * 2)


def test_the_model_that_comes_with_the_package_still_draws_what_it_claims():
    pytest.importorskip("safetensors")
    found, task = load_pretrained("drawings"), Drawings("test")
    assert found.vocabularies["words"] == task.vocabulary
    claimed, scores = found.metrics, measure(found.model, task, samples=60, seed=7)
    assert claimed["read"] >= 0.98 and scores["read"] >= claimed["read"] - 0.05
    assert scores["new pairs"] >= claimed["new pairs"] - 0.07
    assert scores["unconditional"] < 0.2
    assert abs(scores["novelty"]["ratio"] - claimed["novelty"]["ratio"]) < 0.15
    np.testing.assert_allclose(scores["attention"], claimed["attention"], atol=0.05)
