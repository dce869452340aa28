"""Changing a tensor's own memory: assignment, `+=` and the methods that end in an underscore.

A change that a gradient would have to know about is refused; one that only a constant sees, or
that happens inside `no_grad()`, is made and noted, so that `backward()` can tell when a value
that it needs is no longer there (`changes.py`).
"""

import numpy as np

from . import backend
from .changes import changing
from .engine import is_grad_enabled, lift
from .errors import DeviceError, DTypeError, ShapeError
from .ops import scattering
from .ops.indexing import in_steps, key_of


def value_for(x, value):
    """`value` as an array that may be written into `x`."""
    value = lift(value, x.array.dtype)
    home = backend.device_of(x.array)
    if value.requires_grad and is_grad_enabled():
        raise DTypeError(
            f"cannot write a tensor that requires a gradient into one of shape {x.shape}: the "
            f"gradient could not follow. Collect the parts in a list and stack() or cat() them, "
            f"or write value.detach()."
        )
    if value.array.ndim and backend.device_of(value.array) != home:
        raise DeviceError(
            f"cannot write a tensor of shape {value.shape} on {value.device} into one on {home}: "
            f'move it first with .to("{home}").'
        )
    return backend.to_device(value.array, home)


def write(x, key, value):
    """x[key] = value in place, with an error that names both shapes."""
    array = value_for(x, value)
    ints, key = in_steps(key)
    changing(x)
    if not getattr(x.array.flags, "writeable", True):
        raise ShapeError(
            f"cannot write into a tensor of shape {x.shape} whose memory is read-only: it was "
            f"expanded, so elements share memory, or made of a read-only array. .clone() it first."
        )
    part = x.array[ints] if ints else x.array
    try:
        part[key] = array
    except IndexError as error:
        raise IndexError(f"assigning to a part of a tensor of shape {x.shape}: {error}.") from None
    except ValueError:
        raise ShapeError(
            f"cannot assign a value of shape {array.shape} to a part of shape "
            f"{np.shape(part[key])} of a tensor of shape {x.shape}."
        ) from None
    return x


def store(x, result):
    """Write `result`, computed from `x`, into its memory, if x's dtype can hold such numbers."""
    if result.dtype.kind == "f" and x.dtype.kind != "f":
        raise DTypeError(
            f"a result of type {result.dtype} cannot be stored in place in a tensor of type "
            f"{x.dtype}: use the plain operator, or make the tensor .float() first."
        )
    return write(x, ..., result)


def operator(name, plain):
    """An in-place operator: in the tensor's memory, or a new recorded tensor in its place.

    Python rebinds the name on the left to whatever this returns, so a recorded result may take
    the place of one that must not be changed.
    """

    def change(self, other):
        recorded = is_grad_enabled() and getattr(other, "requires_grad", False)
        if is_grad_enabled() and (recorded or self.derivatives is not None):
            if self.derivatives is not None or not self.requires_grad:
                return getattr(self, plain)(other)
        return store(self, getattr(self.detach(), plain)(value_for(self, other)))

    change.__name__ = change.__qualname__ = name
    change.__doc__ = f"self.{plain}(other), in place where no gradient is concerned."
    return change


class InPlace:
    """The in-place methods of Tensor."""

    __slots__ = ()

    def __setitem__(self, key, value):
        write(self, key_of(key), value)

    __iadd__ = operator("__iadd__", "__add__")
    __isub__ = operator("__isub__", "__sub__")
    __imul__ = operator("__imul__", "__mul__")
    __itruediv__ = operator("__itruediv__", "__truediv__")

    def fill_(self, value):
        """Every element becomes `value`."""
        return write(self, ..., value)

    def zero_(self):
        """Every element becomes 0."""
        return write(self, ..., 0)

    def copy_(self, src):
        """The values of `src`, which broadcasts, brought to this dtype and device."""
        return write(self, ..., lift(src, self.dtype).to(device=self.device))

    def add_(self, other, *, alpha=1):
        """self + alpha·other, in place."""
        return store(self, self.detach().add(value_for(self, other), alpha=alpha))

    def sub_(self, other, *, alpha=1):
        """self − alpha·other, in place."""
        return store(self, self.detach().sub(value_for(self, other), alpha=alpha))

    def mul_(self, other):
        """self ⊙ other, in place."""
        return store(self, self.detach() * value_for(self, other))

    def div_(self, other):
        """self / other, in place."""
        return store(self, self.detach() / value_for(self, other))

    def clamp_(self, min=None, max=None):
        """Kept between `min` and `max`, in place."""
        return store(self, self.detach().clamp(min, max))

    def masked_fill_(self, mask, value):
        """`value` where the mask is True, in place."""
        return write(self, ..., self.detach().masked_fill(mask, value))

    def scatter_(self, dim, index, src=None, *, value=None):
        """`src`, or a number, where the index says, in place; see `scatter`."""
        return store(self, scattering.scatter(self.detach(), dim, index, src, value=value))

    def scatter_add_(self, dim, index, src):
        """`src` added where the index says, in place; see `scatter_add`."""
        return store(self, scattering.scatter_add(self.detach(), dim, index, src))

    def index_fill_(self, dim, index, value):
        """`value` in the slices that the index names, in place."""
        return store(self, scattering.index_fill(self.detach(), dim, index, value))

    def index_add_(self, dim, index, source, *, alpha=1):
        """alpha·source added to the slices that the index names, in place."""
        return store(self, scattering.index_add(self.detach(), dim, index, source, alpha=alpha))

    def bernoulli_(self, p=0.5, *, generator=None):
        """1 with probability `p`, else 0, in place."""
        numbers = backend.generator(self.device, generator).random(self.shape)
        return write(self, ..., (numbers < p).astype(self.array.dtype))

    def normal_(self, mean=0.0, std=1.0, *, generator=None):
        """Normal random numbers of that mean and standard deviation, in place."""
        numbers = backend.generator(self.device, generator).standard_normal(self.shape)
        return write(self, ..., (numbers * std + mean).astype(self.array.dtype))

    def uniform_(self, low=0.0, high=1.0, *, generator=None):
        """Uniform random numbers between `low` and `high`, in place."""
        numbers = backend.generator(self.device, generator).random(self.shape)
        return write(self, ..., (numbers * (high - low) + low).astype(self.array.dtype))
