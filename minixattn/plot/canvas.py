"""What every picture needs: matplotlib itself, arrays from any library, and colours."""

import numpy as np

from ..errors import missing_extra

INK = "#222222"
ATTENTION = "#d95f02"  # an orange that survives grey print and the common colour blindnesses
RIGHT, WRONG = "#1b7837", "#b2182b"


def pyplot():
    """`matplotlib.pyplot`, imported when the first picture is drawn."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise missing_extra("matplotlib", "plot", "drawing a picture") from None
    return plt


def as_numpy(x):
    """A NumPy array of a tensor or array: ours, CuPy's, PyTorch's, or anything with __array__."""
    if hasattr(x, "detach"):
        x = x.detach()
    if hasattr(x, "cpu"):
        x = x.cpu()
    on_gpu = type(x).__module__.partition(".")[0] == "cupy"
    return np.asarray(x.get() if on_gpu else x)
