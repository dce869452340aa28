"""The lessons as they lie there: short cells, true links, known exercises, no solutions."""

import ast
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("jupytext", reason='needs pip install "minixattn[course]"')

import nbformat

from minixattn.course.exercises import EXERCISES
from minixattn.course.sealing import book, is_sealed
from minixattn.course.source import REGION, code_cells, for_nbgrader, for_students, read, sources
from minixattn.course.tables import lesson, pages

FOLDER = Path(__file__).parents[1] / "tutorials"
SOURCES = sources(FOLDER)
every_lesson = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


def prose(path):
    return [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]


def test_there_are_thirteen_lessons_in_order():
    assert [int(path.name[:2]) for path in SOURCES] == list(range(13))


@every_lesson
def test_it_opens_with_a_question_minutes_aims_and_what_is_needed(path):
    first, found = prose(path)[0], lesson(path)
    assert re.match(rf"# .*\n\n\*Lesson {int(path.name[:2])} of 12 · \d+ minutes", first)
    assert 15 <= found.minutes <= 45 and found.question.endswith("?")
    assert len(found.aims) >= 2 and "You need:" in first


@every_lesson
def test_it_predicts_ends_on_three_sentences_and_has_three_to_six_exercises(path):
    text, found = "\n".join(prose(path)), lesson(path)
    assert "redict" in text or "**Test:**" in text
    kept = text.partition("## Three sentences to keep")[2].partition("## Exercises")[0]
    assert re.findall(r"^(\d)\. ", kept, re.MULTILINE) == ["1", "2", "3"]
    assert 3 <= len(found.tasks) <= 6
    assert [task.number for task in found.tasks] == list(range(1, len(found.tasks) + 1))
    kinds, levels = {task.kind for task in found.tasks}, {task.level for task in found.tasks}
    assert kinds <= {"predict", "compute", "modify", "explain"} and len(kinds) > 1
    assert levels <= {"easy", "medium", "hard"}
    assert all(1 <= task.minutes <= 20 and task.points > 0 for task in found.tasks)


@every_lesson
def test_cells_are_short_and_use_no_shell_and_no_network(path):
    for cell in code_cells(read(path)):
        shown = REGION.sub("...\n", cell.source + "\n")
        lines = [line for line in shown.splitlines() if line.strip()]
        assert len(lines) <= 15, cell.source
        assert max(map(len, lines)) <= 115
        assert not re.search(r"^\s*[!%]", cell.source, re.MULTILINE)
        assert not re.search(r"https?://|urllib|requests|fetch_", cell.source)
        ast.parse(cell.source)


@every_lesson
def test_most_cells_have_at_most_ten_lines(path):
    sizes = [len([line for line in cell.source.splitlines() if line.strip()])
             for cell in code_cells(read(path)) if "exercise" not in cell.metadata]  # fmt: skip
    assert sum(size > 10 for size in sizes) <= 2


@every_lesson
def test_every_check_is_known_and_stands_below_its_exercise(path):
    cells = code_cells(read(path))
    for i, cell in enumerate(cells):
        if "check" in cell.metadata:
            name = cell.metadata["check"]
            assert name in EXERCISES or is_sealed(name), name
            assert f'check("{name}", ' in cell.source
            assert "exercise" in cells[i - 1].metadata
    exercises = [cell for cell in cells if "exercise" in cell.metadata]
    assert all("### BEGIN SOLUTION" in cell.source for cell in exercises)
    assert len({cell.metadata["exercise"] for cell in exercises}) == len(exercises)


@every_lesson
def test_sealed_answers_are_those_that_it_asks_for(path):
    number = path.name[:2]
    asked = {task.check for task in lesson(path).tasks if task.check.startswith(number)}
    assert set(book(number)) == asked


@every_lesson
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)]+)\)", "\n".join(prose(path))):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        assert (FOLDER / file).exists(), target
        if anchor:
            headings = re.findall(r"^## (.*)$", (FOLDER / file).read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w]+", "-", h.lower()) for h in headings}, target


@every_lesson
def test_no_student_build_contains_a_line_of_a_solution(path):
    given = nbformat.writes(for_students(path))
    kept = path.with_suffix(".ipynb").read_text(encoding="utf-8")
    shown = "\n".join(REGION.sub("", cell.source + "\n") for cell in code_cells(read(path)))
    for cell in code_cells(read(path)):
        for region in REGION.finditer(cell.source + "\n"):
            for line in map(str.strip, region[2].splitlines()):
                if len(line) >= 12 and line not in shown:
                    escaped = json.dumps(line, ensure_ascii=False)[1:-1]
                    assert escaped not in given and escaped not in kept, line


@every_lesson
def test_the_committed_notebook_is_of_this_source_ran_through_and_is_small(path):
    kept = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    assert [c.source for c in kept.cells] == [c.source for c in for_students(path).cells]
    counts = [cell.execution_count for cell in code_cells(kept)]
    assert counts == list(range(1, len(counts) + 1))
    assert not [o for cell in code_cells(kept) for o in cell.outputs if o.output_type == "error"]
    assert any("image/png" in o.get("data", {}) for cell in code_cells(kept) for o in cell.outputs)
    assert path.with_suffix(".ipynb").stat().st_size <= 300_000


def test_grade_ids_are_unique_in_the_whole_course():
    ids = [cell.metadata["nbgrader"]["grade_id"] for path in SOURCES
           for cell in code_cells(for_nbgrader(path)) if "nbgrader" in cell.metadata]  # fmt: skip
    assert len(set(ids)) == len(ids) > 100


def test_the_pages_about_the_lessons_say_what_the_lessons_say():
    for path, text in pages(FOLDER).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make course`"
