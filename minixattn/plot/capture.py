"""The attention weights of somebody's own model, collected while it runs.

    with plot.capture(model) as seen:
        model(**inputs)
    seen.names                          # which layers looked
    seen["encoder.layers.0.self_attn"]  # its weights, one array (B, h, L, S) a call
    plot.heads(seen.weights()[0][0])

A PyTorch model is watched as described in `plot/capture_torch.py`; a model of this package through
its trace. Afterwards the model is as it was, whatever happened inside the block.
"""

import sys
import warnings
from collections.abc import Mapping
from contextlib import contextmanager

from ..nn.module import Module
from ..tracing import trace
from .canvas import as_numpy


class Captured(Mapping):
    """What `capture` has collected: {name of the layer: list of arrays (B, h, L, S), one a call}.

    Attributes
    ----------
    names : of the layers that gave weights, in the order in which they first did
    calls : list of (name, array), in the order of computation
    missing : {name: why it gave none, and what to do}, for the layers that look like attention
    """

    def __init__(self):
        self.calls, self.missing = [], {}

    @property
    def names(self):
        return list(dict.fromkeys(name for name, _ in self.calls))

    def __getitem__(self, name):
        found = [weights for n, weights in self.calls if n == name]
        if not found:
            why = f": {self.missing[name]}" if name in self.missing else ""
            known = ", ".join(map(repr, self.names)) or "none"
            raise KeyError(f"no weights of a layer {name!r}{why}. Layers that gave some: {known}")
        return found

    def __iter__(self):
        return iter(self.names)

    def __len__(self):
        return len(self.names)

    def weights(self, name=""):
        """The arrays (B, h, L, S) of all layers whose name contains `name`, as they came.

        Parameters
        ----------
        name : a layer's name or a part of several, such as "cross" or "decoder"

        Raises
        ------
        KeyError
            If there are none.
        """
        found = [weights for n, weights in self.calls if name in n]
        if not found:
            raise KeyError(f"no captured layer has {name!r} in its name. {self!r}")
        return found

    def arrays(self):
        """{name: array} with one entry a call, for `numpy.savez(path, **seen.arrays())`.

        The second call of a layer is "name#2", and so on.
        """
        count, found = {}, {}
        for name, weights in self.calls:
            count[name] = n = count.get(name, 0) + 1
            found[f"{name or 'model'}{f'#{n}' if n > 1 else ''}"] = weights
        return found

    def __repr__(self):
        lines = [f"<Captured: {len(self)} layers gave weights (B, h, L, S)"]
        for name, group in self.items():
            shapes = ", ".join(dict.fromkeys(str(w.shape) for w in group))
            calls = f"  in {len(group)} calls" if len(group) > 1 else ""
            lines.append(f"  {name or '(the model itself)'}  {shapes}{calls}")
        lines += [f"  {name}  gave none: {why}" for name, why in self.missing.items()]
        return "\n".join(lines) + ">"


@contextmanager
def capture(model):
    """Collect the attention weights of a model while it runs inside the `with` block.

    Every attention computed by the model is found: `torch.nn.MultiheadAttention` and the layers
    around it, Diffusers' and Transformers' attention, and a model's own that calls
    `scaled_dot_product_attention`, or takes a softmax of scores with a dimension for the heads, or
    does so in a module whose name says "attention". For a model of this package the layers' own
    weights are collected. Weights are those before dropout, except that PyTorch's
    `nn.MultiheadAttention` drops some of them in training mode: call `model.eval()` first.

    Parameters
    ----------
    model : torch.nn.Module or `minixattn.nn.Module`

    Yields
    ------
    Captured, {name: list of NumPy arrays (B, h, L, S)}; empty until the model has run

    Raises
    ------
    TypeError
        If it is neither, or a compiled model, whose inside cannot be watched.

    Warns
    -----
    UserWarning
        If the model ran, but no layer gave weights; it says why for each.
    """
    seen = Captured()
    with watcher(model)(model, seen):
        yield seen
    if not seen and seen.missing:
        warnings.warn(f"no attention weights were captured. {seen!r}", stacklevel=3)


def watcher(model):
    """The context manager (model, seen) that can watch this kind of model."""
    if isinstance(model, Module):
        return watch_trace
    torch = sys.modules.get("torch")  # who has such a model has imported it
    if torch is not None and isinstance(model, torch.nn.Module):
        from .capture_torch import watch

        return watch
    raise TypeError(
        f"capture() takes a model, a torch.nn.Module or a minixattn.nn.Module, got "
        f"{type(model).__name__}. A pipeline of Diffusers has its models as attributes: "
        f"capture(pipe.unet) or capture(pipe.transformer)."
    )


class Names(trace):
    """A trace that keeps the weights, and the names that the layers have in a model."""

    def __init__(self, model, seen):
        super().__init__()
        self.model, self.seen = model, seen
        self.places = {layer: name for name, layer in reversed(list(model.named_modules()))}
        self.taken = set()

    def __call__(self, out, forward, inputs):
        """Single operations are of no interest."""

    def take(self, layer, values):
        weights = values.get("weights")
        if weights is None or layer not in self.places or weights in self.taken:
            return  # a model may note its layer's weights once more as its own
        self.taken.add(weights)
        self.seen.calls.append((self.places[layer], as_numpy(weights).copy()))


@contextmanager
def watch_trace(model, seen):
    """Listen to the layers of a model of this package."""
    names = Names(model, seen)
    with names:
        yield
    if not seen.calls:
        seen.missing["the model"] = (
            "it was not called inside the block, or no layer of it has attention weights"
        )
