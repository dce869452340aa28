"""The question-answering model and its inputs as its tests use them."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.models import MeanPooling, VisualQA
from minixattn.nn import CrossAttention

B, L, S, PIXELS, WIDTH, H, ANSWERS_N, VOCABULARY = 3, 5, 4, 10, 6, 2, 7, 11  # all different
LOOKS = [CrossAttention, MeanPooling]
both = pytest.mark.parametrize("look", LOOKS, ids=["attention", "mean pooling"])


def made(look=CrossAttention, device="cpu", dtype=mx.float64, blocks=1):
    mx.manual_seed(0)
    model = VisualQA(
        VOCABULARY, L, ANSWERS_N, pixels=PIXELS, patches=S, width=WIDTH, heads=H, blocks=blocks,
        look=look,
    )  # fmt: skip
    for p in model.parameters():  # zeros and ones would hide a wrong place in the equation
        p.data = p.detach() + 0.3 * mx.randn(*p.shape)
    return model.to(dtype).to(device)


def inputs(rng, device="cpu", dtype=np.float64):
    """Pages, questions of 5, 2 and 4 words, and their mask, as arrays on the device."""
    mask = np.arange(L) < np.array([[5], [2], [4]])
    questions = rng.integers(1, VOCABULARY, (B, L)) * mask
    parts = (rng.random((B, S, PIXELS)).astype(dtype), questions, mask)
    return [mx.tensor(part, device=device) for part in parts]


def arrays(model):
    return {name: values(p).copy() for name, p in model.named_parameters()}


def named(model):
    """The parameters by name, without the one layer that mean pooling has no use for."""
    unused = "norm_words" if isinstance(model.blocks[0].look, MeanPooling) else "none"
    return {n: p for n, p in model.named_parameters() if unused not in n}
