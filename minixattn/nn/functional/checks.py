"""The check that all layer functions begin with."""

from ...engine import Node


def tensors(name, **given):
    """Raise TypeError unless every argument is a Tensor (or None)."""
    for which, x in given.items():
        if x is not None and not isinstance(x, Node):
            raise TypeError(
                f"{name}: {which} must be a Tensor, got {type(x).__name__}. Make one with "
                f"minixattn.tensor(...)."
            )
