"""Recurrent layers: what attention was invented for, and then did without.

A layer runs its cell (`recurrent_cells.py` has the equations) over a sequence, layer upon layer.
Names, shapes and initial values are PyTorch's.
"""

import math

from ..creation import empty, zeros
from ..engine import no_grad
from ..errors import ShapeError
from ..ops.shape import cat, flip, stack
from . import functional as F
from .functional.checks import tensors
from .module import Module
from .parameter import Parameter
from .recurrent_cells import check_nonlinearity, check_pair, gru_step, lstm_step, rnn_step


class Recurrent(Module):
    """What the three layers share: the loops over time, directions and layers."""

    gates = 1

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
                 dropout=0.0, bidirectional=False, device=None, dtype=None):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional = bidirectional
        below = input_size
        for suffixes in self.suffixes():
            for suffix in suffixes:
                shapes = {"weight_ih": (self.gates * hidden_size, below),
                          "weight_hh": (self.gates * hidden_size, hidden_size)}  # fmt: skip
                if bias:
                    shapes |= dict.fromkeys(("bias_ih", "bias_hh"), (self.gates * hidden_size,))
                for name, shape in shapes.items():
                    parameter = Parameter(empty(*shape, device=device, dtype=dtype))
                    setattr(self, name + suffix, parameter)
            below = hidden_size * len(suffixes)
        self.reset_parameters()

    def suffixes(self):
        """The endings of the parameters' names, one list a layer."""
        directions = ("", "_reverse") if self.bidirectional else ("",)
        return [[f"_l{n}{end}" for end in directions] for n in range(self.num_layers)]

    @no_grad()
    def reset_parameters(self):
        """Draw the parameters anew."""
        bound = 1 / math.sqrt(max(self.hidden_size, 1))
        for p in self.parameters():
            p.uniform_(-bound, bound)

    def step(self, a, b, h):
        """h_t of a = W_x x_t + b_x, b = W_h h + b_h and h."""
        raise NotImplementedError

    def forward(self, input, hx=None):
        """The states at all times, and the last ones.

        Parameters
        ----------
        input : (L, N, D), or (N, L, D) if batch_first; (L, D) for a single sequence
        hx : the first states, (layers·directions, N, H); 0 where None. A pair (h, c) for `LSTM`

        Returns
        -------
        output : (L, N, directions·H) of the last layer, or as `batch_first` says
        h_n : the last states, like `hx`
        """
        name = type(self).__name__
        tensors(name, input=input)
        single = input.ndim == 2
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            shape = "(N, L, D)" if self.batch_first else "(L, N, D)"
            raise ShapeError(
                f"{name}: the input has shape {input.shape}, expected {shape} or (L, D) with "
                f"D = input_size = {self.input_size}."
            )
        x = input.unsqueeze(1) if single else input.transpose(0, 1) if self.batch_first else input
        starts, ends = self.starts(hx, x, single), []
        for n, suffixes in enumerate(self.suffixes()):
            if n and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for suffix in suffixes:
                output, last = self.run(x, starts[len(ends)], suffix)
                outputs.append(output)
                ends.append(last)
            x = outputs[0] if len(outputs) == 1 else cat(outputs, -1)
        output = x.squeeze(1) if single else x.transpose(0, 1) if self.batch_first else x
        return output, self.joined(ends, single)

    def run(self, x, h, suffix):
        """One direction of one layer over x (L, N, D), from the state h."""
        backwards = suffix.endswith("_reverse")
        W_x, W_h, b_x, b_h = (
            getattr(self, name + suffix, None)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        states = []
        for a in F.linear(flip(x, 0) if backwards else x, W_x, b_x):
            h = self.step(a, F.linear(visible(h), W_h, b_h), h)
            states.append(visible(h))
        output = stack(states)
        return (flip(output, 0) if backwards else output), h

    def starts(self, hx, x, single):
        """The first state of every layer and direction."""
        count = sum(map(len, self.suffixes()))
        expected = (count, x.shape[1], self.hidden_size)
        if hx is None:
            return list(zeros(expected, dtype=x.dtype, device=x.device))
        return list(checked(self, "hx", hx, expected, single))

    def joined(self, ends, single):
        """The last states as one tensor."""
        h = stack(ends)
        return h.squeeze(1) if single else h

    def extra_repr(self):
        """The options."""
        options = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
                   "bidirectional": False}  # fmt: skip
        given = [f"{k}={getattr(self, k)}" for k, d in options.items() if getattr(self, k) != d]
        return ", ".join([str(self.input_size), str(self.hidden_size), *given])


def visible(state):
    """The part of a state that the next layer sees: h, of an LSTM's pair (h, c)."""
    return state[0] if isinstance(state, tuple) else state


def checked(layer, name, h, expected, single):
    """First states as (layers·directions, N, H), if they fit."""
    tensors(type(layer).__name__, **{name: h})
    h = h.unsqueeze(1) if single and h.ndim == 2 else h
    if h.shape != expected:
        raise ShapeError(
            f"{type(layer).__name__}: {name} has shape {h.shape}, expected {expected}: "
            f"(layers·directions, N, hidden_size)."
        )
    return h


