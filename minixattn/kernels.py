"""What a GPU does in one pass over memory that array operations would do in several.

Softmax, written with array operations, goes through memory five times: for the maximum, the
difference, the exponential, the sum and the quotient. Here a row is read, and its weights are
written, by threads that keep its maximum and its sum to themselves:

    m ← max(m, s),  total ← total e^(m_before − m) + e^(s − m)   for each score s of the row
    y = e^(s − m) / total

The second line reads the row again, which by then is in the cache. CuPy compiles the kernel for the
GPU at hand when it is first called.

Source: Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018), algorithm 3.
"""

import functools

import numpy as np

from .backend import namespace

# T is the type of the scores, A the one that is added up in: float for T = __half. A block of
# threads has x = 32, 256 or 1024 for a row, and y rows (only where x = 32, a warp). `lowest` stands
# for −∞, as −∞ − (−∞) would be NaN: a row that is forbidden every key has the sum 0 and gets the
# weights 0.
SOFTMAX_ROWS = r"""
#include <cuda_fp16.h>
typedef STORED T;
typedef SUMMED A;

__device__ void merge(A &m, A &total, A m_b, A total_b) {
    A larger = m_b > m ? m_b : m;
    total = total * exp(m - larger) + total_b * exp(m_b - larger);
    m = larger;
}

extern "C" __global__ void softmax_rows(const T *x, T *y, long long rows, long long n, A lowest) {
    long long row = (long long)blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    x += row * n;
    y += row * n;
    A m = lowest, total = 0;
    for (long long i = threadIdx.x; i < n; i += blockDim.x) {
        A s = A(x[i]), larger = s > m ? s : m;
        total = total * exp(m - larger) + exp(s - larger);
        m = larger;
    }
    for (int apart = 16; apart > 0; apart /= 2)  // the threads of a warp
        merge(m, total, __shfl_xor_sync(~0u, m, apart), __shfl_xor_sync(~0u, total, apart));
    if (blockDim.x > 32) {                       // the warps of a block
        __shared__ A ms[32], totals[32];
        int warp = threadIdx.x / 32, warps = blockDim.x / 32;
        if (threadIdx.x % 32 == 0) { ms[warp] = m; totals[warp] = total; }
        __syncthreads();
        m = ms[0]; total = totals[0];
        for (int w = 1; w < warps; w++) merge(m, total, ms[w], totals[w]);
    }
    A scale = total == 0 ? A(0) : 1 / total;
    for (long long i = threadIdx.x; i < n; i += blockDim.x)
        y[i] = T(exp(A(x[i]) - m) * scale);
}
"""
TYPES = {"float16": ("__half", "float"), "float32": ("float", "float"),
         "float64": ("double", "double")}  # fmt: skip
WARPS = 8  # rows of a block where a row has one warp


def softmax_rows(scores, out=None):
    """y = eˢ / Σ eˢ over the last dimension of an array on a GPU; a row of −∞ becomes 0.

    Parameters
    ----------
    scores : (…, n) float16 (added up in float32), float32 or float64, contiguous or copied
    out : where to, contiguous, of the same shape and type; it may be `scores` itself

    Returns
    -------
    out
    """
    xp, n = namespace(scores), scores.shape[-1]
    scores = xp.ascontiguousarray(scores)
    out = xp.empty(scores.shape, scores.dtype) if out is None else out
    rows = scores.size // n if n else 0
    if not rows:
        return out
    threads = 32 if n <= 1024 else 256 if n <= 8192 else 1024
    together = WARPS if threads == 32 else 1
    run, lowest = kernel(xp, scores.dtype.name)
    run((-(-rows // together),), (threads, together),
        (scores, out, np.int64(rows), np.int64(n), lowest))  # fmt: skip
    return out


@functools.cache
def kernel(xp, dtype):
    """The compiled kernel for a type of scores, and the lowest number that it adds up in."""
    stored, summed = TYPES[dtype]
    options = (f"-DSTORED={stored}", f"-DSUMMED={summed}")
    number = np.float64 if summed == "double" else np.float32
    return xp.RawKernel(SOFTMAX_ROWS, "softmax_rows", options), number(np.finfo(number).min)


def softmax_rows_back(dy, y, dots):
    """∂L/∂s = y ⊙ (∂L/∂y − Σ y ∂L/∂y) written over ∂L/∂y, from the row sums `dots` (…, 1)."""
    return derivative(namespace(dy))(dy, y, dots, dy)


@functools.cache
def derivative(xp):
    """The two operations as one pass."""
    return xp.ElementwiseKernel("T dy, T y, T dots", "T ds", "ds = (dy - dots) * y", "softmax_back")


def row_dots(a, b):
    """Σ a b over the last dimension, which stays as 1, in one pass."""
    return products(namespace(a))(a, b, axis=-1, keepdims=True)


@functools.cache
def products(xp):
    """The sum of products, which never writes the products themselves."""
    return xp.ReductionKernel("T a, T b", "T y", "a * b", "a + b", "y = a", "0", "row_dots")


def step_down(theta, g, lr):
    """θ ← θ − lr g, for arrays on a GPU."""
    descent(namespace(theta))(theta, g, theta.dtype.type(lr), theta)


@functools.cache
def descent(xp):
    """A product and a difference as one pass."""
    return xp.ElementwiseKernel("T theta, T g, T lr", "T y", "y = theta - lr * g", "step_down")
