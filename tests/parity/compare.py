"""One expression, run by PyTorch and by minixattn, compared in every respect.

An expression is text such as "t.softmax(x, dim=-1)", in which `t` is either library and the other
names are tensors. Text rather than functions, so that a failing test is named by what it computes.
"""

import numpy as np
import torch

import minixattn as mx

TOLERANCE = {"float64": 1e-10, "float32": 2e-5, "float16": 4e-3}


def normal(*shape, seed=0):
    """Normal numbers in float64, always the same for one shape and seed."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def entries(table):
    """The expressions of a table, which semicolons part."""
    return [e.strip() for e in table.replace("\n", " ").split(";")]


def function(expression, names):
    """The expression as a function of the library and the named tensors."""
    return eval(f"lambda t, {', '.join(names)}: {expression}", {"np": np, "pi": np.pi})


def leaf(t, array, strided):
    """A tensor of `array`; `strided` has its elements in memory in another order."""
    grad = np.asarray(array).dtype.kind == "f"
    if strided and np.ndim(array) > 1:
        return t.tensor(np.ascontiguousarray(array.swapaxes(0, -1)), requires_grad=grad)
    return t.tensor(array, requires_grad=grad)


def run(t, expression, inputs, strided):
    """(leaves, outputs): the leaves of each input and the tuple of what the expression gives."""
    leaves = [leaf(t, a, strided) for a in inputs.values()]
    turn = [strided and np.ndim(a) > 1 for a in inputs.values()]
    tensors = [x.transpose(0, -1) if back else x for x, back in zip(leaves, turn)]
    out = function(expression, inputs)(t, *tensors)
    out = out if isinstance(out, (tuple, list)) else (out,)
    return leaves, tuple(x for x in out if hasattr(x, "requires_grad"))


def array(x):
    return x.detach().numpy(force=True)  # forced: PyTorch has tensors of 0 without memory


def tolerance_of(outputs):
    """The tolerance of the least precise float type among them."""
    return max((TOLERANCE.get(str(array(y).dtype), 0) for y in outputs), default=0)


def close(ours, theirs, what, tolerance=None):
    """Equal shape, dtype and values; NaN equals NaN."""
    a, b = array(ours), array(theirs)
    assert a.shape == b.shape, f"{what}: shape {a.shape}, PyTorch {b.shape}"
    assert a.dtype == b.dtype, f"{what}: dtype {a.dtype}, PyTorch {b.dtype}"
    tolerance = tolerance_of([theirs]) if tolerance is None else tolerance
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=what)


def gradients(t, outputs, leaves, seed, create_graph):
    """∂/∂leaf of the outputs, each element weighted with a number of its own."""
    outputs = [y for y in outputs if y is not None and y.requires_grad]
    if not outputs:
        return ()
    weights = [t.tensor(normal(*y.shape, seed=seed + i)).to(y.dtype) for i, y in enumerate(outputs)]
    return t.autograd.grad(outputs, leaves, weights, create_graph=create_graph, allow_unused=True)


def compare(expression, *, strided=False, twice=True, **inputs):
    """Values, shapes, dtypes and gradients (first and second order) of both libraries agree."""
    what = f"{expression} on { ({k: np.shape(v) for k, v in inputs.items()}) }, strided={strided}"
    ours = run(mx, expression, inputs, strided)
    theirs = run(torch, expression, inputs, strided)
    assert len(ours[1]) == len(theirs[1]), f"{what}: {len(ours[1])} results"
    for i, (a, b) in enumerate(zip(ours[1], theirs[1])):
        close(a, b, f"{what}: result {i}")
        assert a.requires_grad == b.requires_grad, f"{what}: requires_grad {a.requires_grad}"
    if any(y.requires_grad for y in theirs[1]):
        compare_gradients(what, ours, theirs, twice)


def compare_gradients(what, ours, theirs, twice):
    """∂/∂x of the weighted outputs, then ∂/∂x of those gradients weighted once more."""
    grads = []
    for t, (leaves, outputs) in ((mx, ours), (torch, theirs)):
        leaves = [x for x in leaves if x.requires_grad]
        first = gradients(t, outputs, leaves, 10, twice)
        grads.append((first, gradients(t, first, leaves, 20, False) if twice else ()))
    tolerance = tolerance_of([*theirs[0], *theirs[1]])
    compare_lists(f"{what}: gradient", grads[0][0], grads[1][0], 4 * tolerance)
    compare_lists(f"{what}: second derivative", grads[0][1], grads[1][1], 100 * tolerance)


def compare_lists(what, ours, theirs, tolerance):
    """Gradients agree; none at all is a gradient of 0 (a library may know either)."""
    for i in range(max(len(ours), len(theirs))):
        a = ours[i] if i < len(ours) else None
        b = theirs[i] if i < len(theirs) else None
        if a is not None and b is not None:
            close(a, b, f"{what} {i}", tolerance)
        elif a is not None or b is not None:
            other = np.abs(array(b if a is None else a))
            assert (other <= tolerance).all(), f"{what} {i}: {a}, PyTorch {b}"


def everywhere(expression, **inputs):
    """`compare` for tensors in row-major order and for strided ones."""
    compare(expression, **inputs)
    if any(np.ndim(a) > 1 for a in inputs.values()):
        compare(expression, strided=True, **inputs)


def same_error(expression, **inputs):
    """PyTorch refuses the expression, and minixattn does with an error that is one of its kind."""
    try:
        run(torch, expression, inputs, False)
    except Exception as error:
        family = type(error)
    else:
        raise AssertionError(f"PyTorch accepts {expression}")
    try:
        run(mx, expression, inputs, False)
    except family as error:
        assert len(str(error)) > 20, f"{expression}: the error says only {str(error)!r}"
        return str(error)
    except Exception as error:
        raise AssertionError(
            f"{expression}: {type(error).__name__} ({error}), PyTorch {family.__name__}"
        ) from error
    raise AssertionError(f"{expression}: no error, PyTorch raises {family.__name__}")
