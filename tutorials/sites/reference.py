"""The reference, written from the docstrings: signatures, equations set, and the source itself."""

import importlib
import inspect
import re
import textwrap
from pathlib import Path

import minixattn

ROOT = Path(minixattn.__file__).parents[1]
MODULES = {
    "nn": "Layers",
    "nn.functional": "Functions",
    "masks": "Masks",
    "models": "Models",
    "data": "Data",
    "autograd": "Derivatives",
    "optim": "Optimizers",
    "optim.lr_scheduler": "Schedules",
    "utils.data": "Datasets and loaders",
    "plot": "Pictures",
    "attribution": "Attribution",
    "interop": "Weights of other libraries",
    "parallel": "Several processes",
    "course": "The course",
}
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
ENTRY = re.compile(r"^(\*{0,2}[\w, *.=\"]+?) : (.*)$")


def page(module):
    """A page in Markdown for one module."""
    found = importlib.import_module(f"minixattn.{module}")
    head = [f"# {MODULES[module]}: `minixattn.{module}`", described(found.__doc__ or "")]
    entries = [entry(name, getattr(found, name)) for name in names(found)]
    return "\n\n".join([*head, *entries]) + "\n"


def names(module):
    """The public functions and classes, in the order of `__all__` where there is one."""
    every = getattr(module, "__all__", None) or sorted(n for n in vars(module) if n[0] != "_")
    return [name for name in every if documented(getattr(module, name, None))]


def documented(thing):
    """Whether a thing is a class or function of the package."""
    ours = getattr(thing, "__module__", "") or ""
    return (inspect.isclass(thing) or inspect.isfunction(thing)) and ours.startswith("minixattn")


def entry(name, thing):
    """One function or class."""
    parts = [f"## {name}", f"```python\n{name}{signature(thing)}\n```"]
    parts += [described(inspect.getdoc(thing) or ""), equations(thing), source(thing)]
    return "\n\n".join(part for part in parts if part)


def signature(thing):
    """What it is called with."""
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return "(...)"
    return re.sub(r"<(function|class|object) ?'?([\w.]+)[^>]*>", r"\2", text)


def equations(thing):
    """The table of a layer's equations, set."""
    table = getattr(thing, "equations", None)
    if not isinstance(table, dict) or not inspect.isclass(thing):
        return ""
    rows = [f"| `{symbol}` | ${cell(latex)}$ | {shape} |" for symbol, (latex, shape) in table.items()]
    return "\n".join(["| step | equation | shape |", "|---|---|---|", *rows])


def cell(latex):
    """LaTeX in a cell of a table, whose bars would end it."""
    return latex.replace("|", r"\vert ")


def source(thing):
    """The source, folded."""
    try:
        path = Path(inspect.getsourcefile(inspect.unwrap(thing)))
        lines, first = inspect.getsourcelines(inspect.unwrap(thing))
    except (OSError, TypeError):
        return ""
    code = "".join(lines).rstrip()
    return (f"<details><summary>source: {path.relative_to(ROOT)}, line {first}</summary>\n\n"
            f"````python\n{textwrap.dedent(code)}\n````\n\n</details>")  # fmt: skip


def described(doc):
    """A docstring in numpydoc form as Markdown."""
    pieces = SECTION.split(inspect.cleandoc(doc))
    parts = [blocks(pieces[0])]
    for title, content in zip(pieces[1::2], pieces[2::2]):
        parts.append(f"**{title}**\n\n{section(title, content)}")
    return "\n\n".join(part for part in parts if part.strip())


def section(title, content):
    """The content of a section: a list of what has names, prose otherwise."""
    if title == "Examples":
        return f"```python\n{content.strip()}\n```"
    if title not in ("Parameters", "Returns", "Attributes", "Raises", "Other Parameters"):
        return blocks(content)
    items = []
    for line in content.strip("\n").splitlines():
        if line and not line.startswith(" "):
            named = ENTRY.match(line)
            items.append(f"- `{named[1]}`: {escaped(named[2])}" if named else f"- {escaped(line)}")
        elif line.strip() and items:
            items[-1] += f" {escaped(line.strip())}"
    return "\n".join(items)


def blocks(text):
    """Prose as it is; what is indented, or a table, as it stands."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith("    "):
            parts.append(f"```text\n{textwrap.dedent(block)}\n```")
        elif block.lstrip().startswith("|"):
            parts.append(block)
        else:
            parts.append(escaped(block))
    return "\n\n".join(parts)


def escaped(text):
    """Prose in which nothing is taken for markup by mistake, outside of `code`."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else re.sub(r"([*_$<\[\]])", r"\\\1", piece)
                   for piece in pieces)  # fmt: skip
