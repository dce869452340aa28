"""Pages of handwriting and what they say in words, on patches that cut through the digits.

    3 4 7
    1 1 0      →      "three four seven / one one zero / nine two five"
    9 2 5

A page has 24 x 24 pixels, 3 x 3 digits of 8 x 8. The model gets it as 4 x 4 patches of 6 x 6, which
do not line up with the digits: only the patches at the corners see one digit alone, those at the
edges two and those in the middle four. No digit is whole in any patch.

        0     6     12    18    24             which patches see a digit: `overlap` (9, 16)
        |-----|-----|-----|-----|   patches
        |-------|-------|-------|   digits
        0       8       16      24

The handwriting is that of `digits.handwriting`: pages for testing are written with images that no
page for training has.
"""

from typing import NamedTuple

import numpy as np

from .digits import handwriting, page_image
from .padding import padded
from .questions import GRID, PATCHES
from .task import Task
from .vocabulary import Vocabulary, Words

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NEW_LINE = "/"
DIGIT, SIDE, PATCH = 8, 4, 6  # pixels of a digit, patches along the page, pixels of a patch
PAGE = SIDE * PATCH


class Captioned(NamedTuple):
    """B pages and their captions.

    patches (B, 16, 36) float32, ink from 0 to 1, in reading order; given (B, L) int64, what the
    decoder reads: the start, then the caption; expected (B, L) int64, what it shall write: the
    caption, then the end; alignment (B, L, 16) bool, True where a patch sees some of the digit that
    this word says (a row of a new line or the end has none); digits (B, 9) int64; images (B, 9)
    int64, the rows of `load_digits` that the page is written with.
    """

    patches: np.ndarray
    given: np.ndarray
    expected: np.ndarray
    alignment: np.ndarray
    digits: np.ndarray
    images: np.ndarray


def cut(images):
    """The patches of pages: (…, 24, 24) → (…, 16, 36), in reading order."""
    *lead, _, _ = np.shape(images)
    tiles = np.reshape(images, (*lead, SIDE, PATCH, SIDE, PATCH))
    return np.swapaxes(tiles, -3, -2).reshape(*lead, SIDE * SIDE, PATCH * PATCH)


def overlap():
    """Which patches see some of which digit: (9, 16) bool."""
    starts = np.arange(GRID)[:, None] * DIGIT, np.arange(SIDE) * PATCH
    along = (starts[1] < starts[0] + DIGIT) & (starts[0] < starts[1] + PATCH)  # (3, 4)
    return (along[:, None, :, None] & along[None, :, None, :]).reshape(PATCHES, SIDE * SIDE)


def words_of(digits):
    """The caption of one page's nine digits."""
    lines = np.reshape(digits, (GRID, GRID))
    return f" {NEW_LINE} ".join(" ".join(NUMBERS[d] for d in line) for line in lines)


class Captions(Task):
    """Endless pages of handwriting with their captions, the same from the same seed.

    Parameters
    ----------
    split : "train" or "test", which images the pages are written with

    Attributes
    ----------
    vocabularies : {"words": Words}, what the captions are written with
    """

    kinds = ("page",)

    def __init__(self, split="train"):
        super().__init__(split)
        self.handwriting = handwriting(split)
        words = Words((*NUMBERS, NEW_LINE), PATCHES + GRID - 1, words_of(range(PATCHES)))
        self.vocabularies = {"words": words}
        every = [words.encode(words_of([d] * PATCHES)) for d in range(10)]
        self._number = np.array([ids[0] for ids in every])  # of each digit's word
        self._caption = every[0]  # new lines are where they always are
        self._digit = np.flatnonzero(self._caption == self._number[0])

    def draw(self, rng, size):
        """Digits by chance, each in any handwriting."""
        nth = rng.integers(len(self.handwriting.labels), size=(size, PATCHES))
        digits = self.handwriting.labels[nth]
        caption = np.tile(self._caption, (size, 1))
        caption[:, self._digit] = self._number[digits]
        given = padded([[Vocabulary.start, *row] for row in caption]).ids
        expected = padded([[*row, Vocabulary.end] for row in caption]).ids
        alignment = np.zeros((*expected.shape, SIDE * SIDE), bool)
        alignment[:, self._digit] = overlap()
        patches = cut(page_image(self.handwriting.images[nth]))
        return Captioned(patches, given, expected, alignment, digits, self.handwriting.rows[nth])

    def describe(self):
        """What is on the pages, in a few lines."""
        images = len(self.handwriting.labels)
        return "\n".join(
            [
                f"pages of 3 x 3 handwritten digits, {images} images of the {self.split} split,",
                f"as {SIDE} x {SIDE} patches of {PATCH} x {PATCH} pixels, and in words, such as",
                f"  {words_of(range(PATCHES))}",
            ]
        )
