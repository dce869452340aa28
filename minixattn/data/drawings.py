"""Words and the handwriting that they ask for: "a seven", "a small three", "two zeros".

A drawing is a canvas of 16 x 16 pixels with one or two of the digits of scikit-learn's
`load_digits` on it, which have 8 x 8 pixels:

| kind  | words                   | canvas                                              |
|-------|-------------------------|-----------------------------------------------------|
| large | "a seven"               | one digit, enlarged to the whole canvas             |
| small | "a small three"         | one digit, as it is, in the middle                  |
| twice | "two zeros"             | two images of one digit, beside each other          |
| pair  | "a three and a seven"   | two different digits, beside each other             |

Training pairs never differ by 5: whoever learned from them has not met "a two and a seven", but all
the words of it. Test pairs are any.

A `Reader` goes the other way, from a canvas to words, with a support vector machine that has
learned the real digits: it tells whether what a model draws can be read as what was asked for.
"""

from typing import NamedTuple

import numpy as np

from ..errors import ShapeError, missing_extra
from .digits import handwriting
from .padding import padded
from .task import Task
from .vocabulary import Words

CANVAS, DIGIT = 16, 8
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PLURALS = tuple(f"{n}es" if n == "six" else f"{n}s" for n in NUMBERS)
KINDS = ("large", "small", "twice", "pair")
UNSEEN = 5  # the distance between two digits, round the ten of them, that no training pair has


class Drawing(NamedTuple):
    """B drawings and what they show.

    images (B, 1, 16, 16) float32 from −1 (paper) to 1 (ink); words (B, S) int64, the start first,
    padded with 0; mask (B, S) bool, True for a real word; texts, B strings; kinds (B,) int64,
    indices of the task's `kinds`.
    """

    images: np.ndarray
    words: np.ndarray
    mask: np.ndarray
    texts: tuple
    kinds: np.ndarray


def phrase(kind, first, second):
    """What to call a drawing: phrase("small", 3, 0) is "a small three"."""
    if kind == "pair":
        return f"{article(first)} and {article(second)}"
    if kind == "twice":
        return f"two {PLURALS[first]}"
    return article(first, "small" if kind == "small" else "")


def article(digit, adjective=""):
    """A digit in words: "a seven", "an eight", "a small eight"."""
    words = f"{adjective} {NUMBERS[digit]}".strip()
    return f"an {words}" if words.startswith("eight") else f"a {words}"


# ---- canvas ----------------------------------------------------------------------------------


def enlargement():
    """U (16, 8), which makes a row of 8 pixels one of 16, straight lines between their centres."""
    U = np.zeros((CANVAS, DIGIT))
    for i in range(CANVAS):
        at = np.clip((i + 0.5) / 2 - 0.5, 0, DIGIT - 1)
        left = min(int(at), DIGIT - 2)
        U[i, left : left + 2] = 1 - (at - left), at - left
    return U


