"""Convolution by unfolding: every patch becomes a row, and the kernel's product with it a matrix's.

    y[n, o, i, j] = b[o] + Σ_{u v c} P[n, i, j, u, v, c] W[o, c, u, v]
    P[n, i, j, u, v, c] = x[n, c, i·s + u·d − p, j·s + v·d − p]

with stride s, dilation d and padding p: x is 0 outside. `cut` and `overlay` are each other's
derivative; the product is `linear`'s.

| symbol | identifier                  | shape                |
|--------|-----------------------------|----------------------|
| x      | input                       | (N, C, H, W)         |
| W, b   | weight, bias                | (O, C / G, k_h, k_w), (O,) |
| P      | cut(x)                      | (N, H′, W′, k_h, k_w, C) |
| y      | conv2d(x, W, b)             | (N, O, H′, W′)       |

The channels of y lie side by side in memory, whatever its shape says: that is how the product
leaves them, and how the next `cut` reads them fastest.
"""

from typing import NamedTuple

from ... import backend
from ...engine import unary
from ...errors import DTypeError, ShapeError
from ...ops.arguments import whole
from ...ops.shape import cat
from .checks import tensors
from .fast_convolution import convolve, is_plain
from .linear import linear


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

    def pixels(self, shape):
        """(u, v, index): where the kernel's pixel (u, v) falls in a padded (N, H, W, C) image."""
        H, W = self.counts(shape)
        (s_h, s_w), (d_h, d_w) = self.stride, self.dilation
        for u in range(self.size[0]):
            rows = slice(u * d_h, u * d_h + s_h * (H - 1) + 1, s_h)
            for v in range(self.size[1]):
                yield u, v, (slice(None), rows, slice(v * d_w, v * d_w + s_w * (W - 1) + 1, s_w))

    def backwards(self):
        """The window of ∂L/∂x where that is a convolution of g; None where it is none."""
        spans = [d * (k - 1) for k, d in zip(self.size, self.dilation)]
        padding = tuple(tuple(span - n for n in p) for span, p in zip(spans, self.padding))
        if self.stride != (1, 1) or min(map(min, padding)) < 0:
            return None
        return self._replace(padding=padding)

    def inside(self, shape):
        """The index of the image within its padding."""
        (top, _), (left, _) = self.padding
        return slice(None), slice(top, top + shape[0]), slice(left, left + shape[1])


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """y[n, o, i, j] = b[o] + Σ_{c u v} x[n, c, i·s + u·d − p, j·s + v·d − p] W[o, c, u, v].

    Parameters
    ----------
    input : (N, C, H, W), or (C, H, W) for a single image
    weight : (O, C / groups, k_h, k_w)
    bias : (O,) or None
    stride, padding, dilation : s, p, d: a number, or (for the rows, for the columns); the padding
        may be "valid" (none) or "same" (as many patches as pixels)
    groups : G: the channels and the kernels in G parts that have nothing to do with one another

    Returns
    -------
    Tensor (N, O, H′, W′), H′ = ⌊(H + 2p − d (k_h − 1) − 1) / s⌋ + 1

    Raises
    ------
    ShapeError
        Naming the size that does not fit.
    """
    if getattr(input, "ndim", 4) == 3:
        return conv2d(input.unsqueeze(0), weight, bias, stride, padding, dilation, groups)[0]
    check(input, weight, bias, groups)
    if groups > 1:
        parts = zip(input.chunk(groups, 1), weight.chunk(groups, 0))
        y = cat([conv2d(x, W, None, stride, padding, dilation) for x, W in parts], 1)
        return y if bias is None else y + bias.reshape(-1, 1, 1)
    window = made("conv2d", weight.shape[2:], stride, padding, dilation)

    def equation(x, W, b=None):
        P = patches("conv2d", x, window).flatten(3)  # (N, H′, W′, k_h k_w C)
        W = W.permute(0, 2, 3, 1).flatten(1)  # (O, k_h k_w C)
        return linear(P, W, b).permute(0, 3, 1, 2)

    if is_plain(input, weight, bias) and fits(input.shape[2:], window):
        return convolve(input, weight, bias, window, equation)
    return equation(input, weight, bias)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Every patch of x as a column: (N, C, H, W) → (N, C·k_h·k_w, H′·W′).

    Parameters
    ----------
    input : (N, C, H, W), or (C, H, W) for a single image
    kernel_size, dilation, padding, stride : a number, or (for the rows, for the columns)
    """
    if getattr(input, "ndim", 4) == 3:
        return unfold(input.unsqueeze(0), kernel_size, dilation, padding, stride)[0]
    image("unfold", input)
    window = made("unfold", pair("unfold", "kernel_size", kernel_size), stride, padding, dilation)
    P = patches("unfold", input, window)  # (N, H′, W′, k_h, k_w, C)
    return P.permute(0, 5, 3, 4, 1, 2).flatten(4).flatten(1, 3)


# The two operations ------------------------------------------------------------------------------


def patches(name, input, window):
    """`cut`, where the window is found to fit."""
    shape = input.shape[2:]
    if not fits(shape, window):
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


# Checks ------------------------------------------------------------------------------------------


def made(name, size, stride, padding, dilation):
    """The window that the arguments describe."""
    stride, dilation = pair(name, "stride", stride), pair(name, "dilation", dilation)
    if min(*size, *stride, *dilation) < 1:
        raise ShapeError(
            f"{name}: kernel, stride and dilation are at least 1, got a kernel of size "
            f"{tuple(size)}, stride {stride}, dilation {dilation}."
        )
    return Window(tuple(size), stride, around(name, size, stride, padding, dilation), dilation)


def fits(shape, window):
    """Whether there is room for a patch in an image of that shape."""
    return min(window.counts(shape)) >= 1


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


def image(name, input):
    """A tensor (N, C, H, W)."""
    tensors(name, input=input)
    if input.ndim != 4:
        raise ShapeError(
            f"{name}: expected images (N, C, H, W), or one image (C, H, W), got shape "
            f"{tuple(input.shape)}."
        )


def check(input, weight, bias, groups):
    """Sizes that fit, and one float type."""
    image("conv2d", input)
    tensors("conv2d", weight=weight, bias=bias)
    if weight.ndim != 4:
        raise ShapeError(
            f"conv2d: the weight has shape {tuple(weight.shape)}, expected 4 dimensions: "
            f"(out_channels, in_channels / groups, kernel height, kernel width)."
        )
    kernels, C = weight.shape[:2]
    if groups < 1 or kernels % groups:
        raise ShapeError(f"conv2d: {kernels} kernels do not divide into groups={groups}.")
    if input.shape[1] != C * groups:
        of = f" times groups={groups}" if groups > 1 else ""
        raise ShapeError(
            f"conv2d: the input has shape {tuple(input.shape)}, expected (N, {C * groups}, H, W), "
            f"since the weight of shape {tuple(weight.shape)} takes {C} channels{of}."
        )
    if bias is not None and bias.shape != (kernels,):
        raise ShapeError(
            f"conv2d: the bias has shape {tuple(bias.shape)}, expected ({kernels},) for "
            f"{kernels} kernels."
        )
    types = {str(t.dtype) for t in (input, weight, bias) if t is not None}
    if len(types) > 1 or input.dtype.kind != "f":
        raise DTypeError(
            f"conv2d: input, weight and bias must have one float type, got {', '.join(types)}: "
            f"bring the input to it with x.to(weight.dtype)."
        )
