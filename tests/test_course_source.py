"""A source becomes a student's notebook, solutions, and an assignment for nbgrader."""

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("jupytext", reason='needs pip install "minixattn[course]"')

from minixattn.course import build
from minixattn.course.seal import answers_of, seal
from minixattn.course.sealing import book
from minixattn.course.source import (
    code_cells,
    for_nbgrader,
    for_students,
    read,
    sources,
    with_solutions,
)
from minixattn.course.tables import between, lesson, overview

TEXT = '''\
# %% [markdown]
# # A tiny lesson
#
# *Lesson 2 of 12 · 5 minutes*
#
# One question: **does it
# work?**
#
# - you can explain [this](glossary.md#this),

# %%
import numpy as np

from minixattn.course import check

# %% [markdown]
# ### Exercise 1 · compute · 5 minutes · easy

# %% exercise="scores"
def scores(Q, K):
    """Q Kᵀ / √d_k."""
    ### BEGIN SOLUTION
    return Q @ np.swapaxes(K, -1, -2) / np.sqrt(K.shape[-1])
    ### END SOLUTION

# %% check="attention.scores" points=2
check("attention.scores", scores)

# %% [markdown]
# ### Exercise 2 · predict · 1 minute · easy

# %% exercise="both"
### BEGIN SOLUTION
# wrong: (4, 2): Rows are queries.
shape = (2, 4)
name = "residual"
### END SOLUTION

# %% check="02.both" points=1
check("02.both", (shape, name))
'''


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "02_tiny.py"
    path.write_text(TEXT, encoding="utf-8")
    return path


def texts(notebook):
    return [cell.source for cell in code_cells(notebook)]


def test_cells_carry_what_their_headers_say(path):
    cells = code_cells(read(path))
    assert cells[1].metadata["exercise"] == "scores"
    assert (cells[2].metadata["check"], cells[2].metadata["points"]) == ("attention.scores", 2)


def test_text_is_cut_at_headings_and_a_heading_begins_a_slide(path):
    text = "# %% [markdown]\n# # One\n# a # b\n#\n# ## Two\n# text\n# ### Deeper\n\n"
    text += "# %%\n1\n\n# %% [markdown]\n# **Predict:** what?\n\n# %%\n2\n\n# %%\n3\n"
    path.write_text(text)
    cells = read(path).cells
    kinds = [cell.metadata["slideshow"]["slide_type"] for cell in cells]
    assert kinds == ["slide", "slide", "-", "subslide", "fragment", "-"]
    assert [c.source for c in cells[:2]] == ["# One\na # b", "## Two\ntext\n### Deeper"]


def test_students_get_blanks_of_either_kind(path):
    _, scores, _, both, _ = texts(for_students(path))
    assert scores == 'def scores(Q, K):\n    """Q Kᵀ / √d_k."""\n    ...  # your code'
    assert both == "shape = ...  # your answer\nname = ...  # your answer"


def test_solutions_are_without_their_marks(path):
    _, scores, _, both, _ = texts(with_solutions(path))
    assert scores.endswith("    return Q @ np.swapaxes(K, -1, -2) / np.sqrt(K.shape[-1])")
    assert both.endswith('shape = (2, 4)\nname = "residual"')
    assert "SOLUTION" not in "".join(texts(with_solutions(path)))


def test_nbgrader_gets_marks_points_and_a_hidden_test(path):
    cells = code_cells(for_nbgrader(path))
    answer, test = (cell.metadata["nbgrader"] for cell in cells[1:3])
    assert answer["solution"] and not answer["grade"] and answer["grade_id"] == "02-scores"
    assert test["grade"] and test["locked"] and test["points"] == 2
    assert cells[2].source.endswith(
        "### BEGIN HIDDEN TESTS\nfrom minixattn.course import grade\n"
        'grade("attention.scores", scores)\n### END HIDDEN TESTS'
    )
    assert cells[3].source.startswith("shape = ...  # your answer\nname = ...  # your answer\n###")
    assert "nbgrader" not in cells[0].metadata


def test_a_notebook_is_the_same_at_every_build(path):
    assert for_students(path) == for_students(path)
    ids = [cell.id for cell in for_students(path).cells]
    assert len(set(ids)) == len(ids)


def test_sources_are_found_by_number_or_name(path):
    assert sources(path.parent) == sources(path.parent, ["02"]) == [path]
    with pytest.raises(ValueError, match="no lesson '03'; known: 02_tiny"):
        sources(path.parent, ["03"])
    with pytest.raises(ValueError, match="no lessons in .*nowhere"):
        sources(path.parent / "nowhere")


