"""How a tensor prints: its values to four digits, and what else one needs to know of it."""

import numpy as np

from . import backend, dtypes
from .engine import name_of


class Options:
    """How tensors print; see `set_printoptions`."""

    precision, threshold, edgeitems, linewidth, sci_mode = 4, 1000, 3, 80, None


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None,
                     sci_mode=None):  # fmt: skip
    """Change how tensors print; what is None stays as it is.

    Parameters
    ----------
    precision : digits after the point (4)
    threshold : elements above which "..." stands for all but the edges (1000)
    edgeitems : how many are shown at each end of a dimension (3)
    linewidth : columns (80)
    profile : "default", "short" (2 digits, 2 at each end) or "full" (all elements)
    sci_mode : whether to write powers of ten; None, as at first, decides by the values
    """
    profiles = {
        "default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, float("inf"), 3, 80),
    }  # fmt: skip
    if profile is not None and profile not in profiles:
        raise ValueError(f"profile must be one of {', '.join(profiles)}, got {profile!r}.")
    names = "precision", "threshold", "edgeitems", "linewidth"
    given = (precision, threshold, edgeitems, linewidth)
    for name, value, usual in zip(names, given, profiles.get(profile, (None,) * 4)):
        value = usual if value is None else value
        if value is not None:
            setattr(Options, name, value)
    Options.sci_mode = sci_mode


def text(x):
    """`tensor([1., 2.], requires_grad=True)`: PyTorch's way to show a tensor."""
    head = "Parameter containing:\n" if type(x).__name__ == "Parameter" else ""
    values = backend.to_device(x.array, "cpu")
    shown = "tensor(" + numbers(values, indent=len("tensor("))
    column = len(shown) - shown.rfind("\n") + 1
    for note in notes(x):
        fits = column + len(note) + 2 <= Options.linewidth
        column = column + len(note) + 2 if fits else len("tensor(") + len(note)
        shown += (", " if fits else ",\n" + " " * len("tensor(")) + note
    return f"{head}{shown})"


def notes(x):
    """What stands beside the values: only what one would not expect."""
    if not x.array.size and x.shape != (0,):
        yield f"size={x.shape}"
    if x.device != "cpu":
        yield f"device='{x.device}:0'"
    plain = (dtypes.int64, dtypes.bool_) if x.array.size else ()  # read off the values themselves
    if x.dtype not in (dtypes.get_default_dtype(), *plain):
        yield f"dtype={x.dtype}"
    if x.grad_fn is not None:
        yield f"grad_fn=<{x.grad_fn.name()}>"
    elif x.requires_grad:
        yield "requires_grad=True"


def numbers(values, indent):
    """The values in brackets; long tensors show three at each end of a dimension."""
    if not values.size:
        return "[]"
    seen = ends(values)
    if values.dtype.kind == "f":
        write, width = form(seen.astype(np.float64))
    else:
        write, width = str, max(len(str(v)) for v in seen.ravel().tolist())
    return brackets(values, write, width, indent, values.size > Options.threshold)


def brackets(values, write, width, indent, short):
    """Nested brackets, the last dimension broken into lines of 80 columns."""
    if not values.ndim:
        return write(values.item()).rjust(width)
    cut = short and len(values) > 2 * Options.edgeitems
    shown = [*values[:Options.edgeitems], *values[-Options.edgeitems:]] if cut else values
    parts = [brackets(v, write, width, indent + 1, short) for v in shown]
    if cut:
        parts.insert(Options.edgeitems, " ..." if values.ndim == 1 else "...")
    if values.ndim == 1:
        n = max(1, (Options.linewidth - indent) // (width + 2))
        parts = [", ".join(parts[i : i + n]) for i in range(0, len(parts), n)]
    lines = "\n" * max(values.ndim - 1, 1)
    return "[" + ("," + lines + " " * (indent + 1)).join(parts) + "]"


def ends(values):
    """What is shown of the values: all, or three at each end of a dimension of a long tensor."""
    edge = Options.edgeitems
    if values.size > Options.threshold:
        for d, n in enumerate(values.shape):
            if n > 2 * edge:
                values = values.take([*range(edge), *range(n - edge, n)], d)
    return values


def form(values):
    """How to write each of them alike (whole, with four digits, as powers of ten), and how wide."""
    finite = values[np.isfinite(values)]
    sizes = np.abs(finite[finite != 0])
    low, high = (sizes.min(), sizes.max()) if sizes.size else (1.0, 1.0)
    whole = (finite == np.ceil(finite)).all()
    wide = high / low > 1000 or high > 1e8 or (low < 1e-4 and not whole)
    if wide if Options.sci_mode is None else Options.sci_mode:
        pattern = f"{{:.{Options.precision}e}}"
    else:
        pattern = "{:.0f}." if whole else f"{{:.{Options.precision}f}}"
    width = max((len(pattern.format(v)) for v in finite[finite != 0]), default=1)
    return lambda v: pattern.format(v) if np.isfinite(v) else str(v), width


class Made:
    """The record of how a tensor was made, for reading: its name and what it was made from."""

    def __init__(self, tensor):
        self.tensor = tensor

    def name(self):
        """Such as "MulBackward0" for a product."""
        name = name_of(self.tensor.derivatives) or "Freed"
        return "".join(part.capitalize() for part in name.split("_")) + "Backward0"

    @property
    def next_functions(self):
        """((record of input, 0), …), None for a leaf; () once backward() used it up."""
        return tuple((x.grad_fn, 0) for x in self.tensor.inputs or ())

    def __repr__(self):
        return f"<{self.name()}>"
