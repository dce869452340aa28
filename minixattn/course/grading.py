"""What the course folder's `nbgrader_config.py` asks for."""

from pathlib import Path


def one_of_each(notebook, resources):
    """A step before nbgrader's own that lets cells be copied: the last copy is the answer.

    nbgrader takes a submission with two cells of one name for a notebook of an old version.
    """
    seen = set()
    for cell in reversed(notebook.cells):
        if grade_id(cell) in seen:
            del cell.metadata["nbgrader"]
        elif grade_id(cell):
            seen.add(grade_id(cell))
    return notebook, resources


def tests_after_answers(source):
    """A step for nbgrader's autograde that makes marks independent of what a student rearranged.

    A cell that marks an answer stays where it is below the answer. One that came to stand above is
    moved to the end, and one that was deleted is put back there: so an answer may stand anywhere,
    and what is marked is what the student saw marked.

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
        place = {grade_id(cell): i for i, cell in enumerate(notebook.cells)}

        def at_the_end(cell):
            answer = grade_id(cell).removesuffix("-test")
            return marks(cell) and place.get(answer, -1) > place[grade_id(cell)]

        gone = [cell for cell in whole.cells if marks(cell) and grade_id(cell) not in place]
        notebook.cells = [*sorted(notebook.cells, key=at_the_end), *gone]
        return notebook, resources

    return move


def marks(cell):
    """Whether a cell marks an answer."""
    return cell.metadata.get("nbgrader", {}).get("grade", False)


def grade_id(cell):
    """What nbgrader calls the cell; "" for one that it does not know."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")
