"""The question-answering model is its equation, ignores padding, and refuses misfits."""

import re

import numpy as np
import pytest
from helpers import assert_close, leaf, values
from visual_qa_cases import (
    ANSWERS_N,
    PIXELS,
    VOCABULARY,
    WIDTH,
    B,
    H,
    L,
    S,
    arrays,
    both,
    inputs,
    made,
)

import minixattn as mx
from minixattn.models import MeanPooling

# The equation ------------------------------------------------------------------------------------


@both
def test_every_documented_shape_is_true(look, rng, device):
    model = made(look, device)
    logits, (weights,) = model(*inputs(rng, device))
    assert logits.shape == (B, ANSWERS_N) and logits.device == device
    assert weights.shape == (B, H, L, S) and weights.device == device
    assert model.position.shape == (L, WIDTH)
    assert model.place.shape == (S, WIDTH)
    assert model.word.weight.shape == (VOCABULARY, WIDTH)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class ByHand:
    """The table in the module's docstring, in NumPy."""

    def __init__(self, model):
        self.p, self.blocks = arrays(model), len(model.blocks)

    def linear(self, name, x):
        return x @ self.p[f"{name}.weight"].T + self.p[f"{name}.bias"]

    def norm(self, name, x):
        hat = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return self.p[f"{name}.weight"] * hat + self.p[f"{name}.bias"]

    def mlp(self, name, x):
        return self.linear(f"{name}.2", np.maximum(self.linear(f"{name}.0", x), 0))

    def attend(self, name, x, c, keep):
        d = WIDTH // H
        Q, K, V = (self.linear(f"{name}.{n}", a) for n, a in (("W_Q", x), ("W_K", c), ("W_V", c)))
        heads, weights = [], []
        for columns in (slice(i * d, (i + 1) * d) for i in range(H)):
            scores = Q[..., columns] @ K[..., columns].swapaxes(-1, -2) / np.sqrt(d)
            weights.append(softmax(np.where(keep, scores, -np.inf)))
            heads.append(weights[-1] @ V[..., columns])
        return self.linear(f"{name}.W_O", np.concatenate(heads, -1)), np.stack(weights, 1)

    def pool(self, name, c):
        return self.linear(f"{name}.W_O", self.linear(f"{name}.W_V", c).mean(1, keepdims=True))

    def __call__(self, pages, questions, mask):
        x = self.p["word.weight"][questions] + self.p["position"]
        c = self.mlp("patch", pages) + self.p["place"]
        looks = []
        for name in (f"blocks.{i}" for i in range(self.blocks)):
            x, weights = self.block(name, x, c, mask)
            looks.append(weights)
        x = self.norm("norm_answer", x)
        mean = np.stack([row[keep].mean(0) for row, keep in zip(x, mask)])
        return self.linear("answer", mean), looks

    def block(self, name, x, c, mask):
        n = self.norm(f"{name}.norm_read", x)
        x = x + self.attend(f"{name}.read", n, n, mask[:, None])[0]
        q, c = self.norm(f"{name}.norm_words", x), self.norm(f"{name}.norm_patches", c)
        if f"{name}.look.W_Q.weight" in self.p:
            seen, weights = self.attend(f"{name}.look", q, c, True)
        else:
            seen, weights = self.pool(f"{name}.look", c), np.full((B, H, L, S), 1 / S)
        x = x + seen
        return x + self.mlp(f"{name}.think", self.norm(f"{name}.norm_think", x)), weights


@both
@pytest.mark.parametrize("blocks", [1, 3])
def test_the_model_is_its_equation(look, blocks, rng, device):
    model, parts = made(look, device, blocks=blocks), inputs(rng, device)
    logits, weights = model(*parts)
    by_hand = ByHand(model)(*map(values, parts))
    assert_close(logits, by_hand[0], 1e-10, 1e-10)
    assert len(weights) == blocks
    for A, expected in zip(weights, by_hand[1]):
        assert_close(A, expected)


def test_mean_pooling_gives_every_patch_exactly_the_same_weight(rng, device):
    query, context = (leaf(rng.standard_normal((B, n, WIDTH)), device) for n in (L, S))
    mx.manual_seed(0)
    layer = MeanPooling(WIDTH, num_heads=H).to(mx.float64).to(device)
    output, weights = layer(query, context)
    assert_close(weights, np.full((B, H, L, S), 1 / S), 0, 0)
    assert not weights.requires_grad
    assert output.shape == (B, L, WIDTH)
    assert_close(output, values(output)[:, :1].repeat(L, 1), 0, 0)  # whatever the question


def test_mean_pooling_takes_a_context_of_its_own_width(rng, device):
    layer = MeanPooling(WIDTH, PIXELS, num_heads=H).to(mx.float64).to(device)
    context = leaf(rng.standard_normal((B, S, PIXELS)), device)
    output, _ = layer(leaf(rng.standard_normal((B, L, WIDTH)), device), context)
    assert output.shape == (B, L, WIDTH)
    with pytest.raises(TypeError, match="mask"):  # ignored, it would give a wrong mean
        layer(output, context, mask=None)


