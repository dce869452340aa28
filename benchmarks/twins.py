"""Whole models: a training step here and of the same model written in PyTorch, eager.

To add a model: a module beside `twin_demo.py`, which gives `twin.sides` its two functions, and a
line in TWINS.
"""

from . import twin_all_attention, twin_captions, twin_dates, twin_demo

TWINS = {
    "demo": twin_demo.SIDES,
    "dates": twin_dates.SIDES,
    "all-attention": twin_all_attention.SIDES,
    "captions": twin_captions.SIDES,
}
