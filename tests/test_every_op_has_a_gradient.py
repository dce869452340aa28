"""The gradient table: every operation against central differences, to second order.

An operation that is neither in the table nor in a list below with the reason fails the last test.
"""

import gc
import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from gradient_rows import ROWS
from helpers import assert_close, leaf, weighted

import minixattn as mx
from minixattn import ops
from minixattn.autograd import gradcheck, gradgradcheck

IDS = [f"{name}: {label}" for name, label, _, _ in ROWS]
table = pytest.mark.parametrize("name, label, f, arrays", ROWS, ids=IDS)

# Flat or not of real numbers: no gradient to be had.
NO_GRADIENT = set(
    """floor_divide eq ne lt le gt ge logical_and logical_or logical_xor logical_not bitwise_and
    bitwise_or bitwise_xor bitwise_not isnan isinf isfinite argmax argmin argsort any
    all isclose nonzero count_nonzero unique bernoulli multinomial""".split()
)

# Parts of operations, on arrays, shapes and keys; the operations that use them are in the table.
PARTS = set(
    """floating delicate detached nonzero_divisor larger bits compare alike same_but key_of is_basic
    in_steps ask_range out_of_range along
    check_index triangle reduced spread nonempty wide count extreme position select_extreme others
    shifted one_dim squeeze_at multiply rows grad_of_left grad_of_right product_error parse
    check_sizes on_diagonal keep pair size ratio axis sizes whole numpy_names floats_only
    not_bool check_range length euclidean_norm ranked plus minus over horner in_intervals in_single
    large middle small rounded trunc_divide
    prepared source slices probabilities refuse too_few""".split()
)

# What answers with a plain bool or int.
ANSWERS = {"allclose", "equal", "is_tensor", "numel"}

# Checked through the function whose derivative they are.
MIRRORED = {"place": "pick", "take": "pick"}

# Functions of the package that make tensors from nothing, or set and ask for a mode.
MAKING = set(
    """arange as_tensor empty empty_like eye from_dlpack from_numpy full full_like linspace normal
    ones ones_like rand rand_like randint randn randn_like randperm tensor tril_indices triu_indices
    zeros zeros_like BoolTensor DoubleTensor FloatTensor IntTensor LongTensor is_grad_enabled
    manual_seed get_default_dtype set_default_dtype get_num_threads set_num_threads
    set_printoptions load save trace""".split()
)


@table
def test_derivative_agrees_with_central_differences(name, label, f, arrays):
    assert gradcheck(f, [leaf(a) for a in arrays])


@table
def test_second_derivative_agrees_with_central_differences(name, label, f, arrays):
    assert gradgradcheck(f, [leaf(a) for a in arrays])


