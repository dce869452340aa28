"""Forms whose regions have a printed word and a handwritten number, and cannot do without either.

A form for a parcel has 5 to 8 boxes in any order. Each box is a region: a word is printed in it,
and a number from 0 to 9 is written in it by hand, another one in each box.

| printed, as it was read | written | label            | why                                       |
|-------------------------|---------|------------------|-------------------------------------------|
| `tolephone`             | 2       | sender phone     | boxes 0 to 4 are the sender's             |
| `addrss`                | 7       | receiver address | boxes 5 to 9 are the receiver's           |
| `same as seven`         | 0       | sender address   | the same as in the box in which a 7 is    |

The word says what is in a box, the number whose it is. And `same as seven` says nothing without the
other boxes: it names one of them by what is *written* there, and what counts is what is *printed*
there. Text alone knows no number, the image alone no word.

The print was read by a machine, which took some characters for others that look like them and
missed some altogether. The writing is that of `digits.handwriting`: forms for testing are written
with images that no form for training has.

    forms = Forms("train")
    for batch in forms.batches(rng=0, size=64): ...     # endless; see `Page`
"""

from typing import NamedTuple

import numpy as np

from .digits import handwriting
from .padding import padded
from .task import Task
from .vocabulary import Characters

KINDS = {  # what a box holds, and the words that say so
    "name": ("name", "surname", "full name"),
    "address": ("address", "street", "house"),
    "date": ("date", "day", "signed on"),
    "phone": ("phone", "telephone", "mobile"),
    "value": ("value", "price", "sum due"),
    "contents": ("contents", "goods", "items"),
}
PARTIES = ("sender", "receiver")
OWN = 5  # boxes with a number below are the sender's
LABELS = tuple(f"{party} {kind}" for party in PARTIES for kind in KINDS)
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
POINTERS = ("same as {}", "as in {}", "see {}")
WORDS = tuple(word for words in KINDS.values() for word in words)
KIND_OF = np.repeat(np.arange(len(KINDS)), [len(words) for words in KINDS.values()])
PHRASES = (  # all that may be printed: first the words, then what points at the boxes 0, 1, …
    *WORDS,
    *(pointer.format(number) for number in NUMBERS for pointer in POINTERS),
)
LOOKALIKES = ("aoce", "iltj", "mnru", "hbkd", "vwyx", "gqp", "sz", "f")  # taken for one another
LONGEST = max(map(len, PHRASES))
REGIONS = 8
PIXELS = 64


class Page(NamedTuple):
    """B forms of up to N regions.

    text (B, N, C) int64, the print as it was read, padded with 0; images (B, N, 64) float32, ink
    from 0 to 1; mask (B, N) bool, True for a region that is there; labels (B, N) int64, indices of
    `LABELS`, 0 where there is no region; alignment (B, N, N) bool, True where the print of region l
    names the number in region s (a row without a True says what it is itself); kinds (B, N) int64,
    indices of `Forms.kinds`; printed (B, N) int64, indices of `PHRASES`; digits (B, N) int64, the
    numbers; rows (B, N) int64, the images' numbers in `load_digits`; these three mean nothing where
    there is no region.
    """

    text: np.ndarray
    images: np.ndarray
    mask: np.ndarray
    labels: np.ndarray
    alignment: np.ndarray
    kinds: np.ndarray
    printed: np.ndarray
    digits: np.ndarray
    rows: np.ndarray


