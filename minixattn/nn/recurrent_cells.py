"""One step of a recurrent layer, and the same as a layer of its own.

A cell takes the input x_t and the state h_{t−1} and gives the state h_t. The gates stand in the
weights in PyTorch's order.

| symbol                | identifier                  | shape                               |
|-----------------------|-----------------------------|-------------------------------------|
| x_t, h_t              | x, h                        | (N, D), (N, H)                      |
| W_x, W_h              | weight_ih, weight_hh        | (k·H, D), (k·H, H), k gates         |
| b_x, b_h              | bias_ih, bias_hh            | (k·H)                               |
| W_x x_t + b_x         | a                           | (N, k·H), of all t in one product   |
| W_h h_{t−1} + b_h     | b                           | (N, k·H)                            |
"""

import math

from ..creation import empty, zeros
from ..engine import no_grad
from ..errors import ShapeError
from ..ops.elementwise import relu, sigmoid, tanh
from ..ops.parting import chunk
from . import functional as F
from .functional.checks import tensors
from .module import Module
from .parameter import Parameter


def rnn_step(a, b, h, nonlinearity="tanh"):  # noqa: ARG001 (the others need h)
    """h_t = tanh(a + b)   (Elman 1990)."""
    return {"tanh": tanh, "relu": relu}[nonlinearity](a + b)


def gru_step(a, b, h):
    """The gated recurrent unit (Cho et al. 2014, eqs. 5 to 8, n's gate outside its product):

        r = σ(a_r + b_r)
        z = σ(a_z + b_z)
        n = tanh(a_n + r ⊙ b_n)
        h_t = (1 − z) ⊙ n + z ⊙ h
    """
    (a_r, a_z, a_n), (b_r, b_z, b_n) = chunk(a, 3, -1), chunk(b, 3, -1)
    r = sigmoid(a_r + b_r)
    z = sigmoid(a_z + b_z)
    n = tanh(a_n + r * b_n)
    return (1 - z) * n + z * h


def lstm_step(a, b, state):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; its forget gate: Gers et al. 2000):

        i, f, o = σ(a_i + b_i), σ(a_f + b_f), σ(a_o + b_o)
        g = tanh(a_g + b_g)
        c_t = f ⊙ c + i ⊙ g
        h_t = o ⊙ tanh(c_t)
    """
    _, c = state
    i, f, g, o = chunk(a + b, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


class Cell(Module):
    """What the three cells share: h_t from x_t and h_{t−1}."""

    gates = 1

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = self.gates * hidden_size
        for name, shape in {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size),
                            "bias_ih": (rows,), "bias_hh": (rows,)}.items():  # fmt: skip
            made = bias or name.startswith("weight")
            parameter = Parameter(empty(*shape, device=device, dtype=dtype)) if made else None
            setattr(self, name, parameter)
        self.reset_parameters()

    @no_grad()
    def reset_parameters(self):
        """Draw the parameters anew."""
        bound = 1 / math.sqrt(max(self.hidden_size, 1))
        for p in self.parameters():
            p.uniform_(-bound, bound)

    def sums(self, input, h):
        """a = W_x x_t + b_x and b = W_h h + b_h, of inputs and states that fit."""
        name = type(self).__name__
        tensors(name, input=input, hx=h)
        for what, x, n in (("input", input, self.input_size), ("hx", h, self.hidden_size)):
            if x.ndim not in (1, 2) or x.shape[-1] != n or x.shape[:-1] != input.shape[:-1]:
                raise ShapeError(
                    f"{name}: {what} has shape {x.shape}, expected {(*input.shape[:-1][:1], n)}: "
                    f"(N, input_size) and (N, hidden_size), or both without N."
                )
        return (F.linear(input, self.weight_ih, self.bias_ih),
                F.linear(h, self.weight_hh, self.bias_hh))  # fmt: skip

    def first(self, input):
        """The state 0 of an input."""
        shape = (*input.shape[:-1], self.hidden_size)
        return zeros(shape, dtype=input.dtype, device=input.device)

    def extra_repr(self):
        """The options."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(Cell):
    """One step of `RNN`: h_t = tanh(W_x x_t + b_x + W_h h_{t−1} + b_h).

    Parameters
    ----------
    input_size, hidden_size : D, H
    bias : whether there are b_x and b_h
    nonlinearity : "tanh" or "relu"
    device, dtype : of the parameters

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh : W_x (H, D), W_h (H, H), b_x and b_h (H), gate
        upon gate; all start as U(−1/√H, 1/√H)
    """

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None,
                 dtype=None):  # fmt: skip
        self.nonlinearity = check_nonlinearity(nonlinearity)
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def forward(self, input, hx=None):
        """(N, D) and (N, H), 0 where None → (N, H)."""
        h = self.first(input) if hx is None else hx
        return rnn_step(*self.sums(input, h), h, self.nonlinearity)


class GRUCell(Cell):
    """One step of `GRU`, whose equations these are: h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}.

    Parameters
    ----------
    input_size, hidden_size : D, H
    bias : whether there are b_x and b_h
    device, dtype : of the parameters

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh : W_x (3H, D), W_h (3H, H), b_x and b_h (3H), gate
        upon gate; all start as U(−1/√H, 1/√H)
    """

    gates = 3

    def forward(self, input, hx=None):
        """(N, D) and (N, H), 0 where None → (N, H)."""
        h = self.first(input) if hx is None else hx
        return gru_step(*self.sums(input, h), h)


class LSTMCell(Cell):
    """One step of `LSTM`, whose equations these are: h_t = o ⊙ tanh(c_t).

    Parameters
    ----------
    input_size, hidden_size : D, H
    bias : whether there are b_x and b_h
    device, dtype : of the parameters

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh : W_x (4H, D), W_h (4H, H), b_x and b_h (4H), gate
        upon gate; all start as U(−1/√H, 1/√H)
    """

    gates = 4

    def forward(self, input, hx=None):
        """(N, D) and a pair of (N, H), 0 where None → (h_t, c_t)."""
        if hx is not None:
            check_pair("LSTMCell", hx)
        h, c = (self.first(input),) * 2 if hx is None else hx
        return lstm_step(*self.sums(input, h), (h, c))


def check_nonlinearity(name):
    """The name, if there is such a nonlinearity."""
    if name not in ("tanh", "relu"):
        raise ValueError(f'nonlinearity must be "tanh" or "relu", got {name!r}.')
    return name


def check_pair(name, hx):
    """Raise unless the state is a pair."""
    if not (isinstance(hx, (tuple, list)) and len(hx) == 2):
        raise TypeError(
            f"{name}: the state is a pair (h, c), got {type(hx).__name__}: pass (h, c), or None."
        )
