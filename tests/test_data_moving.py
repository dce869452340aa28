"""Batches on their way to the device."""

from itertools import islice
from typing import NamedTuple

import numpy as np
import pytest
from helpers import values
from strict_cupy import no_waiting

import minixattn as mx
from minixattn.data import Copy, on_device


class Batch(NamedTuple):
    x: np.ndarray
    mask: np.ndarray


def numbered(n):
    for i in range(n):
        yield Batch(np.full((2, 3), i, np.float32), np.ones((2, 3), bool))


def test_a_batch_keeps_its_form_types_and_values(device):
    batches = list(on_device(numbered(3), device))
    assert [type(b) for b in batches] == [Batch] * 3
    for i, batch in enumerate(batches):
        assert (batch.x.device, batch.mask.device) == (device, device)
        assert (batch.x.dtype, batch.mask.dtype) == (mx.float32, mx.bool)
        np.testing.assert_array_equal(values(batch.x), np.full((2, 3), i))


@pytest.mark.parametrize("wrap", [lambda a: {"x": a}, lambda a: [a, (a,)], lambda a: a])
def test_dicts_lists_and_single_arrays_travel_too(wrap, device):
    found = next(on_device([wrap(np.arange(3))], device))
    inner = found["x"] if isinstance(found, dict) else found
    inner = inner[1][0] if isinstance(inner, list) else inner
    assert type(found) is type(wrap(inner))
    assert inner.device == device
    assert inner.tolist() == [0, 1, 2]


def test_each_batch_is_sent_before_the_one_in_front_is_used():
    sent = []
    batches = on_device((sent.append(i) or np.array([i]) for i in range(4)), "cpu")
    assert next(batches).tolist() == [0]
    assert sent == [0, 1]
    assert [b.tolist() for b in batches] == [[1], [2], [3]]


def test_no_batches_are_no_batches():
    assert list(on_device([], "cpu")) == []


def test_sending_never_waits_for_the_gpu(stand_in):
    with no_waiting():
        batches = list(islice(on_device(Copy("train").batches(0, 4), "cuda"), 3))
    assert batches[2].source.device == "cuda"
