"""Patches of images: which pixels a window holds, cut out and laid over one another.

    P[n, i, j, u, v, c] = x[n, c, i·s + u·d − p, j·s + v·d − p]

with stride s, dilation d and padding p: x is 0 outside. `cut` and `overlay` are each other's
derivative.
"""

from typing import NamedTuple

from ... import backend
from ...engine import unary
from ...errors import ShapeError
from ...ops.arguments import whole
from .checks import tensors


class Window(NamedTuple):
    """Which pixels a patch holds: (height, width) of the kernel, steps between patches and pixels.

    `padding` is ((above, below), (left, right)).
    """

    size: tuple
    stride: tuple = (1, 1)
    padding: tuple = ((0, 0), (0, 0))
    dilation: tuple = (1, 1)

    def padded(self, shape):
        """(H, W) with the padding."""
        return tuple(n + sum(p) for n, p in zip(shape, self.padding))

    def counts(self, shape):
        """(H′, W′): how many patches fit beside one another in an image (H, W)."""
        spans = [d * (k - 1) + 1 for k, d in zip(self.size, self.dilation)]
        return tuple(
            (n - span) // s + 1 for n, span, s in zip(self.padded(shape), spans, self.stride)
        )

    def fits(self, shape):
        """Whether there is room for a patch."""
        return min(self.counts(shape)) >= 1

    def pixels(self, shape):
        """(u, v, index): where the kernel's pixel (u, v) falls in a padded (N, H, W, C) image."""
        H, W = self.counts(shape)
        (s_h, s_w), (d_h, d_w) = self.stride, self.dilation
        for u in range(self.size[0]):
            rows = slice(u * d_h, u * d_h + s_h * (H - 1) + 1, s_h)
            for v in range(self.size[1]):
                yield u, v, (slice(None), rows, slice(v * d_w, v * d_w + s_w * (W - 1) + 1, s_w))

    def backwards(self):
        """The window with which ∂L/∂x is a convolution of g; None where it is none."""
        spans = [d * (k - 1) for k, d in zip(self.size, self.dilation)]
        padding = tuple(tuple(span - n for n in p) for span, p in zip(spans, self.padding))
        if self.stride != (1, 1) or min(map(min, padding)) < 0:
            return None
        return self._replace(padding=padding)

    def inside(self, shape):
        """The index of the image within its padding."""
        (top, _), (left, _) = self.padding
        return slice(None), slice(top, top + shape[0]), slice(left, left + shape[1])


def patches(name, input, window):
    """`cut`, where the window is found to fit."""
    shape = input.shape[2:]
    if not window.fits(shape):
        raise ShapeError(
            f"{name}: an image of {shape[0]} x {shape[1]} pixels, {window.padded(shape)} with its "
            f"padding, has no room for a kernel of size {window.size} with dilation "
            f"{window.dilation}: use a smaller kernel, or padding."
        )
    return cut(input, window)


def cut(input, window):
    """P[n, i, j, u, v, c] = x[n, c, i·s + u·d − p, j·s + v·d − p]; ∂L/∂x overlays g."""

    def forward(x):
        N, C, *shape = x.shape
        xp = backend.namespace(x)
        padded = xp.zeros((N, *window.padded(shape), C), x.dtype)
        padded[window.inside(shape)] = x.transpose(0, 2, 3, 1)
        P = xp.empty((N, *window.counts(shape), *window.size, C), x.dtype)
        for u, v, pixel in window.pixels(shape):
            P[:, :, :, u, v] = padded[pixel]
        return P

    return unary(forward, input, lambda g, _y, _x: overlay(g, window, _x.shape[2:]))


def overlay(input, window, shape):
    """x[n, c, h, w]: the sum of all P[n, i, j, u, v, c] cut from there; ∂L/∂P cuts g into patches.

    Parameters
    ----------
    input : P (N, H′, W′, k_h, k_w, C)
    shape : (H, W) of the image
    """

    def forward(P):
        N, C = P.shape[0], P.shape[-1]
        padded = backend.namespace(P).zeros((N, *window.padded(shape), C), P.dtype)
        for u, v, pixel in window.pixels(shape):
            padded[pixel] += P[:, :, :, u, v]
        return padded[window.inside(shape)].transpose(0, 3, 1, 2)

    return unary(forward, input, lambda g, _y, _P: cut(g, window))


# From arguments ----------------------------------------------------------------------------------


def image(name, input):
    """A tensor (N, C, H, W)."""
    tensors(name, input=input)
    if input.ndim != 4:
        raise ShapeError(
            f"{name}: expected images (N, C, H, W), or one image (C, H, W), got shape "
            f"{tuple(input.shape)}."
        )


def made(name, size, stride, padding, dilation):
    """The window that the arguments describe."""
    stride, dilation = pair(name, "stride", stride), pair(name, "dilation", dilation)
    if min(*size, *stride, *dilation) < 1:
        raise ShapeError(
            f"{name}: kernel, stride and dilation are at least 1, got a kernel of size "
            f"{tuple(size)}, stride {stride}, dilation {dilation}."
        )
    return Window(tuple(size), stride, around(name, size, stride, padding, dilation), dilation)


def around(name, size, stride, padding, dilation):
    """The padding as ((above, below), (left, right))."""
    if padding == "valid":
        padding = 0
    if padding == "same":
        if stride != (1, 1):
            raise ValueError(f"{name}: padding='same' needs stride 1, got {stride}.")
        total = [d * (k - 1) for k, d in zip(size, dilation)]
        return tuple((n // 2, n - n // 2) for n in total)
    if isinstance(padding, str):
        raise ValueError(
            f'{name}: padding is a number, a pair, "same" or "valid", got {padding!r}.'
        )
    before = pair(name, "padding", padding)
    if min(before) < 0:
        raise ShapeError(f"{name}: padding is at least 0, got {before}.")
    return tuple((n, n) for n in before)


def pair(name, which, value):
    """A number for both dimensions, or one for each."""
    both = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(both) not in (1, 2):
        raise ShapeError(
            f"{name}: {which} is a number or a pair (for the rows, for the columns), got {value!r}."
        )
    return tuple(map(whole, both * (3 - len(both))))
