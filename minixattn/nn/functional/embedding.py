"""Looking up rows of a table."""

import numpy as np

from ... import backend
from ...engine import Node, apply, constant, unary
from ...errors import DTypeError, ShapeError
from ...ops.indexing import pick, place
from ...pending import ask
from .checks import tensors


def embedding(input, weight, padding_idx=None):
    """y = W[i], one row of the table for every index; ∂L/∂W adds g up in the rows looked up.

    Parameters
    ----------
    input : integer Tensor of any shape (…)
    weight : (num_embeddings, embedding_dim)
    padding_idx : a row that gets no gradient

    Returns
    -------
    Tensor (…, embedding_dim)

    Raises
    ------
    IndexError
        Naming the value outside 0 … num_embeddings − 1.
    DTypeError
        If the indices are not integers.
    """
    tensors("embedding", input=input, weight=weight)
    if weight.ndim != 2:
        raise ShapeError(
            f"embedding: the table has shape {weight.shape}, expected (num_embeddings, "
            f"embedding_dim)."
        )
    check_indices("embedding", input, weight.shape[0], "num_embeddings")
    padding_idx = None if padding_idx is None else row_number(padding_idx, weight.shape[0])

    def grad_of_table(g, _y, ids, W):
        ids = ids.array if isinstance(ids, Node) else ids
        if padding_idx is not None:
            g = g * (ids != padding_idx)[..., None]
        return rows_added_up(g, ids, W.shape)

    return apply(lambda ids, W: W[ids], (input, weight), None, grad_of_table)


def rows_added_up(g, ids, shape):
    """Zeros of `shape` to whose rows `ids` those of g are added; ∂L/∂g picks them again.

    On the CPU the rows that go to one place are brought side by side and summed up together,
    which takes a fraction of the time of adding them one by one.
    """
    if backend.namespace(ids) is not np or not ids.size:
        return place(g, ids, shape)

    def forward(g):
        order = ids.reshape(-1).argsort(kind="stable")
        row = ids.reshape(-1)[order]
        first = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
        y = np.zeros(shape, g.dtype)
        y[row[first]] = np.add.reduceat(g.reshape(-1, shape[1])[order], first, axis=0)
        return y

    return unary(forward, g, lambda g, _y, _x: pick(g, ids))


def row_number(padding_idx, n):
    """`padding_idx` counted from the front."""
    if not -n <= padding_idx < n:
        raise IndexError(
            f"embedding: padding_idx {padding_idx} is not a row of the table: expected {-n} to "
            f"{n - 1} (num_embeddings is {n})."
        )
    return padding_idx % n


def check_indices(name, ids, n, bound):
    """Integers from 0 to n − 1; the error names the first that is not (see `pending`)."""
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"{name}: expected integer indices, got {ids.dtype}: use .long().")
    array = ids.array
    wrong = (array < 0) | (array >= n)

    def refuse():
        value = int(array[wrong][0])
        raise IndexError(
            f"{name}: the index {value} is out of range: expected 0 to {n - 1} ({bound} is {n})."
        )

    ask(wrong, refuse)


def one_hot(tensor, num_classes=-1):
    """y[…, c] = 1 where c is the index, else 0; int64, as in PyTorch.

    Parameters
    ----------
    tensor : integer Tensor (…)
    num_classes : C; the largest index + 1 where −1

    Returns
    -------
    Tensor (…, C)
    """
    tensors("one_hot", tensor=tensor)
    if num_classes == -1:
        if not tensor.array.size:
            raise ValueError("one_hot: num_classes cannot be told from no indices; pass it.")
        num_classes = max(int(tensor.array.max()) + 1, 1)
    if num_classes < 1:
        raise ValueError(f"one_hot: num_classes must be positive (or -1), got {num_classes}.")
    check_indices("one_hot", tensor, num_classes, "num_classes")
    classes = backend.namespace(tensor.array).arange(num_classes)
    return constant((tensor.array[..., None] == classes).astype("int64"))
