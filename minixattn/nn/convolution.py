"""Layers for images: see `functional.convolution` and `functional.resampling` for the equations."""

import math

from ..creation import empty
from ..errors import ShapeError
from . import functional as F
from . import init
from .functional.patches import pair
from .module import Module
from .parameter import Parameter


class Conv2d(Module):
    """y[n, o, i, j] = b[o] + Σ_{c u v} x[n, c, i·s + u·d − p, j·s + v·d − p] W[o, c, u, v].

    Parameters
    ----------
    in_channels : C
    out_channels : O, the number of kernels
    kernel_size, stride, padding, dilation : k, s, p, d: a number, or (for the rows, for the
        columns); the padding may be "same" or "valid"
    groups : G: channels and kernels in G parts that have nothing to do with one another
    bias : whether there is a b
    padding_mode : "zeros", the only one here
    device, dtype : of the parameters

    Attributes
    ----------
    weight : (O, C / G, k_h, k_w), starts as U(−1/√n, 1/√n), n = k_h k_w C / G
    bias : (O,), starts likewise; None without

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.Conv2d(3, 5, kernel_size=3, padding=1)
    >>> layer(mx.randn(2, 3, 8, 6)).shape
    (2, 5, 8, 6)
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1,
                 groups=1, bias=True, padding_mode="zeros", device=None, dtype=None):  # fmt: skip
        super().__init__()
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ShapeError(
                f"Conv2d: in_channels={in_channels} and out_channels={out_channels} must be "
                f"multiples of groups={groups}."
            )
        if padding_mode != "zeros":
            raise NotImplementedError(
                f'Conv2d: padding_mode {padding_mode!r} is not offered; expected "zeros".'
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = pair("Conv2d", "kernel_size", kernel_size)
        self.stride = pair("Conv2d", "stride", stride)
        self.dilation = pair("Conv2d", "dilation", dilation)
        self.padding = padding if isinstance(padding, str) else pair("Conv2d", "padding", padding)
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.bias = Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self):
        """Draw the parameters anew."""
        bound = 1 / math.sqrt(max(math.prod(self.weight.shape[1:]), 1))
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, input):
        """Shapes (N, C, H, W) → (N, O, H′, W′)."""
        return F.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation,
                        self.groups)  # fmt: skip

    def extra_repr(self):
        """The options."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        for name, usual in (("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            value = getattr(self, name)
            text += "" if value == usual else f", {name}={value!r}"
        return text if self.bias is not None else f"{text}, bias=False"


class Upsample(Module):
    """Every pixel repeated; see `functional.interpolate`."""

    def __init__(self, size=None, scale_factor=None, mode="nearest"):
        super().__init__()
        self.size, self.scale_factor, self.mode = size, scale_factor, mode

    def forward(self, input):
        """Shapes (N, C, H, W) → (N, C, H′, W′)."""
        return F.interpolate(input, self.size, self.scale_factor, self.mode)

    def extra_repr(self):
        """The options."""
        size = f"size={self.size}" if self.size is not None else f"scale_factor={self.scale_factor}"
        return f"{size}, mode={self.mode!r}"


class AvgPool2d(Module):
    """The mean of every patch; see `functional.avg_pool2d`."""

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride

    def forward(self, input):
        """Shapes (N, C, H, W) → (N, C, H′, W′)."""
        return F.avg_pool2d(input, self.kernel_size, self.stride, self.padding)

    def extra_repr(self):
        """The options."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class PixelUnshuffle(Module):
    """r × r pixels become channels; see `functional.pixel_unshuffle`."""

    def __init__(self, downscale_factor):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input):
        """Shapes (…, C, H, W) → (…, C·r², H/r, W/r)."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self):
        """The options."""
        return f"downscale_factor={self.downscale_factor}"


class PixelShuffle(Module):
    """r² channels become r × r pixels; see `functional.pixel_shuffle`."""

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        """Shapes (…, C·r², H, W) → (…, C, H·r, W·r)."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self):
        """The options."""
        return f"upscale_factor={self.upscale_factor}"
