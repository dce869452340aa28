"""Examples taken together in batches, under PyTorch's names.

A dataset is anything with `len(dataset)` and `dataset[i]`: a list does. A loader goes through it in
order or shuffled, and joins examples to batches. The package's own tasks make their batches
themselves (`minixattn.data`).
"""

import math
from collections.abc import Mapping

import numpy as np

from ..creation import as_tensor, randint, randperm, tensor
from ..engine import Node
from ..errors import ShapeError
from ..ops.shape import stack


class Dataset:
    """Base class of datasets: define `__getitem__(self, index)` and `__len__(self)`."""

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index).")

    def __add__(self, other):
        return ConcatDataset([self, other])


class TensorDataset(Dataset):
    """Example i is (x[i], y[i], …) of tensors that are equally long."""

    def __init__(self, *tensors):
        if len({len(t) for t in tensors}) > 1:
            raise ShapeError(
                f"TensorDataset: the tensors must be equally long in dim 0, got shapes "
                f"{', '.join(str(t.shape) for t in tensors)}."
            )
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(t[index] for t in self.tensors)

    def __len__(self):
        return len(self.tensors[0])


class Subset(Dataset):
    """The examples of another dataset that `indices` names."""

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index):
        return self.dataset[self.indices[index]]

    def __len__(self):
        return len(self.indices)


class ConcatDataset(Dataset):
    """Several datasets one after the other."""

    def __init__(self, datasets):
        self.datasets = list(datasets)

    def __getitem__(self, index):
        n = len(self)
        if not -n <= index < n:
            raise IndexError(f"index {index} is out of range for {n} examples.")
        index %= n
        which = 0
        while index >= len(self.datasets[which]):
            index -= len(self.datasets[which])
            which += 1
        return self.datasets[which][index]

    def __len__(self):
        return sum(map(len, self.datasets))


def random_split(dataset, lengths, generator=None):
    """The dataset cut at random into parts of these lengths, or fractions that sum to 1."""
    n = len(dataset)
    if lengths and math.isclose(sum(lengths), 1) and sum(lengths) <= 1 + 1e-9:
        whole = [math.floor(n * part) for part in lengths]
        lengths = [m + (i < n - sum(whole)) for i, m in enumerate(whole)]  # the rest, in turn
    if sum(lengths) != n:
        raise ValueError(
            f"random_split: the lengths {list(lengths)} sum to {sum(lengths)}, but the dataset has "
            f"{n} examples."
        )
    order, parts, start = randperm(n, generator=generator).tolist(), [], 0
    for m in lengths:
        parts.append(Subset(dataset, order[start : start + m]))
        start += m
    return parts


class SequentialSampler:
    """The indices of a dataset in order."""

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class RandomSampler:
    """The indices of a dataset in a new random order every time.

    Parameters
    ----------
    data_source : the dataset
    replacement : draw each from all, so that some come twice and others not at all
    num_samples : how many; as many as there are where None
    generator : `Generator`, or None for the package's own
    """

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self.num_samples = len(data_source) if num_samples is None else num_samples
        if not isinstance(self.num_samples, int) or self.num_samples < 1:
            raise ValueError(
                f"RandomSampler: num_samples must be an int above 0, got {self.num_samples!r}."
            )

    def __iter__(self):
        n, left = len(self.data_source), self.num_samples
        if self.replacement:
            yield from randint(n, (left,), generator=self.generator).tolist()
            return
        while left > 0:
            order = randperm(n, generator=self.generator).tolist()
            yield from order[:left]
            left -= n

    def __len__(self):
        return self.num_samples


WORKERS = {
    "multiprocessing_context", "persistent_workers", "pin_memory_device", "prefetch_factor",
    "timeout", "worker_init_fn",
}  # fmt: skip


class DataLoader:
    """Batches of a dataset: `for x, y in DataLoader(dataset, batch_size=32, shuffle=True)`.

    Parameters
    ----------
    dataset : anything with len() and [index]
    batch_size : examples a batch; None for single ones that are not joined
    shuffle : go through them in a new random order every time
    sampler : iterable of indices, instead of `shuffle`
    batch_sampler : iterable of lists of indices, instead of all of these
    num_workers, and whatever else is about workers : accepted for PyTorch's sake; the data is
        read in this process
    collate_fn : function that joins a list of examples; `default_collate` where None
    pin_memory : accepted for PyTorch's sake
    drop_last : leave out a last batch that is not full
    generator : `Generator` that shuffles, or None for the package's own
    """

    def __init__(self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None,
                 num_workers=0, collate_fn=None, pin_memory=False, drop_last=False, *,
                 generator=None, **workers):  # fmt: skip
        unknown = set(workers) - WORKERS
        if unknown:
            raise TypeError(f"DataLoader got an unexpected argument {min(unknown)!r}.")
        if shuffle and (sampler is not None or batch_sampler is not None):
            raise ValueError("DataLoader: a sampler decides the order; leave shuffle out.")
        if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
            raise ValueError(f"DataLoader: batch_size must be an int above 0, got {batch_size!r}.")
        if sampler is None and batch_sampler is None:
            ordered = SequentialSampler(dataset)
            sampler = RandomSampler(dataset, generator=generator) if shuffle else ordered
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.collate_fn = default_collate if collate_fn is None else collate_fn
        self.num_workers, self.pin_memory, self.generator = num_workers, pin_memory, generator

    def __iter__(self):
        if self.batch_size is None and self.batch_sampler is None:
            yield from (self.dataset[i] for i in self.sampler)
            return
        for indices in self.batches():
            yield self.collate_fn([self.dataset[i] for i in indices])

    def batches(self):
        """The indices of one pass, a list for each batch."""
        if self.batch_sampler is not None:
            yield from self.batch_sampler
            return
        batch = []
        for i in self.sampler:
            batch.append(i)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self):
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        n = len(self.sampler)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def default_collate(batch):
    """A list of examples as one: tensors are stacked, numbers become a tensor, texts a list.

    Tuples, lists and dicts are joined part by part: [(x₁, y₁), (x₂, y₂)] → [x, y].
    """
    first = batch[0]
    if isinstance(first, (Node, np.ndarray)):
        return stacked([as_tensor(x) for x in batch])
    if isinstance(first, (float, int, np.generic)):
        return tensor(np.array(batch))
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, Mapping):
        return {key: default_collate([example[key] for example in batch]) for key in first}
    if isinstance(first, (tuple, list)):
        if len(set(map(len, batch))) > 1:
            raise ShapeError(
                f"default_collate: the examples of a batch have different numbers of parts: "
                f"{sorted(set(map(len, batch)))}. Pad them, or give a collate_fn."
            )
        parts = [default_collate(list(part)) for part in zip(*batch)]
        return type(first)(*parts) if hasattr(first, "_fields") else parts
    raise TypeError(
        f"default_collate joins tensors, arrays, numbers, texts, and tuples, lists and dicts of "
        f"them; got {type(first).__name__}. Give a collate_fn."
    )


def stacked(parts):
    """Tensors of one shape along a new first dimension."""
    shapes = {p.shape for p in parts}
    if len(shapes) > 1:
        raise ShapeError(
            f"default_collate: the tensors of a batch have different shapes: "
            f"{', '.join(map(str, sorted(shapes)))}. Pad them to one in a collate_fn, as "
            f"nn.utils.rnn.pad_sequence does."
        )
    return stack(parts)
