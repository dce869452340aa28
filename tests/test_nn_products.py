"""A layer's products with its weights: the same numbers, whoever computes them, and close ones."""

import numpy as np
import pytest
from helpers import assert_close

from benchmarks.limit import Whole
from benchmarks.peers import build
from benchmarks.work import WEIGHTS, size_of
from minixattn.nn import products
from minixattn.threads import get_num_threads, set_num_threads


def distance(found, truth):
    """‖found − truth‖ / ‖truth‖."""
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)


def pair(rng, n, k, m, dtype=np.float32):
    """a (n, k), b (k, m) and their product in float64."""
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in ((n, k), (k, m)))
    return a, b, a.astype(float) @ b.astype(float)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 7), (40, 513, 9), (3, 2000, 4), (130, 60, 33)])
@pytest.mark.parametrize("how", [
    products.multiply_shared, products.multiply_in_shared_pieces, products.multiply_in_pieces,
    lambda a, b, out: products.multiply_rows(a, b, out, np.ndarray.dot),
    lambda a, b, out: products.multiply_rows(a, b, out, products.multiply_shared),
])  # fmt: skip
def test_every_form_is_the_product(rng, shape, how):
    a, b, truth = pair(rng, *shape, np.float64)
    out = np.full(truth.shape, np.nan)
    how(a, b, out)
    assert_close(out, truth, rtol=1e-12)


@pytest.mark.parametrize(("shape", "how"), [
    ((16, 8192, 16), products.multiply_shared),
    ((20, 512, 512), lambda a, b, out: products.multiply_rows(a, b, out, np.ndarray.dot)),
    ((600, 512, 64), lambda a, b, out: products.multiply_rows(a, b, out, np.ndarray.dot)),
    ((512, 2048, 512), products.multiply_shared),
])  # fmt: skip
def test_long_sums_in_pieces_are_closer_to_the_truth(rng, shape, how):
    a, b, truth = pair(rng, *shape)
    in_pieces, at_once = np.empty_like(truth, np.float32), a @ b
    how(a, b, in_pieces)
    assert distance(in_pieces, truth) < 0.95 * distance(at_once, truth)


def test_pieces_add_up_to_the_same_bits_on_any_number_of_threads(rng):
    a, b, truth = pair(rng, 8, 1000, 8)
    found, before = [], get_num_threads()
    try:
        for n in (1, 2, 3):
            set_num_threads(n)
            found.append(products.multiply_shared(a, b, np.empty_like(truth, np.float32)))
    finally:
        set_num_threads(before)
    assert all(np.array_equal(one, found[0]) for one in found)


def test_a_product_of_another_kind_is_left_to_itself(rng):
    calls = []

    def multiply(a, b, out):
        calls.append(a.shape)
        return np.matmul(a, b, out=out)

    a, b, truth = pair(rng, 20, 512, 8)
    products.multiply_rows(a, b, np.empty_like(truth, np.float32), multiply)
    assert calls == [(20, 512)]


@pytest.mark.parametrize("size", ["small", "medium", pytest.param("large", marks=pytest.mark.skipif(
    get_num_threads() == 1, reason="the large size is worked on in parts by two threads"))])
def test_a_layers_gradients_are_closer_to_the_truth_than_from_sums_at_once(size):
    size = size_of(size)
    peers = build("cross", size), Whole(size, "float32"), Whole(size, "float64")
    for peer in peers:
        peer.step()
    found, at_once, truth = (peer.gradients() for peer in peers)

    def farthest(gradients):
        return max(distance(gradients[name], truth[name]) for name in (*WEIGHTS, "x", "y"))

    assert farthest(found) < 0.9 * farthest(at_once)
