"""How large words will be, before anything is drawn: a layout needs to know."""

import functools
import unicodedata

from .canvas import pyplot
from .text import families

POINTS = 72  # an inch
MEASURED = 8  # labels


def text_size(text, size, family=None):
    """Width and height in inches of text, in the current font or families, at `size` points.

    The height is that of its lines, whatever letters are on them.
    """
    lines = text.split("\n")
    family = tuple(family) if family else None
    width = max(line_width(line, family) for line in lines)
    return width * size / POINTS, 1.2 * size * len(lines) / POINTS


def line_width(line, family=None):
    """The width of one line in units of its font size."""
    return measured(line, family or tuple(pyplot().rcParams["font.family"]))


def widest(labels):
    """The width of the widest of several lines, in units of their font size.

    Only the longest are measured, those in wide letters counted double: there may be thousands.
    """
    def letters(label):
        return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in label)

    longest = sorted(labels, key=letters)[-MEASURED:]
    return max(line_width(label, tuple(families([label]))) for label in longest)


@functools.lru_cache(10_000)
def measured(line, family):
    """`line_width` of known families, kept."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not line.strip():
        return 0.3 * len(line)
    path = TextPath((0, 0), line, 100, prop=FontProperties(family=family))
    return float(path.get_extents().x1) / 100
