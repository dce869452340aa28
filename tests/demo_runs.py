"""What the tests of the demo share: its command line, and its weights in a model."""

import os
import sys
from pathlib import Path

import minixattn as mx
from minixattn.data.questions import ANSWERS
from minixattn.models import VisualQA
from minixattn.nn import CrossAttention

ROOT = Path(__file__).parents[1]


def command(*arguments):
    return [sys.executable, "-m", "minixattn", "demo", *map(str, arguments)]


def environment(**changes):
    return {k: v for k, v in os.environ.items() if k != "COLUMNS"} | changes


def loaded(folder, pages, look=CrossAttention):
    """A model with the weights of a file; it does not load unless all names and shapes fit."""
    model = VisualQA(len(pages.vocabulary), pages.words, len(ANSWERS), look=look)
    model.load_state_dict(mx.load(folder / "weights.safetensors"))
    return model.eval()
