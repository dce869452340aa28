"""layer_norm of rows as one recorded operation: what runs where nobody looks inside.

    x̂ = (x − μ) r,  r = 1 / √(σ² + ε),  y = x̂ ⊙ w + b

    ∂L/∂w = Σ g ⊙ x̂,  ∂L/∂b = Σ g  over all rows
    ∂L/∂x = r (ĝ − mean ĝ − x̂ mean(ĝ ⊙ x̂))  with ĝ = g ⊙ w

`normalization.py` has the equation in steps that record themselves. Here x̂ and r are kept for the
way back, each line works in place, and sums are products with ones or of two rows, for which NumPy
has faster code than for `sum`. A derivative of the derivative comes from the steps.
"""

import numpy as np

from ...engine import Node, record, tapes
from ...recompute import through
from ...workspace import empty
from .linear import sum_of_rows
from .merging import row_dots, row_sums


def is_plain(x, weight, bias, dims):
    """Whether these are rows of the CPU's, of one float type, and nobody traces the steps."""
    return (
        dims == (-1,) and not tapes and weight is not None and bias is not None
        and type(x.array) is type(weight.array) is type(bias.array) is np.ndarray
        and x.dtype == weight.dtype == bias.dtype and x.itemsize > 2 and x.array.size > 0
    )  # fmt: skip


def layer_norm_of_rows(input, weight, bias, eps, equation):
    """y for x (…, n) and w, b (n,); `equation` is the same function of Tensors, in steps."""
    n = input.shape[-1]
    x = input.array.reshape(-1, n)
    normal = np.subtract(x, row_sums(x) * (1 / n), out=empty(x.shape, x))
    r = 1 / np.sqrt(row_dots(normal, normal) * (1 / n) + eps)
    normal *= r
    y = np.multiply(normal, weight.array, out=empty(x.shape, x))
    y += bias.array

    def layer_norm(g, _y, x, w, b):
        if isinstance(g, Node):
            return through(equation, (x, w, b), g)
        g = g.reshape(-1, n)
        db, product = sum_of_rows(g), np.multiply(g, normal, out=empty(g.shape, g))
        dw = sum_of_rows(product)
        dx = np.multiply(g, w, out=empty(g.shape, g))
        along = row_dots(dx, normal) * (1 / n)
        dx -= g.dot(w[:, None]) * (1 / n)
        dx -= np.multiply(normal, along, out=product)
        dx *= r
        return dx.reshape(x.shape), dw, db

    return record(y.reshape(input.shape), (input, weight, bias), layer_norm)
