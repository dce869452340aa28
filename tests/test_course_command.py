"""Lessons are written for a class, and copied for oneself, and nothing is overwritten."""

import sys
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("jupytext", reason='needs pip install "minixattn[course]"')

from minixattn.cli import main
from minixattn.course import command

FOLDER = Path(__file__).parents[1] / "tutorials"


def export(build, out, *more):
    return main(["course", "export", "--for", build, "--out", str(out), "--from", str(FOLDER),
                 *more])  # fmt: skip


def test_students_get_all_lessons(tmp_path, capsys):
    assert export("students", tmp_path / "out") == 0
    assert "14 files for students" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(names) == 14 and names[5] == "05_masks.ipynb" and names[-1] == "glossary.md"
    notebook = nbformat.read(tmp_path / "out" / names[5], as_version=4)
    nbformat.validate(notebook)
    assert "...  # your code" in "".join(cell.source for cell in notebook.cells)


def test_solutions_run_and_are_called_right(tmp_path, capsys):
    assert export("solutions", tmp_path, "05") == 0
    notebook = nbformat.read(tmp_path / "05_masks.ipynb", as_version=4)
    space = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and ("exercise" in cell.metadata or "check" in cell.metadata
                                         or "import numpy" in cell.source):  # fmt: skip
            exec(compile(cell.source, "cell", "exec"), space)
    said = capsys.readouterr().out
    assert said.count("✓") == 6 and "✗" not in said


def test_nbgrader_gets_a_course_folder(tmp_path):
    assert export("nbgrader", tmp_path, "02", "05") == 0
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {
        "nbgrader_config.py", "source/02_text_looks_at_image/02_text_looks_at_image.ipynb",
        "source/02_text_looks_at_image/glossary.md", "source/05_masks/05_masks.ipynb",
        "source/05_masks/glossary.md",
    }  # fmt: skip


def test_what_is_there_is_written_over_only_when_asked_to(tmp_path, capsys):
    (tmp_path / "05_masks.ipynb").write_text("mine")
    assert export("students", tmp_path, "05") == 1
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "05_masks.ipynb").read_text() == "mine"
    assert export("students", tmp_path, "05", "--force") == 0
    assert (tmp_path / "05_masks.ipynb").read_text() != "mine"


def test_an_unknown_lesson_lists_the_known_ones(tmp_path, capsys):
    assert export("students", tmp_path, "99") == 1
    assert "no lesson '99'; known: 00_one_look" in capsys.readouterr().err


def test_lessons_are_copied_and_what_a_student_has_is_left_alone(tmp_path, capsys):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "05_masks.ipynb").write_text("my work")
    assert main(["tutorials", "--out", str(out), "--copy-only"]) == 0
    said = capsys.readouterr().out
    assert "13 files copied" in said and "Left as they were: 05_masks.ipynb" in said
    assert (out / "05_masks.ipynb").read_text() == "my work"
    assert (out / "glossary.md").is_file() and (out / "12_find_the_bug.ipynb").is_file()


def test_jupyterlab_is_opened_there(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda _name: object())
    monkeypatch.setattr(command.subprocess, "call", lambda args: calls.append(args) or 0)
    assert main(["tutorials", "--out", str(tmp_path)]) == 0
    assert calls == [[sys.executable, "-m", "jupyterlab", str(tmp_path)]]


def test_a_missing_jupyterlab_names_the_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda _name: None)
    assert main(["tutorials", "--out", str(tmp_path)]) == 1
    assert 'pip install "minixattn[tutorials]"' in capsys.readouterr().err
