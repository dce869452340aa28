"""Normalisation layers: see `functional.normalization` for the equations."""

from ..creation import ones, zeros
from ..errors import ShapeError
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class Normalization(Module):
    """What the layers share: a factor that starts at 1 and an offset that starts at 0."""

    weight = bias = None

    def make_parameters(self, shape, weight, bias, device, dtype):
        """Parameters of the given shape, where wanted."""
        if weight:
            self.weight = Parameter(ones(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(zeros(shape, device=device, dtype=dtype))

    def reset_parameters(self):
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(Normalization):
    """y = (x − μ) / √(σ² + ε) ⊙ w + b over the last dimensions (Ba et al. 2016).

    Parameters
    ----------
    normalized_shape : int or tuple, the sizes of these dimensions
    eps : ε
    elementwise_affine : whether there are w and b
    bias : whether there is a b
    device, dtype : of the parameters

    Attributes
    ----------
    weight : normalized_shape, starts at 1
    bias : normalized_shape, starts at 0
    """

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True,
                 device=None, dtype=None):  # fmt: skip
        super().__init__()
        self.normalized_shape = as_shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        bias = elementwise_affine and bias
        self.make_parameters(self.normalized_shape, elementwise_affine, bias, device, dtype)

    def forward(self, input):
        """Shapes (…, *normalized_shape) → the same."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        """The options."""
        affine = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class RMSNorm(Normalization):
    """y = x / √(mean x² + ε) ⊙ w over the last dimensions (Zhang & Sennrich 2019).

    Parameters
    ----------
    normalized_shape : int or tuple, the sizes of these dimensions
    eps : ε; where None, the gap after 1 in the type that is computed in
    elementwise_affine : whether there is a w
    device, dtype : of the parameters

    Attributes
    ----------
    weight : normalized_shape, starts at 1
    """

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None,
                 dtype=None):  # fmt: skip
        super().__init__()
        self.normalized_shape = as_shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.make_parameters(self.normalized_shape, elementwise_affine, False, device, dtype)

    def forward(self, input):
        """Shapes (…, *normalized_shape) → the same."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        """The options."""
        affine = f"elementwise_affine={self.elementwise_affine}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class GroupNorm(Normalization):
    """y = (x − μ) / √(σ² + ε) ⊙ w + b over groups of channels (Wu & He 2018).

    Parameters
    ----------
    num_groups : G
    num_channels : C, a multiple of G
    eps : ε
    affine : whether there are w and b
    device, dtype : of the parameters
    bias : whether there is a b

    Attributes
    ----------
    weight : (C,), starts at 1
    bias : (C,), starts at 0
    """

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True, device=None, dtype=None, *,
                 bias=True):  # fmt: skip
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ShapeError(
                f"GroupNorm: num_channels ({num_channels}) must be a multiple of num_groups "
                f"({num_groups})."
            )
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.affine = affine
        self.make_parameters((num_channels,), affine, affine and bias, device, dtype)

    def forward(self, input):
        """Shapes (N, C, *) → the same."""
        if input.shape[1:2] != (self.num_channels,):
            raise ShapeError(
                f"{self}: expected an input of shape (N, {self.num_channels}, ...), got "
                f"{tuple(input.shape)}."
            )
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        """The options."""
        affine = f"affine={self.affine}, bias={self.bias is not None}"
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, {affine}"


def as_shape(normalized_shape):
    """An int or a sequence of them as a tuple."""
    one = not isinstance(normalized_shape, (tuple, list))
    return (int(normalized_shape),) if one else tuple(int(n) for n in normalized_shape)
