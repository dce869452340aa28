"""A Perceiver learns to read pixels and to fill in hidden ones, and the trained one does so."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.data import Pixels
from minixattn.data.digits import handwriting
from minixattn.models import FullSelfAttention, PerceiverIO, load_pretrained
from minixattn.models.reading import evaluate, fit, loss_of, read, simpler_guesses, tensors

pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')
SMALL = {"width": 16, "heads": 2, "blocks": 1, "latents": 8}


def few(labels):
    """A task with these digits alone."""
    task = Pixels("train", hidden=0.3, asked=8, move=False)
    chosen = np.isin(task.handwriting.labels, labels)
    task.handwriting = type(task.handwriting)(*(part[chosen] for part in task.handwriting))
    return task


def test_a_small_one_learns_to_tell_ones_from_zeros_and_to_fill_in():
    mx.manual_seed(0)
    model, losses = PerceiverIO(width=32, heads=4, blocks=1, latents=8), []
    task = few([0, 1])
    before = evaluate(model.eval(), task)
    fit(model, task, steps=300, rate=5e-3,
        report=lambda step, loss, accuracy: losses.append(loss))  # fmt: skip
    after = evaluate(model, task)
    assert np.mean(losses[-20:]) < np.mean(losses[:20]) / 2
    assert before["accuracy"] < 0.6 and after["accuracy"] > 0.97
    assert after["accuracy_hidden"] > 0.85
    assert after["rmse"] < 0.9 * after["rmse_mean"] < before["rmse"]


def test_the_loss_weighs_the_class_and_the_ink(rng):
    model, batch = PerceiverIO(**SMALL).eval(), Pixels("test").test_set(5)
    loss, right = loss_of(model, batch)
    digit, ink = map(values, model(*tensors(model, batch)[:3])[:2])
    logs = digit - np.log(np.exp(digit).sum(1, keepdims=True))
    wanted = -logs[np.arange(5), batch.labels].mean() + 15 * ((ink - batch.answers) ** 2).mean()
    assert loss.item() == pytest.approx(wanted, rel=1e-5)
    assert right == pytest.approx((digit.argmax(1) == batch.labels).mean())


def test_training_is_the_same_from_the_same_seed(device):
    found = []
    for _ in range(2):
        mx.manual_seed(0)
        model = FullSelfAttention(width=8, heads=2, blocks=1).to(device)
        fit(model, Pixels(), steps=3, size=4)
        found.append({name: values(x) for name, x in model.state_dict().items()})
    assert all((found[0][name] == found[1][name]).all() for name in found[0])
    assert not model.training


def test_simpler_guesses_are_the_mean_image_and_the_best_linear_one():
    task = Pixels("test")
    images, known = task.handwriting.images.astype(float), handwriting("train").images.astype(float)
    half = task.whole(0.5)
    found = simpler_guesses(half)
    error = simpler_guesses(task.whole(0.0))["rmse_mean"]
    assert error == pytest.approx(np.sqrt(((images - known.mean(0)) ** 2).mean()), rel=1e-5)
    assert found["rmse_gaussian"] < 0.75 * found["rmse_mean"]
    # The same by ridge regression, which adds n λ to the matrix of products.
    y, x = ((half.positions[0] + 1) * 4).astype(int).T, ((half.queries[0] + 1) * 4).astype(int).T
    v, h = 8 * y[0] + y[1], 8 * x[0] + x[1]
    centred, n = known - known.mean(0), len(known) - 1
    products = centred[:, v].T @ centred[:, v] + 0.01 * n * np.eye(len(v))
    slopes = np.linalg.solve(products, centred[:, v].T @ centred[:, h])
    guess = known.mean(0)[h] + (images[0, v] - known.mean(0)[v]) @ slopes
    one = type(half)(*(part[:1] for part in half))
    wanted = np.sqrt(((guess - images[0, h]) ** 2).mean())
    assert simpler_guesses(one)["rmse_gaussian"] == pytest.approx(wanted, rel=1e-4)


# The trained one ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    pytest.importorskip("safetensors", reason='needs pip install "minixattn[interop]"')
    return load_pretrained("pixels")


def test_the_trained_one_still_scores_what_it_claims(trained):
    assert trained.metrics["accuracy"] >= 0.97
    found = evaluate(trained.model, Pixels("test"))
    for name, value in found.items():
        assert value == pytest.approx(trained.metrics[name], abs=0.006), name


def test_latents_look_at_unlike_parts_of_the_page(trained):
    images = handwriting("test").images[:20]
    maps = read(trained.model, images).maps.encode.mean((0, 1))  # (N, 64)
    maps = values(maps)
    np.testing.assert_allclose(maps.sum(1), 1, rtol=1e-5)
    assert (maps.max(1) > 3 / 64).mean() > 0.5  # most prefer some places
    assert len(set(maps.argmax(1).tolist())) > len(maps) / 4


def test_it_reads_pages_of_a_size_that_it_never_saw(trained):
    ours = handwriting("test")
    digit = read(trained.model, ours.images[:60], side=32).digit
    assert (values(digit).argmax(-1) == ours.labels[:60]).mean() > 0.9