@both
def test_patches_are_known_by_their_places_alone(look, rng, device):
    """Patches that change places together with the place vectors change nothing."""
    model = made(look, device)
    pages, questions, mask = inputs(rng, device)
    logits, (weights,) = model(pages, questions, mask)
    order = [2, 0, 3, 1]
    model.place.data = model.place.detach()[order]
    moved, (looks,) = model(pages[:, order], questions, mask)
    assert_close(moved, logits, 1e-10, 1e-10)
    assert_close(looks, weights[..., order], 1e-10, 1e-10)
    elsewhere, _ = model(pages, questions, mask)
    assert abs(values(elsewhere) - values(logits)).max() > 1e-3


@both
def test_without_places_a_model_cannot_tell_where_a_patch_is(look, rng, device):
    model = made(look, device)
    model.place.data = mx.zeros(S, WIDTH, dtype=mx.float64, device=device)
    pages, questions, mask = inputs(rng, device)
    moved = model(pages[:, [2, 0, 3, 1]], questions, mask)[0]
    assert_close(moved, model(pages, questions, mask)[0], 1e-10, 1e-10)


# Padding -----------------------------------------------------------------------------------------


@both
def test_padding_words_have_no_influence(look, rng, device):
    model = made(look, device)
    pages, questions, mask = inputs(rng, device)
    logits, (weights,) = model(pages, questions, mask)
    logits, weights = values(logits), values(weights)
    real = values(mask)
    other = np.where(real, values(questions), rng.integers(VOCABULARY, size=(B, L)))
    assert (other != values(questions)).any()
    answers, (looks,) = model(pages, mx.tensor(other, device=device), mask)
    answers, looks = values(answers), values(looks)
    np.testing.assert_array_equal(answers, logits)
    np.testing.assert_array_equal(
        looks.swapaxes(1, 2)[real], weights.swapaxes(1, 2)[real]
    )  # of the real words


def test_a_real_word_has_influence_and_so_has_its_position(rng, device):
    model = made(device=device)
    pages, questions, mask = inputs(rng, device)
    logits = values(model(pages, questions, mask)[0])
    other = values(questions).copy()
    other[1, 1] = other[1, 1] % (VOCABULARY - 1) + 1
    changed = values(model(pages, mx.tensor(other, device=device), mask)[0])
    assert abs(changed[1] - logits[1]).max() > 1e-3
    np.testing.assert_array_equal(changed[[0, 2]], logits[[0, 2]])
    swapped = values(questions).copy()
    swapped[0, :2] = swapped[0, 1::-1]
    assert swapped[0, 0] != swapped[0, 1]
    changed = values(model(pages, mx.tensor(swapped, device=device), mask)[0])
    assert abs(changed[0] - logits[0]).max() > 1e-3


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a mask that hides everything
@both
def test_an_empty_question_gives_finite_numbers(look, rng, device):
    model = made(look, device)
    pages, questions, _ = inputs(rng, device)
    nothing = mx.zeros(B, L, dtype=mx.bool, device=device)
    logits, (weights,) = model(pages, questions, nothing)
    assert_close(logits, np.tile(values(model.answer.bias), (B, 1)))
    assert np.isfinite(values(weights)).all()


@both
def test_a_question_is_answered_alike_alone_and_in_a_batch(look, rng, device):
    model = made(look, device)
    parts = inputs(rng, device)
    logits, (weights,) = model(*parts)
    for i in range(B):
        alone, (looks,) = model(*(part[i : i + 1] for part in parts))
        assert_close(alone, logits[i : i + 1], 1e-10, 1e-10)
        assert_close(looks, weights[i : i + 1], 1e-10, 1e-10)


# Misfits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "which, change, said",
    [
        (0, lambda x: x[:, :1], "pages has shape (3, 1, 10), expected (B, S, pixels) = (3, 4, 10)"),
        (0, lambda x: x[0], "pages has shape (4, 10), expected (B, S, pixels) = (4, 4, 10)"),
        (0, lambda x: x[..., :9], "pages has shape (3, 4, 9), expected (B, S, pixels)"),
        (1, lambda x: x[:, :1], "questions has shape (3, 1), expected (B, L) = (3, 5)"),
        (1, lambda x: x[:1], "questions has shape (1, 5), expected (B, L) = (3, 5)"),
        (2, lambda x: x[:, :1], "mask has shape (3, 1), expected (B, L) = (3, 5)"),
        (2, lambda x: x.unsqueeze(1), "mask has shape (3, 1, 5), expected (B, L) = (3, 5)"),
    ],
)
def test_inputs_that_would_broadcast_are_refused_by_name(which, change, said, rng, device):
    parts = inputs(rng, device)
    parts[which] = change(parts[which])
    with pytest.raises(mx.ShapeError, match=re.escape(said)):
        made(device=device)(*parts)