class Forms(Task):
    """Endless forms, the same from the same seed.

    Parameters
    ----------
    split : "train" or "test", which handwriting
    swapped : the share of characters that are read as one that looks like them
    missed : the share of characters that are not read at all
    pointing : the share of regions whose print names another box, where there is one to name

    Attributes
    ----------
    vocabularies : {"text": Characters}
    kinds : ("own", "pointing")
    """

    kinds = ("own", "pointing")

    def __init__(self, split="train", swapped=0.08, missed=0.04, pointing=0.4):
        super().__init__(split)
        for name, share in (("swapped", swapped), ("missed", missed), ("pointing", pointing)):
            if not 0 <= share < 1:
                raise ValueError(f"{name} is a share from 0 up to, but not, 1; got {share}.")
        self.swapped, self.missed, self.pointing = swapped, missed, pointing
        self.handwriting = handwriting(split)
        letters = "".join(LOOKALIKES) + " "
        self.vocabularies = {"text": Characters(letters, LONGEST, "same as seven")}
        self._print = padded([self.vocabularies["text"].encode(p) for p in PHRASES], LONGEST).ids
        self._alike, self._ways = self._lookalikes()
        labels = self.handwriting.labels
        self._count = np.bincount(labels, minlength=10)
        self._by_digit = np.argsort(labels, kind="stable")  # images of digit d start at _start[d]
        self._start = np.cumsum(self._count) - self._count

    def draw(self, rng, size):
        """`Page` of `size` forms."""
        shape = size, REGIONS
        mask = np.arange(REGIONS) < rng.integers(5, REGIONS + 1, (size, 1))
        digits = rng.random((size, 10)).argsort(1)[:, :REGIONS]  # no number twice
        points = (rng.random(shape) < self.pointing) & mask
        points[:, 0] = False  # a form has one box at least that says what it is
        at = self._partners(rng, ~points & mask)
        partner = np.where(points, at, np.arange(REGIONS))  # who says what is in the box
        word, way = rng.integers(len(WORDS), size=shape), rng.integers(len(POINTERS), size=shape)
        named = np.take_along_axis(digits, partner, 1)
        pointer = len(WORDS) + len(POINTERS) * named + way
        order = rng.random(shape)
        order[~mask] = 2.0  # the places without a region stay last
        return self._page(rng, order.argsort(1), mask, digits, points, partner,
                          np.where(points, pointer, word))  # fmt: skip

    def _page(self, rng, order, mask, digits, points, partner, printed):
        """The regions in another order, with their print and their images."""
        kind = KIND_OF[np.take_along_axis(printed, partner, 1)]  # that of the box that is named
        labels = (digits >= OWN) * len(KINDS) + kind
        digits, points, printed, labels = (
            np.take_along_axis(part, order, 1) for part in (digits, points, printed, labels)
        )
        partner = np.take_along_axis(partner, order, 1)
        alignment = (order[:, None, :] == partner[:, :, None]) & points[:, :, None]
        text = self.misread(rng, self._print[printed]) * mask[..., None]
        nth = (rng.random(digits.shape) * self._count[digits]).astype(np.int64)
        image = self._by_digit[self._start[digits] + nth]
        images = self.handwriting.images[image] * mask[..., None].astype(np.float32)
        return Page(text, images, mask, labels * mask, alignment, points.astype(np.int64),
                    printed, digits, self.handwriting.rows[image])  # fmt: skip

    def _partners(self, rng, plain):
        """For each region one of those of its form that are plain: (B, N) int64."""
        B, N = plain.shape
        among = plain.argsort(1, kind="stable")[:, ::-1]  # the plain ones come first
        nth = (rng.random((B, N)) * plain.sum(1, keepdims=True)).astype(np.int64)
        return np.take_along_axis(among, nth, 1)

    def misread(self, rng, text):
        """Print (..., C) as a machine reads it: characters swapped and missed, all pushed together.

        A character that is one of n lookalikes becomes any of the others, each as often.
        """
        swap = rng.random(text.shape) < self.swapped
        way = (rng.random(text.shape) * self._ways[text]).astype(np.int64)
        read = np.where(swap, self._alike[text, way], text)
        read[rng.random(text.shape) < self.missed] = 0
        first = (read == 0).argsort(-1, kind="stable")  # what was read moves together
        return np.take_along_axis(read, first, -1)

    def _lookalikes(self):
        """What each character may be read as (V, most), and how many of those there are (V,)."""
        numbers, V = self.vocabularies["text"].numbers, len(self.vocabularies["text"])
        others = [[i] for i in range(V)]
        for group in LOOKALIKES:
            for a in group:
                others[numbers[a]] = [numbers[b] for b in group if b != a] or [numbers[a]]
        table = padded(others)
        return table.ids, table.mask.sum(1)

    def describe(self):
        """What is printed and written, in a few lines."""
        return (
            f"forms of 5 to {REGIONS} boxes, each with a printed word and a handwritten number "
            f"({len(self.handwriting.labels)} images of\nthe {self.split} split); "
            f"{self.swapped:.0%} of the characters are taken for others, {self.missed:.0%} missed; "
            f"{len(LABELS)} labels,\nsuch as {LABELS[0]!r}; {self.pointing:.0%} of the boxes point "
            f'at another one: "same as seven"'
        )
