"""Adam, and AdamW with its weight decay apart from the gradient."""

import math

import numpy as np

from .. import dtypes
from ..engine import constant
from ..workspace import empty
from .groups import check_not_negative
from .optimizer import Optimizer, pieces, remembered


class Adam(Optimizer):
    """Steps of a size that adapts to each parameter: its mean gradient over its typical size.

        g ← g + λθ                              weight decay λ (part of the gradient)
        m ← β₁m + (1 − β₁)g                     mean of the gradients
        v ← β₂v + (1 − β₂)g²                    mean of their squares
        m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)   both began at 0; this corrects for it
        θ ← θ − lr·m̂ / (√v̂ + ε)

    Parameters
    ----------
    params : iterable of Tensors, or of dicts with "params" and options of their own
    lr : learning rate
    betas : (β₁, β₂), each in [0, 1)
    eps : ε
    weight_decay : λ
    amsgrad : divide by the largest v so far instead of the present one
    maximize : climb (g ← −g) instead of descending

    Raises
    ------
    ValueError
        If an option is negative or a beta outside [0, 1); see `Optimizer` for the rest.

    References
    ----------
    Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, Algorithm 1.
    Reddi, Kale, Kumar, "On the Convergence of Adam and Beyond", 2018, Algorithm 2 (amsgrad).
    """

    remembers = ("step", "exp_avg", "exp_avg_sq")
    elementwise = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0,
                 amsgrad=False, *, maximize=False):  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize,
        })  # fmt: skip

    def check(self, group):
        check_not_negative(group, "lr", "eps", "weight_decay")
        if not isinstance(group["betas"], (tuple, list)) or len(group["betas"]) != 2:
            raise ValueError(f"betas must be a pair of numbers, got {group['betas']!r}.")
        for i, beta in enumerate(group["betas"]):
            if not 0 <= beta < 1:
                raise ValueError(f"betas[{i}] must be at least 0 and below 1, got {beta!r}.")

    def update(self, theta, g, state, group):
        decay = group["weight_decay"]
        t, *averages = counted(theta, state, group)
        for theta, g, *averages in pieces(theta, g, *averages):
            if group["maximize"]:
                g = -g
            if decay:
                g = g + decay * theta
            theta -= descent(g, *averages, t, group)


class AdamW(Adam):
    """Adam with decoupled weight decay: parameters shrink by themselves, whatever their gradient.

        θ ← θ − lr·λθ
        θ ← θ − lr·m̂ / (√v̂ + ε)                 with Adam's m̂ and v̂ of the bare gradient

    Parameters and errors are those of `Adam`.

    References
    ----------
    Loshchilov, Hutter, "Decoupled Weight Decay Regularization", 2019, Algorithm 2 (with lr in
    front of λ too, as in PyTorch).
    """

    elementwise = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2,
                 amsgrad=False, *, maximize=False):  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def update(self, theta, g, state, group):
        lr, decay = group["lr"], group["weight_decay"]
        t, *averages = counted(theta, state, group)
        for theta, g, *averages in pieces(theta, g, *averages):
            if group["maximize"]:
                g = -g
            if decay:
                theta *= 1 - lr * decay
            theta -= descent(g, *averages, t, group)


def counted(theta, state, group):
    """(t, m, v, largest v or None) of one parameter, at the beginning of its step t."""
    if "step" not in state:
        state["step"] = constant(np.zeros((), dtypes.float32))  # a tensor, as in PyTorch
    state["step"].array += 1
    m, v = (remembered(state, name, theta) for name in ("exp_avg", "exp_avg_sq"))
    v_max = remembered(state, "max_exp_avg_sq", theta) if group["amsgrad"] else None
    return int(state["step"].array), m, v, v_max


def descent(g, m, v, v_max, t, group):
    """lr·m̂ / (√v̂ + ε) after m and v have taken in the gradient g, with one array to work in."""
    beta1, beta2 = group["betas"]
    work = empty(m.shape, m)
    np.multiply(g, 1 - beta1, out=work)
    m *= beta1
    m += work
    np.multiply(g, g, out=work)
    work *= 1 - beta2
    v *= beta2
    v += work
    if group["amsgrad"]:
        np.maximum(v_max, v, out=v_max)
        v = v_max
    np.sqrt(v, out=work)
    work /= math.sqrt(1 - beta2**t)  # √v̂
    work += group["eps"]
    np.divide(m, work, out=work)
    work *= group["lr"] / (1 - beta1**t)
    return work
