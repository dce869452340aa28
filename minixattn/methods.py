"""Operations under the names by which a tensor offers them: methods and Python's operators."""

import numpy as np

from . import backend, dtypes
from .engine import Node, cast, constant
from .ops import arrangement as a
from .ops import comparison as c
from .ops import elementwise as e
from .ops import indexing, order, parting, positions, product, reduction, sampling
from .ops import norm as norms
from .ops import rounding as r
from .ops import scattering as w
from .ops import shape as s
from .ops import softmax as soft
from .ops.arguments import sizes


def conversion(dtype):
    """A method that converts to one dtype: `x.float()`."""

    def convert(self):
        return cast(self, dtype)

    convert.__name__ = str(dtype)
    convert.__doc__ = f"This tensor as {dtype}."
    return convert


def comparable(x):
    """Whether x is something that elements can be compared with; None and text are not."""
    return isinstance(x, (Node, int, float)) or backend.is_array(x)


class Methods:
    """The operations as methods of Tensor."""

    __slots__ = ()

    # Arithmetic and comparison
    add, __add__, __radd__ = e.add, e.plus, e.plus
    sub, subtract, __sub__, __rsub__ = e.sub, e.sub, e.minus, e.rsub
    mul = multiply = __mul__ = __rmul__ = e.mul
    div = divide = true_divide = __truediv__ = e.div
    __rtruediv__ = e.rdiv
    floor_divide = __floordiv__ = r.floor_divide
    remainder = __mod__ = r.remainder
    pow = __pow__ = e.pow
    __rpow__ = e.rpow
    neg = negative = __neg__ = e.neg
    abs = __abs__ = e.abs

    def __pos__(self):
        return self

    def __eq__(self, other):
        return c.eq(self, other) if comparable(other) else NotImplemented  # `x == None`: False

    def __ne__(self, other):
        return c.ne(self, other) if comparable(other) else NotImplemented

    __hash__ = object.__hash__  # by identity, though == compares elements
    eq, ne = c.eq, c.ne
    lt = __lt__ = c.lt
    le = __le__ = c.le
    gt = __gt__ = c.gt
    ge = __ge__ = c.ge
    __and__ = __rand__ = bitwise_and = c.bitwise_and
    __or__ = __ror__ = bitwise_or = c.bitwise_or
    __xor__ = __rxor__ = bitwise_xor = c.bitwise_xor
    __invert__ = bitwise_not = c.bitwise_not
    logical_and, logical_or, logical_xor, logical_not = (
        c.logical_and, c.logical_or, c.logical_xor, c.logical_not,
    )  # fmt: skip

    # Elementwise functions
    exp, log, log1p, sqrt, square = e.exp, e.log, e.log1p, e.sqrt, e.square
    log2, log10, rsqrt, reciprocal = e.log2, e.log10, e.rsqrt, e.reciprocal
    round, floor, ceil, trunc = r.round, r.floor, r.ceil, r.trunc
    sin, cos, tanh, sigmoid, erf = e.sin, e.cos, e.tanh, e.sigmoid, e.erf
    relu, sign, clamp, clip = e.relu, e.sign, e.clamp, e.clamp
    maximum, minimum, masked_fill = e.maximum, e.minimum, e.masked_fill
    isnan, isinf, isfinite, isclose = c.isnan, c.isinf, c.isfinite, c.isclose

    def where(self, condition, other):
        """This tensor where the condition holds, `other` elsewhere."""
        return e.where(condition, self, other)

    # Reductions
    sum, mean, var, std, prod = (
        reduction.sum, reduction.mean, reduction.var, reduction.std, reduction.prod,
    )  # fmt: skip
    amax, amin, max, min = reduction.amax, reduction.amin, reduction.max, reduction.min
    argmax, argmin, any, all = reduction.argmax, reduction.argmin, reduction.any, reduction.all
    cumsum, cumprod = reduction.cumsum, reduction.cumprod
    softmax, log_softmax = soft.softmax, soft.log_softmax
    logsumexp, norm = soft.logsumexp, norms.norm
    sort, argsort, topk = order.sort, order.argsort, order.topk

    # Products
    matmul = __matmul__ = product.matmul
    bmm, mm, mv, dot, outer = product.bmm, product.mm, product.mv, product.dot, product.outer
    addmm, baddbmm = product.addmm, product.baddbmm

    def __rmatmul__(self, other):
        return product.matmul(other, self)

    # Shapes
    reshape, view, flatten, unflatten = s.reshape, s.view, s.flatten, parting.unflatten
    permute, transpose, movedim, flip = s.permute, s.transpose, s.movedim, s.flip
    swapaxes = swapdims = s.transpose
    T, mT = property(s.T), property(s.mT)
    squeeze, unsqueeze, contiguous, clone = s.squeeze, s.unsqueeze, s.contiguous, s.clone
    expand, broadcast_to, repeat, tile = s.expand, s.broadcast_to, s.repeat, s.tile
    repeat_interleave = s.repeat_interleave
    chunk, unbind = parting.chunk, parting.unbind
    roll, narrow, diag, diagonal = a.roll, a.narrow, a.diag, a.diagonal
    diag_embed = a.diag_embed

    def split(self, split_size, dim=0):
        """Views along `dim` of one size, or of the sizes listed."""
        return parting.split(self, split_size, dim)

    def t(self):
        """The transpose of a matrix."""
        return s.T(self)

    def reshape_as(self, other):
        """`reshape` to the shape of another tensor."""
        return s.reshape(self, other.shape)

    def view_as(self, other):
        """`view` in the shape of another tensor."""
        return s.view(self, other.shape)

    def expand_as(self, other):
        """`expand` to the shape of another tensor."""
        return s.expand(self, other.shape)

    # Picking elements
    __getitem__ = indexing.take

    gather, index_select = indexing.gather, indexing.index_select
    take_along_dim, tril, triu = indexing.take_along_dim, indexing.tril, indexing.triu
    masked_select, nonzero, unique, count_nonzero = (
        positions.masked_select, positions.nonzero, positions.unique, positions.count_nonzero,
    )  # fmt: skip
    scatter, scatter_add, index_add, index_fill = (
        w.scatter, w.scatter_add, w.index_add, w.index_fill,
    )  # fmt: skip
    multinomial = sampling.multinomial

    # Other number types
    half, float, double = map(conversion, (dtypes.float16, dtypes.float32, dtypes.float64))
    int, long, bool = map(conversion, (dtypes.int32, dtypes.int64, dtypes.bool_))

    def type(self, dtype):
        """This tensor as another dtype."""
        return cast(self, dtypes.resolve(dtype))

    def type_as(self, other):
        """This tensor as the dtype of another."""
        return cast(self, other.dtype)

    allclose, equal = c.allclose, c.equal

    # New tensors of this one's dtype and device
    def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False):
        """All `fill_value`."""
        xp = backend.library(device or backend.device_of(self.array))
        dtype = self.array.dtype if dtype is None else dtypes.resolve(dtype)
        made = constant(xp.full(sizes((size,)), fill_value, dtype=dtype))
        return made.requires_grad_(requires_grad)

    def new_zeros(self, *size, **options):
        """All 0."""
        return self.new_full(sizes(size), 0, **options)

    def new_ones(self, *size, **options):
        """All 1."""
        return self.new_full(sizes(size), 1, **options)

    new_empty = new_zeros

    def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False):
        """With a copy of the data."""
        array = data.array.copy() if isinstance(data, Node) else np.array(data)
        array = array.astype(self.array.dtype if dtype is None else dtypes.resolve(dtype))
        made = constant(backend.to_device(array, device or backend.device_of(self.array)))
        return made.requires_grad_(requires_grad)
