"""What every picture needs: matplotlib, arrays from any library, axes, colours, and files."""

import io
import os

import numpy as np

from ..errors import DTypeError, ShapeError, missing_extra
from ..serialization import replace
from .right_to_left import has_right_to_left, shapes_text

INK = "#222222"
ATTENTION = "#d95f02"  # an orange that survives grey print and the common colour blindnesses
RIGHT, WRONG = "#1b7837", "#b2182b"
# Lightness changes steadily along both, so they keep their order in grey print and for the
# colour-blind. 0 is the colour nearest to the paper.
SEQUENTIAL, SEQUENTIAL_ON_DARK = "Blues", "magma"
FORMATS = (".png", ".svg", ".pdf")
PRINT = 600  # dots per inch


def pyplot():
    """`matplotlib.pyplot`, imported when the first picture is drawn."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise missing_extra("matplotlib", "plot", "drawing a picture") from None
    return plt


def as_numpy(x):
    """The numbers of an array or tensor of any library, or of nested lists of them, as NumPy's.

    Taken are our Tensors, NumPy, CuPy, PyTorch (on any device, with or without a gradient), and
    whatever has `__array__` or `__dlpack__`. bfloat16 becomes float32, masked entries NaN.

    Raises
    ------
    DTypeError, ShapeError
        If `x` holds something else than numbers, or lists of unequal lengths.
    """
    if isinstance(x, (list, tuple)):
        return stacked([part if np.isscalar(part) else as_numpy(part) for part in x])
    if hasattr(x, "detach"):
        x = x.detach()
    if hasattr(x, "cpu"):
        x = x.cpu()
    if str(getattr(x, "dtype", "")) == "torch.bfloat16":  # NumPy has no such type
        x = x.float()
    if isinstance(x, np.ma.MaskedArray):
        x = x.astype(float).filled(np.nan)
    on_gpu = type(x).__module__.partition(".")[0] == "cupy"
    only_dlpack = hasattr(x, "__dlpack__") and not hasattr(x, "__array__")
    x = np.from_dlpack(x) if only_dlpack and not on_gpu else np.asarray(x.get() if on_gpu else x)
    return numbers(x)


def stacked(parts):
    """Numbers or arrays as one array with one more dimension."""
    shapes = {np.shape(part) for part in parts}
    if len(shapes) > 1:
        raise ShapeError(
            f"a picture needs one rectangular array, but the list holds parts of the shapes "
            f"{', '.join(map(str, sorted(shapes)))}: pad them to one shape, or draw each by itself."
        )
    return numbers(np.asarray(parts))


def numbers(array):
    """The array itself where it holds numbers, or an error that says what it holds."""
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            f"a picture needs real numbers, but the array of shape {array.shape} holds "
            f"{array.dtype}: give a Tensor, an array or nested lists of numbers."
        )
    return array


def new_axes(ax=None, figsize=None):
    """`ax` itself; new Axes on it where it is a Figure or SubFigure, or on a new figure for None.

    Raises
    ------
    TypeError
        If `ax` is something else.
    """
    if ax is None:
        return pyplot().subplots(figsize=figsize, layout="constrained")[1]
    if hasattr(ax, "add_subplot"):
        return ax.add_subplot()
    if not hasattr(ax, "imshow"):
        raise TypeError(
            f"ax must be one matplotlib Axes (or a Figure to put it on), got {type(ax).__name__}: "
            f"take one of them, as in ax=axes[0], or ax=plt.subplots()[1]."
        )
    return ax


def is_dark(ax):
    """Whether Axes have a dark background, as with `plt.style.use("dark_background")`."""
    from matplotlib.colors import to_rgba

    def paper(face, behind):
        *rgb, alpha = to_rgba(face)
        return alpha * np.array(rgb) + (1 - alpha) * behind

    figure = paper(root(ax).get_facecolor(), np.ones(3))
    return bool(luminance(paper(ax.get_facecolor(), figure)) < 0.18)  # 0.18: equal contrast to both


def luminance(rgb):
    """Relative luminance of sRGB colours (..., 3 or 4) from 0, black, to 1, white (WCAG 2.1)."""
    rgb = np.asarray(rgb, float)[..., :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def sequential(ax):
    """The name of the colour map that suits the background of `ax`, with 0 nearest to it."""
    return SEQUENTIAL_ON_DARK if is_dark(ax) else SEQUENTIAL


def root(artist):
    """The Figure that Axes, a SubFigure, or the first of an array of Axes belongs to."""
    if isinstance(artist, (np.ndarray, list, tuple)):
        artist = np.asarray(artist, dtype=object).ravel()[0]
    while artist.figure is not artist:
        artist = artist.figure
    return artist


def room(ax):
    """Width and height of Axes in inches, after a layout has found their place."""
    figure = root(ax)
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
    return [float(n / figure.dpi) for n in (ax.bbox.width, ax.bbox.height)]


def points(size):
    """A size of type in points: of a name, "small", or a setting in `rcParams`, "font.size"."""
    settings = pyplot().rcParams
    from matplotlib.font_manager import FontProperties

    return FontProperties(size=settings.get(size, size)).get_size_in_points()


def is_turned(figure):
    """Whether a figure has Arabic or Hebrew that was put in the order of drawing."""
    from matplotlib.text import Text

    words = (text.get_text() for text in figure.findobj(Text))
    return not shapes_text() and any(map(has_right_to_left, words))


def finish(artist, save=None):
    """Write the figure of `artist` to the file `save`, where one is named; returns `artist`.

    PNG has 600 dots an inch (or what `rcParams["savefig.dpi"]` says), SVG keeps words as text, PDF
    embeds its fonts as TrueType. A failure leaves the file that was there.

    Parameters
    ----------
    artist : Axes, Figure, SubFigure or array of Axes
    save : path that ends in .png, .svg or .pdf

    Raises
    ------
    ValueError
        If the path ends in something else.
    FileNotFoundError
        If there is no such folder.
    """
    if save is None:
        return artist
    path, figure = os.fspath(save), root(artist)
    kind = os.path.splitext(path)[1].lower()
    if kind not in FORMATS:
        raise ValueError(
            f"save={path!r} ends in {kind!r}, expected one of {', '.join(FORMATS)}."
        )
    plt = pyplot()
    dpi = plt.rcParams["savefig.dpi"]
    # A browser would turn words round once more that were turned for an older matplotlib.
    svg = "path" if is_turned(figure) else "none"
    fixed = {"svg.fonttype": svg, "pdf.fonttype": 42, "svg.hashsalt": "minixattn"}
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(kind)
    content = io.BytesIO()
    with plt.rc_context(fixed):
        figure.savefig(
            content, format=kind[1:], dpi=PRINT if dpi == "figure" else dpi, bbox_inches="tight",
            metadata=undated,
        )  # fmt: skip
    replace(path, content.getvalue())
    return artist
