"""Dimensions taken apart: what fits, and errors that name the shape and the sizes."""

import numpy as np
import pytest
from helpers import assert_close

import minixattn as mx

A = np.arange(24.0).reshape(2, 3, 4)


def on(device):
    return mx.tensor(A, device=device)


def test_unflatten_is_a_function_and_a_method(device):
    for y in (mx.unflatten(on(device), 2, (-1, 2)), on(device).unflatten(dim=-1, sizes=[2, 2])):
        assert_close(y, A.reshape(2, 3, 2, 2))
    assert mx.zeros(0, device=device).unflatten(0, (3, -1)).shape == (3, 0)


PARTS = r"dim 2 of a tensor of shape \(2, 3, 4\) has 4 elements, which sizes"
ERRORS = {
    "two unknown": (lambda x: x.unflatten(2, (-1, -1)), rf"unflatten: {PARTS} \(-1, -1\) do not"),
    "not a divisor": (lambda x: x.unflatten(2, (3, -1)), rf"unflatten: {PARTS} \(3, -1\) do not"),
    "beside 0": (lambda x: x.unflatten(2, (0, -1)), rf"unflatten: {PARTS} \(0, -1\) do not tell"),
    "beside 0 of none": (
        lambda x: x[:, :, :0].unflatten(2, (0, -1)), r"has 0 elements, which sizes \(0, -1\)",
    ),
    "another product": (lambda x: x.unflatten(2, (2, 3)), rf"{PARTS} \(2, 3\) .* must be 4"),
    "no sizes": (lambda x: x[:1].unflatten(0, ()), r"has 1 elements, which sizes \(\) do not tell"),
    "split": (
        lambda x: x.split([1, 1], 1),
        r"split: the sizes \(1, 1\) add up to 2, but dim 1 of a tensor of shape \(2, 3, 4\) has",
    ),
    "split size": (lambda x: x.split(0), r"split size must be positive, got 0\."),
    "negative split": (lambda x: x.split([-1, 3]), r"split: sizes cannot be negative, got \(-1"),
    "chunk": (lambda x: x.chunk(0), r"chunk\(\) makes at least 1 piece, got chunks=0\."),
}  # fmt: skip


@pytest.mark.parametrize("bad, message", ERRORS.values(), ids=ERRORS)
def test_sizes_that_do_not_fit_are_named_with_the_shape(bad, message, device):
    with pytest.raises(mx.ShapeError, match=message):
        bad(on(device))


def test_numbers_of_pieces_and_sizes_are_ints():
    for bad in (lambda x: x.chunk(2.0), lambda x: x.split(2.0), lambda x: x.split([1.0, 1.0])):
        with pytest.raises(TypeError, match=r"sizes and dimensions are ints, got [12]\.0"):
            bad(on("cpu"))
