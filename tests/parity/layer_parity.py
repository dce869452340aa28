"""A layer against its paper's equation, written once more with PyTorch's operations.

The re-statement is a function of a dict of parameters (under our names) and the inputs. Outputs,
weights, and the gradients of every input and parameter must agree.
"""

import numpy as np
import torch
from compare import array, normal

import minixattn as mx

TOLERANCE = 1e-10


def flat(outputs):
    """The tensors of nested tuples, in order."""
    if not isinstance(outputs, (tuple, list)):
        return [outputs]
    return [t for part in outputs for t in flat(part)]


def fill(layer, seed=50):
    """Normal numbers in float64 for every parameter, so that none is at a special value."""
    layer.to(mx.float64).zero_grad()
    with mx.no_grad():
        for i, p in enumerate(layer.parameters()):
            p.copy_(mx.tensor(normal(*p.shape, seed=seed + i) * 0.7))
    return layer


def inputs(*shapes):
    """(ours, PyTorch's) leaves of the same normal numbers."""
    arrays = [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    return (
        [mx.tensor(a, requires_grad=True) for a in arrays],
        [torch.tensor(a, requires_grad=True) for a in arrays],
    )


def close(ours, theirs, what, tolerance=TOLERANCE):
    """Same shape and numbers; no gradient counts as zeros."""
    a, b = (None if t is None else array(t) for t in (ours, theirs))
    a, b = (np.zeros_like(b) if a is None else a), (np.zeros_like(a) if b is None else b)
    assert a.shape == b.shape, f"{what}: shape {a.shape}, PyTorch {b.shape}"
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=what)


def agree(layer, restated, *shapes, tolerance=TOLERANCE, **options):
    """Compare `layer(*inputs, **options)` with `restated(parameters, *inputs)` in float64."""
    fill(layer)
    mine, its = inputs(*shapes)
    parameters = {
        name: torch.tensor(array(p), requires_grad=True) for name, p in layer.named_parameters()
    }
    compare(flat(layer(*mine, **options)), flat(restated(parameters, *its)), mine, its, tolerance)
    for name, p in layer.named_parameters():
        close(p.grad, parameters[name].grad, f"gradient of {name}", 10 * tolerance)


def compare(ours, theirs, mine, its, tolerance=TOLERANCE):
    """Results and, weighted with numbers of their own, the gradients of the inputs."""
    assert len(ours) == len(theirs)
    for i, (a, b) in enumerate(zip(ours, theirs)):
        close(a, b, f"result {i}", tolerance)
    factors = [normal(*a.shape, seed=20 + i) for i, a in enumerate(ours)]
    sum((a * mx.tensor(g)).sum() for a, g in zip(ours, factors)).backward()
    sum((b * torch.tensor(g)).sum() for b, g in zip(theirs, factors)).backward()
    for i, (a, b) in enumerate(zip(mine, its)):
        close(a.grad, b.grad, f"gradient of input {i}", 10 * tolerance)


def attention(p, prefix, h, x, keys, values=None, keep=None):
    """Multi-head attention as einsum over heads: (output, weights)."""

    def project(name, t):
        t = t @ p[f"{prefix}W_{name}.weight"].T + p.get(f"{prefix}W_{name}.bias", 0)
        return t if name == "O" else t.unflatten(-1, (h, -1))

    Q, K, V = project("Q", x), project("K", keys), project("V", keys if values is None else values)
    scores = torch.einsum("blhd,bshd->bhls", Q, K) / Q.shape[-1] ** 0.5
    if keep is not None:
        scores = scores.masked_fill(~torch.as_tensor(keep), float("-inf"))
    weights = scores.softmax(-1)
    return project("O", torch.einsum("bhls,bshd->blhd", weights, V).flatten(-2)), weights
