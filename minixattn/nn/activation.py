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


class LeakyReLU(Module):
    """y = x where x > 0, else slope·x."""

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input):
        """Any shape → the same."""
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self):
        """The options."""
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """y = x where x > 0, else α (eˣ − 1)."""

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input):
        """Any shape → the same."""
        return F.elu(input, self.alpha)

    def extra_repr(self):
        """The options."""
        return f"alpha={self.alpha}"


class Softplus(Module):
    """y = ln(1 + e^βx) / β."""

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input):
        """Any shape → the same."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        """The options."""
        return f"beta={self.beta}, threshold={self.threshold}"


class GLU(Module):
    """y = a ⊙ σ(b) for the halves a, b of x along `dim`."""

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        """Any shape → the same, half as long in `dim`."""
        return F.glu(input, self.dim)

    def extra_repr(self):
        """The options."""
        return f"dim={self.dim}"


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
