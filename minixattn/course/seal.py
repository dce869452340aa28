"""Seal the answers of lessons: `python -m minixattn.course.seal tutorials/02_….py`.

The cells of a source are run, solutions included. What each `check("02.name", answer)` gets there
is right. A comment in the solution names a wrong answer that people give, and what to say to it:

    # wrong: (4, 2): rows are queries, columns are keys
"""

import argparse
import ast
import contextlib
import io
import json
import os
import secrets
from pathlib import Path

from .exercises import EXERCISES
from .sealing import SEALED, book, forms, hashed, lesson_of, sealed
from .source import code_cells, read

WRONG = "# wrong:"


def main(given=None):
    """Seal some lessons."""
    parser = argparse.ArgumentParser(prog="python -m minixattn.course.seal", description=__doc__)
    parser.add_argument("sources", nargs="+", type=Path, metavar="SOURCE")
    for source in parser.parse_args(given).sources:
        path = seal(source)
        print(f"{source.name}: {len(json.loads(path.read_text()))} answers in {path.name}")


def seal(source, folder=SEALED):
    """Run a lesson, and keep its answers; those that are the same as before keep their salt."""
    os.environ["MPLBACKEND"] = "agg"  # a lesson's pictures are not wanted here
    answers = answers_of(source)
    lesson, found = source.name[:2], {}
    before = book(lesson, folder)
    for name, (answer, wrong) in answers.items():
        if lesson_of(name) != lesson:
            raise ValueError(f"{source.name}: {name!r} does not begin with {lesson!r}.")
        old = before.get(name)
        kept = old and hashed(forms(answer)[0], old["salt"]) in old["right"]
        found[name] = sealed(answer, wrong, salt=old["salt"] if kept else secrets.token_hex(8))
    folder.mkdir(exist_ok=True)
    path = folder / f"{lesson}.json"
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    book.cache_clear()
    return path


def answers_of(source):
    """{name: (answer, [(wrong answer, sentence), …])} of a lesson's sealed exercises."""
    found, wrong, space = {}, [], {"__name__": "lesson"}

    def record(name, answer):
        if name not in EXERCISES:
            found[name] = answer, list(wrong)

    with contextlib.redirect_stdout(io.StringIO()):
        for cell in code_cells(read(source)):
            if "exercise" in cell.metadata:
                wrong = list(wrong_answers(cell.source))
            space["check"] = record  # in the place of the one that the lesson imports
            exec(compile(cell.source, source.name, "exec"), space)
    return found


def wrong_answers(code):
    """(answer, sentence) of each comment that names one."""
    for line in code.splitlines():
        if line.strip().startswith(WRONG):
            value, _, said = line.strip().removeprefix(WRONG).partition(": ")
            yield ast.literal_eval(value.strip()), said.strip()


if __name__ == "__main__":
    main()
