"""minixattn: cross-attention from the equation up, in NumPy.

The names, defaults and semantics are PyTorch's: `import minixattn as torch` runs a lesson written
for it. To read the source, follow this order:

1. `ops/`           each operation with its derivative
2. `engine.py`      how a result remembers its inputs
3. `backward.py`    how gradients walk back
4. `tensor.py`      the tensor that users hold
5. `nn/`            layers; `nn/attention.py` is what the package is for
6. `optim/`         one class, one update equation
7. `models/`        systems built from them, each beside its paper
"""

import importlib
import warnings

from numpy import finfo, iinfo

from .backend import Generator, device, manual_seed
from .creation import (
    BoolTensor, DoubleTensor, FloatTensor, IntTensor, LongTensor, arange, as_tensor, empty,
    empty_like, eye, from_dlpack, from_numpy, full, full_like, linspace, normal, ones, ones_like,
    rand, rand_like, randint, randn, randn_like, randperm, tensor, tril_indices, triu_indices,
    zeros, zeros_like,
)  # fmt: skip
from .dtypes import bool_ as bool
from .dtypes import (
    double, float16, float32, float64, get_default_dtype, half, int8, int16, int32, int64, long,
    set_default_dtype, short, uint8,
)  # fmt: skip
from .engine import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .errors import DeviceError, DTypeError, GraphError, ShapeError
from .ops.arrangement import (
    diag, diag_embed, diagonal, hstack, meshgrid, narrow, roll, vstack,
)  # fmt: skip
from .ops.comparison import (
    allclose, eq, equal, ge, gt, isclose, isfinite, isinf, isnan, le, logical_and, logical_not,
    logical_or, logical_xor, lt, ne,
)  # fmt: skip
from .ops.elementwise import (
    abs, add, clamp, cos, div, erf, exp, log, log1p, log2, log10, masked_fill, maximum, minimum,
    mul, neg, pow, reciprocal, relu, rsqrt, sigmoid, sign, sin, sqrt, square, sub, tanh, where,
)  # fmt: skip
from .ops.indexing import gather, index_select, take_along_dim, tril, triu
from .ops.norm import norm
from .ops.order import argsort, sort, topk
from .ops.parting import chunk, split, unbind, unflatten
from .ops.positions import count_nonzero, masked_select, nonzero, unique
from .ops.product import addmm, baddbmm, bmm, dot, matmul, mm, mv, outer
from .ops.reduction import (
    all, amax, amin, any, argmax, argmin, cumprod, cumsum, max, mean, min, prod, std, sum, var,
)  # fmt: skip
from .ops.rounding import ceil, floor, floor_divide, remainder, round, trunc
from .ops.sampling import bernoulli, multinomial
from .ops.scattering import index_add, index_fill, scatter, scatter_add
from .ops.shape import (
    broadcast_to, cat, clone, flatten, flip, movedim, permute, repeat_interleave, reshape,
    squeeze, stack, tile, transpose, unsqueeze,
)  # fmt: skip
from .ops.shape import T as t
from .ops.shape import transpose as swapaxes
from .ops.softmax import log_softmax, logsumexp, softmax
from .precision import autocast
from .tensor import Tensor, is_tensor, numel

float = float32
int = int32
inf, nan, pi = float32.type("inf").item(), float32.type("nan").item(), 3.141592653589793
clip, inference_mode, Size = clamp, no_grad, tuple
concat = concatenate = cat

__version__ = "0.1.0"

# log(0) or x / 0 is ±∞ or NaN without a word, as in PyTorch; filters that were set before, such as
# python -W error, still come first, and so does np.errstate(all="raise") for finding a NaN.
warnings.filterwarnings("ignore", "", RuntimeWarning, r"minixattn(\.|$)", append=True)

# What is imported when it is first asked for, so that `import minixattn` stays as light as NumPy.
MODULES = (
    "amp", "attribution", "autograd", "backends", "cuda", "data", "masks", "models", "nn", "optim",
    "plot", "utils",
)  # fmt: skip
ELSEWHERE = {
    "cosine_similarity": "nn.functional", "einsum": "ops.einsum", "get_num_threads": "threads",
    "load": "serialization", "save": "serialization", "set_num_threads": "threads",
    "set_printoptions": "printing", "trace": "tracing", "Trainer": "trainer",
}  # fmt: skip


def __getattr__(name):
    """A submodule or one of its functions, imported now: `minixattn.nn`, `minixattn.save`."""
    if name in MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in ELSEWHERE:
        module = importlib.import_module(f"{__name__}.{ELSEWHERE[name]}")
        return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"{__name__} has no {name}{'' if name[0] == '_' else _near(name)}")


def _near(name):
    """The existing names that come nearest to one that is missing, as the end of a sentence."""
    import difflib

    found = difflib.get_close_matches(name, [n for n in __dir__() if n[0] != "_"], 3)
    return f"; the nearest names are {', '.join(found)}." if found else "."


def __dir__():
    return sorted({*globals(), *MODULES, *ELSEWHERE})