def test_a_missing_jupytext_names_the_extra(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupytext", None)
    with pytest.raises(ImportError, match=r'pip install "minixattn\[course\]"'):
        read(path)


# Sealing -----------------------------------------------------------------------------------------


def test_answers_are_those_of_the_solutions_with_the_wrong_ones_beside_them(path):
    assert answers_of(path) == {
        "02.both": (((2, 4), "residual"), [((4, 2), "Rows are queries.")]),
    }


def test_what_is_sealed_stays_as_it_is_until_the_answer_changes(path, tmp_path):
    first = seal(path, tmp_path).read_text()
    assert seal(path, tmp_path).read_text() == first
    assert "residual" not in first
    path.write_text(TEXT.replace("(2, 4)", "(2, 5)"), encoding="utf-8")
    assert seal(path, tmp_path).read_text() != first
    book.cache_clear()


def test_an_answer_of_another_lesson_is_refused(path, tmp_path):
    path.write_text(TEXT.replace("02.both", "03.both"), encoding="utf-8")
    with pytest.raises(ValueError, match="'03.both' does not begin with '02'"):
        seal(path, tmp_path)


# Running -----------------------------------------------------------------------------------------


@pytest.fixture
def runnable(path):
    """A lesson whose only exercise is one that is known."""
    text = TEXT.split("# %% [markdown]\n# ### Exercise 2")[0]
    path.write_text(text, encoding="utf-8")
    return path


def run(path, *options):
    return build.main([*options, "--folder", str(path.parent)])


def test_a_lesson_is_run_and_written_and_then_found_in_order(runnable, capsys):
    assert run(runnable) == 0
    text = runnable.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert "… attention.scores: not answered yet." in text and "np.swapaxes" not in text
    assert run(runnable, "--check") == 0
    assert capsys.readouterr().out.count("0 troubles") == 2


@pytest.mark.parametrize("change, said", [
    (("import numpy as np", "import numpy as np\nimport math"), "is not that of its source"),
    (("np.sqrt(K.shape[-1])", "1"), "a solution is called wrong: ✗ attention.scores: wrong."),
    (("import numpy as np", "import numpy as np\n1 / 0"), "ZeroDivisionError"),
    (("import numpy as np", "from pylab import *\nimport numpy as np\nplot([1, 2])"),
     "axes without a label: x of axes 0"),
])  # fmt: skip
def test_whatever_is_wrong_with_a_lesson_is_said(runnable, capsys, change, said):
    run(runnable)
    runnable.write_text(runnable.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    assert run(runnable, "--check") == 1
    assert said in re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def test_a_notebook_that_shows_code_as_it_was_is_found(runnable, capsys):
    shown = "# %%\nfrom minixattn.course import show\nfrom minixattn.nn.functional import merging\n"
    text = runnable.read_text(encoding="utf-8") + f"\n{shown}\n# %%\nshow(merging.merge)\n"
    runnable.write_text(text, encoding="utf-8")
    assert run(runnable) == run(runnable, "--check") == 0
    notebook = runnable.with_suffix(".ipynb")
    kept = notebook.read_text(encoding="utf-8")
    assert "def merge(" in kept
    notebook.write_text(kept.replace("def merge(", "def joined("), encoding="utf-8")
    assert run(runnable, "--check") == 1
    assert "shows code that has changed: run `make course`" in capsys.readouterr().out


@pytest.mark.parametrize("warning, in_writing, in_checking", [
    ("no installed font has Chinese characters such as U+4E2D", 1, 0),
    ("something else", 1, 1),
])  # fmt: skip
def test_a_warning_is_trouble_but_for_a_font_that_only_a_picture_needs(
    runnable, warning, in_writing, in_checking
):
    text = runnable.read_text(encoding="utf-8")
    warned = f"import warnings\nwarnings.warn({warning!r})\nimport numpy as np"
    text = text.replace("import numpy as np", warned, 1)
    runnable.write_text(text, encoding="utf-8")
    assert run(runnable) == in_writing
    assert run(runnable, "--check") == in_checking


def test_too_long_and_too_large_are_troubles():
    assert build.too_much(61, 1) == ["it takes 61 s of the processor, at most 60 are allowed"]
    assert build.too_much(1, 300_001) == ["the notebook has 300 kB, at most 300 are allowed"]
    assert build.too_much(60, 300_000) == []


# Tables ------------------------------------------------------------------------------------------


def test_the_tables_say_what_the_source_says(path):
    found = lesson(path)
    assert (found.title, found.minutes, found.question) == ("A tiny lesson", 5, "does it work?")
    assert found.aims == ["you can explain this"]
    assert [(task.kind, task.minutes, task.points) for task in found.tasks] == [
        ("compute", 5, 2), ("predict", 1, 1),
    ]  # fmt: skip
    assert "| 2 | [A tiny lesson](02_tiny.ipynb) | does it work? | 5 | 2 |" in overview([found])


def test_a_page_without_its_marks_is_refused():
    page = "a\n<!-- x -->\nold\n<!-- /x -->\nb"
    assert between(page, "x", "new\n") == "a\n<!-- x -->\nnew\n<!-- /x -->\nb"
    with pytest.raises(ValueError, match="no place for the y"):
        between(page, "y", "new")


def test_the_package_does_not_hold_the_sources():
    assert not list((Path(build.__file__).parent).glob("**/[0-9][0-9]_*.py"))
