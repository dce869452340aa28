"""Questions about pages of handwriting: the data on which cross-attention learns where to look.

A page is a 3 x 3 grid of handwritten digits, 8 x 8 pixels each. A question asks in words what
stands at a place ("what is at the top left") or where a digit stands ("where is the 7"); the harder
ones of `questions.py` ask how often a digit is there, and what stands beside it. To answer, the
words of the question have to find the right ones of nine patches.

The digits are the 1,797 of scikit-learn's `load_digits`: every fifth image of each digit is kept
for the test pages (364 images), training pages are written with the other 1,433.

    pages = Pages("train")
    for batch in pages.batches(rng=0, size=64): ...        # endless; see `Batch`
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..errors import missing_extra
from .padding import padded
from .questions import ANSWERS, GRID, PATCHES, PLACE, WHERE
from .task import SPLITS, Task
from .vocabulary import SPECIAL, Words

PATCH, PIXELS = 8, 64


class Batch(NamedTuple):
    """B pages, one question about each, and the answers.

    pages (B, 9, 64) float32 in [0, 1], patches in reading order; questions (B, words) int64,
    padded with id 0; mask (B, words) bool, True for a real word; answers (B,) int64, indices of
    `ANSWERS`; kinds (B,) int64, indices of `Pages.kinds`; digits (B, 9) int64, the digit in each
    patch; target (B,) int64, the patch that holds the answer, -1 where no one patch does; evidence
    (B, 9) bool, True for each patch that one has to see; images (B, 9) int64, the rows of
    `load_digits` that the page is written with.
    """

    pages: np.ndarray
    questions: np.ndarray
    mask: np.ndarray
    answers: np.ndarray
    kinds: np.ndarray
    digits: np.ndarray
    target: np.ndarray
    evidence: np.ndarray
    images: np.ndarray


# ---- handwriting -----------------------------------------------------------------------------


class Handwriting(NamedTuple):
    """Digit images of one split: images (n, 64) float32 in [0, 1], labels (n,), rows (n,).

    `rows` are the images' numbers in scikit-learn's `load_digits`.
    """

    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray


@lru_cache
def handwriting(split):
    """The images of the "train" (1,433) or the "test" split (364), read once and read-only.

    Stratified and free of chance: counting the images of each digit in the order of the data set,
    every fifth one is for testing. The two splits share writers, but no image.

    Raises
    ------
    ValueError
        If `split` is not "train" or "test".
    ImportError
        If scikit-learn is not installed.
    """
    if split not in SPLITS:
        raise ValueError(f'split must be "train" or "test", got {split!r}.')
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise missing_extra("scikit-learn", "data", "reading the handwritten digits") from None
    images, labels = load_digits(return_X_y=True)
    held_out = np.zeros(len(labels), bool)
    for digit in range(10):
        held_out[np.flatnonzero(labels == digit)[::5]] = True
    rows = np.flatnonzero(held_out == (split == "test"))
    found = Handwriting((images[rows] / 16).astype(np.float32), labels[rows], rows)
    for array in found:
        array.flags.writeable = False
    return found


def page_image(patches):
    """Put the patches of a page side by side: (..., 9, 64) -> (..., 24, 24)."""
    lead = np.shape(patches)[:-2]
    grid = np.reshape(patches, (*lead, GRID, GRID, PATCH, PATCH))
    return np.swapaxes(grid, -3, -2).reshape(*lead, GRID * PATCH, GRID * PATCH)


# ---- pages -----------------------------------------------------------------------------------


def plain(question):
    """A question as the vocabulary reads it: small letters, no question mark."""
    return question.lower().replace("?", " ") if isinstance(question, str) else question


class Pages(Task):
    """Endless pages of handwriting with questions, the same from the same seed.

    Parameters
    ----------
    split : "train" or "test", which images the pages are written with
    kinds : the kinds of question; every batch holds equally many of each, taking turns

    Attributes
    ----------
    vocabulary : Words, what reads the questions; `vocabularies["words"]` as well
    words : int, the number of words of the longest question
    """

    def __init__(self, split="train", kinds=(PLACE, WHERE)):
        super().__init__(split)
        self.kinds = tuple(kinds)
        self.handwriting = handwriting(split)
        questions = [question for kind in self.kinds for question in kind.questions]
        self.words = max(len(question.split()) for question in questions)
        spoken = (word for question in questions for word in question.split())
        self.vocabulary = Words(spoken, self.words, questions[0])
        self.vocabularies = {"words": self.vocabulary}
        self._questions = [self.pad(map(self.encode, kind.questions))[0] for kind in self.kinds]
        labels = self.handwriting.labels
        self._count = np.bincount(labels, minlength=10)
        self._by_digit = np.argsort(labels, kind="stable")  # images of digit d start at _start[d]
        self._start = np.cumsum(self._count) - self._count

    def encode(self, question):
        """Word ids of a question, (length,) int64: `encode("Where is the 7?")`.

        Raises
        ------
        ValueError
            If the question is empty, too long, or has a word that is not in the vocabulary.
        """
        return self.vocabulary.encode(plain(question))

    def pad(self, questions):
        """Encoded questions as a table: ids (n, words) int64 and mask (n, words) bool."""
        return padded(list(questions), self.words)

    def decode(self, ids):
        """The words of an encoded question, a list of strings; padding is left out."""
        return self.vocabulary.decode(ids).split()

    def decode_answer(self, answer):
        """The answer in words, such as "7" or "top left"."""
        if not 0 <= answer < len(ANSWERS):
            raise ValueError(
                f"there is no answer number {answer}: 0 to 9 are the digits, "
                f"10 to {len(ANSWERS) - 1} the places."
            )
        return ANSWERS[answer]

    def describe(self):
        """What is on the pages and what is asked, in a few lines."""
        asked = [f'  {kind.name}: "{kind.questions[0]}"' for kind in self.kinds]
        images, words = len(self.handwriting.labels), len(self.vocabulary) - len(SPECIAL)
        return "\n".join(
            [
                f"pages of 3 x 3 handwritten digits, {images} images of the {self.split} split",
                f"{words} words, {len(ANSWERS)} answers, questions such as",
                *asked,
            ]
        )

    def check_size(self, size):
        """Raise unless a batch can have this size."""
        super().check_size(size)
        n = len(self.kinds)
        if size % n:
            raise ValueError(
                f"size must be a multiple of {n}, so that each of the {n} kinds of question "
                f"gets equally many; got {size}."
            )

    def draw(self, rng, size):
        """The rows k, k + n, k + 2n, ... of a batch are the questions of kind k."""
        n = len(self.kinds)
        digits = np.empty((size, PATCHES), np.int64)
        questions = np.empty((size, self.words), np.int64)
        evidence = np.empty((size, PATCHES), bool)
        answers = np.empty(size, np.int64)
        for k, kind in enumerate(self.kinds):
            digits[k::n], asked, answers[k::n], evidence[k::n] = kind.draw(rng, size // n)
            questions[k::n] = self._questions[k][asked]
        target = np.where(evidence.sum(1) == 1, evidence.argmax(1), -1)
        pages, images = self._write(rng, digits)
        kinds = np.arange(size) % n
        return Batch(pages, questions, questions != 0, answers, kinds, digits, target, evidence,
                     images)  # fmt: skip

    def _write(self, rng, digits):
        """A handwritten image of every digit: pages (B, 9, 64), and the images' rows (B, 9)."""
        nth = (rng.random(digits.shape) * self._count[digits]).astype(np.int64)
        image = self._by_digit[self._start[digits] + nth]
        return self.handwriting.images[image], self.handwriting.rows[image]
