"""What all figures share: their type, the fonts that they need, and small files."""

import io
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
LIMIT = 200_000  # bytes of a file, so that a page of them opens at once
WIDE = 8.0  # inches of a whole figure: shown 800 pixels wide, ten points are easy to read
TRUTH = "#d95f02"
STYLE = {"font.size": 10, "axes.titlesize": 11, "figure.facecolor": "white"}


class MissingFont(RuntimeError):
    """No installed font has the characters of a figure."""


def drawn(draw, path):
    """Call `draw(path)` with the style of all figures, and refuse what no font can draw.

    Raises
    ------
    MissingFont
        Naming the script and a package with a font for it.
    RuntimeError
        If the file would be larger than `LIMIT`. In both cases it is as it was.
    """
    from matplotlib import pyplot as plt

    with plt.rc_context(STYLE), warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.filterwarnings("error", message="no installed font")
        warnings.filterwarnings("error", message="Glyph .* missing")
        unfinished = Path(folder) / path.name
        try:
            draw(unfinished)
        except UserWarning as warning:
            raise MissingFont(f"{path.name} is not drawn: {warning}") from None
        finally:
            plt.close("all")
        content = unfinished.read_bytes()
    if len(content) > LIMIT:
        raise RuntimeError(
            f"{path.name} would have {len(content):,} bytes, at most {LIMIT:,} are allowed."
        )
    path.write_bytes(content)


def write(figure, path, dpi=150, colors=128):
    """A figure as a PNG with a palette, which takes a third of the bytes."""
    from PIL import Image

    pixels = io.BytesIO()
    figure.savefig(pixels, format="png", dpi=dpi, bbox_inches="tight", pad_inches=0.08)
    image = Image.open(pixels).convert("RGB")
    image.quantize(colors, dither=Image.Dither.NONE).save(path, format="PNG", optimize=True)


def film(animation, path, fps=5):
    """An animation of heatmaps as a GIF, whose palette has what they are drawn with."""
    from matplotlib.animation import PillowWriter
    from PIL import Image

    palette = Image.new("P", (1, 1))
    palette.putpalette(hues())

    class Few(PillowWriter):
        def finish(self):
            frames = [frame.convert("RGB") for frame in self._frames]
            first, *rest = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in frames]
            first.save(self.outfile, save_all=True, append_images=rest, loop=0,
                       duration=1000 // fps)  # fmt: skip

    animation.save(path, writer=Few(fps=fps), dpi=100)


def hues():
    """Red, green and blue of 64 colours from 0 to 255: blues, greys, and oranges."""
    import numpy as np
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    orange = np.linspace(1, to_rgb(TRUTH), 9)[1:]
    rows = [colormaps["Blues"](np.linspace(0, 1, 44))[:, :3], orange, np.linspace([1] * 3, 0, 12)]
    return (255 * np.concatenate(rows)).round().astype(int).ravel().tolist()


def outline(ax, row, column, columns=1):
    """A box around the cells of a heatmap where the truth is."""
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((column - 0.5, row - 0.5), columns, 1, fill=False, edgecolor=TRUTH,
                           linewidth=1.5, zorder=4))  # fmt: skip
