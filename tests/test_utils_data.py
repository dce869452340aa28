"""Examples taken together in batches."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
    random_split,
)  # fmt: skip


class Squares(Dataset):
    def __len__(self):
        return 7

    def __getitem__(self, i):
        return mx.tensor([float(i)]), i * i


def test_batches_follow_one_another_and_the_last_may_be_short():
    loader = DataLoader(Squares(), batch_size=3)
    batches = list(loader)
    assert [len(x) for x, _ in batches] == [3, 3, 1] and len(loader) == 3
    assert batches[1][0].tolist() == [[3], [4], [5]] and batches[1][1].tolist() == [9, 16, 25]
    assert len(list(DataLoader(Squares(), 3, drop_last=True))) == 2


def test_shuffling_goes_through_all_anew_each_time_and_follows_the_seed():
    def passed(loader):
        return [i for x, _ in loader for i in x.reshape(-1).tolist()]

    mx.manual_seed(0)
    loader = DataLoader(Squares(), 2, shuffle=True)
    first, second = passed(loader), passed(loader)
    assert sorted(first) == sorted(second) == list(range(7)) and first != second
    mx.manual_seed(0)
    assert passed(loader) == first
    own = DataLoader(Squares(), 2, shuffle=True, generator=mx.Generator().manual_seed(1))
    assert passed(own) == passed(
        DataLoader(Squares(), 2, shuffle=True, generator=mx.Generator().manual_seed(1))
    )


def test_a_sampler_draws_as_many_as_it_is_told():
    mx.manual_seed(0)
    assert sorted(RandomSampler(range(5))) == list(range(5)) == list(SequentialSampler(range(5)))
    twice = list(RandomSampler(range(5), num_samples=10))
    assert sorted(twice[:5]) == sorted(twice[5:]) == list(range(5))
    drawn = RandomSampler(range(5), replacement=True, num_samples=100)
    assert set(drawn) == set(range(5)) and len(drawn) == 100
    loader = DataLoader(Squares(), 2, sampler=RandomSampler(Squares(), num_samples=4))
    assert len(loader) == len(list(loader)) == 2
    with pytest.raises(ValueError, match="num_samples must be an int above 0, got 0"):
        RandomSampler([])


def test_a_model_learns_from_a_loader():
    mx.manual_seed(0)
    x = mx.randn(64, 3)
    y = x @ mx.tensor([[1.0], [-2.0], [0.5]])
    model = mx.nn.Linear(3, 1)
    optimizer = mx.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(20):
        for inputs, targets in DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True):
            optimizer.zero_grad()
            mx.nn.functional.mse_loss(model(inputs), targets).backward()
            optimizer.step()
    np.testing.assert_allclose(values(model.weight), [[1, -2, 0.5]], atol=0.01)


def test_datasets_are_cut_and_joined():
    parts = random_split(Squares(), [0.5, 0.5], generator=mx.Generator().manual_seed(0))
    assert [len(p) for p in parts] == [4, 3]
    both = parts[0] + parts[1]
    assert isinstance(both, ConcatDataset)
    assert sorted(y for _, y in both) == [i * i for i in range(7)]
    assert both[-1][1] == parts[1][2][1] and Subset(Squares(), [6])[0][1] == 36
    with pytest.raises(IndexError, match="index 7 is out of range for 7 examples"):
        both[7]
    with pytest.raises(ValueError, match=r"the lengths \[3, 3\] sum to 6, but the dataset has 7"):
        random_split(Squares(), [3, 3])


def test_examples_are_joined_part_by_part():
    batch = default_collate([{"x": np.ones(2), "y": (1, "a")}, {"x": np.zeros(2), "y": (2, "b")}])
    assert batch["x"].shape == (2, 2) and batch["x"].dtype == mx.float64
    assert batch["y"][0].tolist() == [1, 2] and batch["y"][1] == ["a", "b"]


def test_examples_that_do_not_fit_are_named():
    with pytest.raises(mx.ShapeError, match=r"different shapes: \(2,\), \(3,\)\. Pad them .*pad_"):
        default_collate([mx.ones(2), mx.ones(3)])
    with pytest.raises(mx.ShapeError, match=r"different numbers of parts: \[1, 2\]"):
        default_collate([(1,), (1, 2)])
    with pytest.raises(TypeError, match="got NoneType. Give a collate_fn"):
        default_collate([None])
    with pytest.raises(mx.ShapeError, match=r"equally long in dim 0, got shapes \(2,\), \(3,\)"):
        TensorDataset(mx.ones(2), mx.ones(3))
    with pytest.raises(ValueError, match="a sampler decides the order; leave shuffle out"):
        DataLoader(Squares(), shuffle=True, sampler=[1])
    with pytest.raises(ValueError, match="batch_size must be an int above 0, got 0"):
        DataLoader(Squares(), 0)
