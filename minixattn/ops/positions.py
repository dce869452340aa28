"""Where elements are that meet a condition, and which there are. Positions pass no gradient."""

import numpy as np

from .. import dtypes
from ..engine import constant
from .arguments import axis, not_bool, numpy_names
from .indexing import pick
from .reduction import sum
from .shape import broadcast_to


def nonzero(input, *, as_tuple=False):
    """The positions of all elements that are not 0, in row-major order.

    Returns
    -------
    int64 Tensor (how many, dimensions), or one vector a dimension where `as_tuple`
    """
    found = np.nonzero(input.array if input.ndim else input.array.reshape(1))
    if as_tuple:
        return tuple(constant(i.astype(dtypes.int64)) for i in found)
    found = np.stack(found, 1).astype(dtypes.int64)
    return constant(found if input.ndim else found[:, :0])


@numpy_names
def count_nonzero(input, dim=None):
    """How many elements are not 0, in all or along `dim`."""
    return sum(input != 0, dim)


def masked_select(input, mask):
    """The elements where the mask is True, as a vector; both broadcast. ∂L/∂x is g put back."""
    if getattr(mask, "dtype", None) != dtypes.bool_:
        raise not_bool("masked_select", "mask", mask, "mask != 0")
    shape = np.broadcast_shapes(input.shape, mask.shape)
    return pick(broadcast_to(input, shape), broadcast_to(mask, shape).array)


@numpy_names
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):  # noqa: ARG001
    """The different elements, or slices along `dim`, in order.

    Parameters
    ----------
    input : Tensor
    sorted : they always are
    return_inverse : give also the place of every element of `input` among them
    return_counts : give also how often each occurs
    dim : compare whole slices along this dimension; elements where None

    Returns
    -------
    Tensor, or a tuple of (values, inverse, counts) with those that were asked for
    """
    values, inverse, counts = np.unique(
        input.array, return_inverse=True, return_counts=True,
        axis=None if dim is None else axis(input, dim),
    )  # fmt: skip
    shape = input.shape if dim is None else (-1,)
    found = [constant(values)]
    found += [constant(inverse.reshape(shape))] if return_inverse else []
    found += [constant(counts)] if return_counts else []
    return found[0] if len(found) == 1 else tuple(found)
