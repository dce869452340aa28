"""Who takes part. To add one: a class with `step()` and `gradients()`, and a line in PEERS.

    class Mine:
        def __init__(self, size, dtype): ...    # load work.problem(size, dtype)
        def step(self): ...                     # forward, backward, update, finished on return
        def gradients(self): ...                # {"W_Q": array, …, "x": array, "y": array}

Each peer is built in a process of its own, so that a library is imported only there.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import peers_others as others
from .limit import limit
from .work import BIASES, PARAMETERS, RATE, THREADS, WEIGHTS, problem


class TooMuch(Exception):
    """This peer cannot do this size in reasonable time or memory."""


# minixattn ---------------------------------------------------------------------------------------


class Cross:
    """`nn.CrossAttention`, `loss.backward()`, `optim.SGD`."""

    options = {}

    def __init__(self, size, dtype):
        import minixattn as mx

        p, x, y = problem(size, dtype)
        self.x, self.y = (mx.tensor(a, requires_grad=True) for a in (x, y))
        self.layer = self.build(mx, size, {n: mx.tensor(a) for n, a in p.items()}).to(x.dtype)
        self.optimizer = mx.optim.SGD(self.layer.parameters(), lr=RATE)

    def build(self, mx, size, p):
        layer = mx.nn.CrossAttention(size.E, num_heads=size.h).to(p["b_O"].dtype)
        weights = {f"{n}.weight": p[n] for n in WEIGHTS}
        biases = {f"W_{n[-1]}.bias": p[n] for n in BIASES}
        layer.load_state_dict(weights | biases)
        return layer

    def forward(self):
        return self.layer(self.x, self.y, **self.options)[0]

    def step(self):
        self.optimizer.zero_grad()
        self.x.grad = self.y.grad = None
        (self.forward() ** 2).sum().backward()
        self.optimizer.step()

    def gradients(self):
        layer = self.layer
        found = {n: getattr(layer, n).weight.grad for n in WEIGHTS}
        found |= {n: getattr(layer, f"W_{n[-1]}").bias.grad for n in BIASES}
        return {n: g.numpy() for n, g in (found | {"x": self.x.grad, "y": self.y.grad}).items()}


class CrossLean(Cross):
    """The same, the attention weights not asked for."""

    options = {"need_weights": False}


class Readable(Cross):
    """The equation step by step, each operation recorded by itself: what the layer is read as."""

    def forward(self):
        from minixattn.nn.attention import merge_heads, split_heads

        layer = self.layer
        Q, K, V = (
            split_heads(W(a), layer.num_heads)
            for W, a in ((layer.W_Q, self.x), (layer.W_K, self.y), (layer.W_V, self.y))
        )
        A = (Q @ K.transpose(-2, -1) * layer.scale).softmax(-1)
        return layer.W_O(merge_heads(A @ V))


class Multihead(Cross):
    """`nn.MultiheadAttention`, each head's weights returned."""

    options = {"need_weights": True, "average_attn_weights": False}

    def build(self, mx, size, p):
        layer = mx.nn.MultiheadAttention(size.E, size.h, batch_first=True).to(p["b_O"].dtype)
        layer.load_state_dict(
            {
                "in_proj_weight": mx.cat([p[n] for n in WEIGHTS[:3]]),
                "in_proj_bias": mx.cat([p[n] for n in BIASES[:3]]),
                "out_proj.weight": p["W_O"],
                "out_proj.bias": p["b_O"],
            }
        )
        return layer

    def forward(self):
        return self.layer(self.x, self.y, self.y, **self.options)[0]

    def gradients(self):
        layer = self.layer
        W, b = (a.grad.numpy() for a in (layer.in_proj_weight, layer.in_proj_bias))
        found = (*np.split(W, 3), layer.out_proj.weight.grad.numpy(),
                 *np.split(b, 3), layer.out_proj.bias.grad.numpy())  # fmt: skip
        return dict(zip(PARAMETERS, found)) | {"x": self.x.grad.numpy(), "y": self.y.grad.numpy()}


