"""Is a derivative right? Compare it, element by element, with the slope of the function itself.

The central difference (f(x + ε) − f(x − ε)) / 2ε needs no derivative and errs by O(ε²). In float64
with ε = 1e-6 it agrees with a right derivative to about nine digits.
"""

import numpy as np

from .backward import grad
from .creation import tensor
from .engine import enable_grad, no_grad
from .errors import DTypeError
from .tensor import Tensor


class GradcheckError(AssertionError, RuntimeError):
    """A derivative that differs from the slope of its function."""


def gradcheck(func, inputs, *, eps=1e-6, atol=1e-6, rtol=1e-6, raise_exception=True):
    """Check every derivative of `func` against central differences.

    Parameters
    ----------
    func : function of Tensors that returns a Tensor or several
    inputs : Tensor or tuple; the float64 ones with requires_grad=True are checked
    eps : step of the difference
    atol, rtol : allowed |analytic − numeric| ≤ atol + rtol |numeric|
    raise_exception : raise on failure (else return False)

    Returns
    -------
    True where all agree

    Raises
    ------
    GradcheckError
        Naming the input, the index in it, the output element, and both numbers.
    DTypeError
        If a checked input is not float64, whose digits the difference needs.
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    for i in checked:
        if inputs[i].dtype != np.float64:
            raise DTypeError(
                f"gradcheck: input {i} is {inputs[i].dtype}; central differences need float64. "
                f"Use x.detach().double().requires_grad_()."
            )
    if not checked:
        raise ValueError("gradcheck: no input requires a gradient, so there is nothing to check.")
    inputs = tuple(
        x.detach().clone().requires_grad_() if i in checked else x for i, x in enumerate(inputs)
    )
    name = getattr(func, "__name__", type(func).__name__)
    try:
        for k, output in enumerate(outputs_of(func, inputs)):
            if output.requires_grad:
                exact = analytic(output, [inputs[i] for i in checked])
                for i, jacobian in zip(checked, exact):
                    slope = numeric(func, inputs, i, k, eps)
                    compare(name, i, k, inputs[i].shape, output.shape, jacobian, slope, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(func, inputs, grad_outputs=None, **options):
    """Check the second derivatives of `func`: `gradcheck` of its gradient. Same options."""
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    outputs = [y for y in outputs_of(func, inputs) if y.requires_grad]
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        grad_outputs = [tensor(rng.uniform(0.5, 1.5, y.shape), device=y.device) for y in outputs]
    n = len(inputs)
    weights = [g.detach().clone().requires_grad_() for g in grad_outputs]

    def first_derivative(*values):
        with enable_grad():
            outputs = [y for y in outputs_of(func, values[:n]) if y.requires_grad]
        wanted = [x for x in values[:n] if isinstance(x, Tensor) and x.requires_grad]
        return grad(outputs, wanted, values[n:], create_graph=True, materialize_grads=True)

    first_derivative.__name__ = f"gradient of {getattr(func, '__name__', type(func).__name__)}"
    return gradcheck(first_derivative, (*inputs, *weights), **options)


def outputs_of(func, inputs):
    """The results of `func` as a tuple."""
    result = func(*inputs)
    return (result,) if isinstance(result, Tensor) else tuple(result)


def analytic(output, inputs):
    """∂output[j]/∂x for every element j: one walk back an element."""
    rows = [np.empty((output.numel(), x.numel())) for x in inputs]
    for j in range(output.numel()):
        one_hot = np.zeros(output.shape, output.dtype)
        one_hot.flat[j] = 1
        one_hot = tensor(one_hot).to(output.device)
        found = grad(output, inputs, one_hot, retain_graph=True, materialize_grads=True)
        for row, g in zip(rows, found):
            row[j] = g.detach().numpy(force=True).reshape(-1)
    return rows


def numeric(func, inputs, i, k, eps):
    """(f(x + ε) − f(x − ε)) / 2ε of output k, one column an element of input i."""

    def at(step, position):
        values = inputs[i].detach().numpy(force=True).copy()
        values.reshape(-1)[position] += step
        moved = tensor(values).to(inputs[i].device).requires_grad_()
        with no_grad():
            result = outputs_of(func, (*inputs[:i], moved, *inputs[i + 1 :]))[k]
        return result.detach().numpy(force=True).reshape(-1).astype(np.float64)

    columns = [(at(eps, p) - at(-eps, p)) / (2 * eps) for p in range(inputs[i].numel())]
    return np.stack(columns, 1) if columns else np.zeros((0, 0))


def compare(name, i, k, x_shape, y_shape, exact, slope, atol, rtol):
    """Raise `GradcheckError` at the worst element where the two differ."""
    if not exact.size:
        return
    excess = np.abs(exact - slope) - (atol + rtol * np.abs(slope))
    if (excess <= 0).all():
        return
    worst = np.argmax(np.where(np.isnan(excess), np.inf, excess))
    j, p = np.unravel_index(worst, exact.shape)
    x_index = tuple(int(n) for n in np.unravel_index(p, x_shape)) if x_shape else ()
    y_index = tuple(int(n) for n in np.unravel_index(j, y_shape)) if y_shape else ()
    raise GradcheckError(
        f"{name}: the derivative of output {k} at {y_index} with respect to input {i} at "
        f"{x_index} is {exact[j, p]:.9g}, but the central difference says {slope[j, p]:.9g}. "
        f"Input {i} has shape {tuple(x_shape)}, output {k} {tuple(y_shape)}."
    )
