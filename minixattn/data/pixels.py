"""Handwriting as loose pixels: some are seen, each with its place; others are asked for.

A digit of scikit-learn's `load_digits` has 8 x 8 pixels. An example shows a model some of them, in
no order, each as (value, place), and asks two things: which digit is it, and what is the value at
these other places? A place is (y, x) from −1 to 1, so the same digit can be put on a page of any
size: `page` draws it larger, `grid` says where the pixels of a page lie.

    pixels = Pixels("train")
    for batch in pixels.batches(rng=0, size=64): ...     # endless; see `Seen`
    pixels.whole(hidden=0.5)                             # every image once, half of it hidden
"""

from typing import NamedTuple

import numpy as np

from .digits import handwriting
from .task import Task

SIDE = 8
PIXELS = SIDE * SIDE
TURN, SHIFT = 0.08, 0.12  # how far pages are moved; a pixel is 0.25 wide


class Seen(NamedTuple):
    """B digits, partly hidden.

    values (B, M, 1) float32, ink from 0 to 1 at the M places seen; positions (B, M, 2) float32,
    those places as (y, x); queries (B, O, 2) float32, the places asked for; answers (B, O, 1)
    float32, the ink there; labels (B,) int64, the digit; rows (B,) int64, the image's number in
    `load_digits`.
    """

    values: np.ndarray
    positions: np.ndarray
    queries: np.ndarray
    answers: np.ndarray
    labels: np.ndarray
    rows: np.ndarray


def grid(side=SIDE):
    """Where the pixels of a page lie, row by row: (side², 2) float32, (y, x) from −1 to 1."""
    check_side(side)
    centres = (2 * np.arange(side) + 1) / side - 1
    return np.stack(np.meshgrid(centres, centres, indexing="ij"), -1).reshape(-1, 2).astype("f4")


def page(images, side):
    """Digits (..., 64) drawn larger, straight lines between pixel centres: (..., side²) float32."""
    check_side(side)
    at = np.clip((2 * np.arange(side) + 1) / side * SIDE / 2 - 0.5, 0, SIDE - 1)
    U = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(SIDE)))  # (side, 8), rows sum to 1
    drawn = U @ np.reshape(images, (*np.shape(images)[:-1], SIDE, SIDE)) @ U.T
    return drawn.reshape(*drawn.shape[:-2], side * side).astype(np.float32)


def check_side(side):
    """Raise unless a page can have this side."""
    if not isinstance(side, (int, np.integer)) or side < 1:
        raise ValueError(f"side is how many pixels a page is high and wide, from 1; got {side!r}.")


def moved(rng, positions):
    """Each page's places (B, M, 2) turned, stretched and shifted a little, a page at a time.

        p ← A p + t,  A near the identity, t near 0

    A digit whose pixels have moved is still that digit, and no pixel is blurred by it.
    """
    B = len(positions)
    A = np.eye(2) + rng.uniform(-TURN, TURN, (B, 2, 2))
    t = rng.uniform(-SHIFT, SHIFT, (B, 1, 2))
    return (positions @ A.swapaxes(1, 2) + t).astype(np.float32)


class Pixels(Task):
    """Digits as loose pixels.

    Parameters
    ----------
    split : "train" or "test", which handwriting
    hidden : the greatest share of pixels that a batch hides; how many is drawn for each batch
    asked : O, how many of the pixels last hidden are asked for
    move : whether places are turned, stretched and shifted a little; where None, in training only
    """

    def __init__(self, split="train", hidden=0.6, asked=24, move=None):
        super().__init__(split)
        if not 0 <= hidden < 1:
            raise ValueError(f"hidden is a share from 0 up to, but not, 1; got {hidden}.")
        if not 1 <= asked <= PIXELS:
            raise ValueError(f"asked is how many pixels to ask for, 1 to {PIXELS}; got {asked}.")
        self.hidden, self.asked = hidden, asked
        self.move = split == "train" if move is None else move
        self.handwriting = handwriting(split)

    def draw(self, rng, size):
        """A batch of `size` digits, of which equally many pixels are hidden."""
        rows = rng.integers(len(self.handwriting.labels), size=size)
        M = PIXELS - int(rng.uniform(0, self.hidden) * PIXELS)
        return self.hide(rng, rows, M, self.asked)

    def whole(self, hidden=0.0, seed=0):
        """Every image of the split once, in order, with that share of its pixels hidden.

        Asked for are the hidden pixels; where none is hidden, all.
        """
        n, M = len(self.handwriting.labels), PIXELS - round(hidden * PIXELS)
        if not 1 <= M <= PIXELS:
            raise ValueError(f"hidden is a share from 0 that leaves a pixel to see; got {hidden}.")
        return self.hide(np.random.default_rng(seed), np.arange(n), M, PIXELS - M or PIXELS)

    def hide(self, rng, rows, M, O):
        """The images of those rows: M of their pixels are seen, the last O of the others asked."""
        images, labels, numbers = (part[rows] for part in self.handwriting)
        order = rng.random((len(rows), PIXELS)).argsort(1)  # (B, 64), each page in its own
        values = np.take_along_axis(images, order, 1)[..., None]  # (B, 64, 1)
        positions = grid()[order]  # (B, 64, 2)
        positions = moved(rng, positions) if self.move else positions
        return Seen(values[:, :M], positions[:, :M], positions[:, -O:], values[:, -O:],
                    labels.astype(np.int64), numbers)  # fmt: skip

    def describe(self):
        """What is shown and asked, in a few lines."""
        return (
            f"{len(self.handwriting.labels)} handwritten digits of the {self.split} split as loose "
            f"pixels, 8 x 8 of them,\nup to {self.hidden:.0%} hidden: which digit is it, and what "
            f"is the ink at {self.asked} of the places?"
        )
