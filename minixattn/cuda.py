"""The GPU as lessons ask for it before they choose a device."""

from . import backend
from .errors import DeviceError


def is_available():
    """Whether CuPy is installed and finds a usable GPU."""
    try:
        backend.library("cuda")
    except DeviceError:
        return False
    return True


def device_count():
    """How many GPUs can be used: 0 or 1."""
    return int(is_available())


def synchronize():
    """Wait until the GPU has done all that was asked of it; needed to time it."""
    backend.library("cuda").cuda.get_current_stream().synchronize()


def manual_seed(seed):
    """Start the random numbers of every device, as `minixattn.manual_seed` does."""
    backend.manual_seed(seed)


manual_seed_all = manual_seed
