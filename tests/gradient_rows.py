"""One row for every differentiable operation and kind of input: what the gradient tests walk over.

A row is (operation, label, function of Tensors, arrays). The arrays are float64, keep away from
kinks and poles, and are at least 0.1 apart so that no step of a central difference changes which
element is the largest.
"""

import numpy as np

import minixattn as mx
from minixattn.ops import shape as s


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


def elementwise():
    two = np.array(2.0)
    yield from binary("add", mx.add)
    yield from one("add", "alpha", lambda a, b: mx.add(a, b, alpha=3), apart(2, 2), apart(2))
    yield from binary("sub", mx.sub)
    yield from one("sub", "alpha", lambda a, b: mx.sub(a, b, alpha=3), apart(2, 2), apart(2))
    yield from one("rsub", "number", lambda x: 2 - x, apart(2, 3))
    yield from binary("mul", mx.mul)
    yield from one("mul", "itself", lambda x: x * x, apart(2, 3))
    yield from binary("div", mx.div)
    yield from one("rdiv", "number", lambda x: 2 / x, apart(2, 3))
    yield from binary("remainder", mx.remainder, start=0.31)
    yield from binary("pow", mx.pow, start=0.3)
    yield from one("pow", "cube", lambda x: x**3, apart(2, 3))
    yield from one("pow", "of zero", lambda x: x**3, np.zeros(2))
    yield from one("pow", "zeroth", lambda x: x**0 * x, apart(2))
    yield from one("rpow", "number", lambda x: 2**x, apart(2, 3))
    yield from unary("neg", mx.neg)
    yield from unary("abs", mx.abs)
    yield from unary("sign", mx.sign)
    yield from unary("square", mx.square)
    for name in ("exp", "sin", "cos", "tanh", "sigmoid", "erf", "relu"):
        yield from unary(name, getattr(mx, name))
    for name in ("log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal"):
        yield from unary(name, getattr(mx, name), start=0.2)
    for name in ("round", "floor", "ceil", "trunc"):
        yield from unary(name, getattr(mx, name))
    yield from unary("clamp", lambda x: mx.clamp(x, -0.5, 0.9))
    yield from one("clamp", "by tensors", mx.clamp, apart(2, 3), np.array(-0.5), apart(3, start=1))
    yield from binary("maximum", mx.maximum)
    yield from binary("minimum", mx.minimum)
    yield from one(
        "where", "batch", lambda a, b: mx.where(on(a, MASK), a, b), apart(2, 3), apart(2, 3)
    )
    yield from one(
        "where", "broadcast", lambda a, b: mx.where(on(a, MASK), a, b), apart(), apart(3)
    )
    yield from one("where", "wide condition", lambda a: mx.where(on(a, MASK), a, 1.0), apart(1, 3))
    yield from one("masked_fill", "batch", lambda x: x.masked_fill(on(x, MASK), 2.0), apart(2, 3))
    yield from one(
        "masked_fill", "value", lambda x, v: x.masked_fill(on(x, MASK), v), apart(2, 3), two
    )
    yield from one("where", "second", lambda b: mx.where(on(b, MASK), 0.5, b), apart(2, 3))


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


def reductions():
    for name in ("sum", "mean"):
        yield from along(name, getattr(mx, name), empty=name == "sum")
        yield from whole(name, getattr(mx, name))
    for name in ("var", "std"):
        f = getattr(mx, name)
        yield from along(name, f, shapes=((2, 3), (3,)), empty=False)
        yield name, "correction 0", lambda x, f=f: f(x, 1, correction=0), [apart(2, 3)]
        yield from whole(name, f, scalar=False)
    for name in ("amax", "amin"):
        yield from along(name, getattr(mx, name), empty=False)
        yield from whole(name, getattr(mx, name))
    for name in ("max", "min"):
        f = getattr(mx, name)
        values = lambda x, d, keepdim=False, f=f: f(x, d, keepdim).values  # noqa: E731
        yield from along(name, values, empty=False)
        yield name, "all", lambda x, f=f: f(x), [apart(2, 3)]
        yield name, "elementwise", f, [apart(2, 3), apart(3, start=-0.9, seed=1)]
    yield from along("prod", mx.prod)
    yield from whole("prod", mx.prod)
    for label, row in {"one zero": [0.0, 1.3, -0.7], "two zeros": [0.0, 0.0, 2.0]}.items():
        yield "prod", label, lambda x: mx.prod(x, -1), [np.array(row)]
    for dim in (0, 1):
        yield "cumsum", f"dim {dim}", lambda x, d=dim: mx.cumsum(x, d), [apart(2, 3)]
    yield "cumsum", "scalar", lambda x: mx.cumsum(x, 0), [apart()]
    yield "cumsum", "size 0", lambda x: mx.cumsum(x, 0), [apart(0, 2)]
    yield "cumsum", "transposed view", lambda x: mx.cumsum(x.mT, 0), [apart(2, 3)]
    yield "cumsum", "broadcast view", lambda x: mx.cumsum(x.expand(2, 3), 0), [apart(1, 3)]
    for name in ("softmax", "log_softmax"):
        f = getattr(mx, name)
        for dim in (0, -1):
            yield name, f"dim {dim}", lambda x, f=f, d=dim: f(x, d), [apart(2, 3)]
        yield name, "vector", lambda x, f=f: f(x, 0), [apart(3)]
        yield name, "scalar", lambda x, f=f: f(x, 0), [apart()]
        yield name, "size 0", lambda x, f=f: f(x, 0), [apart(0, 2)]
        yield name, "no row", lambda x, f=f: f(x, 1), [apart(0, 2)]
        yield name, "size 1", lambda x, f=f: f(x, 1), [apart(2, 1)]
        yield name, "transposed view", lambda x, f=f: f(x.mT, 0), [apart(2, 3)]
        yield name, "broadcast view", lambda x, f=f: f(x.expand(2, 3), 1), [apart(1, 3)]
    no_row = np.array([[True, True], [False, True]])
    masked = lambda x: x.masked_fill(on(x, no_row), -np.inf)  # noqa: E731
    yield "softmax", "masked row", lambda x: mx.softmax(masked(x), -1), [apart(2, 2)]
    yield from along("logsumexp", mx.logsumexp, empty=False)
    yield "logsumexp", "several", lambda x: mx.logsumexp(x, (0, 1)), [apart(2, 3)]


