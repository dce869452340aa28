"""Products of matrices and tensors."""

import math

import numpy as np

from ..backend import namespace
from ..engine import Node, binary, broadcasts, lift, same_device
from ..errors import DTypeError, ShapeError, broadcast_error
from ..precision import lowered, open_blocks


def matmul(input, other):
    """y = a b for matrices in the last two dimensions; ∂L/∂a = g bᵀ, ∂L/∂b = aᵀ g.

    Leading dimensions are a batch and broadcast; a 1-d tensor is a row on the left, a column on
    the right.

    Parameters
    ----------
    input : (…, n, k) or (k,)
    other : (…, k, m) or (k,)

    Raises
    ------
    ShapeError
        If the inner sizes differ or the batches do not broadcast.
    DTypeError
        If the two have different number types.
    """
    if not isinstance(input, Node) and not isinstance(other, Node):
        return multiply(input, other)
    input, other = same_device((lift(input), lift(other)), (matmul,))
    if open_blocks:
        input, other = lowered(input, other)
    inner = other.shape[-2 if other.ndim > 1 else 0] if other.ndim else None
    if not input.ndim or input.shape[-1] != inner:
        raise product_error(input.shape, other.shape)
    if input.array.dtype != other.array.dtype:
        raise DTypeError(
            f"matmul: the tensors have different types, {input.dtype} and {other.dtype}. Bring "
            f"them to one with .float() or .to(dtype)."
        )
    if input.ndim == 1:
        return squeeze_at(matmul(input.reshape(1, -1), other), -2 if other.ndim > 1 else -1)
    if other.ndim == 1:
        return squeeze_at(matmul(input, other.reshape(-1, 1)), -1)
    if not broadcasts(input.shape[:-2], other.shape[:-2]):
        raise product_error(input.shape, other.shape)
    return binary(
        multiply, input, other,
        lambda g, _y, _a, b: grad_of_left(g, b), lambda g, _y, a, _b: grad_of_right(g, a, _b.ndim),
    )  # fmt: skip


def squeeze_at(x, dim):
    """Without dimension `dim`."""
    shape = list(x.shape)
    del shape[dim]
    return x.reshape(shape)


def multiply(a, b):
    """a b of arrays; float16 is summed in float32. Rows times one matrix are one large product.

    A GPU sums products of float16 in float32 by itself (cuBLAS as CuPy calls it).
    """
    if a.dtype == np.float16 and namespace(a) is np:
        return multiply(a.astype(np.float32), b.astype(np.float32)).astype(np.float16)
    if a.ndim > 2 and b.ndim == 2:
        return (rows(a) @ b).reshape((*a.shape[:-1], b.shape[-1]))
    return np.matmul(a, b)


def rows(a):
    """(…, k) as a matrix (n, k)."""
    return a.reshape((math.prod(a.shape[:-1]), a.shape[-1]))


def grad_of_left(g, b):
    """∂L/∂a = g bᵀ."""
    return matmul(g, b.swapaxes(-1, -2))


def grad_of_right(g, a, ndim):
    """∂L/∂b = aᵀ g; where one matrix b served a whole batch, one product over all its rows."""
    if ndim == 2 and a.ndim > 2:
        a, g = rows(a), rows(g)
    return matmul(a.swapaxes(-1, -2), g)


def product_error(a, b):
    """The sentence for two shapes that cannot be multiplied."""
    if a and len(b) > 1 and a[-1] == b[-2]:
        return broadcast_error("matmul, in the batch dimensions", a[:-2], b[:-2])
    inner = f"the last of the first ({a[-1] if a else 'none'}) and "
    inner += f"the {'second-last' if len(b) > 1 else 'last'} of the second "
    inner += f"({b[-2 if len(b) > 1 else 0] if b else 'none'})"
    hint = ""
    if a and len(b) > 1 and a[-1] == b[-1]:
        hint = " Their last sizes agree: did you mean a @ b.mT (transposed)?"
    return ShapeError(f"matmul: shapes {a} and {b} do not fit: {inner} must be equal.{hint}")


def bmm(input, mat2):
    """y[b] = input[b] mat2[b] for (B, n, k) and (B, k, m), without broadcasting."""
    if input.ndim != 3 or mat2.ndim != 3 or input.shape[0] != mat2.shape[0]:
        raise ShapeError(
            f"bmm needs (B, n, k) and (B, k, m) with the same B, got {input.shape} and "
            f"{mat2.shape}. matmul broadcasts other shapes."
        )
    return matmul(input, mat2)


def mm(input, mat2):
    """y = input mat2 for two matrices."""
    if input.ndim != 2 or mat2.ndim != 2:
        raise ShapeError(f"mm needs two matrices, got {input.shape} and {mat2.shape}.")
    return matmul(input, mat2)


def mv(input, vec):
    """y = input vec for a matrix and a vector."""
    if input.ndim != 2 or vec.ndim != 1:
        raise ShapeError(
            f"mv needs a matrix and a vector, got shapes {input.shape} and {vec.shape}."
        )
    return matmul(input, vec)


def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """y = beta·input + alpha·mat1 mat2 for matrices; `input` broadcasts, ignored if beta is 0."""
    product = mm(mat1, mat2) * alpha
    return product if beta == 0 else input * beta + product


def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """y[b] = beta·input[b] + alpha·batch1[b] batch2[b]; `input` broadcasts.

    With beta 0, `input` is ignored, NaN and all: attention scores begin with an empty one.
    """
    product = bmm(batch1, batch2) * alpha
    return product if beta == 0 else input * beta + product


def dot(input, other):
    """y = Σ a b for two vectors."""
    if input.ndim != 1 or other.ndim != 1:
        raise ShapeError(f"dot needs two vectors, got {input.shape} and {other.shape}.")
    return matmul(input, other)


def outer(input, vec2):
    """y[i, j] = a[i] b[j]."""
    if input.ndim != 1 or vec2.ndim != 1:
        raise ShapeError(f"outer needs two vectors, got {input.shape} and {vec2.shape}.")
    return input.reshape(-1, 1) * vec2
