"""The question-answering model learns where to look, and keeps what it learned."""

import numpy as np
import pytest
from helpers import values, weighted
from visual_qa_cases import (
    ANSWERS_N,
    LOOKS,
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
    named,
)

import minixattn as mx
from minixattn.data.digits import Pages
from minixattn.data.questions import ANSWERS, Drawn, Kind, at
from minixattn.models import MeanPooling, VisualQA
from minixattn.nn import CrossAttention
from minixattn.nn.functional import cross_entropy
from minixattn.optim import AdamW
from minixattn.training import train

# Gradients ---------------------------------------------------------------------------------------


@both
def test_gradients_reach_every_parameter(look, rng, device):
    model = made(look, device)
    logits, _ = model(*inputs(rng, device))
    weighted(logits).backward()
    largest = {n: abs(values(p.grad)).max() for n, p in named(model).items()}
    # The same number added to all scores of a row leaves its softmax as it is.
    silent = {n for n in largest if n.endswith("W_K.bias")}
    assert all(largest[n] < 1e-12 for n in silent)
    assert {n: g for n, g in largest.items() if g < 1e-6 and n not in silent} == {}


@both
def test_every_derivative_of_the_model_is_its_slope(look, rng, device):
    model = made(look, device)
    pages, questions, mask = inputs(rng, device)
    pages.requires_grad_()

    def loss():
        logits, weights = model(pages, questions, mask)
        return weighted(logits) + weighted(weights[0])

    loss().backward()
    for name, p in [("pages", pages), *named(model).items()]:
        flat = p.detach().reshape(-1)  # the same memory
        exact = values(p.grad).reshape(-1)
        for i in rng.choice(p.numel(), min(p.numel(), 4), replace=False).tolist():
            at, slopes = flat[i].item(), []
            with mx.no_grad():
                for x in (at + 1e-6, at - 1e-6):
                    flat[i] = x
                    slopes.append(loss().item())
                flat[i] = at
            numeric = (slopes[0] - slopes[1]) / 2e-6
            assert exact[i] == pytest.approx(numeric, rel=1e-5, abs=1e-7), (name, i)


@both
def test_one_training_step_moves_every_parameter_and_lowers_the_loss(look, rng, device):
    model = made(look, device, mx.float32)
    parts = inputs(rng, device, np.float32)
    answers = mx.tensor(rng.integers(ANSWERS_N, size=B), device=device)
    optimizer = AdamW(model.parameters(), lr=1e-3)
    before = arrays(model)
    first = cross_entropy(model(*parts)[0], answers)
    first.backward()
    optimizer.step()
    assert cross_entropy(model(*parts)[0], answers).item() < first.item()
    after = arrays(model)
    assert [n for n in named(model) if np.array_equal(before[n], after[n])] == []
    assert all(a.dtype == np.float32 for a in after.values())


# Learning ----------------------------------------------------------------------------------------


def draw(rng, n):
    """Pages of 0s and 1s; the question is about the middle row's left or right end."""
    digits, asked = rng.integers(2, size=(n, 9)), rng.integers(2, size=n)
    place = np.where(asked == 0, 3, 5)
    return Drawn(digits, asked, digits[np.arange(n), place], at(place))


SIDES = (Kind("side", ("what is left", "what is right"), draw),)


def tensors(batch):
    return [mx.tensor(part) for part in (batch.pages, batch.questions, batch.mask, batch.answers)]


def taught(look, steps=120):
    """A small model after some training, and its losses."""
    pages = Pages("train", SIDES)
    mx.manual_seed(0)
    model = VisualQA(len(pages.vocabulary), pages.words, len(ANSWERS), width=16, heads=2, look=look)
    losses = []

    def loss_of(model, batch):
        *seen, answers = tensors(batch)
        return cross_entropy(model(*seen)[0], answers), 0.0

    train(
        model, pages.batches(0, 32), loss_of, AdamW(model.parameters(), lr=5e-3), steps=steps,
        report=lambda step, loss, accuracy: losses.append(loss),
    )  # fmt: skip
    return model, losses


def test_attention_learns_where_to_look_and_mean_pooling_cannot():
    pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')
    unseen = Pages("test", SIDES).test_set(400)
    shares, last = {}, {}
    for look in LOOKS:
        model, losses = taught(look)
        *seen, answers = tensors(unseen)
        logits, weights = model(*seen)
        shares[look] = (logits.argmax(-1) == answers).float().mean().item()
        last[look] = np.mean(losses[-20:])
        if look is CrossAttention:
            on_target = values(weights[0])[np.arange(400), ..., unseen.target].mean()
    assert last[CrossAttention] < 0.05 and shares[CrossAttention] > 0.95
    assert on_target > 0.5
    assert last[MeanPooling] > 0.3 and shares[MeanPooling] < 0.9  # a half of the pages is 50:50


def test_training_is_the_same_from_the_same_seed():
    pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')
    (one, losses), (two, again) = taught(CrossAttention, 10), taught(CrossAttention, 10)
    assert losses == again
    ours, theirs = arrays(one), arrays(two)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])


# Saving ------------------------------------------------------------------------------------------


@both
def test_saved_and_loaded_a_model_answers_bit_for_bit_alike(look, rng, device, tmp_path):
    pytest.importorskip("safetensors", reason='needs pip install "minixattn[interop]"')
    model, parts = made(look, device, mx.float32), inputs(rng, device, np.float32)
    mx.save(model, tmp_path / "weights.safetensors")
    mx.manual_seed(1)
    again = VisualQA(
        VOCABULARY, L, ANSWERS_N, pixels=PIXELS, patches=S, width=WIDTH, heads=H, look=look
    ).to(device)
    again.load_state_dict(mx.load(tmp_path / "weights.safetensors"))
    (logits, (A,)), (same, (same_A,)) = model(*parts), again(*parts)
    np.testing.assert_array_equal(values(logits), values(same))
    np.testing.assert_array_equal(values(A), values(same_A))