class RNN(Recurrent):
    """Elman's recurrent layer: the state is a function of the input and of the state before.

        h_t = tanh(W_x x_t + b_x + W_h h_{t−1} + b_h)

    Parameters
    ----------
    input_size, hidden_size : D, H
    num_layers : each takes the output of the one below
    nonlinearity : "tanh" or "relu"
    bias : whether there are b_x and b_h
    batch_first : sequences are (N, L, D) instead of (L, N, D)
    dropout : probability, between layers, in training
    bidirectional : a second cell reads from the end; outputs are (…, 2H)
    device, dtype : of the parameters

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 : W_x (H, D), W_h (H, H), b_x and b_h
        (H), gate upon gate; l1, … for the layers above, "_reverse" for the other direction. All
        start as U(−1/√H, 1/√H)

    Examples
    --------
    >>> import minixattn as mx
    >>> output, h_n = mx.nn.RNN(3, 4)(mx.randn(5, 2, 3))
    >>> output.shape, h_n.shape
    ((5, 2, 4), (1, 2, 4))

    References
    ----------
    Elman, "Finding Structure in Time" (1990).
    """

    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True,
                 batch_first=False, dropout=0.0, bidirectional=False, device=None,
                 dtype=None):  # fmt: skip
        self.nonlinearity = check_nonlinearity(nonlinearity)
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional, device, dtype)  # fmt: skip

    def step(self, a, b, h):
        return rnn_step(a, b, h, self.nonlinearity)


class GRU(Recurrent):
    """The gated recurrent unit, whose states were the first context of attention.

        r = σ(W_xr x_t + b_xr + W_hr h + b_hr)            reset: how much of h the candidate sees
        z = σ(W_xz x_t + b_xz + W_hz h + b_hz)            update: how much of h stays
        n = tanh(W_xn x_t + b_xn + r ⊙ (W_hn h + b_hn))   the candidate
        h_t = (1 − z) ⊙ n + z ⊙ h                         for h = h_{t−1}

    Parameters
    ----------
    input_size, hidden_size : D, H
    num_layers : each takes the output of the one below
    bias : whether there are b_x and b_h
    batch_first : sequences are (N, L, D) instead of (L, N, D)
    dropout : probability, between layers, in training
    bidirectional : a second cell reads from the end; outputs are (…, 2H)
    device, dtype : of the parameters

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 : W_x (3H, D), W_h (3H, H), b_x and b_h
        (3H), gate upon gate; l1, … for the layers above, "_reverse" for the other direction. All
        start as U(−1/√H, 1/√H)

    Examples
    --------
    >>> import minixattn as mx
    >>> output, h_n = mx.nn.GRU(3, 4)(mx.randn(5, 2, 3))
    >>> output.shape, h_n.shape
    ((5, 2, 4), (1, 2, 4))

    References
    ----------
    Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014), eqs. 5 to 8; as
    in PyTorch, r is applied after the product with W_hn instead of before it.
    """

    gates = 3

    def step(self, a, b, h):
        return gru_step(a, b, h)


class LSTM(Recurrent):
    """Long short-term memory: a second state c that is only added to and faded.

        i = σ(W_xi x_t + b_xi + W_hi h + b_hi)            input gate
        f = σ(W_xf x_t + b_xf + W_hf h + b_hf)            forget gate
        g = tanh(W_xg x_t + b_xg + W_hg h + b_hg)         the candidate
        o = σ(W_xo x_t + b_xo + W_ho h + b_ho)            output gate
        c_t = f ⊙ c_{t−1} + i ⊙ g
        h_t = o ⊙ tanh(c_t)                               for h = h_{t−1}

    States are pairs (h, c): `output, (h_n, c_n) = lstm(input, (h_0, c_0))`.

    Parameters
    ----------
    input_size, hidden_size : D, H
    num_layers : each takes the output of the one below
    bias : whether there are b_x and b_h
    batch_first : sequences are (N, L, D) instead of (L, N, D)
    dropout : probability, between layers, in training
    bidirectional : a second cell reads from the end; outputs are (…, 2H)
    device, dtype : of the parameters

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 : W_x (4H, D), W_h (4H, H), b_x and b_h
        (4H), gate upon gate; l1, … for the layers above, "_reverse" for the other direction. All
        start as U(−1/√H, 1/√H)

    Examples
    --------
    >>> import minixattn as mx
    >>> output, (h_n, c_n) = mx.nn.LSTM(3, 4)(mx.randn(5, 2, 3))
    >>> output.shape, h_n.shape
    ((5, 2, 4), (1, 2, 4))

    References
    ----------
    Hochreiter & Schmidhuber, "Long Short-Term Memory" (1997); Gers et al., "Learning to Forget"
    (2000) for f.
    """

    gates = 4

    def step(self, a, b, h):
        return lstm_step(a, b, h)

    def starts(self, hx, x, single):
        if hx is None:
            return [(h, h) for h in super().starts(None, x, single)]
        check_pair("LSTM", hx)
        return list(zip(*(super(LSTM, self).starts(h, x, single) for h in hx)))

    def joined(self, ends, single):
        return tuple(super(LSTM, self).joined(states, single) for states in zip(*ends))
