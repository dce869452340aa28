"""What a task is: endless batches from a seed, words for its numbers, and the truth to score by.

Every data set of the package can be used in the same way:

    task = Dates("train")
    for batch in task.batches(rng=0, size=64): ...     # NamedTuples of arrays, without end
    task.test_set(1000)                                # one batch, always the same
    task.vocabularies["source"].decode(batch.source[0])
    print(task.describe())

A batch depends on the random generator's state alone, so a training that is continued with the
state that it had when it stopped sees the very batches that it would have seen.
"""

import numpy as np

SPLITS = ("train", "test")


class Task:
    """The base of all tasks: a subclass defines `draw` and `describe`.

    Parameters
    ----------
    split : "train" or "test"; no example is in both

    Attributes
    ----------
    vocabularies : dict of Vocabulary by the name of the batch's part that it stands for
    kinds : tuple of str, the kinds of example; a batch says in `kinds` which each one is
    """

    vocabularies, kinds = {}, ()

    def __init__(self, split="train"):
        if split not in SPLITS:
            raise ValueError(f'split must be "train" or "test", got {split!r}.')
        self.split = split

    def batches(self, rng, size):
        """Batches of `size` examples without end.

        Parameters
        ----------
        rng : numpy.random.Generator, or the seed of a new one
        size : int, B

        Returns
        -------
        iterator of NamedTuples of arrays, whose first dimension is B. Where the answer stands
        somewhere in the input, `alignment` says where: (B, L, S) bool
        """
        self.check_size(size)
        rng = np.random.default_rng(rng)
        return (self.draw(rng, size) for _ in iter(int, 1))

    def test_set(self, size=2000, seed=0):
        """One batch of `size` examples, always the same for one seed."""
        return next(self.batches(np.random.default_rng(seed), size))

    def check_size(self, size):
        """Raise unless a batch can have this size."""
        if not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"size is the number of examples in a batch, 1 or more; got {size!r}.")

    def draw(self, rng, size):
        """One batch; a subclass says it. Chance comes from `rng` alone."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(rng, size).")

    def describe(self):
        """What the task is, in a few lines."""
        raise NotImplementedError(f"{type(self).__name__} must define describe().")


def share_on_alignment(weights, alignment):
    """How much of its attention each head spends where the truth is.

        mean over all (b, l) with a truth of  Σ_s A_bhls [s is right for l]

    Parameters
    ----------
    weights : array (B, h, L, S), each row of which sums to 1, or to less where memory has the rest
    alignment : bool array (B, L, S); rows that are all False do not count

    Returns
    -------
    array (h,), from 0 to 1

    Raises
    ------
    ValueError
        If the shapes do not fit, or there is no truth anywhere.
    """
    weights, alignment = np.asarray(weights), np.asarray(alignment)
    B, _, L, S = weights.shape
    if alignment.shape != (B, L, S):
        raise ValueError(
            f"weights of shape {weights.shape} (B, h, L, S) need an alignment of shape "
            f"{(B, L, S)}, got {alignment.shape}."
        )
    counts = alignment.any(-1)
    if not counts.any():
        raise ValueError("the alignment is False everywhere: there is nothing to score by.")
    on_truth = np.einsum("bhls,bls->bhl", weights, alignment.astype(weights.dtype))
    return on_truth.swapaxes(1, 2)[counts].mean(0)


def share_by_chance(alignment, source_mask):
    """What `share_on_alignment` would give attention that is spread evenly over the real tokens."""
    counts = alignment.any(-1)
    share = alignment.sum(-1) / source_mask.sum(-1)[:, None]
    return float(share[counts].mean())
