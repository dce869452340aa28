"""layer_norm as one operation gives what its steps give."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import grad
from minixattn.nn.functional import layer_norm, normalization

SHAPES = [(5, 7), (2, 3, 4), (1, 1), (300, 9), (4, 1, 3, 16), (6,), (257, 64)]


@pytest.fixture
def in_steps(monkeypatch):
    """layer_norm(…) by the operations that record themselves."""

    def run(*given, **options):
        with monkeypatch.context() as patched:
            patched.setattr(normalization, "is_plain", lambda *_: False)
            return layer_norm(*given, **options)

    return run


def leaves(shape, dtype, rng):
    x = rng.standard_normal(shape) * 3 + 2
    return [leaf(a, dtype=dtype) for a in (x, *rng.standard_normal((2, shape[-1])))]


def operations(y):
    """How many recorded operations led to y."""
    seen, todo = set(), [y]
    while todo:
        node = todo.pop()
        if node.derivatives is not None and node not in seen:
            seen.add(node)
            todo.extend(node.inputs)
    return len(seen)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 3e-5), (np.float64, 1e-12)])
def test_values_and_derivatives_are_those_of_the_steps(shape, dtype, tolerance, rng, in_steps):
    given = leaves(shape, dtype, rng)
    found, expected = (f(given[0], shape[-1:], *given[1:], 1e-3) for f in (layer_norm, in_steps))
    assert (operations(found), operations(expected)) == (1, 4)
    assert_close(found, expected, tolerance, tolerance)
    for a, b in zip(grad(weighted(found), given), grad(weighted(expected), given), strict=True):
        assert a.dtype == dtype
        assert_close(a, b, tolerance, tolerance * max(1, np.abs(values(b)).max()))


def test_second_derivatives_are_those_of_the_steps(rng, in_steps):
    given = leaves((4, 5), np.float64, rng)

    def second(f):
        first = grad(weighted(f(given[0], (5,), *given[1:])), given, create_graph=True)
        return grad(weighted(first[0]) + weighted(first[1] * first[1]), given[:2])

    for a, b in zip(second(layer_norm), second(in_steps), strict=True):
        assert_close(a, b, 1e-9, 1e-9)


def test_a_transposed_input_and_a_second_walk_change_nothing(rng, in_steps):
    x, (_, w, b) = leaf(rng.standard_normal((5, 4))), leaves((4, 5), np.float64, rng)
    y, expected = (f(x.T, (5,), w, b) for f in (layer_norm, in_steps))
    assert_close(y, expected)
    loss = weighted(y)
    first, again = (grad(loss, [x, w], retain_graph=True) for _ in range(2))
    for one, other, steps in zip(first, again, grad(weighted(expected), [x, w]), strict=True):
        np.testing.assert_array_equal(values(one), values(other))
        assert_close(one, steps)


def test_a_trace_sees_the_steps(rng):
    x, w, b = leaves((2, 4), np.float64, rng)
    with mx.trace():
        assert operations(layer_norm(x, (4,), w, b)) == 4


def test_what_is_left_out_or_narrow_goes_by_the_steps(rng):
    x, w, b = leaves((2, 4), np.float32, rng)
    assert operations(layer_norm(x, (4,), w)) == 4
    assert operations(layer_norm(x, (2, 4), w.reshape(1, 4) + mx.ones(2, 4), None)) > 1
    assert layer_norm(x.half(), (4,), w.half(), b.half()).dtype == mx.float16


def test_a_change_in_between_is_noticed(rng):
    x, w, b = leaves((2, 4), np.float64, rng)
    y = layer_norm(x, (4,), w, b)
    with mx.no_grad():
        w.mul_(2)
    with pytest.raises(mx.GraphError, match="changed in place"):
        weighted(y).backward()
