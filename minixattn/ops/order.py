"""Putting elements in order. The indices are flat; the values are picked by them, with gradient."""

import numpy as np

from ..engine import constant
from ..errors import ShapeError
from .arguments import axis, numpy_names, whole
from .indexing import gather
from .reduction import ValuesIndices


@numpy_names
def argsort(input, dim=-1, descending=False, stable=True):  # noqa: ARG001 (always stable)
    """The indices that put x in order along `dim`; equal elements keep theirs."""
    return constant(ranked(input.array, axis(input, dim), descending))


@numpy_names
def sort(input, dim=-1, descending=False, stable=True):  # noqa: ARG001 (always stable)
    """(values, indices) in order along `dim`: y = x[indices]; ∂L/∂x is g put back there."""
    d = axis(input, dim)
    indices = constant(ranked(input.array, d, descending))
    return ValuesIndices(gather(input, d, indices), indices)


@numpy_names
def topk(input, k, dim=-1, largest=True, sorted=True):  # noqa: ARG001 (always sorted)
    """(values, indices) of the k largest along `dim`, or smallest; always in order.

    Raises
    ------
    ShapeError
        If there are fewer than k elements along `dim`.
    """
    d, k = axis(input, dim), whole(k)
    n = input.shape[d] if input.ndim else 1
    if not 0 <= k <= n:
        raise ShapeError(
            f"topk: k={k}, but dim {dim} of a tensor of shape {input.shape} has {n} elements: "
            f"expected 0 to {n}."
        )
    indices = ranked(input.array, d, largest)
    indices = constant(indices[(slice(None),) * d + (slice(k),)] if input.ndim else indices)
    return ValuesIndices(gather(input, d, indices), indices)


def ranked(x, d, descending):
    """The stable order of an array along dimension d; downwards, the array is read from its end."""
    if not x.ndim:
        return ranked(x.reshape(1), 0, descending).reshape(())
    if not descending:
        return np.argsort(x, axis=d, kind="stable")
    return x.shape[d] - 1 - np.flip(np.argsort(np.flip(x, d), axis=d, kind="stable"), d)
