"""What the course folder's `nbgrader_config.py` asks for."""

from pathlib import Path


def tests_last(source):
    """A step for nbgrader's autograde that makes marks independent of what a student rearranged.

    Cells that mark answers are moved to the end, in their order, and those that were deleted are
    put back: so an answer may stand anywhere, and counts if it is right.

    Parameters
    ----------
    source : nbgrader's folder of that name, where the notebooks lie as NAME/NAME.ipynb

    Returns
    -------
    function (notebook, resources) -> notebook, resources
    """

    def move(notebook, resources):
        import nbformat

        name = resources["metadata"]["name"]
        whole = nbformat.read(Path(source) / name / f"{name}.ipynb", as_version=4)
        there = {grade_id(cell) for cell in notebook.cells}
        gone = [cell for cell in whole.cells if marks(cell) and grade_id(cell) not in there]
        notebook.cells = sorted([*notebook.cells, *gone], key=marks)
        return notebook, resources

    return move


def marks(cell):
    """Whether a cell marks an answer."""
    return cell.metadata.get("nbgrader", {}).get("grade", False)


def grade_id(cell):
    """What nbgrader calls the cell."""
    return cell.metadata.get("nbgrader", {}).get("grade_id")
