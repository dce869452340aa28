"""The lessons' sources: Python scripts whose cells begin with `# %%`, which jupytext reads."""

from ..errors import missing_extra


def read(path):
    """A source as a notebook (nbformat). Cells have `exercise`, `check` and `points` as metadata.

    Raises
    ------
    ImportError
        If jupytext is not installed.
    """
    try:
        import jupytext
    except ImportError:
        raise missing_extra("jupytext", "course", "reading the sources of lessons") from None
    return jupytext.read(path, fmt="py:percent")


def code_cells(notebook):
    """The cells that are run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
