"""layer_norm and group_norm as one operation give what their steps give."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import grad
from minixattn.nn.functional import fast_norm, group_norm, layer_norm

SHAPES = [(5, 7), (2, 3, 4), (1, 1), (300, 9), (4, 1, 3, 16), (6,), (257, 64)]


GROUPS = [((2, 6, 3, 4), 3), ((1, 4, 5), 4), ((3, 2), 1), ((2, 8, 1, 1), 2), ((3, 6, 7, 2), 1)]


@pytest.fixture
def in_steps(monkeypatch):
    """A norm by the operations that record themselves; layer_norm where none is named."""

    def run(*given, norm=layer_norm):
        with monkeypatch.context() as patched:
            patched.setattr(fast_norm, "is_plain", lambda *_: False)
            return norm(*given)

    return run


def leaves(shape, dtype, rng, dim=-1):
    x = rng.standard_normal(shape) * 3 + 2
    return [leaf(a, dtype=dtype) for a in (x, *rng.standard_normal((2, shape[dim])))]


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


@pytest.mark.parametrize(("shape", "groups"), GROUPS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 3e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("last", (False, True), ids=("channels first", "channels last in memory"))
def test_group_norm_has_the_numbers_of_its_steps(
    shape, groups, dtype, tolerance, last, rng, in_steps
):
    given = x, w, b = leaves(shape, dtype, rng, 1)
    if last:
        x = leaf(np.moveaxis(np.moveaxis(values(x), 1, -1).copy(), -1, 1), dtype=dtype)
        given = x, w, b
    found = group_norm(x, groups, w, b, 1e-3)
    expected = in_steps(x, groups, w, b, 1e-3, norm=group_norm)
    assert operations(found) == 1 < operations(expected)
    assert_close(found, expected, tolerance, tolerance)
    for a, b in zip(grad(weighted(found), given), grad(weighted(expected), given), strict=True):
        assert a.dtype == dtype
        assert_close(a, b, tolerance, tolerance * max(1, np.abs(values(b)).max()))


def test_second_derivatives_of_group_norm_are_those_of_its_steps(rng, in_steps):
    given = x, w, b = leaves((2, 6, 3), np.float64, rng, 1)

    def second(y):
        first = grad(weighted(y), given, create_graph=True)
        return grad(weighted(first[0]) + weighted(first[1] * first[1]), given[:2])

    expected = in_steps(x, 2, w, b, norm=group_norm)
    for ours, theirs in zip(second(group_norm(x, 2, w, b)), second(expected), strict=True):
        assert_close(ours, theirs, 1e-9, 1e-9)


def test_a_large_mean_costs_no_digits(rng):
    """The variance is that of x − μ; from mean x² − μ² nothing would be left in float32."""
    x = (1e4 + rng.standard_normal((2, 4, 8, 8))).astype(np.float32)
    w, b = np.ones((2, 4), np.float32)
    exact = group_norm(*(mx.tensor(x.astype(np.float64)), 2))
    assert_close(group_norm(*map(mx.tensor, (x,)), 2, *map(mx.tensor, (w, 0 * b))), exact, 0, 2e-3)


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


@pytest.mark.parametrize("norm", (lambda x, w, b: layer_norm(x, (4,), w, b),
                                  lambda x, w, b: group_norm(x, 2, w, b)))  # fmt: skip
def test_a_change_in_between_is_noticed(rng, norm):
    x, w, b = leaves((2, 4), np.float64, rng)
    y = norm(x, w, b)
    with mx.no_grad():
        w.mul_(2)
    with pytest.raises(mx.GraphError, match="changed in place"):
        weighted(y).backward()


@pytest.mark.parametrize("norm", (lambda x, w, b: layer_norm(x, (4,), w, b),
                                  lambda x, w, b: group_norm(x, 2, w, b)))  # fmt: skip
def test_a_bias_may_change_in_between(rng, norm):
    """As in PyTorch: no derivative looks at it."""
    given = leaves((2, 4), np.float64, rng)
    expected, y = grad(weighted(norm(*given)), given), norm(*given)
    with mx.no_grad():
        given[2].mul_(2)
    for ours, theirs in zip(grad(weighted(y), given), expected, strict=True):
        assert_close(ours, theirs)
