"""Rows of the operations that move, pick and place elements; see `gradient_rows.py`."""

import numpy as np
from gradient_inputs import MASK, apart, on

import minixattn as mx
from minixattn.ops import shape as s


def shapes():
    x = apart(2, 3)
    for name, f in {
        "reshape": lambda x: x.reshape(3, -1), "view": lambda x: x.view(-1),
        "contiguous": lambda x: x.mT.contiguous(), "flatten": lambda x: mx.flatten(x),
        "unflatten": lambda x: x.unflatten(1, (3, 1)), "squeeze": lambda x: x[:, :1].squeeze(),
        "unsqueeze": lambda x: x.unsqueeze(1), "clone": lambda x: x.clone(),
        "move": lambda x: s.move(x, "cpu"), "permute": lambda x: x.permute(1, 0),
        "transpose": lambda x: x.transpose(0, 1), "movedim": lambda x: mx.movedim(x, 0, 1),
        "mT": lambda x: x.mT, "T": lambda x: x.T, "flip": lambda x: mx.flip(x, (0, 1)),
        "broadcast_to": lambda x: mx.broadcast_to(x, (2, 2, 3)),
        "expand": lambda x: x.expand(2, -1, -1), "repeat": lambda x: x.repeat(2, 1, 2),
        "tile": lambda x: mx.tile(x, (2,)), "split": lambda x: x.split(2, 1),
        "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
        "chunk": lambda x: mx.chunk(x, 2, 1), "unbind": lambda x: mx.unbind(x, 1),
    }.items():  # fmt: skip
        yield name, "batch", f, [x]
        if name not in ("view", "squeeze"):
            yield name, "transposed view", lambda x, f=f: f(x.mT), [apart(3, 2)]
            yield name, "broadcast view", lambda x, f=f: f(x.expand(2, 3)), [apart(1, 3)]
        yield name, "size 1", f, [apart(1, 3)]
    for name in ("reshape", "flatten", "clone", "permute", "transpose", "T", "contiguous"):
        yield name, "size 0", lambda x, n=name: SIZE_0[n](x), [apart(0, 2)]
    for name in ("clone", "contiguous", "move"):
        yield name, "scalar", lambda x, n=name: x.clone(), [apart()]
    yield "cat", "batch", lambda a, b: mx.cat([a, b], 1), [apart(2, 3), apart(2, 1)]
    yield "cat", "size 0 part", lambda a, b: mx.cat([a, b]), [apart(0, 2), apart(2, 2)]
    yield "cat", "1-d and empty part", lambda a, b: mx.cat([a, b[:0]]), [apart(2, 2), apart(2)]
    yield "cat", "one tensor twice", lambda a: mx.cat([a, a.mT]), [apart(2, 2)]
    yield "stack", "batch", lambda a, b: mx.stack([a, b, a], -1), [apart(2, 2), apart(2, 2)]
    yield "stack", "scalars", lambda a, b: mx.stack([a, b]), [apart(), apart()]


SIZE_0 = {
    "reshape": lambda x: x.reshape(2, 0), "flatten": lambda x: x.flatten(),
    "clone": lambda x: x.clone(), "permute": lambda x: x.permute(1, 0),
    "transpose": lambda x: x.transpose(0, 1), "T": lambda x: x.T,
    "contiguous": lambda x: x.contiguous(),
}  # fmt: skip


