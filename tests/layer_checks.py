"""What every layer must do, whatever its equation: derivatives, precisions, traces, one sample."""

import numpy as np
import pytest
from helpers import assert_close, values

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck


def flat(outputs):
    """The tensors of nested tuples, in order."""
    if isinstance(outputs, mx.Tensor):
        return [outputs]
    return [t for part in outputs for t in flat(part)]


def check_derivatives(layer, *inputs, parameters=None, **options):
    """First and second derivatives by central differences, for all inputs and the parameters.

    `parameters` names some of them; all where None.
    """
    held = dict(layer.named_parameters())
    names = list(held) if parameters is None else parameters
    start = [held[name].detach().clone().requires_grad_() for name in names]
    n = len(inputs)

    def run(*tensors):
        for name, p in zip(names, tensors[n:]):
            *path, last = name.split(".")
            part = layer
            for step in path:
                part = getattr(part, step)
            setattr(part, last, p)
        return tuple(flat(layer(*tensors[:n], **options)))

    gradcheck(run, (*inputs, *start))
    gradgradcheck(run, (*inputs, *start))


def check_precisions(layer, *inputs):
    """float16, float32 and float64 in, the same out, near the float64 result, no graph kept."""
    exact = [values(t) for t in flat(layer.to(mx.float64)(*inputs))]
    for dtype, tolerance in ((mx.float64, 0), (mx.float32, 1e-5), (mx.float16, 3e-2)):
        layer.to(dtype)
        with mx.no_grad():
            results = flat(layer(*(x.detach().to(dtype) for x in inputs)))
        for t, expected in zip(results, exact):
            assert t.dtype == dtype and not t.requires_grad
            np.testing.assert_allclose(values(t), expected, rtol=tolerance, atol=tolerance)
    layer.to(mx.float64)


def check_one_sample(layer, *inputs):
    """Without the batch dimension the result is the batch's first."""
    for one, many in zip(flat(layer(*(x[0] for x in inputs))), flat(layer(*inputs))):
        assert_close(one, many[0])


def check_trace(layer, *inputs, **options):
    """Every step has its equation and shape and comes out again bit for bit."""
    with mx.trace() as t:
        outputs = flat(layer(*inputs, **options))
    name = f"{type(layer).__name__} 1"
    steps = t.layers[name]
    for step in steps:
        latex, dims = layer.equations[step.symbol]
        assert latex and (dims.count(",") + 1 == step.value.ndim or "…" in dims), step
        assert (values(mx.tensor(step.recompute())) == values(step.value)).all(), step
    recorded = [id(s.value) for s in t.steps]
    assert id(outputs[0]) in recorded
    assert layer.equation and layer.equation in repr(layer)
    return t


def check_stream_names(layer, x, c):
    """Streams of another width are named, with both widths and the option that would help."""
    x, c = (mx.ones(*t.shape, dtype=mx.float64) for t in (x, c))
    D_q, D_c = x.shape[-1], c.shape[-1]
    message = rf"query has shape .*{D_c}\): expected .*{D_q}\).*query_dim={D_q}.*query_dim={D_c}"
    with pytest.raises(mx.ShapeError, match=message):
        layer(c, c)
    message = rf"context has shape .*{D_q}\).*context_dim={D_c}.*context_dim={D_q} to take"
    with pytest.raises(mx.ShapeError, match=message):
        layer(x, x)
    with pytest.raises(mx.ShapeError, match="the same batch"):
        layer(x, c[:1])


def projected(linear, a):
    """x Wᵀ + b in NumPy."""
    return a @ values(linear.weight).T + (0 if linear.bias is None else values(linear.bias))


def attended(layer, x, keys, values_of=None, keep=True, slots=None):
    """Multi-head attention in NumPy, head by head: (output, weights).

    `values_of` is the stream of the values, `slots` further (keys, values) of each head.
    """
    values_of = keys if values_of is None else values_of
    Q, K, V = projected(layer.W_Q, x), projected(layer.W_K, keys), projected(layer.W_V, values_of)
    outputs, weights = [], []
    for i in range(layer.num_heads):
        q, k, v = (part(t, i, layer.num_heads) for t in (Q, K, V))
        e = np.exp(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])) * keep
        if slots is not None:
            more_k, more_v = (values(t)[i] for t in slots)
            e = np.concatenate([e, np.exp(q @ more_k.T / np.sqrt(q.shape[-1]))], -1)
            v = np.concatenate([v, np.broadcast_to(more_v, (len(v), *more_v.shape))], -2)
        weights.append(e / e.sum(-1, keepdims=True))
        outputs.append(weights[-1] @ v)
    return projected(layer.W_O, np.concatenate(outputs, -1)), np.stack(weights, 1)


def part(t, i, h):
    """The columns of head i of h."""
    d = t.shape[-1] // h
    return t[..., i * d : (i + 1) * d]