def picked():
    for dim in (0, 1):
        yield "cumprod", f"dim {dim}", lambda x, d=dim: mx.cumprod(x, d), [apart(2, 3)]
    yield "cumprod", "with a zero", lambda x: mx.cumprod(x, 0), [np.array([1.3, 0.0, -0.7])]
    yield "cumprod", "scalar", lambda x: mx.cumprod(x, 0), [apart()]
    yield "cumprod", "size 0", lambda x: mx.cumprod(x, 0), [apart(0, 2)]
    yield "cumprod", "transposed view", lambda x: mx.cumprod(x.mT, 0), [apart(2, 3)]
    for p in (1, 2, 3, np.inf):
        f = lambda x, d=None, keepdim=False, p=p: mx.norm(x, p, d, keepdim)  # noqa: E731
        yield from along("norm", f, shapes=((2, 3), (2, 1, 2)), start=0.2, empty=p != np.inf)
        yield "norm", f"all, p={p}", f, [apart(2, 3)]
    vectors = [apart(2, 3), apart(1, 3, seed=1)]
    yield "cosine_similarity", "broadcast", lambda a, b: mx.cosine_similarity(a, b), vectors
    for name, more in (("sort", ()), ("sort", (True,)), ("topk", ())):
        pick = (lambda x, d: mx.topk(x, 1, d)) if name == "topk" else mx.sort
        f = lambda x, d, keepdim=False, p=pick, m=more: p(x, d, *m).values  # noqa: E731
        yield from along(name, f, shapes=((2, 3), (3,), ()), empty=name == "sort")


def products():
    for label, a, b in (
        ("matrices", (2, 3), (3, 2)), ("vectors", (3,), (3,)), ("vector, matrix", (2,), (2, 3)),
        ("matrix, vector", (2, 3), (3,)), ("batch", (2, 1, 2), (2, 2, 2)),
        ("broadcast batch", (2, 1, 1, 2), (2, 2, 1)), ("batch, one matrix", (2, 2, 2), (2, 3)),
        ("one matrix, batch", (2, 2), (2, 2, 1)), ("vector, batch", (2,), (2, 2, 1)),
        ("batch, vector", (2, 1, 2), (2,)), ("no rows", (0, 2), (2, 2)),
        ("no inner", (2, 0), (0, 2)),
        ("size 1", (1, 1), (1, 1)),
    ):  # fmt: skip
        yield "matmul", label, mx.matmul, [apart(*a), apart(*b, seed=1)]
    yield "matmul", "itself", lambda x: x @ x.mT, [apart(2, 3)]
    yield "matmul", "transposed views", lambda a, b: a.mT @ b.mT, [apart(3, 2), apart(2, 3)]
    yield "matmul", "broadcast view", lambda a, b: a.expand(2, 3) @ b, [apart(1, 3), apart(3, 2)]
    yield "bmm", "batch", mx.bmm, [apart(2, 1, 2), apart(2, 2, 3, seed=1)]
    yield "mm", "matrices", mx.mm, [apart(2, 3), apart(3, 1, seed=1)]
    yield "mv", "matrix, vector", mx.mv, [apart(2, 3), apart(3, seed=1)]
    plane = [apart(3), apart(2, 2, seed=1), apart(2, 3, seed=2)]
    yield "addmm", "broadcast", lambda a, b, c: mx.addmm(a, b, c, beta=2, alpha=3), plane
    space = [apart(2, 1), apart(2, 2, 2, seed=1), apart(2, 2, 3, seed=2)]
    yield "baddbmm", "broadcast", lambda a, b, c: mx.baddbmm(a, b, c, beta=2, alpha=3), space
    yield "baddbmm", "beta 0", lambda b, c: mx.baddbmm(b, b, c, beta=0), [
        apart(2, 2, 2), apart(2, 2, 2)]  # fmt: skip
    yield "dot", "vectors", mx.dot, [apart(3), apart(3, seed=1)]
    yield "outer", "vectors", mx.outer, [apart(2), apart(3, seed=1)]
    for equation, *sizes in (
        ("ij,jk->ik", (2, 3), (3, 2)), ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ii->i", (2, 2)),
        ("bhld,bhsd->bhls", (1, 2, 2, 2), (1, 2, 1, 2)), ("...d,...d->...", (2, 1, 2), (2, 2)),
        ("i,j,k->kij", (2,), (1,), (2,)), ("ij,ij", (2, 2), (2, 2)), ("ij,j->i", (2, 3), (3,)),
        ("ij,kj->ik", (0, 2), (2, 2)),
    ):  # fmt: skip
        f = lambda *x, e=equation: mx.einsum(e, *x)  # noqa: E731
        yield "einsum", equation, f, [apart(*n, seed=i) for i, n in enumerate(sizes)]


ROWS = [
    *elementwise(), *shapes(), *arrangement(), *indexing(), *scattering(), *reductions(),
    *picked(), *products(),
]  # fmt: skip
