"""A module's state: its parameters and buffers by name, written out and read back.

Reading back checks everything first and writes only if all of it fits.
"""

from collections.abc import Mapping
from os import PathLike
from typing import NamedTuple

import numpy as np

from .. import backend
from ..engine import no_grad


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the names that found no partner."""

    missing_keys: list
    unexpected_keys: list

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"  # as PyTorch's prints
        missing, unexpected = self
        return f"IncompatibleKeys(missing_keys={missing}, unexpected_keys={unexpected})"


def load(module, state_dict, strict):
    """Copy the values of `state_dict` into the tensors of `module`, all of them or none."""
    if not isinstance(state_dict, Mapping):
        mend = f": load_state_dict(minixattn.load({state_dict!r}))" if isinstance(
            state_dict, (str, PathLike)) else ""  # fmt: skip
        raise TypeError(
            f"load_state_dict() takes a dict of names and tensors, got "
            f"{type(state_dict).__name__}{mend}."
        )
    own = module.state_dict(keep_vars=True)
    missing = [name for name in own if name not in state_dict]
    unexpected = [name for name in state_dict if name not in own]
    ready, problems = {}, []
    for name in own:
        if name in state_dict:
            try:
                ready[name] = fitting(own[name], state_dict[name])
            except (TypeError, ValueError) as error:
                problems.append(f"{name}: {error}")
    if strict:
        problems += [f"{name}: missing from the state_dict" for name in missing]
        problems += [f"{name}: in the state_dict, but not in the model" for name in unexpected]
    if problems:
        raise RuntimeError(misfits(module, problems, missing, unexpected))
    with no_grad():
        for name, array in ready.items():
            own[name].copy_(array)
    return IncompatibleKeys(missing, unexpected)


def fitting(tensor, value):
    """A copy of `value` as an array like the tensor's, or an error that says why there is none."""
    for step in ("detach", "cpu"):  # ours and PyTorch's tensors
        value = getattr(value, step)() if hasattr(value, step) else value
    array = np.asarray(value if not backend.is_array(value) else backend.to_device(value, "cpu"))
    if array.dtype.kind not in "fiub":
        raise TypeError(f"expected numbers, got {type(value).__name__} ({array.dtype})")
    if array.shape != tensor.shape:
        raise ValueError(f"the model has shape {tensor.shape}, the state_dict {array.shape}")
    return backend.to_device(array.astype(tensor.dtype), tensor.device)


def misfits(module, problems, missing, unexpected):
    """The sentence for a state that does not fit, with every reason."""
    lines = "\n  ".join(problems)
    hint = "Make the model with the options that it had when the state was saved."
    common = {name.partition(".")[0] for name in unexpected}
    if len(common) == 1 and [n.partition(".")[2] for n in unexpected] == missing:
        hint = f"Every key starts with {min(common)!r} and a point: remove that from the keys."
    elif len(problems) == len(missing) + len(unexpected):
        hint += " To load only the keys that both have, pass strict=False."
    return (
        f"the state_dict does not fit {type(module).__name__}; nothing was loaded:\n  {lines}\n"
        f"{hint}"
    )
