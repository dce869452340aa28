"""Arrays that the gradient tests differentiate at, and the kinds of input that each operation gets.

The arrays are float64, keep away from kinks and poles, and are at least 0.1 apart so that no step
of a central difference changes which element is the largest.
"""

import numpy as np

import minixattn as mx


def apart(*shape, start=-1.0, seed=0):
    """Different numbers of both signs (all positive where start is), none near 0 or a tie."""
    n = int(np.prod(shape))
    rng = np.random.default_rng(seed)
    numbers = start + 0.13 + 0.29 * np.arange(n) + rng.uniform(-0.04, 0.04, n)
    return rng.permutation(numbers).reshape(shape)


SHAPES = {"scalar": (), "vector": (3,), "batch": (2, 3), "size 0": (0, 2), "size 1": (1, 1)}


def unary(name, f, start=-1.0, shapes=SHAPES):
    """Rows of a function of one tensor: every shape, and views that are not contiguous."""
    for label, shape in shapes.items():
        yield name, label, f, [apart(*shape, start=start)]
    yield name, "transposed view", lambda x: f(x.mT), [apart(2, 3, start=start)]
    yield name, "strided view", lambda x: f(x[:, ::2]), [apart(2, 4, start=start)]
    yield name, "broadcast view", lambda x: f(x.expand(2, 3)), [apart(1, 3, start=start)]


PAIRS = {
    "scalars": ((), ()), "vectors": ((3,), (3,)), "scalar and batch": ((), (2, 2)),
    "row and column": ((1, 3), (2, 1)), "missing dimension": ((2, 1, 2), (2, 2)),
    "size 0": ((0, 2), (2,)), "size 1": ((1,), (1, 1)),
}  # fmt: skip


def binary(name, f, start=-1.0):
    """Rows of a function of two tensors: every way to broadcast, views, and one tensor twice."""
    for label, (a, b) in PAIRS.items():
        arrays = [apart(*a, start=start), apart(*b, start=start + 0.06, seed=1)]
        yield name, label, f, arrays
    pair = [apart(2, 3, start=start), apart(3, 2, start=start + 0.06, seed=1)]
    yield name, "transposed view", lambda a, b: f(a.mT, b), pair
    one = [apart(1, 3, start=start), apart(2, 3, start=start + 0.06, seed=1)]
    yield name, "broadcast view", lambda a, b: f(a.expand(2, 3), b), one


def one(name, label, f, *arrays):
    yield name, label, f, list(arrays)


def on(x, array):
    """A constant on the device of x: an index or a mask."""
    return mx.tensor(array, device=x.device)


def along(name, f, shapes=((2, 3), (3,), (1, 2), (2, 1, 2)), start=-1.0, empty=True):
    """Rows of a reduction: each dimension, several at once, all, and with the dimension kept."""
    for shape in shapes:
        for dim in (0, -1):
            yield (
                name,
                f"dim {dim} of {shape}",
                lambda x, d=dim: f(x, d),
                [apart(*shape, start=start)],
            )
    kept = lambda x: f(x, 1, keepdim=True)  # noqa: E731
    yield name, "keepdim", kept, [apart(2, 3, start=start)]
    yield name, "transposed view", lambda x: f(x.mT, 0), [apart(2, 3, start=start)]
    yield name, "broadcast view", lambda x: f(x.expand(2, 3), 1), [apart(1, 3, start=start)]
    if empty:
        yield name, "size 0", lambda x: f(x, 1), [apart(0, 2)]


def whole(name, f, start=-1.0, scalar=True):
    """Rows of a reduction over all dimensions, and over several."""
    yield name, "all", lambda x: f(x), [apart(2, 3, start=start)]
    yield name, "several", lambda x: f(x, (0, 2)), [apart(2, 2, 2, start=start)]
    if scalar:
        yield name, "scalar", lambda x: f(x), [apart(start=start)]


MASK = np.array([[True, False, True], [False, False, True]])
