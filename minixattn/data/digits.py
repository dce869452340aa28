"""Questions about pages of handwriting: the data on which cross-attention learns where to look.

A page is a 3 x 3 grid of handwritten digits, 8 x 8 pixels each. A question asks in words what
stands at a place ("what is at the top left") or where a digit stands ("where is the 7"). To
answer, the words of the question have to find the right one of nine patches.

The digits are the 1,797 of scikit-learn's `load_digits`: every fifth image of each digit is kept
for the test pages (364 images), training pages are written with the other 1,433.

    pages = Pages("train")
    for batch in pages.batches(rng=0, size=64): ...        # endless; see `Batch`

A new kind of question is one more `Kind`: the questions in words, and a function that draws them.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..errors import missing_extra

GRID, PATCH, PATCHES, PIXELS = 3, 8, 9, 64
PLACES = (
    *("top left", "top middle", "top right"),
    *("middle left", "center", "middle right"),
    *("bottom left", "bottom middle", "bottom right"),
)
DIGITS = tuple("0123456789")
ANSWERS = DIGITS + PLACES
PAD = "<pad>"


class Batch(NamedTuple):
    """B pages, one question about each, and the answers.

    pages (B, 9, 64) float32 in [0, 1], patches in reading order; questions (B, words) int64,
    padded with id 0; mask (B, words) bool, True for a real word; answers (B,) int64, indices of
    `ANSWERS`; kinds (B,) int64, indices of `Pages.kinds`; digits (B, 9) int64, the digit in each
    patch; target (B,) int64, the patch that holds the answer; images (B, 9) int64, the rows of
    `load_digits` that the page is written with.
    """

    pages: np.ndarray
    questions: np.ndarray
    mask: np.ndarray
    answers: np.ndarray
    kinds: np.ndarray
    digits: np.ndarray
    target: np.ndarray
    images: np.ndarray


# ---- kinds of question -----------------------------------------------------------------------


class Kind(NamedTuple):
    """One kind of question.

    name : what to call it
    questions : every question of this kind, in words
    draw : function (rng, n) -> digits (n, 9), which of `questions` (n,), answers (n,), target (n,)
    """

    name: str
    questions: tuple
    draw: Callable


def draw_place(rng, n):
    """What is at a place? Any digits on the page; the answer is the one at the place."""
    digits = rng.integers(10, size=(n, PATCHES))
    place = rng.integers(PATCHES, size=n)
    return digits, place, digits[np.arange(n), place], place


def draw_where(rng, n):
    """Where is a digit? It stands at one place only; the other digits may repeat."""
    digit = rng.integers(10, size=n)
    place = rng.integers(PATCHES, size=n)
    others = rng.integers(9, size=(n, PATCHES))
    digits = others + (others >= digit[:, None])  # 0..9 without the digit asked for
    digits[np.arange(n), place] = digit
    return digits, digit, len(DIGITS) + place, place


PLACE = Kind("place", tuple(f"what is at the {place}" for place in PLACES), draw_place)
WHERE = Kind("where", tuple(f"where is the {digit}" for digit in DIGITS), draw_where)


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
    if split not in ("train", "test"):
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


class Pages:
    """Endless pages of handwriting with questions, the same from the same seed.

    Parameters
    ----------
    split : "train" or "test", which images the pages are written with
    kinds : the kinds of question; every batch holds equally many of each, taking turns

    Attributes
    ----------
    vocabulary : dict from word to id; id 0 is the padding
    words : int, the number of words of the longest question
    """

    def __init__(self, split="train", kinds=(PLACE, WHERE)):
        self.split, self.kinds = split, tuple(kinds)
        self.handwriting = handwriting(split)
        self.words = max(len(q.split()) for kind in self.kinds for q in kind.questions)
        spoken = (word for kind in self.kinds for q in kind.questions for word in q.split())
        self.vocabulary = {word: i for i, word in enumerate(dict.fromkeys([PAD, *spoken]))}
        self._questions = [self.pad(map(self.encode, kind.questions))[0] for kind in self.kinds]
        labels = self.handwriting.labels
        self._count = np.bincount(labels, minlength=10)
        self._by_digit = np.argsort(labels, kind="stable")  # images of digit d start at _start[d]
        self._start = np.cumsum(self._count) - self._count

    def batches(self, rng, size):
        """Yield batches of `size` pages without end.

        Parameters
        ----------
        rng : numpy.random.Generator, or the seed of a new one
        size : int, B, a multiple of the number of kinds
        """
        self._check_size(size)
        rng = np.random.default_rng(rng)
        while True:
            yield self._draw(rng, size)

    def test_set(self, size=2000, seed=0):
        """One `Batch` of `size` pages, always the same for one seed."""
        return next(self.batches(np.random.default_rng(seed), size))

    def encode(self, question):
        """Word ids of a question, (length,) int64: `encode("where is the 7")`.

        Raises
        ------
        ValueError
            If the question is empty, too long, or has a word that is not in the vocabulary.
        """
        if not isinstance(question, str):
            raise TypeError(f"a question is a string of words, got {type(question).__name__}.")
        words = question.lower().replace("?", " ").split()
        known = [word for word in self.vocabulary if word != PAD]
        if not words:
            raise ValueError(f'the question is empty; ask for example "{self._example()}".')
        unknown = [word for word in words if word not in known]
        if unknown:
            raise ValueError(
                f"unknown word{'s' * (len(unknown) > 1)} {', '.join(map(repr, unknown))} in the "
                f"question {question!r}. Known words: {' '.join(known)}."
            )
        if len(words) > self.words:
            raise ValueError(
                f"the question {question!r} has {len(words)} words; the longest one that is "
                f'understood has {self.words}, for example "{self._example()}".'
            )
        return np.array([self.vocabulary[word] for word in words])

    def pad(self, questions):
        """Encoded questions as a table: ids (n, words) int64 and mask (n, words) bool."""
        rows = [np.pad(ids, (0, self.words - len(ids))) for ids in questions]
        table = np.array(rows, np.int64).reshape(-1, self.words)
        return table, table != 0

    def decode(self, ids):
        """The words of an encoded question, a list of strings; padding is left out."""
        spoken = list(self.vocabulary)
        return [spoken[i] for i in ids if i != 0]

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
        images, words = len(self.handwriting.labels), len(self.vocabulary) - 1
        return "\n".join(
            [
                f"pages of 3 x 3 handwritten digits, {images} images of the {self.split} split",
                f"{words} words, {len(ANSWERS)} answers, questions such as",
                *asked,
            ]
        )

    def _example(self):
        return self.kinds[0].questions[0]

    def _check_size(self, size):
        n = len(self.kinds)
        if size < n or size % n:
            raise ValueError(
                f"size must be a multiple of {n}, so that each of the {n} kinds of question "
                f"gets equally many; got {size}."
            )

    def _draw(self, rng, size):
        """The rows k, k + n, k + 2n, ... of a batch are the questions of kind k."""
        n = len(self.kinds)
        digits = np.empty((size, PATCHES), np.int64)
        questions = np.empty((size, self.words), np.int64)
        answers, target = np.empty((2, size), np.int64)
        for k, kind in enumerate(self.kinds):
            digits[k::n], asked, answers[k::n], target[k::n] = kind.draw(rng, size // n)
            questions[k::n] = self._questions[k][asked]
        pages, images = self._write(rng, digits)
        kinds = np.arange(size) % n
        return Batch(pages, questions, questions != 0, answers, kinds, digits, target, images)

    def _write(self, rng, digits):
        """A handwritten image of every digit: pages (B, 9, 64), and the images' rows (B, 9)."""
        nth = (rng.random(digits.shape) * self._count[digits]).astype(np.int64)
        image = self._by_digit[self._start[digits] + nth]
        return self.handwriting.images[image], self.handwriting.rows[image]
