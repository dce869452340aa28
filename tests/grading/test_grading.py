"""A course that nbgrader really takes: handed out, marked, and answered with feedback."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from minixattn.cli import main
from minixattn.course.source import for_nbgrader, sources, with_solutions

ROOT = Path(__file__).parents[2]
LESSON = "05_masks"
SOURCE = sources(ROOT / "tutorials", [LESSON])[0]
POINTS = {"predict": 1, "causal": 1, "padding": 1, "window": 1, "apply": 3, "polarity": 1}


def grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def answers():
    """The solutions of the lesson, by the exercise's name."""
    wanted = [grade_id(cell) for cell in for_nbgrader(SOURCE).cells]
    solved = with_solutions(SOURCE).cells
    return {
        name.removeprefix("05-"): cell.source
        for name, cell in zip(wanted, solved, strict=True)
        if name and not name.endswith("-test")
    }


def answered(notebook, given):
    """A copy of the handed-out notebook with these answers in it."""
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        name = grade_id(cell).removeprefix("05-")
        if name in given:
            cell.source = given[name]
    return notebook


def rearranged(notebook):
    """What students do: cells are moved, added and deleted, tests and answers among them."""
    cells = [c for c in notebook.cells if grade_id(c) not in ("05-window", "05-padding-test")]
    names = [grade_id(c) for c in cells]
    i, j = names.index("05-causal"), names.index("05-padding")
    cells[i], cells[j] = cells[j], cells[i]
    note = nbformat.v4.new_markdown_cell("A note of mine.")
    cells.insert(3, note)
    cells.append(nbformat.v4.new_code_cell("1 / 0  # tried something"))
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def copied_and_tried(notebook):
    """Answers are copied with all that belongs to them, and tried on in other words below."""
    answer = next(c for c in notebook.cells if grade_id(c) == "05-window")
    notebook.cells.insert(2, nbformat.from_dict(answer))
    scratch = "def my_causal(L, S):\n    return None  # as an experiment"
    notebook.cells.append(nbformat.v4.new_code_cell(scratch))
    return notebook


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder in which everything has been run: marks by student and exercise."""
    folder = tmp_path_factory.mktemp("course")
    assert main(["course", "export", "--for", "nbgrader", "--out", str(folder), LESSON,
                 "--from", str(ROOT / "tutorials")]) == 0  # fmt: skip
    nbgrader(folder, "generate_assignment", LESSON)
    path = folder / "release" / LESSON / f"{LESSON}.ipynb"
    released, solved = nbformat.read(path, as_version=4), answers()
    crash = dict.fromkeys(solved, "raise RuntimeError('nothing works')")
    inverted = {
        **solved,
        "causal": "def my_causal(L, S):\n    return np.arange(S) > np.arange(L)[:, None]",
        "apply": "def my_masked(scores, mask):\n    return np.exp(scores) * mask",
    }
    students = {
        "right": answered(released, solved), "wrong": answered(released, inverted),
        "crashing": answered(released, crash), "untouched": released,
        "rearranged": rearranged(answered(released, solved)),
        "copied": copied_and_tried(answered(released, solved)),
    }  # fmt: skip
    for name, notebook in students.items():
        there = folder / "submitted" / name / LESSON
        there.mkdir(parents=True)
        nbformat.write(notebook, there / f"{LESSON}.ipynb")
    nbgrader(folder, "autograde", LESSON)
    nbgrader(folder, "generate_feedback", LESSON)
    return folder


def nbgrader(folder, *command):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command], cwd=folder, capture_output=True, text=True,
        timeout=900, env={**os.environ, "PATH": path, "MPLBACKEND": "agg"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]


@pytest.fixture(scope="module")
def marks(course):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        found = {}
        for submission in book.assignment_submissions(LESSON):
            grades = submission.notebooks[0].grades
            found[submission.student.id] = {
                grade.name.removeprefix("05-").removesuffix("-test"): grade.score
                for grade in grades
            }
    return found


def test_a_right_submission_gets_full_marks(marks):
    assert marks["right"] == POINTS


def test_a_submission_with_two_mistakes_gets_the_marks_of_the_others(marks):
    assert marks["wrong"] == {**POINTS, "causal": 0, "apply": 0}


@pytest.mark.parametrize("student", ["crashing", "untouched"])
def test_a_submission_that_crashes_or_answers_nothing_gets_no_marks(marks, student):
    assert marks[student] == dict.fromkeys(POINTS, 0)


def test_moved_added_and_deleted_cells_cost_only_the_answer_that_is_gone(marks):
    assert marks["rearranged"] == {**POINTS, "window": 0}


def test_a_copied_answer_and_what_is_tried_below_the_marks_cost_nothing(marks):
    assert marks["copied"] == POINTS


def test_links_of_what_is_handed_out_lead_somewhere(course):
    folder = course / "release" / LESSON
    for link in re.findall(r"\]\(([^)#\\]+)", (folder / f"{LESSON}.ipynb").read_text("utf-8")):
        assert link.startswith("http") or (folder / link).is_file(), link


def test_what_is_handed_out_holds_no_solution_and_no_hidden_test(course):
    text = (course / "release" / LESSON / f"{LESSON}.ipynb").read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in text and "HIDDEN TESTS" not in text and "grade(" not in text
    for solution in answers().values():
        for line in solution.splitlines():
            if len(line.strip()) > 20 and line.startswith("    ") and '"""' not in line:
                assert line.strip() not in text


def test_the_feedback_names_the_mistake(course):
    (page,) = (course / "feedback" / "wrong" / LESSON).glob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "The mask is inverted: True means hidden there." in text
