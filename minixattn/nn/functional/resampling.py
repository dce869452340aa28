"""Images of another size: pixels repeated, averaged, or moved between places and channels."""

import numpy as np

from ...errors import ShapeError
from ...ops.shape import broadcast_to
from .checks import tensors
from .patches import image, made, pair, patches


def interpolate(input, size=None, scale_factor=None, mode="nearest"):
    """y[n, c, i, j] = x[n, c, ⌊i·H/H′⌋, ⌊j·W/W′⌋]: the pixel that each new one falls into.

    Parameters
    ----------
    input : (N, C, H, W)
    size : H′ and W′, as one number or a pair
    scale_factor : H′/H and W′/W instead
    mode : "nearest", the only one here
    """
    image("interpolate", input)
    if mode != "nearest":
        raise NotImplementedError(
            f'interpolate: mode {mode!r} is not offered; expected "nearest".'
        )
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor, and not both.")
    shape, factors = input.shape[2:], scale_factor
    if size is not None:
        size = pair("interpolate", "size", size)
        factors = tuple(m / n for m, n in zip(size, shape))
    elif not isinstance(factors, (tuple, list)):
        factors = (factors, factors)
    if size is None:
        size = tuple(int(n * f) for n, f in zip(shape, factors))
    if min(size) < 1:
        raise ShapeError(f"interpolate: {shape} pixels would become {size}, less than one.")
    if all(m % n == 0 for m, n in zip(size, shape)):
        return repeated(input, *(m // n for m, n in zip(size, shape)))
    for dim, (m, n, f) in enumerate(zip(size, shape, factors), 2):
        nearest = np.minimum((np.arange(m) * np.float32(1 / f)).astype(int), n - 1)
        input = input[(slice(None),) * dim + (nearest.tolist(),)]
    return input


def repeated(input, rows, columns):
    """Every pixel `rows` × `columns` times."""
    N, C, H, W = input.shape
    x = input.permute(0, 2, 3, 1).reshape(N, H, 1, W, 1, C)
    x = broadcast_to(x, (N, H, rows, W, columns, C))
    return x.reshape(N, H * rows, W * columns, C).permute(0, 3, 1, 2)


def avg_pool2d(input, kernel_size, stride=None, padding=0):
    """y[n, c, i, j] = the mean of a patch of x, the 0s of its padding included.

    Parameters
    ----------
    input : (N, C, H, W)
    kernel_size, padding : a number, or (for the rows, for the columns)
    stride : the same; `kernel_size` where None
    """
    image("avg_pool2d", input)
    size = pair("avg_pool2d", "kernel_size", kernel_size)
    window = made("avg_pool2d", size, size if stride is None else stride, padding, 1)
    if any(2 * p > k for k, (p, _) in zip(size, window.padding)):
        raise ShapeError(
            f"avg_pool2d: padding is at most half of the kernel, got padding={padding} for "
            f"kernel_size={kernel_size}."
        )
    return patches("avg_pool2d", input, window).mean((3, 4)).permute(0, 3, 1, 2)


def pixel_unshuffle(input, downscale_factor):
    """z[…, c·r² + u·r + v, i, j] = x[…, c, i·r + u, j·r + v]: r × r pixels become channels."""
    tensors("pixel_unshuffle", input=input)
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-2] % r or input.shape[-1] % r:
        raise ShapeError(
            f"pixel_unshuffle: expected (…, C, H, W) with H and W multiples of downscale_factor="
            f"{r}, got shape {tuple(input.shape)}."
        )
    *batch, C, H, W = input.shape
    n = len(batch)
    x = input.reshape(*batch, C, H // r, r, W // r, r)
    x = x.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)  # (…, C, r, r, H/r, W/r)
    return x.reshape(*batch, C * r * r, H // r, W // r)


def pixel_shuffle(input, upscale_factor):
    """x[…, c, i·r + u, j·r + v] = z[…, c·r² + u·r + v, i, j]: `pixel_unshuffle` undone."""
    tensors("pixel_shuffle", input=input)
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % r**2:
        raise ShapeError(
            f"pixel_shuffle: expected (…, C·r², H, W) with r = upscale_factor = {r}, got shape "
            f"{tuple(input.shape)}."
        )
    *batch, C, H, W = input.shape
    n = len(batch)
    x = input.reshape(*batch, C // r**2, r, r, H, W)
    x = x.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)  # (…, C, H, r, W, r)
    return x.reshape(*batch, C // r**2, H * r, W * r)