def total(outputs):
    """The weighted sum of one result or several."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return sum(weighted(y) for y in outputs)


@table
def test_every_leaf_owns_a_private_writable_gradient(name, label, f, arrays):
    leaves = [leaf(a) for a in arrays]
    y = f(*leaves)
    outputs = list(y) if isinstance(y, tuple) else [y]
    given = [mx.ones_like(y) for y in outputs]
    mx.autograd.backward(outputs, given)
    others = [t.array for t in (*leaves, *given, *outputs)]
    for x in leaves:
        assert x.grad.shape == x.shape and x.grad.dtype == x.dtype
        assert x.grad.array.flags.writeable and x.grad.array.flags.owndata
        assert not x.grad.requires_grad and x.grad.is_leaf
        assert not any(np.may_share_memory(x.grad.array, a) for a in others)
        others.append(x.grad.array)


@table
def test_float32_and_float16_gradients_keep_the_type_of_their_leaf(name, label, f, arrays):
    for dtype in ("float32", "float16"):
        leaves = [leaf(a, dtype=dtype) for a in arrays]
        y = f(*leaves)
        assert all(part.dtype == dtype for part in (y if isinstance(y, tuple) else (y,)))
        total(y).backward()
        exact = [leaf(a.astype(dtype).astype(np.float64)) for a in arrays]
        total(f(*exact)).backward()
        limit = 2e-5 if dtype == "float32" else 6e-2
        for x, e in zip(leaves, exact):
            assert x.grad.dtype == dtype
            assert_close(x.grad, e.grad, rtol=limit, atol=limit)


FIRST = list({name: (name, f, arrays) for name, _, f, arrays in reversed(ROWS)}.values())


@pytest.mark.parametrize("name, f, arrays", FIRST, ids=[name for name, _, _ in FIRST])
def test_first_and_second_derivative_are_the_same_on_every_device(name, f, arrays, device):
    found = []
    for where in ("cpu", device):
        leaves = [leaf(a, where) for a in arrays]
        grads = mx.autograd.grad(total(f(*leaves)), leaves, create_graph=True)
        assert all(g.device == where for g in grads)
        second = sum(weighted(g) for g in grads if g.requires_grad)
        if isinstance(second, mx.Tensor):
            second.backward()
        found.append([*grads, *(x.grad for x in leaves if x.grad is not None)])
    assert len(found[0]) == len(found[1])
    for ours, expected in zip(found[1], found[0]):
        assert_close(ours, expected)


def test_no_operation_makes_a_cycle_that_needs_the_garbage_collector():
    gc.collect()
    gc.disable()
    gc.freeze()
    try:
        for name, label, f, arrays in ROWS:
            total(f(*map(leaf, arrays))).backward()
            leaves = list(map(leaf, arrays))
            mx.autograd.grad(total(f(*leaves)), leaves, create_graph=True)
            assert gc.collect() == 0, f"{name}: {label}"
    finally:
        gc.unfreeze()
        gc.enable()


def functions(module):
    """The public functions that a module defines."""
    return {
        n: f
        for n, f in vars(module).items()
        if inspect.isfunction(f) and f.__module__ == module.__name__ and not n.startswith("_")
    }


def test_every_function_of_ops_has_a_row_or_a_reason_to_have_none():
    covered = {name for name, *_ in ROWS} | NO_GRADIENT | PARTS | ANSWERS | set(MIRRORED)
    for info in pkgutil.iter_modules(ops.__path__):
        module = importlib.import_module(f"minixattn.ops.{info.name}")
        missing = set(functions(module)) - covered
        assert not missing, f"{info.name}: no gradient row for {sorted(missing)}"


def test_every_function_of_the_package_has_a_row_or_a_reason_to_have_none():
    rows = {name for name, *_ in ROWS}
    for name in dir(mx):
        f = getattr(mx, name)
        if inspect.isfunction(f) and not name.startswith("_"):
            reasons = NO_GRADIENT | MAKING | ANSWERS
            assert f.__name__ in rows | reasons, f"no gradient row for mx.{name}"


def test_no_list_excuses_what_is_in_the_table_or_is_gone():
    rows = {name for name, *_ in ROWS}
    assert not rows & (NO_GRADIENT | MAKING | PARTS | ANSWERS)
    modules = [importlib.import_module(f"minixattn.ops.{m.name}") for m in
               pkgutil.iter_modules(ops.__path__)]  # fmt: skip
    known = set().union(*(functions(m) for m in modules))
    assert not (NO_GRADIENT | PARTS | set(MIRRORED)) - known
    assert not (MAKING | ANSWERS) - set(dir(mx))


@pytest.mark.parametrize("name", sorted(NO_GRADIENT))
def test_functions_without_a_gradient_return_constants(name):
    x, y = leaf([1.0, 2.0]), leaf([2.0, 1.0])
    function = getattr(mx.Tensor, name, None) or getattr(mx, name)
    if name.startswith("bitwise"):
        x, y = x.detach().long(), y.detach().long()
    wants_two = "other" in inspect.signature(function).parameters
    more = {"bernoulli": [], "multinomial": [1]}.get(name)
    if more is not None:
        result = getattr(mx, name)(x / 2, *more)
    else:
        result = function(x, y) if wants_two else function(x)
    assert not result.requires_grad and result.grad_fn is None
