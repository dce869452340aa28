"""Stochastic gradient descent, plain, with momentum, and Nesterov's."""

import numpy as np

from ..kernels import step_down
from ..workspace import SMALL, empty
from .groups import check_not_negative
from .optimizer import Optimizer, pieces, remembered


class SGD(Optimizer):
    """Gradient descent: a step against the gradient, with a memory of the steps before.

        g ← g + λθ                          weight decay λ
        v ← μv + (1 − τ)g                   momentum μ, dampening τ (v ← g at the first step)
        g ← v,  or  g + μv  with Nesterov's momentum
        θ ← θ − lr·g

    Parameters
    ----------
    params : iterable of Tensors, or of dicts with "params" and options of their own
    lr : learning rate
    momentum : μ; 0 leaves out the second and third line
    dampening : τ
    weight_decay : λ
    nesterov : look one step of momentum ahead
    maximize : climb (g ← −g) instead of descending

    Raises
    ------
    ValueError
        If an option is negative, or `nesterov` goes without momentum or with dampening; see
        `Optimizer` for the rest.

    Examples
    --------
    >>> import minixattn as mx
    >>> x = mx.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mx.optim.SGD([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x
    tensor([0.8000, 1.6000], requires_grad=True)

    References
    ----------
    Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep
    learning", 2013, eqs. 1-4. As in PyTorch, v is a sum of gradients here and lr multiplies it
    when it is used; in the paper v is a sum of steps.
    """

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False,
                 *, maximize=False):  # fmt: skip
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize,
        })  # fmt: skip

    def check(self, group):
        check_not_negative(group, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError(
                f"Nesterov's momentum needs a momentum above 0 and no dampening, got "
                f"momentum={group['momentum']}, dampening={group['dampening']}."
            )

    def update(self, theta, g, state, group):
        lr, mu, tau = group["lr"], group["momentum"], group["dampening"]
        decay = group["weight_decay"]
        v = None
        if mu:
            tau = tau if state.get("momentum_buffer") is not None else 0
            v = remembered(state, "momentum_buffer", theta)
        for theta, g, v in pieces(theta, g, v):
            if group["maximize"]:
                g = -g
            if decay:
                g = g + decay * theta
            if mu:
                v *= mu
                v += (1 - tau) * g
                g = g + mu * v if group["nesterov"] else v
            descend(theta, g, lr)


def descend(theta, g, lr):
    """θ ← θ − lr g."""
    if type(theta) is np.ndarray or theta.dtype != g.dtype:
        theta -= np.multiply(g, lr, out=None if g.nbytes < SMALL else empty(g.shape, g))
    else:
        step_down(theta, g, lr)
