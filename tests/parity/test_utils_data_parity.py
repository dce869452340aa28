"""Loaders against PyTorch's: the same batches of the same data."""

import numpy as np
import pytest
import torch
import torch.utils.data

import minixattn as mx

DATASETS = {
    "tensors": lambda t: t.utils.data.TensorDataset(t.arange(10), t.arange(20.0).reshape(10, 2)),
    "pairs": lambda t: [(i, float(i)) for i in range(7)],
    "dicts": lambda t: [{"x": t.ones(2) * i, "name": f"n{i}"} for i in range(5)],
    "arrays": lambda t: [np.full((2,), i, np.float32) for i in range(6)],
    "nested": lambda t: [(i, [t.ones(1) * i, (True, "a")]) for i in range(4)],
    "several": lambda t: t.utils.data.ConcatDataset([range(3), range(5, 7)]),
    "part": lambda t: t.utils.data.Subset(range(10), [7, 3, 9]),
}
OPTIONS = [{}, {"batch_size": 4}, {"batch_size": 4, "drop_last": True}, {"batch_size": None},
           {"sampler": [2, 0, 1]}, {"batch_sampler": [[0, 1], [2]]}]  # fmt: skip


def plain(x):
    """Nested batches as plain lists, with the dtype of every tensor."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if hasattr(x, "tolist"):
        return str(x.dtype).removeprefix("torch."), x.tolist()
    return x


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", DATASETS)
def test_batches_are_pytorchs(name, options):
    loaders = [t.utils.data.DataLoader(DATASETS[name](t), **options) for t in (mx, torch)]
    ours, theirs = ([plain(batch) for batch in loader] for loader in loaders)
    assert ours == theirs and len(loaders[0]) == len(loaders[1]) == len(ours)


def test_fractions_are_cut_as_pytorch_cuts_them():
    for lengths in ([0.8, 0.2], [0.5, 0.25, 0.25], [7, 4]):
        ours, theirs = (t.utils.data.random_split(range(11), lengths) for t in (mx, torch))
        assert list(map(len, ours)) == list(map(len, theirs))
        assert sorted(i for part in ours for i in part) == list(range(11))


@pytest.mark.parametrize("options", ["", ", batch_first=True", ", padding_value=-1",
                                     ", padding_side='left'"])  # fmt: skip
def test_padded_sequences_are_pytorchs(options):
    text = f"t.nn.utils.rnn.pad_sequence([t.ones(2, 3), t.arange(12.).reshape(4, 3)]{options})"
    ours, theirs = (eval(text, {"t": t}) for t in (mx, torch))
    assert ours.tolist() == theirs.tolist()
