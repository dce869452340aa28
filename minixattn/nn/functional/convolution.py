"""Convolution by unfolding: every patch becomes a row, and the kernel's product with it a matrix's.

    y[n, o, i, j] = b[o] + Σ_{u v c} P[n, i, j, u, v, c] W[o, c, u, v]
    P[n, i, j, u, v, c] = x[n, c, i·s + u·d − p, j·s + v·d − p]

with stride s, dilation d and padding p: x is 0 outside. `patches.py` cuts them; the product is
`linear`'s.

| symbol | identifier                  | shape                |
|--------|-----------------------------|----------------------|
| x      | input                       | (N, C, H, W)         |
| W, b   | weight, bias                | (O, C / G, k_h, k_w), (O,) |
| P      | patches(x)                  | (N, H′, W′, k_h, k_w, C) |
| y      | conv2d(x, W, b)             | (N, O, H′, W′)       |

The channels of y lie side by side in memory, whatever its shape says: that is how the product
leaves them, and how the next `patches` reads them fastest.
"""

from ...errors import DTypeError, ShapeError
from ...ops.shape import cat
from . import fast_convolution
from .checks import tensors
from .linear import linear
from .patches import image, made, pair, patches


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

    if fast_convolution.is_plain(input, weight, bias) and window.fits(input.shape[2:]):
        return fast_convolution.conv2d(input, weight, bias, window, equation)
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


# Checks ------------------------------------------------------------------------------------------


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
