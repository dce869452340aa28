"""Rows of unequal length as one table, and the masks that go with it: all of it is made here.

    [5, 3, 4]            ids                mask
    [4]           →      5 3 4              True  True  True
                         4 0 0              True  False False

A mask says True where there is something. What a decoder reads is what it shall write, moved on by
one: it reads `<start> a b` and shall write `a b <end>`.
"""

from typing import NamedTuple

import numpy as np

from .vocabulary import Vocabulary


class Padded(NamedTuple):
    """ids (B, L) int64, filled up with 0; mask (B, L) bool, True for what was there before."""

    ids: np.ndarray
    mask: np.ndarray


class Pairs(NamedTuple):
    """B texts, each with the text that shall come out, and what belongs to what.

    source (B, S) int64, padded with 0; source_mask (B, S) bool, True for a real token; given
    (B, L) int64, what the decoder reads: the start, then the target; expected (B, L) int64, what
    it shall write: the target, then the end; expected_mask (B, L) bool, True up to the end;
    alignment (B, L, S) bool, True where a token of the source says what this token of the target
    is (a row that is all False, as for the end, has no such source); kinds (B,) int64, indices of
    the task's `kinds`.
    """

    source: np.ndarray
    source_mask: np.ndarray
    given: np.ndarray
    expected: np.ndarray
    expected_mask: np.ndarray
    alignment: np.ndarray
    kinds: np.ndarray


def padded(rows, length=None):
    """Rows of numbers as one table.

    Parameters
    ----------
    rows : sequence of B sequences of ints
    length : L; that of the longest row where None

    Raises
    ------
    ValueError
        Naming the first row that is longer than `length`.
    """
    lengths = np.array([len(row) for row in rows], np.int64)
    longest = int(lengths.max(initial=0))
    L = longest if length is None else length
    if longest > L:
        b = int((lengths > L).argmax())
        raise ValueError(f"row {b} has {lengths[b]} numbers, but there is room for {L} only.")
    mask = np.arange(L) < lengths[:, None]
    ids = np.zeros(mask.shape, np.int64)
    ids[mask] = [i for row in rows for i in row]  # row-major, as the True places are
    return Padded(ids, mask)


def pairs(sources, targets, links, kinds):
    """Texts in and out as one batch.

    Parameters
    ----------
    sources, targets : B rows of numbers each, without start and end
    links : for each of the B rows (t, start, stop), ...: target token t is said by the source
        tokens from `start` up to `stop`
    kinds : B ints
    """
    source, source_mask = padded(sources)
    given, _ = padded([[Vocabulary.start, *row] for row in targets])
    expected, expected_mask = padded([[*row, Vocabulary.end] for row in targets])
    alignment = np.zeros((*expected.shape, source.shape[1]), bool)
    for b, row in enumerate(links):
        for t, start, stop in row:
            alignment[b, t, start:stop] = True
    kinds = np.array(kinds, np.int64)
    return Pairs(source, source_mask, given, expected, expected_mask, alignment, kinds)
