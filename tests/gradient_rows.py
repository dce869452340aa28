"""One row for every differentiable operation and kind of input: what the gradient tests walk over.

A row is (operation, label, function of Tensors, arrays); `gradient_inputs.py` has the arrays.
"""

import numpy as np
from gradient_inputs import MASK, along, apart, binary, on, one, unary, whole
from gradient_rows_moved import arrangement, indexing, scattering, shapes

import minixattn as mx


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
