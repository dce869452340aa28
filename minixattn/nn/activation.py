"""Activations as modules, for use within `Sequential`."""

from . import functional as F
from .module import Module


class ReLU(Module):
    """y = max(x, 0). `inplace` is accepted for PyTorch's sake; the input stays as it is."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        """Any shape → the same."""
        return F.relu(input)

    def extra_repr(self):
        """The options."""
        return "inplace=True" if self.inplace else ""


class GELU(Module):
    """y = x Φ(x); `approximate` is "none" or "tanh", see `functional.gelu`."""

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        """Any shape → the same."""
        return F.gelu(input, self.approximate)

    def extra_repr(self):
        """The options."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """y = x σ(x). `inplace` is accepted for PyTorch's sake; the input stays as it is."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        """Any shape → the same."""
        return F.silu(input)

    def extra_repr(self):
        """The options."""
        return "inplace=True" if self.inplace else ""


class Tanh(Module):
    """y = tanh x."""

    def forward(self, input):
        """Any shape → the same."""
        return F.tanh(input)


class Sigmoid(Module):
    """y = σ(x) = 1 / (1 + e⁻ˣ)."""

    def forward(self, input):
        """Any shape → the same."""
        return F.sigmoid(input)


class Softmax(Module):
    """y = eˣ / Σ eˣ along `dim`."""

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        """Any shape → the same; sums to 1 along `dim`."""
        return F.softmax(input, self.dim)

    def extra_repr(self):
        """The options."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """y = x − ln Σ eˣ along `dim`."""

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        """Any shape → the same."""
        return F.log_softmax(input, self.dim)

    def extra_repr(self):
        """The options."""
        return f"dim={self.dim}"
