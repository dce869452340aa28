"""Mixed precision: matrix products in float16, everything delicate in float32.

A GPU multiplies float16 matrices several times faster than float32 ones and moves them in half the
time. Three significant digits are enough for a product whose sums are float32, but not for what
adds up many terms, divides by small numbers or exponentiates: float16 ends at 65,504 and has
nothing but 0 below 6·10⁻⁸. So inside

    with autocast("cuda"):
        loss = cross_entropy(model(x), y)

the operations see to their inputs, as in PyTorch:

| inputs become | operations                                                                       |
|---------------|----------------------------------------------------------------------------------|
| float16       | matmul (bmm, mm, einsum), linear, conv2d; attention as a whole, float32 within   |
| float32       | softmax and its logarithms; layer_norm, group_norm, rms_norm; all losses; sum,   |
|               | prod, cumsum, norm; exp, log, log1p, pow, rsqrt                                  |
| as they are   | all others; two types together give the wider one                                |

Parameters stay float32, and so do their gradients, though these come through float16 products:
`amp.GradScaler` keeps the small ones from vanishing there. float64 is left alone.

Source: Micikevicius et al., "Mixed Precision Training" (2018), section 3.
"""

from contextlib import ContextDecorator, contextmanager
from functools import wraps

from .backend import device, device_of
from .dtypes import float16, float32, resolve
from .engine import Node, cast
from .errors import DTypeError
from .grad_mode import local

open_blocks = []  # one entry for each open block of any thread; where empty, nothing is looked up


class _Mode(local):
    devices = frozenset()  # whose float32 products this thread computes in float16


_mode = _Mode()


class autocast(ContextDecorator):
    """`with autocast("cuda"):` or `@autocast("cuda")`: products in float16, as the table says.

    Parameters
    ----------
    device_type : "cuda" or "cpu": only tensors of that device are concerned. NumPy multiplies
        float16 more slowly than float32: on the CPU this is for trying things out
    dtype : float16, the only 16-bit type that NumPy has
    enabled : False computes in full precision inside, also within another block
    cache_enabled : accepted for PyTorch's sake; nothing is kept from one operation to the next

    Raises
    ------
    DTypeError
        For another dtype.
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if dtype is not None and resolve(dtype) != float16:
            raise DTypeError(
                f"autocast: dtype must be float16, the only 16-bit float that NumPy has; got "
                f"{resolve(dtype)}. For full precision use enabled=False."
            )
        self.device, self.enabled, self.cache_enabled = device(device_type), enabled, cache_enabled
        self.before = []

    def __enter__(self):
        self.before.append(_mode.devices)
        _mode.devices = (
            _mode.devices | {self.device} if self.enabled else _mode.devices - {self.device}
        )
        open_blocks.append(None)
        return self

    def __exit__(self, *error):
        open_blocks.pop()
        _mode.devices = self.before.pop()

    def _recreate_cm(self):
        return type(self)(self.device, enabled=self.enabled)


def autocasting(x):
    """Whether this thread computes products of tensors where x lives in float16."""
    return bool(_mode.devices) and isinstance(x, Node) and device_of(x.array) in _mode.devices


def lowered(*tensors):
    """float32 tensors as float16 ones where autocast says so; everything else as it is."""
    return [
        cast(x, float16) if autocasting(x) and x.array.dtype == float32 else x for x in tensors
    ]


def raised(x):
    """A float16 tensor as a float32 one where autocast says so; anything else as it is."""
    return cast(x, float32) if autocasting(x) and x.array.dtype == float16 else x


def in_single(function):
    """Let a function's float16 arguments become float32 in an autocast block."""

    @wraps(function)
    def run(*args, **options):
        if open_blocks:
            args = [raised(x) for x in args]
            options = {name: raised(x) for name, x in options.items()}
        return function(*args, **options)

    return run


def as_one_product(function):
    """Lower the query, key and value that a function takes, and leave it alone inside."""

    @wraps(function)
    def run(query, key, value, *args, **options):
        if not (open_blocks and autocasting(query)):
            return function(query, key, value, *args, **options)
        streams = lowered(query, key, value)
        with suspended():
            return function(*streams, *args, **options)

    return run


@contextmanager
def suspended():
    """Nothing is cast inside."""
    before, _mode.devices = _mode.devices, frozenset()
    try:
        yield
    finally:
        _mode.devices = before