def indexing():
    for label, key in {
        "int": 1, "slice": slice(None, None, 2), "new dimension": (None, 1, None),
        "ellipsis": (..., 0), "reversed": slice(None, None, -1), "list with repeats": [0, 1, 1],
        "integer array": np.array([[0, 1], [1, 1]]), "two arrays": ([0, 1, 1], [2, 0, 0]),
        "bool array": MASK, "row mask": np.array([True, False]), "empty list": [],
        "slice and array": (slice(None), [2, 2]), "array, new, array": ([0, 1], None, [1, 1]),
    }.items():  # fmt: skip
        yield "pick", label, lambda x, k=key: x[k], [apart(2, 3)]
    yield "pick", "scalar", lambda x: x[()], [apart()]
    yield "pick", "transposed view", lambda x: x.mT[[0, 0]], [apart(2, 3)]
    yield "pick", "broadcast view", lambda x: x.expand(2, 3)[[0, 1, 1]], [apart(1, 3)]
    rows, columns = [[0, 0, 1]], [[0, 2], [1, 1]]
    yield "gather", "dim 0", lambda x: mx.gather(x, 0, on(x, rows)), [apart(2, 3)]
    yield "gather", "dim 1", lambda x: mx.gather(x, 1, on(x, columns)), [apart(2, 3)]
    yield "gather", "transposed view", lambda x: mx.gather(x.mT, 1, on(x, columns)), [apart(3, 2)]
    yield (
        "take_along_dim",
        "dim 1",
        lambda x: mx.take_along_dim(x, on(x, columns), 1),
        [apart(2, 3)],
    )
    yield (
        "take_along_dim",
        "broadcast",
        lambda x: mx.take_along_dim(x, on(x, rows), 0),
        [apart(2, 1)],
    )
    yield "take_along_dim", "flat", lambda x: mx.take_along_dim(x, on(x, columns)), [apart(2, 3)]
    chosen = [1, 1, 0]
    yield "index_select", "dim 0", lambda x: mx.index_select(x, 0, on(x, chosen)), [apart(2, 3)]
    yield "index_select", "dim 1", lambda x: mx.index_select(x, 1, on(x, chosen)), [apart(2, 3)]
    for name in ("tril", "triu"):
        for k in (-1, 0, 1):
            yield name, f"diagonal {k}", lambda x, n=name, k=k: getattr(mx, n)(x, k), [apart(2, 3)]
        yield name, "batch", lambda x, n=name: getattr(mx, n)(x), [apart(2, 2, 2)]
        yield name, "size 0", lambda x, n=name: getattr(mx, n)(x), [apart(0, 2)]


def arrangement():
    x = apart(2, 3)
    for name, f in {
        "roll": lambda x: mx.roll(x, (1, 2), (0, 1)), "narrow": lambda x: mx.narrow(x, 1, 1, 2),
        "diagonal": lambda x: mx.diagonal(x, 1), "diag_embed": lambda x: mx.diag_embed(x, -1),
        "diag": mx.diag, "hstack": lambda x: mx.hstack([x, x]),
        "vstack": lambda x: mx.vstack([x, x[0]]),
        "meshgrid": lambda x: mx.meshgrid(x[0], x[1]),
        "masked_select": lambda x: mx.masked_select(x, on(x, [True, False, True])),
    }.items():  # fmt: skip
        yield name, "batch", f, [x]
        yield name, "transposed view", lambda x, f=f: f(x.mT), [apart(3, 2)]
        yield name, "broadcast view", lambda x, f=f: f(x.expand(2, 3)), [apart(1, 3)]
    yield "roll", "flat", lambda x: x.roll(4), [x]
    yield "roll", "size 0", lambda x: x.roll(1, 0), [apart(0, 2)]
    yield "diag", "vector", lambda x: mx.diag(x, 1), [apart(3)]
    yield "diagonal", "batch, other dims", lambda x: x.diagonal(-1, 2, 0), [apart(2, 2, 3)]
    yield "narrow", "from the end", lambda x: x.narrow(0, -1, 1), [x]
    yield "meshgrid", "xy", lambda a, b: mx.meshgrid(a, b, indexing="xy"), [apart(2), apart(3)]


def scattering():
    index = [[2, 0], [1, 2]]
    a, b = apart(2, 3), apart(2, 2, seed=1)
    yield "scatter", "dim 1", lambda x, y: mx.scatter(x, 1, on(x, index), y), [a, b]
    yield "scatter", "larger src", lambda x, y: mx.scatter(x, 1, on(x, [[2]]), y), [a, b]
    yield "scatter", "number", lambda x: mx.scatter(x, 0, on(x, [[1, 0]]), 2.5), [a]
    yield "scatter", "views", lambda x, y: mx.scatter(x.mT, 0, on(x, index), y.mT), [a, b]
    again = [[2, 2], [1, 1]]
    yield "scatter_add", "repeats", lambda x, y: mx.scatter_add(x, 1, on(x, again), y), [a, b]
    yield "scatter_add", "larger src", lambda x, y: x.scatter_add(0, on(x, [[1]]), y), [a, b]
    for label, chosen in {"some": [2, 0], "repeats": [1, 1]}.items():
        yield (
            "index_add", label,
            lambda x, y, i=chosen: mx.index_add(x, 1, on(x, i), y, alpha=2), [a, b],
        )  # fmt: skip
        yield "index_fill", label, lambda x, i=chosen: mx.index_fill(x, 1, on(x, i), 2.5), [a]
