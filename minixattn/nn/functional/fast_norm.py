"""layer_norm and group_norm as one recorded operation: what runs where nobody looks inside.

    x̂ = (x − μ) r,  r = 1 / √(σ² + ε),  y = x̂ ⊙ w + b

    ∂L/∂w = Σ g ⊙ x̂,  ∂L/∂b = Σ g  over all rows
    ∂L/∂x = r (ĝ − mean ĝ − x̂ mean(ĝ ⊙ x̂))  with ĝ = g ⊙ w

`normalization.py` has the equation in steps that record themselves. Here x̂, or x − μ, and r are
kept for the way back, each line works in place, and sums are products with ones or of two rows, for
which NumPy has faster code than for `sum`. A derivative of the derivative comes from the steps.
"""

import numpy as np

from ...engine import Node, record, tapes
from ...recompute import through
from ...workspace import empty
from .linear import sum_of_rows
from .merging import row_dots, row_sums


def is_plain(x, weight, bias):
    """Whether these are arrays of the CPU's, of one float type, and nobody traces the steps."""
    return (
        not tapes and weight is not None and bias is not None
        and type(x.array) is type(weight.array) is type(bias.array) is np.ndarray
        and x.dtype == weight.dtype == bias.dtype and x.itemsize > 2 and x.array.size > 0
    )  # fmt: skip


def layer_norm(input, weight, bias, eps, equation):
    """y for x (…, n) and w, b (n,); `equation` is the same function of Tensors, in steps."""
    n = input.shape[-1]
    x = input.array.reshape(-1, n)
    normal = np.subtract(x, row_sums(x) * (1 / n), out=empty(x.shape, x))
    r = 1 / np.sqrt(row_dots(normal, normal) * (1 / n) + eps)
    normal *= r
    y = np.multiply(normal, weight.array, out=empty(x.shape, x))
    y += bias.array

    def derivatives(g, _y, x, w, _b):
        if isinstance(g, Node):
            return through(equation, (x, w, _b), g)
        g = g.reshape(-1, n)
        db, product = sum_of_rows(g), np.multiply(g, normal, out=empty(g.shape, g))
        dw = sum_of_rows(product)
        dx = np.multiply(g, w, out=empty(g.shape, g))
        along = row_dots(dx, normal) * (1 / n)
        dx -= g.dot(w[:, None]) * (1 / n)
        dx -= np.multiply(normal, along, out=product)
        dx *= r
        return dx.reshape(x.shape), dw, db

    return record(y.reshape(input.shape), (input, weight, bias), derivatives)


def group_norm(input, groups, weight, bias, eps, equation):
    """y for x (N, C, *) and w, b (C,); `equation` is the same function of Tensors, in steps.

    A mean over a group is one over its channels of means over pixels, numbers (N, 1, C): these are
    few, and so are all others that are made of them.
    """
    (N, C), last = input.shape[:2], (0, *range(2, input.ndim), 1)
    x = pixels(input.array, last)  # (N, pixels, C)
    share = 1 / (x.shape[1] * (C // groups))

    def over_groups(sums):
        """The mean over each group from sums over pixels (N, 1, C), for every channel."""
        means = sums.reshape(N, groups, -1).sum(-1, keepdims=True) * share
        return np.broadcast_to(means, (N, groups, C // groups)).reshape(N, 1, C)

    centred = np.subtract(x, over_groups(of_pixels(x)), out=empty(x.shape, x))
    product = np.multiply(centred, centred, out=empty(x.shape, x))
    r = 1 / np.sqrt(over_groups(of_pixels(product)) + eps)
    y = np.multiply(centred, r * weight.array, out=product)
    y += bias.array

    def derivatives(g, _y, x, w, _b):
        if isinstance(g, Node):
            return through(equation, (x, w, _b), g)
        g = pixels(g, last)
        product = np.multiply(g, centred, out=empty(g.shape, g))
        sums, along = of_pixels(g), r * of_pixels(product)  # of g and of g ⊙ x̂
        dx = np.multiply(g, r * w, out=empty(g.shape, g))
        dx -= np.multiply(centred, r * r * over_groups(along * w), out=product)
        dx -= r * over_groups(sums * w)
        return as_given(dx), along.sum((0, 1)), sums.sum((0, 1))

    def as_given(y):
        """(N, pixels, C) → (N, C, *), a view."""
        return np.moveaxis(y.reshape(N, *input.shape[2:], C), -1, 1)

    return record(as_given(y), (input, weight, bias), derivatives)


def pixels(x, last):
    """(N, C, *) → (N, pixels, C), which is how convolutions leave it in memory."""
    return x.transpose(last).reshape(len(x), -1, x.shape[1])


def of_pixels(x):
    """Σ over pixels, (N, pixels, C) → (N, 1, C): a row of ones times each image."""
    return np.matmul(np.ones((1, x.shape[1]), x.dtype), x)
