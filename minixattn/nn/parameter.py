"""Parameters: the tensors that a module learns."""

from ..creation import as_tensor
from ..tensor import Tensor


class Parameter(Tensor):
    """A tensor that a module lists among its `parameters()`, and that an optimizer may change.

    What is computed from it are plain tensors.

    Parameters
    ----------
    data : Tensor (whose memory it shares), array or nested lists
    requires_grad : False for a parameter that is stored but not learned

    Raises
    ------
    DTypeError
        If `data` is of an integer type and `requires_grad` is True.
    """

    __slots__ = ()

    def __init__(self, data, requires_grad=True):
        self.array = as_tensor(data).array
        self.grad, self.inputs, self.derivatives, self.retains_grad = None, (), None, False
        self.requires_grad = False
        self.requires_grad_(requires_grad)
