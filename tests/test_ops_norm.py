"""Norms: NumPy's values for every p and dim, a gradient of 0 at the zero vector, and errors."""

import numpy as np
import pytest
from helpers import assert_close, leaf

import minixattn as mx

A = np.array([[3.0, -4.0, 1.0], [0.5, 2.0, -1.5]])


@pytest.mark.parametrize("p", [1, 2, 3, 2.5, np.inf])
def test_norms_are_numpys(p, device):
    x = mx.tensor(A, device=device)
    for dim in (0, 1, -1):
        assert_close(x.norm(p, dim), np.linalg.norm(A, p, dim))
        assert_close(mx.norm(x, p, dim, True), np.linalg.norm(A, p, dim, True))
    assert_close(x.norm(p), np.linalg.norm(A.ravel(), p))
    assert_close(x.norm(p, (0, 1)), np.linalg.norm(A.ravel(), p))


def test_the_euclidean_norm_is_the_default():
    x = mx.tensor([3.0, 4.0])
    assert x.norm().item() == x.norm(2).item() == x.norm("fro").item() == 5
    assert mx.zeros(0).norm().item() == 0
    assert mx.full((4,), 300.0, dtype=mx.float16).norm().item() == 600  # its square overflows


@pytest.mark.parametrize("p", [1, 2, 3, np.inf])
def test_a_vector_of_zeros_has_gradient_0(p):
    x = leaf(np.zeros(2))
    x.norm(p).backward()
    assert x.grad.tolist() == [0, 0]


def test_what_has_no_norm_is_named():
    with pytest.raises(
        mx.DTypeError, match=r"norm\(\) expects a float tensor, got int64: use x\.fl"
    ):
        mx.tensor([1, 2]).norm()
    for p in (0, -1, "nuc"):
        with pytest.raises(ValueError, match=f"norm: p must be a positive number.*got {p!r}"):
            mx.ones(2, 2).norm(p)
