"""conv2d as one recorded operation: what runs where nobody looks inside.

    y = P W + b,  ∂L/∂W = Pᵀ g,  ∂L/∂b = Σ g,  over all patches
    ∂L/∂x[n, c, i, j] = Σ_{o u v} g[n, o, i + p − u·d, j + p − v·d] W[o, c, u, v]

`convolution.py` has the steps, which record themselves. Here the patches are first a view of the
image, in which they overlap, and are laid side by side by one copy. And where they are one step
apart, the derivative with respect to x is a convolution itself: that of g with the kernel turned by
half a turn, which adds up in the product what `overlay` adds patch by patch; unless the patches of
g would be much LARGER than those. A derivative of the derivative comes from the steps.
"""

from math import prod

import numpy as np

from ...engine import Node, record, tapes
from ...precision import autocasting
from ...recompute import through
from ...workspace import empty
from .linear import sum_of_rows
from .patches import overlay

LARGER = 2  # times as many numbers, up to which patches of g are cut


def is_plain(input, weight, bias):
    """Whether these are images of the CPU's, some, of 32 or 64 bits; and nobody traces or casts."""
    given = [x for x in (input, weight, bias) if x is not None]
    return not tapes and not autocasting(input) and all(
        type(x.array) is np.ndarray and x.itemsize > 2 and x.array.size > 0 for x in given
    )  # fmt: skip


def conv2d(input, weight, bias, window, equation):
    """y for x (N, C, H, W), W (O, C, k_h, k_w) and b; `equation` is the same in steps."""
    inputs = (input, weight) if bias is None else (input, weight, bias)
    x, W, *b = (t.array for t in inputs)
    shape, of_x, of_W = x.shape[2:], input.requires_grad, weight.requires_grad
    P = side_by_side(x, window)  # (N·H′·W′, k_h k_w C)
    y = P.dot(W.transpose(2, 3, 1, 0).reshape(P.shape[1], -1))  # (N·H′·W′, O)
    if b:
        y += b[0]
    P = P if of_W else None

    def derivatives(g, _y, x, W, *_b):
        if isinstance(g, Node):
            return through(equation, (x, W, *_b), g)
        g_rows, dW = as_rows(g), None
        dx = derivative_of_image(g, W, window, shape) if of_x else None
        if of_W:
            O, C, k_h, k_w = W.shape
            dW = P.T.dot(g_rows).reshape(k_h, k_w, C, O).transpose(3, 2, 0, 1).copy()
        return (dx, dW, *(sum_of_rows(g_rows) for _ in _b))

    return record(as_images(y, len(x), window.counts(shape)), inputs, derivatives)


def derivative_of_image(g, W, window, shape):
    """∂L/∂x (N, C, H, W) of an image of that shape, from g = ∂L/∂y (N, O, H′, W′).

    Its patches of g are H·W·O numbers for each pixel of the kernel, those to overlay H′·W′·C.
    """
    (O, C, *_), counts, back = W.shape, window.counts(shape), window.backwards()
    if back is not None and prod(shape) * O <= LARGER * prod(counts) * C:
        Q = side_by_side(g, back)  # (N·H·W, k_h k_w O)
        dx = Q.dot(W[:, :, ::-1, ::-1].transpose(2, 3, 0, 1).reshape(Q.shape[1], C))
        return as_images(dx, len(g), shape)
    dP = as_rows(g).dot(W.transpose(0, 2, 3, 1).reshape(O, -1))
    return overlay(dP.reshape(len(g), *counts, *window.size, C), window, shape)


def side_by_side(x, window):
    """The patches of x (N, C, H, W) as rows (N·H′·W′, k_h k_w C)."""
    (N, C, *shape), (s_h, s_w), (d_h, d_w) = x.shape, window.stride, window.dilation
    image = x.transpose(0, 2, 3, 1)
    if any(map(any, window.padding)):
        padded = empty((N, *window.padded(shape), C), x)
        padded[...] = 0
        padded[window.inside(shape)] = image
        image = padded
    n, i, j, c = image.strides
    sizes = (N, *window.counts(shape), *window.size, C)
    overlapping = np.lib.stride_tricks.as_strided(
        image, sizes, (n, s_h * i, s_w * j, d_h * i, d_w * j, c), writeable=False
    )
    P = empty(sizes, x)
    P[...] = overlapping
    return P.reshape(-1, window.size[0] * window.size[1] * C)


def as_rows(y):
    """(N, C, H, W) → (N·H·W, C), a view where the channels lie side by side."""
    return y.transpose(0, 2, 3, 1).reshape(-1, y.shape[1])


def as_images(y, N, shape):
    """(N·H·W, C) → (N, C, H, W), a view."""
    return y.reshape(N, *shape, -1).transpose(0, 3, 1, 2)
