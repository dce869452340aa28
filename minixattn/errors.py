"""Errors that teach: what was expected, what arrived, and the likely mend.

PyTorch raises `RuntimeError` where NumPy raises `ValueError` or `TypeError`; each class here is
both, so code written for either library catches it.
"""


class ShapeError(ValueError, RuntimeError):
    """Sizes that do not fit each other or the operation."""


class DTypeError(TypeError, RuntimeError):
    """A number type that the operation cannot take."""


class GraphError(RuntimeError):
    """A graph used in a way that would give a wrong gradient."""


class DeviceError(RuntimeError):
    """A device that is missing, or arrays that live on different ones."""


def broadcast_error(name, a, b):
    """The sentence for two shapes that do not broadcast, naming the first guilty dimension."""
    for i in range(1, 1 + min(len(a), len(b))):
        if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
            return ShapeError(
                f"{name}: shapes {a} and {b} do not broadcast: dimension {-i} is {a[-i]} in the "
                f"first and {b[-i]} in the second. Sizes must be equal or 1, counted from the "
                f"right; reshape, transpose or unsqueeze one of them."
            )
    return ShapeError(f"{name}: shapes {a} and {b} do not fit.")


def missing_extra(package, extra, purpose):
    """The sentence for an optional package that is not installed."""
    return ImportError(
        f"{purpose} needs the package {package}, which is not installed. "
        f'Install it with: pip install "minixattn[{extra}]"'
    )
