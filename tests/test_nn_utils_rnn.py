"""Sequences of different lengths as one tensor."""

import pytest
from helpers import values

import minixattn as mx
from minixattn.nn.utils.rnn import pad_sequence


def test_short_sequences_are_filled_up(device):
    a, b = mx.tensor([1, 2, 3], device=device), mx.tensor([4], device=device)
    assert values(pad_sequence([a, b], True, 9)).tolist() == [[1, 2, 3], [4, 9, 9]]
    assert values(pad_sequence([a, b], True, padding_side="left"))[1].tolist() == [0, 0, 4]
    assert pad_sequence([a, b]).shape == (3, 2) and pad_sequence([a, b]).dtype == mx.int64


def test_gradients_pass_to_the_sequences_alone():
    a, b = mx.ones(2, 3, requires_grad=True), mx.ones(1, 3, requires_grad=True)
    (pad_sequence([a, b]) * mx.arange(12.0).reshape(2, 2, 3)).sum().backward()
    assert a.grad.tolist() == [[0, 1, 2], [6, 7, 8]] and b.grad.tolist() == [[3, 4, 5]]


def test_what_cannot_be_padded_is_named():
    with pytest.raises(mx.ShapeError, match=r"of one shape but for dim 0, got \(2, 3\), \(2, 4\)"):
        pad_sequence([mx.ones(2, 3), mx.ones(2, 4)])
    with pytest.raises(mx.ShapeError, match="at least one sequence.* got none"):
        pad_sequence([])
    with pytest.raises(ValueError, match='padding_side must be "right" or "left", got \'top\''):
        pad_sequence([mx.ones(2)], padding_side="top")
