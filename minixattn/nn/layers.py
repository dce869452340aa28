"""Layers: a function of `nn.functional` together with the parameters that it needs."""

import math

from ..creation import empty
from ..engine import no_grad
from ..errors import DTypeError, ShapeError
from . import functional as F
from . import init
from .functional.checks import tensors
from .functional.embedding import row_number
from .module import Module
from .parameter import Parameter


class Identity(Module):
    """y = x, whatever arguments it is made with."""

    def __init__(self, *_args, **_options):
        super().__init__()

    def forward(self, input):
        """x as it is."""
        return input


class Linear(Module):
    """y = x Wᵀ + b.

    Parameters
    ----------
    in_features : n
    out_features : m
    bias : whether there is a b
    device, dtype : of the parameters

    Attributes
    ----------
    weight : (m, n), starts as U(−1/√n, 1/√n)
    bias : (m,), starts likewise; None without

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.Linear(3, 5)
    >>> layer(mx.randn(2, 7, 3)).shape
    (2, 7, 5)
    """

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        self.bias = Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self):
        """Draw the parameters anew."""
        bound = 1 / math.sqrt(max(self.in_features, 1))
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, input):
        """Shapes (…, n) → (…, m)."""
        tensors("linear", input=input)
        if input.shape[-1:] != (self.in_features,) or input.dtype.kind != "f":
            raise self.misfit(input)
        return F.linear(input, self.weight, self.bias)

    def misfit(self, input):
        """The error for an input that the layer cannot take."""
        n = self.in_features
        if input.dtype.kind != "f":
            return DTypeError(
                f"{self}: expected a float input, got {input.dtype}: use x.float(), or an "
                f"Embedding for indices."
            )
        return ShapeError(
            f"{self}: expected an input of shape (..., {n}), got {tuple(input.shape)}. The last "
            f"dimension holds the features: transpose the input, or make the layer with "
            f"in_features={input.shape[-1] if input.ndim else 1}."
        )

    def extra_repr(self):
        """The options."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Embedding(Module):
    """y = W[i]: a learned vector for every index.

    Parameters
    ----------
    num_embeddings : n, the number of indices
    embedding_dim : E
    padding_idx : an index whose vector starts at 0 and is not learned
    device, dtype : of the table

    Attributes
    ----------
    weight : (n, E), starts as N(0, 1)
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, *, device=None,
                 dtype=None):  # fmt: skip
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx
        if padding_idx is not None:
            self.padding_idx = row_number(padding_idx, num_embeddings)
        self.weight = Parameter(empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, padding_idx=None):
        """A layer with a given table (n, E), learned further only if not `freeze`."""
        if embeddings.ndim != 2:
            raise ShapeError(f"the table must have shape (n, E), got {tuple(embeddings.shape)}.")
        layer = cls(*embeddings.shape, padding_idx)
        layer.weight = Parameter(embeddings, requires_grad=not freeze)
        return layer

    def forward(self, input):
        """Shapes (…) of integers → (…, E)."""
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self):
        """The options."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Dropout(Module):
    """y = m ⊙ x / (1 − p) in training, y = x after `eval()`; see `functional.dropout`.

    Parameters
    ----------
    p : probability with which an element becomes 0
    inplace : accepted for PyTorch's sake; the input stays as it is
    """

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: the probability p must be between 0 and 1, got {p}.")
        self.p, self.inplace = p, inplace

    def forward(self, input):
        """Any shape → the same."""
        return F.dropout(input, self.p, self.training)

    def extra_repr(self):
        """The options."""
        return f"p={self.p}, inplace={self.inplace}"


class Flatten(Module):
    """Dimensions `start_dim` to `end_dim` as one: (N, a, b) → (N, a·b)."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input):
        """As `Tensor.flatten`."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self):
        """The options."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Dimension `dim` as several: (N, a·b) → (N, a, b) for the sizes (a, b)."""

    def __init__(self, dim, unflattened_size):
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input):
        """As `Tensor.unflatten`."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self):
        """The options."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