U = enlargement()
REDUCTION = np.linalg.pinv(U)  # (8, 16): the 8 x 8 digit whose enlargement is nearest
MIDDLE = slice(CANVAS // 4, 3 * CANVAS // 4)
LEFT, RIGHT = slice(0, DIGIT), slice(DIGIT, CANVAS)


def compose(kinds, first, second):
    """Canvases (B, 16, 16) of ink from 0 to 1: B kinds by name, and digits (B, 8, 8)."""
    canvas, kinds = np.zeros((len(kinds), CANVAS, CANVAS), np.float32), np.array(kinds)
    large, small = kinds == "large", kinds == "small"
    two = ~(large | small)
    canvas[large] = U @ first[large] @ U.T
    canvas[small, MIDDLE, MIDDLE] = first[small]
    canvas[two, MIDDLE, LEFT], canvas[two, MIDDLE, RIGHT] = first[two], second[two]
    return canvas


def parts(canvas, kind):
    """The digits on a canvas (16, 16) of that kind, each (8, 8)."""
    if kind == "large":
        return [REDUCTION @ canvas @ REDUCTION.T]
    if kind == "small":
        return [canvas[MIDDLE, MIDDLE]]
    return [canvas[MIDDLE, LEFT], canvas[MIDDLE, RIGHT]]


def layout(canvas):
    """Which kind a canvas is, by where its ink lies: "large", "small", or "pair" for any two."""
    ink = np.clip(canvas, 0, 1)
    total = max(ink.sum(), 1e-9)
    if 1 - ink[MIDDLE].sum() / total > 0.08:
        return "large"
    return "small" if ink[MIDDLE, MIDDLE].sum() / total > 0.92 else "pair"


# ---- drawings --------------------------------------------------------------------------------


class Drawings(Task):
    """Drawings with their words.

    Parameters
    ----------
    split : "train" or "test", which handwriting they are made of
    kinds : which of `KINDS` to draw, in equal shares by chance

    Attributes
    ----------
    vocabulary : Words; every text begins with its "<start>"
    length : S, the tokens of the longest text, the start included
    """

    def __init__(self, split="train", kinds=KINDS):
        super().__init__(split)
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown or not kinds:
            raise ValueError(
                f"kinds are one or more of {', '.join(KINDS)}; got {', '.join(unknown) or 'none'}."
            )
        self.kinds, self.handwriting = tuple(kinds), handwriting(split)
        longest = phrase("pair", 3, 7)
        words = ("a", "an", "small", "two", "and", *NUMBERS, *PLURALS)
        self.vocabulary = Words(words, len(longest.split()), longest)
        self.vocabularies = {"words": self.vocabulary}
        self.length = 1 + self.vocabulary.longest
        self.distances = [n for n in range(1, 10) if n != UNSEEN or split == "test"]
        self._by_digit = [np.flatnonzero(self.handwriting.labels == d) for d in range(10)]

    def draw(self, rng, size):
        """A batch of `size` drawings."""
        kinds = rng.integers(len(self.kinds), size=size)
        first = rng.integers(10, size=size)
        other = (first + rng.choice(self.distances, size)) % 10  # never the first
        names = [self.kinds[k] for k in kinds]
        second = np.where([name == "pair" for name in names], other, first)
        images = compose(names, self.write(rng, first), self.write(rng, second))
        texts = tuple(map(phrase, names, first, second))
        words, mask = self.encode(texts)
        return Drawing(2 * images[:, None] - 1, words, mask, texts, kinds)

    def write(self, rng, digits):
        """A handwritten image (8, 8) of every digit, ink from 0 to 1."""
        counts = np.array([len(rows) for rows in self._by_digit])[digits]
        chosen = (rng.random(len(digits)) * counts).astype(int)
        rows = [self._by_digit[d][i] for d, i in zip(digits, chosen)]
        return self.handwriting.images[rows].reshape(-1, DIGIT, DIGIT)

    def encode(self, texts):
        """Texts as a table: words (B, S) int64, each row beginning with the start, mask (B, S).

        Raises
        ------
        ValueError
            Naming words that are not known, and for a text that is empty or too long.
        """
        if isinstance(texts, str):
            raise TypeError(f"expected several texts, got one string; use [{texts!r}].")
        rows = [[self.vocabulary.start, *self.vocabulary.encode(t.lower())] for t in texts]
        return padded(rows, self.length)

    def describe(self):
        """What is drawn, in a few lines."""
        examples = ", ".join(f'"{phrase(kind, 3, 7)}"' for kind in self.kinds)
        return (
            f"canvases of {CANVAS} x {CANVAS} pixels with handwriting of the {self.split} split "
            f"({len(self.handwriting.labels)} digits),\nand words such as {examples}"
        )


# ---- reading ---------------------------------------------------------------------------------


class Reader:
    """Reads drawings with a support vector machine that learned the real digits of one split.

    The digits are cut out where the ink lies, so that a drawing of the wrong kind is read as such.
    """

    def __init__(self, split="train"):
        try:
            from sklearn.svm import SVC
        except ImportError:
            raise missing_extra("scikit-learn", "data", "reading drawings") from None
        real = handwriting(split)
        self.machine = SVC(gamma=0.001, C=10).fit(16 * real.images, real.labels)

    def digits(self, images):
        """The digit in each image (n, 8, 8) of ink from 0 to 1."""
        return self.machine.predict(16 * np.clip(images, 0, 1).reshape(len(images), -1))

    def read(self, images):
        """What each canvas (B, 1, 16, 16) from −1 to 1 shows, in words."""
        if np.ndim(images) != 4 or np.shape(images)[1:] != (1, CANVAS, CANVAS):
            raise ShapeError(
                f"a reader takes canvases (B, 1, {CANVAS}, {CANVAS}), got shape "
                f"{np.shape(images)}."
            )
        canvases = (np.asarray(images, float)[:, 0] + 1) / 2
        if np.isnan(canvases).any():
            raise ValueError("a canvas holds NaN: what drew it has diverged.")
        kinds = [layout(canvas) for canvas in canvases]
        cut = [parts(canvas, kind) for canvas, kind in zip(canvases, kinds)]
        found = iter(self.digits(np.array([digit for digits in cut for digit in digits])))
        return [in_words(kind, [next(found) for _ in digits]) for kind, digits in zip(kinds, cut)]


def new_pairs():
    """The ten texts of pairs that are not in the training split."""
    return [phrase("pair", d, (d + UNSEEN) % 10) for d in range(10)]


def in_words(kind, digits):
    """The phrase for the digits read on a canvas."""
    if kind == "pair" and digits[0] == digits[1]:
        kind = "twice"
    return phrase(kind, digits[0], digits[-1])
