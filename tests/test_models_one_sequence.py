"""Words and patches in one sequence: all look at all, padding excepted."""

import numpy as np
import pytest
from helpers import assert_close, values, weighted
from visual_qa_cases import ANSWERS_N, PIXELS, VOCABULARY, WIDTH, B, H, L, S, inputs

import minixattn as mx
from minixattn.models import OneSequenceQA


@pytest.fixture
def model():
    mx.manual_seed(0)
    made = OneSequenceQA(VOCABULARY, L, ANSWERS_N, pixels=PIXELS, patches=S, width=WIDTH, heads=H,
                         blocks=2)  # fmt: skip
    return made.double()


def test_words_and_patches_share_the_attention_of_each_word(model, rng):
    pages, questions, mask = inputs(rng)
    logits, weights = model(pages, questions, mask)
    assert logits.shape == (B, ANSWERS_N)
    assert [A.shape for A in weights] == [(B, H, L, S)] * 2
    on_patches = values(weights[0]).sum(-1)
    assert ((on_patches > 0) & (on_patches < 1)).all()


def test_a_block_is_self_attention_and_a_feed_forward_with_residuals(model, rng):
    block = model.blocks[0]
    s = mx.tensor(rng.standard_normal((B, 3, WIDTH)))
    mask = mx.ones(B, 3).bool()
    x = s + block.read(block.norm_read(s), mask.unsqueeze(1))[0]
    expected = x + block.think(block.norm_think(x))
    assert_close(block(s, mask)[0], values(expected), 1e-12, 1e-12)


def test_padding_words_have_no_influence(model, rng):
    pages, questions, mask = inputs(rng)
    logits = values(model(pages, questions, mask)[0])
    other = np.where(values(mask), values(questions), 1)
    assert (other != values(questions)).any()
    np.testing.assert_array_equal(values(model(pages, mx.tensor(other), mask)[0]), logits)


def test_gradients_reach_every_parameter(model, rng):
    weighted(model(*inputs(rng))[0]).backward()
    silent = {n for n, p in model.named_parameters() if not np.abs(values(p.grad)).max() > 1e-9}
    assert all(name.endswith("W_K.bias") for name in silent)  # the same for all keys: no effect