class MultiheadLean(Multihead):
    """The same, the attention weights not asked for."""

    options = {"need_weights": False}


# PyTorch -----------------------------------------------------------------------------------------


class TorchMultihead(Multihead):
    """PyTorch's `nn.MultiheadAttention`, eager: the same lines with another import."""

    def __init__(self, size, dtype):
        import torch

        torch.set_num_threads(THREADS)
        p, x, y = problem(size, dtype)
        self.x, self.y = (torch.tensor(a, requires_grad=True) for a in (x, y))
        self.layer = self.build(torch, size, {n: torch.tensor(a) for n, a in p.items()})
        self.optimizer = torch.optim.SGD(self.layer.parameters(), lr=RATE)


class TorchMultiheadLean(TorchMultihead):
    """The same, the attention weights not asked for."""

    options = {"need_weights": False}


class TorchSDPA:
    """PyTorch's fused `scaled_dot_product_attention` between linear projections; no weights."""

    def __init__(self, size, dtype):
        import torch

        torch.set_num_threads(THREADS)
        self.F, self.size = torch.nn.functional, size
        p, x, y = problem(size, dtype)
        tensors = p | {"x": x, "y": y}
        self.at = {n: torch.tensor(a, requires_grad=True) for n, a in tensors.items()}
        self.optimizer = torch.optim.SGD([self.at[n] for n in PARAMETERS], lr=RATE)

    def step(self):
        F, at, (_, _, _, _, h) = self.F, self.at, self.size
        self.optimizer.zero_grad()
        at["x"].grad = at["y"].grad = None
        q, k, v = (
            F.linear(at[a], at[f"W_{n}"], at[f"b_{n}"]).unflatten(-1, (h, -1)).transpose(1, 2)
            for a, n in (("x", "Q"), ("y", "K"), ("y", "V"))
        )
        heads = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        out = F.linear(heads, at["W_O"], at["b_O"])
        (out**2).sum().backward()
        self.optimizer.step()

    def gradients(self):
        return {n: a.grad.numpy() for n, a in self.at.items()}


# The table ---------------------------------------------------------------------------------------


class Peer(NamedTuple):
    """What a peer is called in the tables, how it is made, and how many scores it can hold."""

    label: str
    build: Callable
    most_scores: float = 1e12


PEERS = {
    "cross": Peer("minixattn CrossAttention", Cross, 2e8),
    "cross-lean": Peer("minixattn Cross…, no weights", CrossLean),
    "multihead": Peer("minixattn MultiheadAttention", Multihead, 2e8),
    "multihead-lean": Peer("minixattn Multi…, no weights", MultiheadLean),
    "readable": Peer("minixattn, step by step", Readable, 5e8),
    "limit": Peer("NumPy by hand", limit),
    "torch-mha": Peer("torch MultiheadAttention", TorchMultihead, 5e8),
    "torch-mha-lean": Peer("torch Multi…, no weights", TorchMultiheadLean),
    "torch-sdpa": Peer("torch SDPA, no weights", TorchSDPA),
    "jax": Peer("jax.jit", others.Jax, 1e8),
    "autograd": Peer("HIPS autograd", others.Autograd, 1e8),
    "mygrad": Peer("mygrad", others.MyGrad, 1e8),
    "tinygrad": Peer("tinygrad, TinyJit", others.TinyGrad, 1e7),
    "dezero": Peer("DeZero", others.DeZero, 1e6),
}


def build(name, size, dtype="float32"):
    """The peer called `name`, ready for its first step.

    Raises
    ------
    TooMuch
        Where the size is beyond what this peer does in reasonable time and memory.
    ImportError
        Where its library is not installed.
    """
    peer = PEERS[name]
    if size.scores > peer.most_scores:
        raise TooMuch(f"{size.scores:.1g} scores are too many for it")
    return peer.build(size, dtype)
