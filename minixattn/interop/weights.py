"""Named weights, out of a dict or out of a file of which only what is asked for is read.

A file's table of contents tells names and shapes; `safe_open` then reads single tensors. The format
holds numbers only, so nothing in a file can run.
"""

import os
from collections.abc import Mapping

import numpy as np

from .. import backend, dtypes
from ..errors import DTypeError
from ..serialization import CODES, header, library, unknown_type


class Weights:
    """What lies under one prefix of a state dict, by the rest of its name.

    Parameters
    ----------
    source : dict of arrays or tensors by name, something with a `state_dict()`, or the path of a
        .safetensors file
    prefix : the part of the names to look at, such as "decoder.layers.0.self_attn"

    Attributes
    ----------
    shapes : {name without the prefix: shape}
    read : set of the names that have been asked for
    """

    def __init__(self, source, prefix=""):
        self.prefix = prefix if not prefix or prefix.endswith(".") else f"{prefix}."
        self.path, self.source = None, source
        if isinstance(source, (str, os.PathLike)):
            self.path = os.fsdecode(source)
            self.source = {k: v for k, v in header(self.path).items() if k != "__metadata__"}
            shapes = {k: tuple(entry["shape"]) for k, entry in self.source.items()}
        else:
            if callable(getattr(source, "state_dict", None)):
                self.source = source.state_dict()
            if not isinstance(self.source, Mapping):
                raise TypeError(
                    f"expected a dict of tensors by name (a state_dict()) or the path of a "
                    f".safetensors file, got {type(source).__name__}."
                )
            shapes = {str(k): tuple(np.shape(v)) for k, v in self.source.items()}
        self.all, self.read = list(shapes), set()
        n = len(self.prefix)
        self.shapes = {k[n:]: s for k, s in shapes.items() if k.startswith(self.prefix)}
        if not self.shapes:
            tops = sorted({k.partition(".")[0] for k in self.all})
            raise ValueError(
                f"no name begins with {self.prefix!r}: the {len(self.all)} names begin with "
                f"{listed(tops)}."
            )

    def __contains__(self, name):
        return name in self.shapes

    def array(self, name):
        """One weight as a NumPy array of its own."""
        self.read.add(name)
        full = self.prefix + name
        if self.path is None:
            return plain(full, self.source[full])
        library("reading a .safetensors file")
        from safetensors import safe_open

        if self.source[full].get("dtype") not in CODES:
            raise unknown_type(self.path, full, self.source[full].get("dtype"))
        with safe_open(self.path, framework="np") as file:
            return plain(full, file.get_tensor(full))

    def optional(self, name):
        """The same, or None where there is no such weight."""
        return self.array(name) if name in self.shapes else None

    def check_all_read(self, layout, why=""):
        """Raise if the state holds weights that the layer would leave out."""
        left = [name for name in self.shapes if name not in self.read]
        if left:
            raise ValueError(
                f"{listed(left)} would be left out: an attention in the layout of {layout} has no "
                f"place for them, and would compute something else without them. {why}If they do "
                f"not belong to the attention, give its own prefix or a dict without them."
            )


def plain(name, value):
    """A weight as a row-major NumPy array of its own."""
    for step in ("detach", "cpu"):  # ours and PyTorch's tensors
        value = getattr(value, step)() if hasattr(value, step) else value
    try:
        value = backend.to_device(value, "cpu") if backend.is_array(value) else value
        array = np.asarray(value).copy(order="C")
    except (TypeError, ValueError):
        array = np.array(None)
    if array.dtype not in dtypes.SUPPORTED or array.dtype.kind != "f":
        kind = getattr(value, "dtype", array.dtype)
        raise DTypeError(
            f"{name!r} is a {type(value).__name__} of {kind}: expected float16, float32 or "
            f"float64. Convert a bfloat16 tensor with .float() first; integers are quantised "
            f"weights, which would have to be scaled back."
        )
    return array


def listed(names, most=12):
    """'a', 'b' and, where there are many, how many more."""
    shown = ", ".join(map(repr, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
