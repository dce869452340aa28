"""What the pages about the lessons say of each: `python -m minixattn.course.tables`.

Two tables are made from the sources and written between marks: which lessons there are
(`tutorials/README.md`), and what each exercise tests (`tutorials/teaching.md`).
"""

import argparse
import re
from pathlib import Path
from typing import NamedTuple

from ..serialization import replace
from .exercises import EXERCISES
from .source import code_cells, read, sources

EXERCISE = re.compile(r"^### Exercise (\d+) · (\w+) · (\d+) minutes? · (\w+)$", re.MULTILINE)


class Task(NamedTuple):
    """An exercise as its lesson has it: predict, compute, …; minutes; easy, …; check; points."""

    number: int
    kind: str
    minutes: int
    level: str
    check: str
    points: int


class Lesson(NamedTuple):
    """What a lesson says of itself."""

    name: str
    title: str
    minutes: int
    question: str
    aims: list
    tasks: list


def lesson(path):
    """Read the first cell and the exercises of a source."""
    notebook = read(path)
    first = notebook.cells[0].source
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    checks = [cell.metadata for cell in code_cells(notebook) if "check" in cell.metadata]
    tasks = [
        Task(int(n), kind, int(minutes), level, about["check"], int(about["points"]))
        for (n, kind, minutes, level), about in zip(EXERCISE.findall(text), checks, strict=True)
    ]
    question = re.search(r"^One question: \*\*(.*?)\*\*$", first, re.MULTILINE | re.DOTALL)[1]
    aims = re.findall(r"^- (.*(?:\n  .*)*)", first, re.MULTILINE)
    return Lesson(
        path.stem, re.match(r"# (.*)", first)[1], int(re.search(r"· (\d+) minutes", first)[1]),
        " ".join(question.split()), [plain(aim) for aim in aims], tasks,
    )  # fmt: skip


def plain(text):
    """One line, without links."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(text.split())).rstrip(",.")


def overview(lessons):
    """The table of lessons, in Markdown."""
    rows = [
        f"| {int(found.name[:2])} | [{found.title}]({found.name}.ipynb) | {found.question} "
        f"| {found.minutes} | {len(found.tasks)} |"
        for found in lessons
    ]
    head = ["| | lesson | question | minutes | exercises |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def details(lessons):
    """For each lesson its aims, and what each exercise tests."""
    parts = []
    for found in lessons:
        aims = "\n".join(f"- {aim}" for aim in found.aims)
        rows = "\n".join(
            f"| {task.number} | {task.kind} | {task.minutes} | {task.level} | {task.points} "
            f"| {tested(task.check)} |"
            for task in found.tasks
        )
        parts.append(
            f"### {int(found.name[:2])}. {found.title}\n\n{aims}\n\n"
            f"| | kind | minutes | level | points | what it tests, and wrong answers that it names "
            f"|\n|---|---|---|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


def tested(check):
    """What a check asks for, and the mistakes that it names."""
    if check not in EXERCISES:
        return f"`{check}`: one right answer"
    exercise = EXERCISES[check]
    asked = exercise.asked.replace("|", r"\|")
    return f"{asked}. *{' '.join(mistake.name for mistake in exercise.mistakes)}*"


def between(text, name, content):
    """A page with new content between the marks of that name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, mark, rest = text.partition(begin)
    _, last, after = rest.partition(end)
    if not (mark and last):
        raise ValueError(f"the page has no place for the {name}: put {begin.strip()} … {end} in.")
    return f"{before}{begin}{content}{end}{after}"


def pages(folder):
    """{path: text} of the pages, brought up to date."""
    lessons = [lesson(path) for path in sources(folder)]
    made = {"README.md": ("lessons", overview), "teaching.md": ("exercises", details)}
    found = {}
    for name, (mark, content) in made.items():
        path = Path(folder) / name
        found[path] = between(path.read_text(encoding="utf-8"), mark, content(lessons))
    return found


def main(given=None):
    """Write them."""
    parser = argparse.ArgumentParser(prog="python -m minixattn.course.tables", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("tutorials"))
    for path, text in pages(parser.parse_args(given).folder).items():
        replace(path, text.encode())
        print(path)


if __name__ == "__main__":
    main()
