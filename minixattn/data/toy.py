"""Four tasks small enough to see through: what comes out is what went in, at other places.

    target_t = source[π_t]

| task              | source     | target  | π                                  |
|-------------------|------------|---------|------------------------------------|
| Copy              | b e a e    | b e a e | 0, 1, 2, …                         |
| Reverse           | b e a e    | e a e b | n−1, …, 1, 0                       |
| Sort              | b e a      | a b e   | what sorts the letters             |
| AssociativeRecall | b 7 a 2 b  | 7       | the digit behind the letter asked  |

So it is known for each token written where attention should look: at π_t, and nowhere else.
"""

import zlib

import numpy as np

from .padding import pairs
from .task import Task
from .vocabulary import Characters

LETTERS, DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789"
HELD_OUT = 16  # one source in so many is for testing


class Toy(Task):
    """Sources of letters, drawn without end; a subclass says π, and how a source is drawn.

    Parameters
    ----------
    split : "train" or "test"; a hash of the source decides which it is in, so none is in both
    shortest, longest : bounds of the source's length n
    letters : int, how many letters there are

    Attributes
    ----------
    vocabularies : dict of Characters, "source" and "target"
    """

    def __init__(self, split="train", shortest=4, longest=12, letters=16):
        super().__init__(split)
        if not 1 <= letters <= len(LETTERS):
            raise ValueError(f"there are 1 to {len(LETTERS)} letters, got {letters}.")
        if not self.fewest <= shortest <= longest or longest > self.most(letters):
            raise ValueError(
                f"{type(self).__name__} of {letters} letters needs {self.fewest} ≤ shortest ≤ "
                f"longest ≤ {self.most(letters):g}; got shortest={shortest}, longest={longest}."
            )
        self.shortest, self.longest, self.letters = shortest, longest, letters
        self.kinds = (type(self).__name__,)
        self.vocabularies = {
            "source": Characters(self.alphabet, longest, self.alphabet[: self.shortest]),
            "target": Characters(self.alphabet, longest),
        }

    fewest = 2

    @property
    def alphabet(self):
        """Every character that may occur."""
        return LETTERS[: self.letters]

    def most(self, _letters):
        """The greatest length that a source can have."""
        return np.inf

    def source(self, rng):
        """One source, a string; a subclass may say another one."""
        n = rng.integers(self.shortest, self.longest + 1)
        return "".join(self.alphabet[i] for i in rng.integers(self.letters, size=n))

    def places(self, source):
        """π, a sequence of positions in the source; a subclass says it."""
        raise NotImplementedError(f"{type(self).__name__} must define places(source).")

    def draw(self, rng, size):
        """`Pairs`; see `Task.batches`."""
        numbers = self.vocabularies["source"].numbers
        sources, targets, links = [], [], []
        while len(sources) < size:
            text = self.source(rng)
            if (zlib.crc32(text.encode()) % HELD_OUT == 0) != (self.split == "test"):
                continue
            places, row = self.places(text), [numbers[c] for c in text]
            sources.append(row)
            targets.append([row[p] for p in places])
            links.append([(t, p, p + 1) for t, p in enumerate(places)])
        return pairs(sources, targets, links, [0] * size)

    def describe(self):
        """What goes in and comes out, in two lines."""
        source = self.source(np.random.default_rng(0))
        target = "".join(source[p] for p in self.places(source))
        return (
            f"{type(self).__name__}: {self.shortest} to {self.longest} of {len(self.alphabet)} "
            f"characters, {self.split} split, such as\n  {source} → {target}"
        )


class Copy(Toy):
    """The source as it is."""

    def places(self, source):
        return range(len(source))


class Reverse(Toy):
    """The source from its end."""

    def places(self, source):
        return range(len(source) - 1, -1, -1)


class Sort(Toy):
    """The letters in the order of the alphabet; none occurs twice, so each has one place."""

    def most(self, letters):
        return letters

    def source(self, rng):
        n = rng.integers(self.shortest, self.longest + 1)
        return "".join(self.alphabet[i] for i in rng.permutation(self.letters)[:n])

    def places(self, source):
        return sorted(range(len(source)), key=source.__getitem__)


class AssociativeRecall(Toy):
    """Letters, each with a digit behind it, and at the end one of the letters again: its digit?

    Lengths are odd: k letters with their digits and the question are n = 2k + 1 characters.
    """

    fewest = 3

    def __init__(self, split="train", shortest=5, longest=13, letters=16):
        super().__init__(split, shortest, longest, letters)

    @property
    def alphabet(self):
        return LETTERS[: self.letters] + DIGITS

    def most(self, letters):
        return 2 * letters + 2

    def source(self, rng):
        k = rng.integers(self.shortest // 2, (self.longest - 1) // 2 + 1)
        letters = [self.alphabet[i] for i in rng.permutation(self.letters)[:k]]
        known = "".join(letter + DIGITS[rng.integers(10)] for letter in letters)
        return known + letters[rng.integers(k)]

    def places(self, source):
        return [source.index(source[-1]) + 1]
