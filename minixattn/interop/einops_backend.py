"""einops on Tensors: `rearrange`, `reduce`, `repeat`, `einsum`, `pack` and `unpack`.

einops asks every subclass of its `AbstractBackend` whether a tensor is its own, so the class below
need only exist: `import minixattn.interop` is all it takes. Its methods are operations of this
package, so gradients flow through all of them.
"""

import importlib.util

from ..creation import arange, tensor
from ..errors import missing_extra
from ..ops.einsum import einsum
from ..ops.shape import cat, permute, stack, tile
from ..tensor import Tensor

try:
    from einops._backends import AbstractBackend
except ImportError:  # then nobody asks the class below
    AbstractBackend = object


class TensorBackend(AbstractBackend):
    """What einops needs to know about Tensors."""

    framework_name = "minixattn"

    def is_appropriate_type(self, tensor):
        """Whether a tensor is ours (a Parameter is)."""
        return isinstance(tensor, Tensor)

    def from_numpy(self, x):
        """An array as a tensor."""
        return tensor(x)

    def to_numpy(self, x):
        """A tensor's values."""
        return x.detach().cpu().numpy()

    def arange(self, start, stop):
        """The integers from `start` to `stop` − 1."""
        return arange(start, stop)

    def transpose(self, x, axes):
        """Dimension i of the result is dimension axes[i] of x."""
        return permute(x, tuple(axes))

    def reduce(self, x, operation, axes):
        """min, max, sum, mean, prod, any or all over several dimensions."""
        name = {"min": "amin", "max": "amax"}.get(operation, operation)
        return getattr(x, name)(dim=tuple(axes))

    def stack_on_zeroth_dimension(self, tensors):
        """A list of tensors as one, along a new first dimension."""
        return stack(tensors)

    def add_axis(self, x, new_position):
        """x with a dimension of size 1."""
        return x.unsqueeze(new_position)

    def tile(self, x, repeats):
        """x laid end to end."""
        return tile(x, tuple(repeats))

    def concat(self, tensors, axis):
        """The tensors end to end along one dimension."""
        return cat(tensors, axis)

    def is_float_type(self, x):
        """Whether a mean can be taken."""
        return x.is_floating_point()

    def einsum(self, pattern, *x):
        """Sum of products over named dimensions."""
        return einsum(pattern, *x)


def register_einops():
    """Say whether einops now works on Tensors; importing this package has already arranged it.

    Returns
    -------
    TensorBackend, the class that einops has found or will find

    Raises
    ------
    ImportError
        If einops is not installed, or is a version whose backends are made in another way.
    """
    if AbstractBackend is not object:
        return TensorBackend
    if importlib.util.find_spec("einops") is None:
        raise missing_extra("einops", "interop", "einops.rearrange() on Tensors")
    raise ImportError(
        "the einops that is installed has no einops._backends.AbstractBackend, through which it "
        "learns about new kinds of tensors: version 0.8 has it."
    )
