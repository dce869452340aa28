"""`minixattn course export` and `minixattn tutorials`: lessons for a class, and for oneself."""

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from ..errors import missing_extra
from .checking import count
from .source import for_nbgrader, for_students, sources, with_solutions

BUILDS = {"students": for_students, "solutions": with_solutions, "nbgrader": for_nbgrader}
CONFIG = """\
from pathlib import Path

from minixattn.course.grading import one_of_each, tests_after_answers
from nbgrader.converters.autograde import Autograde

c = get_config()  # noqa: F821
c.Autograde.sanitize_preprocessors = [
    one_of_each,
    *Autograde.sanitize_preprocessors.default(),
]
c.Autograde.autograde_preprocessors = [
    tests_after_answers(Path(__file__).parent / "source"),
    *Autograde.autograde_preprocessors.default(),
]
c.CourseDirectory.course_id = "minixattn"
c.ClearSolutions.code_stub = {"python": "pass  # your code"}
c.ExecutePreprocessor.timeout = 300
"""


def add_course(commands):
    """`minixattn course export`."""
    course = commands.add_parser("course", help="make the lessons ready for a class")
    parts = course.add_subparsers(title="commands", metavar="COMMAND", required=True)
    export = parts.add_parser(
        "export", help="write the lessons as notebooks: for students, with solutions, for nbgrader",
        description="Write lessons as notebooks that have not been run. nbgrader gets a course "
        "folder: then run `nbgrader generate_assignment NAME` in it.",
    )  # fmt: skip
    export.add_argument("lessons", nargs="*", metavar="LESSON", help="such as 02 (default: all)")
    export.add_argument("--for", dest="build", required=True, choices=BUILDS, help="who gets it")
    export.add_argument("--out", required=True, metavar="FOLDER", help="made if missing")
    export.add_argument("--from", dest="source", default="tutorials", metavar="FOLDER",
                        help="where the sources are (default: %(default)s)")  # fmt: skip
    export.add_argument("--force", action="store_true", help="write over what is there")
    export.set_defaults(run=run_export)


def run_export(given):
    """Write the notebooks."""
    import nbformat

    out, written = Path(given.out), {}
    for source in sources(given.source, given.lessons):
        name = f"{source.stem}.ipynb"
        path = out / "source" / source.stem / name if given.build == "nbgrader" else out / name
        written[path] = nbformat.writes(BUILDS[given.build](source))
        glossary = source.with_name("glossary.md")
        if glossary.is_file():
            written[path.with_name(glossary.name)] = glossary.read_text(encoding="utf-8")
    if given.build == "nbgrader":
        written[out / "nbgrader_config.py"] = CONFIG
    there = [path for path in written if path.exists()]
    if there and not given.force:
        raise FileExistsError(
            f"{there[0]} is there already{more(len(there) - 1)}: choose another --out, or write "
            f"over what is there with --force."
        )
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n" * (not text.endswith("\n")), encoding="utf-8")
    print(f"{count(len(written), 'file')} for {given.build} in {out}")
    return 0


def more(n):
    """", and 2 more"."""
    return f", and {n} more" if n else ""


# For oneself -------------------------------------------------------------------------------------


def add_tutorials(commands):
    """`minixattn tutorials`."""
    command = commands.add_parser(
        "tutorials", help="copy the lessons to a folder of yours, and open JupyterLab there",
        description="Copy the lessons to a folder and open JupyterLab there. What you have there "
        "already stays as it is.",
    )  # fmt: skip
    command.add_argument("--out", default="minixattn-tutorials", metavar="FOLDER",
                         help="where to (default: %(default)s)")  # fmt: skip
    command.add_argument("--copy-only", action="store_true", help="do not open JupyterLab")
    command.set_defaults(run=run_tutorials)


def run_tutorials(given):
    """Copy, and open."""
    out = Path(given.out)
    lessons = shipped()
    out.mkdir(parents=True, exist_ok=True)
    kept = [path.name for path in lessons if (out / path.name).exists()]
    for path in lessons:
        if path.name not in kept:
            shutil.copyfile(path, out / path.name)
    print(f"{count(len(lessons) - len(kept), 'file')} copied to {out}")
    if kept:
        print(f"Left as they were: {', '.join(kept)}")
    if given.copy_only:
        return 0
    if importlib.util.find_spec("jupyterlab") is None:
        raise missing_extra("jupyterlab", "tutorials", "opening the lessons")
    return subprocess.call([sys.executable, "-m", "jupyterlab", str(out)])


def shipped():
    """The lessons' files: installed with the package, or in the source tree it runs from.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    installed = importlib.metadata.files("minixattn") or ()
    share = ("share", "minixattn", "tutorials")
    found = [Path(f.locate()) for f in installed if f.parts[-4:-1] == share]
    tree = Path(__file__).parents[2] / "tutorials"
    found = [path for path in found if path.is_file()]
    found = found or [*tree.glob("[0-9][0-9]_*.ipynb"), *tree.glob("glossary.md")]
    if not found:
        raise FileNotFoundError(
            "this installation has no lessons; in a clone of the project `make course` builds them."
        )
    return sorted(found)
