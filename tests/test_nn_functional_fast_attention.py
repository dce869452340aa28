"""The fast forms on bare arrays give the numbers of the equation, whatever the sizes and masks."""

import numpy as np
import pytest
from helpers import assert_close

from minixattn import threads
from minixattn.nn.functional import fast_attention as fast

SHAPES = [(2, 3, 5, 7, 4, 3), (1, 1, 37, 41, 8, 8), (2, 2, 130, 97, 16, 5), (1, 5, 1, 1, 1, 1)]
FORMS = {  # scores from which nothing is kept, multiplications for threads, tile, rows in a block
    "whole": (1 << 24, 1 << 60, (512, 256), 1 << 20),
    "heads shared by threads": (1 << 24, 0, (512, 256), 60),
    "tiles": (0, 1 << 60, (16, 24), 1),
    "tiles shared by threads": (0, 0, (50, 7), 1),
}


@pytest.fixture(params=FORMS)
def form(request, monkeypatch):
    whole, shared, tile, rows = FORMS[request.param]
    monkeypatch.setattr(fast, "WHOLE", whole)
    monkeypatch.setattr(fast, "TILE", tile)
    monkeypatch.setattr(fast, "ROWS", rows)
    monkeypatch.setattr(threads, "SHARED", shared)
    return request.param


def masks(rng, B, L, S):
    """No mask; every kind of bool mask with a row that may look nowhere; float ones."""
    some = rng.random((B, 1, L, S)) < 0.6
    some[0, 0, 0] = False
    return {
        "none": None, "some keys": some, "padding": some[:, :, -1:], "causal": np.tri(L, S) > 0,
        "nothing": np.zeros((L, S), bool), "added": 5 * rng.standard_normal((L, S)),
        "lowest": np.where(np.arange(L)[:, None] % 3, 0, np.finfo(float).min) + np.zeros(S),
        "added, with -inf": np.where(some, 3 * rng.standard_normal(some.shape), -np.inf),
    }  # fmt: skip


def equation(Q, K, V, mask):
    """softmax(Q Kᵀ + mask) V in float64."""
    S = Q @ K.swapaxes(-1, -2)
    if mask is not None:
        S = np.where(mask, S, -np.inf) if mask.dtype == bool else S + mask
    m = S.max(-1, keepdims=True)
    P = np.exp(S - np.where(np.isinf(m), 0, m))
    P /= np.maximum(P.sum(-1, keepdims=True), 1e-300)
    return P, P @ V


def derivatives(Q, K, V, P, dO):
    dP = dO @ V.swapaxes(-1, -2)
    Z = P * (dP - (dP * P).sum(-1, keepdims=True))
    return Z @ K, Z.swapaxes(-1, -2) @ Q, P.swapaxes(-1, -2) @ dO


def by_heads(B, h, L, d, dtype):
    """An empty (B, h, L, d) whose heads lie side by side in memory, as a layer's do."""
    return np.empty((B, L, h, d), dtype).transpose(0, 2, 1, 3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["none", "some keys", "padding", "causal", "nothing", "added",
                                  "added, with -inf", "lowest"])  # fmt: skip
@pytest.mark.parametrize(("size", "dtype"), [(1, np.float64), (6, np.float64), (1, np.float32)])
def test_every_form_gives_the_equations_numbers(rng, form, shape, kind, size, dtype):
    B, h, L, S, d, d_v = shape
    Q, K, V, dO = (rng.standard_normal((B, h, *tail)).astype(dtype)
                   for tail in ((L, d), (S, d), (S, d_v), (L, d_v)))  # fmt: skip
    Q *= size
    mask = masks(rng, B, L, S)[kind]
    if kind == "lowest":  # in float64 it is none of float32
        mask = np.maximum(mask, np.finfo(dtype).min)
    exact = [a.astype(np.float64) for a in (Q, K, V)]
    P, O = equation(*exact, mask)
    rtol, atol = (1e-10, 1e-11) if dtype == np.float64 else (1e-3, 1e-4)

    out, weights = by_heads(B, h, L, d_v, dtype), "tiles" not in form
    kept, sums = fast.room(Q, K, weights)
    fast.attend(Q, K, V, mask, out, kept, sums)
    assert_close(out, O, rtol, atol)
    assert (kept is None) != (sums is None)
    if weights:
        assert_close(kept, P, rtol, atol)
    grads = [by_heads(B, h, n, w, dtype) for n, w in ((L, d), (S, d), (S, d_v))]
    fast.attend_back(Q, K, V, mask, out, kept, sums, dO, *grads)
    for ours, theirs in zip(grads, derivatives(*exact, P, dO)):
        assert_close(ours, theirs, rtol, atol)
        assert np.isfinite(ours).all()


def test_tiles_need_no_memory_of_the_size_of_the_scores(rng):
    import tracemalloc

    L, d = 4096, 8
    Q, K, V, dO = rng.standard_normal((4, 1, 1, L, d)).astype(np.float32)
    scores = 4 * L * L
    try:
        tracemalloc.start()
        whole, fast.WHOLE = fast.WHOLE, 0
        out, grads = np.empty_like(Q), [np.empty_like(Q) for _ in range(3)]
        P, sums = fast.room(Q, K, weights=False)
        fast.attend(Q, K, V, None, out, P, sums)
        fast.attend_back(Q, K, V, None, out, P, sums, dO, *grads)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        fast.WHOLE = whole
        tracemalloc.stop()
    assert peak < scores / 6


@pytest.mark.parametrize("width", [fast.NARROW, fast.NARROW + 1])
def test_heads_are_turned_whatever_their_width(rng, width):
    x = rng.standard_normal((2, 7, 3, width)).swapaxes(1, 2)  # (B, h, S, d), a layer's view
    turned = fast.turned(x)
    assert np.array_equal(turned, x.swapaxes(-1, -2))
    assert turned.flags.c_contiguous == (width <= fast.NARROW)
