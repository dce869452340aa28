"""Which layer gave the first number that is none: a forward pass under watch.

Training that has diverged shows NaN in its loss, far from where it began. `first_bad_layer` runs
the same batch once more, looks at the result of every operation, and stops at the first one that
holds NaN or +∞ (−∞ is how attention is told what not to look at).
"""

import numpy as np

from .engine import no_grad, tapes


class Watch:
    """A tape that remembers the first operation with a bad result.

    Parameters
    ----------
    model : Module, whose layers are told apart by their parameters

    Attributes
    ----------
    found : str, what is to be said of it; None while all is well
    """

    def __init__(self, model):
        self.found, self.layer, self.names = None, None, {}
        for path, module in model.named_modules():
            for name, p in module.named_parameters(path, recurse=False):
                self.names.setdefault(p, (name, f"{path or 'model'!r} ({type(module).__name__})"))

    def __call__(self, out, _forward, inputs):
        """Look at one operation; the engine calls this."""
        if self.found is not None:
            return
        for x in inputs:
            self.layer = self.names.get(x, (None, self.layer))[1]
        if not bad(out.array):
            return
        spoilt = [self.names[x][0] for x in inputs if x in self.names and bad(x.array)]
        if spoilt:
            self.found = f"the weights {spoilt[0]!r} hold it already"
        elif self.layer is None:
            self.found = "it comes before the first layer: look at the batch"
        else:
            self.found = f"it first comes up in, or right behind, the layer {self.layer}"

    def take(self, layer, values):
        """What layers note; nothing to do, as every operation is seen anyhow."""


def bad(array):
    """Whether an array of floats holds NaN or +∞."""
    return array.dtype.kind == "f" and bool((np.isnan(array) | (array == np.inf)).any())


@no_grad()
def first_bad_layer(model, batch, loss_of):
    """A clause that says where a forward pass ceases to be finite, to stand behind a colon."""
    watch = Watch(model)
    tapes.append(watch)
    try:
        with np.errstate(all="ignore"):  # NumPy's warnings say the same without a place
            loss_of(model, batch)
    finally:
        tapes.remove(watch)
    return watch.found or "a second pass over the same batch was finite, so chance or the loss did"


def first_bad_gradient(model):
    """A clause that names the last parameter, nearest the loss, whose gradient is not finite."""
    names = [
        name for name, p in model.named_parameters()
        if p.grad is not None and not np.isfinite(p.grad.array).all()
    ]  # fmt: skip
    return f"on the way back it first comes up at {names[-1]!r}" if names else "it is only too long"
