"""Whole models: a training step here and of the same model written in PyTorch, eager.

To add a model: a module beside `twin_demo.py`, which gives `twin.sides` its two functions, and a
line in TWINS.
"""

from . import (
    twin_all_attention,
    twin_captions,
    twin_dates,
    twin_demo,
    twin_drawings,
    twin_forms,
    twin_pixels,
    twin_vqa,
)

TWINS = {
    "demo": twin_demo.SIDES,
    "dates": twin_dates.SIDES,
    "all-attention": twin_all_attention.SIDES,
    "captions": twin_captions.SIDES,
    "vqa": twin_vqa.SIDES,
    "pixels": twin_pixels.SIDES,
    "forms": twin_forms.SIDES,
    "drawings": twin_drawings.SIDES,
}
