"""How a trace is shown: as text in a terminal, as Markdown, and as HTML with small pictures."""

import html
import re

import numpy as np

from . import backend

PLAIN = (
    (r"\\(?:mathrm|operatorname|text|mathbf)\{([^{}]*)\}", r"\1"),
    (r"\\frac\{([^{}]*)\}\{((?:[^{}]|\{[^{}]*\})*)\}", r"(\1) / \2"),
    (r"\\sqrt\{([^{}]*)\}", r"√\1"),
    (r"\^\\top", "ᵀ"),
    (r"\^\{([^{}]*)\}", r"^\1"),
    (r"_\{([^{}]*)\}", r"_\1"),
)
SIGNS = {
    r"\top": "ᵀ", r"\cdot": "·", r"\odot": "⊙", r"\times": "×", r"\infty": "∞", r"\sum": "Σ",
    r"\tanh": "tanh", r"\sigma": "σ", r"\gamma": "γ", r"\beta": "β", r"\alpha": "α",
    r"\leftarrow": "←", r"\to": "→", r"\in": "∈", r"\left": "", r"\right": "", r"\,": " ",
    r"\;": " ", r"\!": "", r"\quad": "  ", r"\{": "{", r"\}": "}",
}  # fmt: skip
HEAD = ("symbol", "equation", "shape", "here", "values", "gradient")


def plain(latex):
    r"""LaTeX as a line of text: \frac{Q K^\top}{\sqrt{d_k}} becomes (Q Kᵀ) / √d_k."""
    for _ in range(3):  # fractions of roots of words: three deep
        for pattern, text in PLAIN:
            latex = re.sub(pattern, text, latex)
    for sign in sorted(SIGNS, key=len, reverse=True):
        latex = latex.replace(sign, SIGNS[sign])
    return re.sub(r"\s+", " ", latex).strip()


def span(x):
    """The smallest and the largest finite value, and what else there is."""
    if x is None:
        return "–"
    values = backend.to_device(x.array, "cpu")
    finite = values[np.isfinite(values)]
    words = f"{finite.min():.3g} … {finite.max():.3g}" if finite.size else "none finite"
    forbidden = int((values == -np.inf).sum()) if values.dtype.kind == "f" else 0
    lost = int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0
    return words + (f", {forbidden} × −∞" if forbidden else "") + (f", {lost} NaN" if lost else "")


def cells(step, equation):
    """One row of the table."""
    here = str(tuple(step.shape))
    return (step.symbol, equation, step.dims, here, span(step.value), span(step.grad))


def text_table(layers):
    """Columns of text, one block a layer."""
    if not layers:
        return "an empty trace: no layer has run inside it"
    blocks = []
    for name, steps in layers.items():
        rows = [HEAD, *(cells(s, plain(s.equation)) for s in steps)]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows]
        lines.insert(1, "  ".join("─" * w for w in widths))
        blocks.append("\n".join([name, *lines]))
    return "\n\n".join(blocks)


def markdown_table(layers):
    """Markdown tables, one a layer."""
    blocks = []
    for name, steps in layers.items():
        rows = [HEAD, ("---",) * len(HEAD), *(cells(s, f"${s.equation}$") for s in steps)]
        lines = ["| " + " | ".join(c.replace("|", r"\|") for c in row) + " |" for row in rows]
        blocks.append("\n".join([f"**{name}**", "", *lines]))
    return "\n\n".join(blocks) + "\n"


def html_table(layers):
    """An HTML table a layer, with a picture of each step's first matrix (batch 0, head 0).

    The equations are LaTeX, which a notebook sets, above the same in plain text for a page that
    does not.
    """
    blocks = []
    td = '<td style="padding: 2px 10px; text-align: left; white-space: nowrap">{}</td>'
    for name, steps in layers.items():
        head = "".join(td.format(h) for h in (*HEAD, "first matrix")).replace("td", "th")
        body = ""
        for s in steps:
            symbol, equation, *rest = map(html.escape, cells(s, f"${s.equation}$"))
            equation += f"<br><small>{html.escape(plain(s.equation))}</small>"
            row = (symbol, equation, *rest, picture(s.value))
            body += "<tr>" + "".join(map(td.format, row)) + "</tr>"
        blocks.append(
            f"<table><caption>{html.escape(name)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )
    return "".join(blocks) or "<p>an empty trace: no layer has run inside it</p>"


def picture(x, most=16, cell=8):
    """The first matrix of a tensor as a small SVG: white is its smallest value, black its largest.

    Long sides are thinned to `most` rows or columns; −∞ and NaN are hatched out in pale red.
    """
    values = backend.to_device(x.array, "cpu").astype(float)
    matrix = np.atleast_2d(values.reshape(-1, *values.shape[-2:])[0] if values.ndim > 2 else values)
    if not matrix.size:
        return ""
    shown = (np.linspace(0, n - 1, min(n, most)).astype(int) for n in matrix.shape)
    matrix = matrix[np.ix_(*shown)]
    finite = np.isfinite(matrix)
    low, high = (matrix[finite].min(), matrix[finite].max()) if finite.any() else (0, 0)
    marks = []
    for (i, j), v in np.ndenumerate(matrix):
        shade = round(255 * (1 - (v - low) / (high - low or 1))) if finite[i, j] else 0
        color = f"rgb({shade},{shade},{shade})" if finite[i, j] else "#f4c7c3"
        at = f'x="{j * cell}" y="{i * cell}" width="{cell}" height="{cell}"'
        marks.append(f'<rect {at} fill="{color}"/>')
    width, height = matrix.shape[1] * cell, matrix.shape[0] * cell
    label = f"a matrix of {x.shape[-2] if x.ndim > 1 else 1} by {x.shape[-1] if x.ndim else 1}"
    return (
        f'<svg width="{width}" height="{height}" role="img" aria-label="{label}" '
        f'style="outline: 1px solid #bbb">'
        f"{''.join(marks)}</svg>"
    )
