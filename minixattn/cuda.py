"""`minixattn.cuda.is_available()`, as lessons ask before they choose a device."""

from . import backend
from .errors import DeviceError


def is_available():
    """Whether CuPy is installed and finds a usable GPU."""
    try:
        backend.library("cuda")
    except DeviceError:
        return False
    return True
