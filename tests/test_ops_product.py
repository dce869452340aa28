"""Products: NumPy's results for every pair of shapes, gradients over batches, errors."""

import numpy as np
import pytest
from helpers import assert_close, leaf
from hypothesis import given
from hypothesis.extra import numpy as hnp

import minixattn as mx

shapes = hnp.mutually_broadcastable_shapes(
    signature=np.matmul.signature, max_dims=2, min_side=0, max_side=3
).map(lambda found: found.input_shapes)


def numbers(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@given(pair=shapes)
def test_matmul_is_numpys_for_every_pair_of_shapes(pair):
    a, b = numbers(pair[0]), numbers(pair[1], 1)
    x, y = leaf(a), leaf(b)
    z = x @ y
    assert_close(z, a @ b)
    z.backward(mx.ones_like(z))
    assert x.grad.shape == a.shape and y.grad.shape == b.shape
    if a.ndim > 1 and b.ndim > 1:
        g = np.ones(z.shape)
        for found, full in ((x.grad, g @ b.mT if hasattr(b, "mT") else g @ b.swapaxes(-1, -2)),
                            (y.grad, a.swapaxes(-1, -2) @ g)):  # fmt: skip
            lead = full.ndim - found.ndim
            dims = [
                d for d in range(full.ndim) if d < lead or found.shape[d - lead] != full.shape[d]
            ]
            assert_close(found, full.sum(tuple(dims), keepdims=True).reshape(found.shape))


def test_products_are_the_same_on_every_device(device):
    a, b, v = numbers((2, 3, 4)), numbers((2, 4, 5), 1), numbers(4, 2)
    x, y, w = (mx.tensor(n, device=device) for n in (a, b, v))
    for z, expected in (
        (x @ y, a @ b), (x @ w, a @ v), (w @ y, v @ b), (w @ w, v @ v), (x @ y[0], a @ b[0]),
        (x[0] @ y, a[0] @ b), (mx.bmm(x, y), a @ b), (mx.mm(x[0], y[0]), a[0] @ b[0]),
        (mx.dot(w, w), v @ v), (mx.outer(w, w), np.outer(v, v)), (x.matmul(y), a @ b),
        (x.mT.mT @ y, a @ b),
        (mx.tensor([[1, 2]], device=device) @ mx.tensor([[3], [4]], device=device), [[11]]),
    ):  # fmt: skip
        assert z.device == device
        assert_close(z, expected)


def test_arrays_multiply_with_tensors():
    a, b = numbers((2, 3)), numbers((3, 2), 1)
    x = leaf(b)
    y = a @ x
    assert isinstance(y, mx.Tensor) and y.requires_grad
    assert_close(y, a @ b)
    assert_close(mx.tensor(a) @ b, a @ b)


ERRORS = {
    "inner": (
        (2, 3), (4, 5),
        r"matmul: shapes \(2, 3\) and \(4, 5\) do not fit: the last of the first \(3\) and the",
    ),
    "transposed": ((2, 3), (4, 3), r"must be equal\. Their last sizes agree: did you mean a @"),
    "vector": ((2, 3), (2,), r"the last of the first \(3\) and the last of the second \(2\)"),
    "scalar": ((), (2, 3), r"the last of the first \(none\)"),
    "scalar on the right": ((2, 3), (), r"the last of the second \(none\)"),
    "batch": (
        (2, 3, 4), (3, 4, 5),
        r"matmul, in the batch dimensions: shapes \(2,\) and \(3,\) do not broadcast: dimension",
    ),
}  # fmt: skip


@pytest.mark.parametrize("a, b, message", ERRORS.values(), ids=ERRORS)
def test_shapes_that_do_not_fit_are_named(a, b, message, device):
    with pytest.raises(mx.ShapeError, match=message):
        mx.ones(a, device=device) @ mx.ones(b, device=device)


def test_narrower_products_want_their_own_shapes():
    m, v, batch = mx.ones(2, 2), mx.ones(2), mx.ones(2, 2, 2)
    for bad, message in (
        (
            lambda: mx.bmm(m, m),
            r"bmm needs \(B, n, k\) and \(B, k, m\) with the same B, got \(2, 2\)",
        ),
        (
            lambda: mx.bmm(batch, batch[:1]),
            r"got \(2, 2, 2\) and \(1, 2, 2\)\. matmul broadcasts other",
        ),
        (lambda: mx.mm(m, v), r"mm needs two matrices, got \(2, 2\) and \(2,\)\."),
        (lambda: mx.dot(m, v), r"dot needs two vectors, got \(2, 2\) and \(2,\)\."),
        (lambda: mx.outer(v, m), r"outer needs two vectors, got \(2,\) and \(2, 2\)\."),
    ):
        with pytest.raises(mx.ShapeError, match=message):
            bad()


def test_types_are_not_mixed_silently():
    message = (
        r"matmul: the tensors have different types, float32 and float64\. Bring them to one with "
        r"\.float\(\) or \.to\(dtype\)\."
    )
    with pytest.raises(mx.DTypeError, match=message):
        mx.ones(2, 2) @ mx.ones(2, 2, dtype=mx.float64)
