"""A small map of numbers drawn at a larger size."""

import numpy as np

from ..errors import ShapeError

KINDS = ("nearest", "bilinear", "bicubic")


def resampled(maps, size, kind="bicubic"):
    """Maps at another size: out = R_rows · map · R_columnsᵀ, one weighted sum along each side.

    Output i of n lies over the input place x = (i + ½) m/n − ½ of m, where pixels have a width and
    the corners of both maps meet. Bicubic is Keys's kernel over the four nearest inputs with the
    slope −¾ that PyTorch's `interpolate` has; it may run a little below the smallest and above the
    largest input.

    Parameters
    ----------
    maps : (..., rows, columns)
    size : (rows, columns) of the output
    kind : "nearest", "bilinear" or "bicubic"

    Returns
    -------
    array (..., *size)

    References
    ----------
    Keys (1981), "Cubic Convolution Interpolation for Digital Image Processing", equation 8.
    """
    if kind not in KINDS:
        raise ValueError(f"upsample={kind!r}: expected one of {', '.join(map(repr, KINDS))}.")
    if maps.ndim < 2 or not maps.shape[-1] * maps.shape[-2]:
        raise ShapeError(f"a map to upsample has shape {maps.shape}, expected (rows, columns).")
    rows, columns = (side(m, n, kind) for m, n in zip(maps.shape[-2:], size))
    return rows @ maps @ columns.T


def side(m, n, kind):
    """R (n, m): what share of each of m inputs each of n outputs takes."""
    x = (np.arange(n) + 0.5) * m / n - 0.5
    if kind == "nearest":
        return np.eye(m)[np.clip(np.floor(x + 0.5).astype(int), 0, m - 1)]
    reach, kernel = (1, linear) if kind == "bilinear" else (2, cubic)
    out = np.zeros((n, m))
    for tap in range(1 - reach, 1 + reach):
        at = np.floor(x) + tap
        inside = np.clip(at, 0, m - 1).astype(int)  # beyond the edge, the edge goes on
        np.add.at(out, (np.arange(n), inside), kernel(np.abs(x - at)))
    return out


def linear(d):
    """1 − d, a tent."""
    return 1 - d


def cubic(d, a=-0.75):
    """Keys's kernel: one cubic up to distance 1, another up to 2."""
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    return np.where(d <= 1, near, a * (d**3 - 5 * d**2 + 8 * d - 4))
