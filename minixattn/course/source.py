"""The lessons' sources and what is made of them: for students, with solutions, and for nbgrader.

A source is a Python script whose cells begin with `# %%`, which jupytext reads. Two kinds of cell
carry metadata: what a student writes, and what marks it.

    # %% exercise="scores"
    def scores(Q, K):
        ### BEGIN SOLUTION
        return Q @ K.swapaxes(-1, -2) / K.shape[-1] ** 0.5
        ### END SOLUTION
    # %% check="attention.scores" points=2
    check("attention.scores", scores)

| build     | the region between the marks                        | the check                    |
|-----------|-----------------------------------------------------|------------------------------|
| students  | `...  # your code`, or `shape = ...  # your answer` | as it stands                 |
| solutions | without the marks                                   | as it stands                 |
| nbgrader  | with them, for nbgrader to take out                 | a locked test, with points   |
|           |                                                     | and `grade(…)` hidden in it  |
"""

import ast
import hashlib
import re
from pathlib import Path

from ..errors import missing_extra

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
REGION = re.compile(rf"^([ \t]*){BEGIN}\n(.*?)^[ \t]*{END}[ \t]*\n?", re.MULTILINE | re.DOTALL)
LESSON_LINK = re.compile(r"\[([^\]]*)\]\(\d\d_\w+\.ipynb\)")
PATTERN = "[0-9][0-9]_*.py"
HIDDEN = "### BEGIN HIDDEN TESTS\nfrom minixattn.course import grade\n{}\n### END HIDDEN TESTS"


def sources(folder, names=()):
    """The sources in a folder, in order, or those of some lessons: "02" or "02_text_looks…".

    Raises
    ------
    ValueError
        If there are none, or a name fits none; the error lists those there are.
    """
    every = sorted(Path(folder).glob(PATTERN))
    if not every:
        raise ValueError(
            f"there are no lessons in {folder}: expected scripts such as 05_masks.py. They come "
            f"with the project's source, not with the installed package."
        )
    found = [path for path in every if not names or any(path.stem.startswith(n) for n in names)]
    wrong = [n for n in names if not any(path.stem.startswith(n) for path in every)]
    if wrong:
        known = ", ".join(path.stem for path in every)
        raise ValueError(f"there is no lesson {wrong[0]!r}; known: {known}.")
    return found


def read(path):
    """A source as a notebook (nbformat); cells have `exercise`, `check` and `points` as metadata.

    Raises
    ------
    ImportError
        If jupytext is not installed.
    """
    try:
        import jupytext
    except ImportError:
        raise missing_extra("jupytext", "course", "reading the sources of lessons") from None
    notebook = jupytext.read(path, fmt="py:percent")
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    with_slides(notebook)
    for i, cell in enumerate(notebook.cells):  # the same at every build
        cell.id = hashlib.sha256(f"{Path(path).stem} {i}".encode()).hexdigest()[:8]
    return notebook


def with_slides(notebook):
    """The notebook, its text cut at headings, with what `nbconvert --to slides` makes of each cell.

    A heading begins a slide, other text one below it; code is on the slide of its text, and waits
    for a key after a "Predict".
    """
    import nbformat

    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for text in re.split(r"\n+(?=##? )", cell.source):
                kind = "slide" if re.match("##? ", text) else "subslide"
                about = {"slideshow": {"slide_type": kind}}
                cells.append(nbformat.v4.new_markdown_cell(text, metadata=about))
        else:
            before = cells[-1].source if cells and cells[-1].cell_type == "markdown" else ""
            kind = "fragment" if "**Predict" in before else "-"
            cell.metadata["slideshow"] = {"slide_type": kind}
            cells.append(cell)
    notebook.cells = cells
    return notebook


def code_cells(notebook):
    """The cells that are run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# Builds ------------------------------------------------------------------------------------------


def for_students(path):
    """The notebook with blanks in the place of solutions."""
    notebook = read(path)
    for cell in code_cells(notebook):
        cell.source = REGION.sub(blank, cell.source + "\n").rstrip("\n")
    return notebook


def with_solutions(path):
    """The notebook with solutions, and without their marks."""
    notebook = read(path)
    for cell in code_cells(notebook):
        cell.source = REGION.sub(lambda region: region[2], cell.source + "\n").rstrip("\n")
    return notebook


def for_nbgrader(path):
    """The notebook as nbgrader's `source` folder has it."""
    notebook, lesson = read(path), Path(path).stem[:2]
    exercise = None
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LESSON_LINK.sub(r"\1", cell.source)  # the other lessons are not there
    for cell in code_cells(notebook):
        about = dict(cell.metadata)
        cell.metadata = {}
        if "exercise" in about:
            exercise = f"{lesson}-{about['exercise']}"
            names = assigned(cell.source)
            cell.source = REGION.sub(
                lambda region, names=names: answers(names) + region[0], cell.source + "\n"
            ).rstrip("\n")
            cell.metadata["nbgrader"] = marks(exercise, solution=True)
        elif "check" in about:
            call = re.search(r"^check\((.*)\)$", cell.source, re.MULTILINE)[1]
            cell.source += "\n" + HIDDEN.format(f"grade({call})")
            cell.metadata["nbgrader"] = marks(f"{exercise}-test", points=about.get("points", 1))
    return notebook


def marks(grade_id, *, solution=False, points=None):
    """nbgrader's metadata of a cell, schema 3."""
    graded = {} if points is None else {"points": points}
    return {
        "grade": points is not None, "grade_id": grade_id, "locked": points is not None,
        "schema_version": 3, "solution": solution, "task": False, **graded,
    }  # fmt: skip


def blank(region):
    """What a student finds in the place of a solution."""
    indent, solution = region[1], region[2]
    return f"{indent}...  # your code\n" if indent else answers(top_names(solution)) or "...\n"


def answers(names):
    """A line for each name that is to be assigned."""
    return "".join(f"{name} = ...  # your answer\n" for name in names)


def assigned(code):
    """The names that the solutions of a cell assign at its outermost level."""
    return [name for region in REGION.finditer(code + "\n") if not region[1]
            for name in top_names(region[2])]  # fmt: skip


def top_names(code):
    """The names that code assigns, in order."""
    targets = [target for node in ast.parse(code).body if isinstance(node, ast.Assign)
               for target in node.targets]  # fmt: skip
    return list(dict.fromkeys(node.id for target in targets for node in ast.walk(target)
                              if isinstance(node, ast.Name)))  # fmt: skip
