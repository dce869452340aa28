"""What several test files need."""

import numpy as np

import minixattn as mx


def values(t):
    """A tensor's values as a NumPy array, wherever it lives and whatever its history."""
    return t.detach().cpu().numpy()


def leaf(array, device="cpu", dtype=None):
    """A float64 tensor on `device` that wants a gradient (another `dtype` where given)."""
    array = np.asarray(array, dtype or np.float64)
    return mx.tensor(array, device=device, requires_grad=True)


def weighted(y):
    """Σ wᵢ yᵢ with fixed unequal weights: a number whose gradient sees every element of y."""
    w = np.cos(np.arange(y.numel(), dtype=np.float64)).reshape(y.shape) + 1.5
    return (y * mx.tensor(w, device=y.device).to(y.dtype)).sum()


def assert_close(t, expected, rtol=1e-12, atol=1e-12):
    """Same shape, same numbers, for a tensor (or array) and what NumPy says."""
    t = values(t) if isinstance(t, mx.Tensor) else np.asarray(t)
    expected = values(expected) if isinstance(expected, mx.Tensor) else np.asarray(expected)
    assert t.shape == expected.shape
    np.testing.assert_allclose(t, expected, rtol=rtol, atol=atol)
