"""Where the matrices of an equation go, so that every cell has one size and no words collide."""

import math

import numpy as np

from .canvas import points
from .equation import Matrix
from .measure import text_size

GAP, ROW_GAP = 0.1, 0.14  # inches
SMALLEST = 0.03  # inches a cell


class Layout:
    """Blocks beside each other, matrices and operators, in one row or in two.

    Widths are a number of cells or the inches of the words, whichever is more; so the size of a
    cell decides over everything, and `best` finds the largest that fits.

    Attributes
    ----------
    title, body : font sizes in points
    blocks : list of (part, rows, columns, inches of its words)
    """

    def __init__(self, parts, gradients, most, shrink=1.0):
        self.title, self.body = points("medium") * shrink, points("small") * 0.9 * shrink
        self.gradients, self.footer = gradients, ""
        self.blocks = []
        for part in parts:
            if isinstance(part, Matrix):
                rows, columns = (min(n, most) for n in part.values.shape)
                self.blocks.append((part, rows, columns, self.words(part)))
            elif part is not None:
                said = max(text_size(part.sign, 1.6 * self.title)[0],
                           text_size(part.above, self.body)[0])  # fmt: skip
                self.blocks.append((part, 0, 0, said))
        self.rows = max(rows for _, rows, _, _ in self.blocks)
        matrices = [part for part in parts if isinstance(part, Matrix)]
        self.lines = [max(len(below(m, back)) for m in matrices) for back in (False, True)]

    def words(self, matrix):
        """The width in inches of what stands above and below a matrix and its gradient."""
        above = [text_size(title, self.title)[0] for title in titles(matrix, self.gradients)]
        lines = below(matrix, False) + (below(matrix, True) if self.gradients else [])
        return max(above + [text_size(line, self.body)[0] for line in lines])

    def width(self, cell):
        """Inches from the left of the first block to the right of the last."""
        return sum(self.block_width(b, cell) for b in self.blocks) + GAP * (len(self.blocks) + 1)

    def block_width(self, block, cell):
        """Inches of one block."""
        return max(block[2] * cell, block[3])

    def row_height(self, cell, back=False):
        """Inches of one row: title, cells, and lines of words."""
        words = 1.6 * self.title + 1.25 * self.lines[back] * self.body + 5  # in points
        return words / 72 + self.rows * cell

    def height(self, cell):
        """Inches of everything."""
        second = ROW_GAP + self.row_height(cell, True) if self.gradients else 0
        lines = self.footer.count("\n") + 1 if self.footer else 0
        footer = (1.3 * lines * self.body + 6) / 72
        return self.row_height(cell) + second + footer + ROW_GAP

    def best(self, width, height, largest):
        """The largest cell, in inches, with which everything fits."""
        low, high = SMALLEST, largest
        for _ in range(40):
            cell = (low + high) / 2
            fits = self.width(cell) <= width and self.height(cell) <= height
            low, high = (cell, high) if fits else (low, cell)
        return low

    def fits(self, width, height):
        """Whether there is a cell that is large enough to see."""
        cell = self.best(width, height, 1.0)
        return self.width(cell) <= width and self.height(cell) <= height and cell > SMALLEST * 1.2


def titles(matrix, gradients):
    """What stands above a matrix, and above its gradient."""
    symbol = {"weights A": "A"}.get(matrix.title, matrix.title)
    over = f"∂L/∂({symbol})" if " " in symbol else f"∂L/∂{symbol}"
    return [matrix.title, over] if gradients else [matrix.title]


def below(matrix, back):
    """What stands below a matrix or its gradient: shape in numbers and symbols, and extremes."""
    x = matrix.gradient if back else matrix.values
    if x is None:
        return ["no gradient"]
    rows, columns = x.shape
    lines = [] if back else [f"{rows:,} × {columns:,}", matrix.dims]
    return [*lines, extremes(x), *([f"numbers · 10{raised(power(x))}"] if power(x) else [])]


def extremes(x):
    """The smallest and the largest finite number; NaN is counted."""
    finite, lost = x[np.isfinite(x)], int(np.isnan(x).sum())
    text = f"{finite.min():.2g} … {finite.max():.2g}" if finite.size else "no number"
    return text.replace("-", "−") + (f", {lost} NaN" if lost else "")


def power(x):
    """The power of ten by which numbers are divided so that two decimals tell them apart."""
    size = float(np.abs(x[np.isfinite(x)]).max(initial=0))
    return 0 if size == 0 or 0.095 <= size < 99.5 else math.floor(math.log10(size))


def raised(n):
    """A whole number as an exponent."""
    return str(n).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
