"""What the captures of PyTorch models are compared with, and by."""

import importlib.util

import numpy as np
import pytest
import torch

from minixattn.plot.capture import capture

B, L, S, E, H = 2, 3, 5, 8, 2


def needs(package):
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"needs {package}")


def close(ours, theirs, tolerance=1e-12):
    assert ours.shape == tuple(theirs.shape)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=tolerance)


def state(model):
    """Everything a model holds: attributes, hooks, weights, its configs and PyTorch's switch."""
    found = {"fastpath": torch.backends.mha.get_fastpath_enabled()}
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            held = list(value) if isinstance(value, dict) and "hook" in key else repr(value)
            found[name, key] = (type(module).__name__, held)
        if hasattr(module, "config"):
            found[name, "config"] = repr(sorted(vars(module.config).items(), key=str))
    for name, x in model.state_dict().items():
        found["weights", name] = x.numpy().tobytes()
    return found


def captured(model, *args, **kwargs):
    """Capture one call of the model; check that nothing is left behind, and nothing changed."""
    before, first = state(model), values(model(*args, **kwargs))
    with capture(model) as seen:
        inside = values(model(*args, **kwargs))
    assert state(model) == before
    after = values(model(*args, **kwargs))
    assert len(first) == len(inside) == len(after) > 0
    for a, b, c in zip(first, inside, after):
        assert torch.equal(a, c)  # bit for bit
        torch.testing.assert_close(b, a, rtol=1e-9, atol=1e-9)
    return seen


def values(output):
    """The tensors in what a model returns."""
    if isinstance(output, torch.Tensor):
        return [output]
    parts = output.values() if isinstance(output, dict) else output
    return [x for part in parts if part is not None for x in values(part)] if len(output) else []
