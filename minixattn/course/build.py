"""Run the lessons and keep what they show: `python -m minixattn.course.build [--check]`.

Each `tutorials/NN_….py` becomes `NN_….ipynb`, the student's version, executed. With `--check`
nothing is written: every lesson is run anew, as students get it and with its solutions, and it is
an error

* if a cell fails, or a solution is not called right;
* if the code differs from that of the notebook which is committed, or a cell that is nothing but
  `show(…)` there shows other code than the package has;
* if axes with numbers along them have no label;
* if a lesson takes more than 60 s of the processor, or all of them more than 8 minutes;
* if a notebook is larger than 300 kB.

A lesson's warning is an error too. Only that a font is missing, which changes nothing but pictures,
does not matter to a check: the notebook keeps the pictures that it has.
"""

import argparse
import os
import re
import sys
from pathlib import Path

from .source import code_cells, for_students, sources, with_solutions

SECONDS, ALL_SECONDS, BYTES = 60, 480, 300_000
FOLDER = Path("tutorials")
UNLABELLED = "axes without a label:"
FONT = "Warning: no installed font has"
# Run before a lesson's first cell: what looks at its figures before they are shown and closed.
BEFORE = f"""
def _look_at_figures():
    import sys
    if "matplotlib.pyplot" in sys.modules:
        from matplotlib import pyplot
        from minixattn.course.build import unlabelled
        for number in pyplot.get_fignums():
            for which in unlabelled(pyplot.figure(number)):
                print("{UNLABELLED}", which)
get_ipython().events.register("post_execute", _look_at_figures)
import matplotlib_inline.backend_inline
get_ipython().run_line_magic("matplotlib", "inline")
"""
AFTER = "import time; print(time.process_time())"


def main(given=None):
    """Build, or check; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m minixattn.course.build", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="such as 02 (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail on trouble")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the lessons (%(default)s)")
    chosen = parser.parse_args(given)
    spent, trouble = 0.0, []
    for source in sources(chosen.folder, chosen.lessons):
        seconds, found = checked(source) if chosen.check else written(source)
        spent += seconds
        trouble += [f"{source.stem}: {what}" for what in found]
        print(f"{source.stem}: {seconds:.0f} s", *found, sep="\n  ", flush=True)
    if spent > ALL_SECONDS:
        trouble.append(f"all lessons take {spent:.0f} s, at most {ALL_SECONDS} are allowed")
    print(f"{spent:.0f} s of the processor, {len(trouble)} troubles")
    return 1 if trouble else 0


def written(source):
    """(seconds, troubles) of running a student's notebook, which is written beside its source."""
    import nbformat

    notebook, seconds, trouble = executed(for_students(source))
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k == "slideshow"}
    text = nbformat.writes(notebook) + "\n"
    source.with_suffix(".ipynb").write_text(text, encoding="utf-8")
    return seconds, trouble + too_much(seconds, len(text.encode()))


def checked(source):
    """(seconds, troubles) of a lesson, compared with the notebook that is there."""
    import nbformat

    notebook, seconds, trouble = executed(for_students(source))
    path = source.with_suffix(".ipynb")
    if not path.is_file():
        trouble.append(f"{path.name} is missing: run `make course`")
    else:
        kept = nbformat.read(path, as_version=4)
        if slides(kept) != slides(notebook):
            trouble.append(f"{path.name} is not that of its source: run `make course`")
        elif shown(kept) != shown(notebook):
            trouble.append(f"{path.name} shows code that has changed: run `make course`")
        trouble += too_much(seconds, path.stat().st_size)
    solved, _, more = executed(with_solutions(source))
    said = [line for cell in code_cells(solved) for line in lines_of(cell)]
    wrong = [line for line in said if line.startswith(("✗", "…"))]
    trouble += more + [f"a solution is called wrong: {line}" for line in wrong]
    return seconds, [what for what in trouble if FONT not in what]


def slides(notebook):
    """What is on each slide."""
    return [(cell.source, cell.metadata.get("slideshow")) for cell in notebook.cells]


def shown(notebook):
    """The lines of the package that cells of `show` have printed."""
    return [lines_of(cell) for cell in code_cells(notebook) if cell.source.startswith("show(")]


def too_much(seconds, size):
    """Troubles with a lesson's time and size."""
    found = []
    if seconds > SECONDS:
        found.append(f"it takes {seconds:.0f} s of the processor, at most {SECONDS} are allowed")
    if size > BYTES:
        found.append(f"the notebook has {size // 1000} kB, at most {BYTES // 1000} are allowed")
    return found


def executed(notebook):
    """(the notebook with outputs, seconds of the processor, troubles), run in a fresh kernel."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    before, after = map(nbformat.v4.new_code_cell, (BEFORE, AFTER))
    notebook.cells = [before, *notebook.cells, after]
    trouble = []
    try:
        NotebookClient(notebook, timeout=600, record_timing=False,
                       resources={"metadata": {"path": os.fspath(FOLDER.parent)}}).execute()
    except CellExecutionError as error:
        trouble.append(f"a cell fails: {str(error)[-600:]}")
    seconds = float("".join(lines_of(after)) or "nan")
    notebook.cells = notebook.cells[1:-1]
    for i, cell in enumerate(code_cells(notebook), 1):
        cell.execution_count = i
        cell.outputs = joined(cell.outputs)
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = i
            if output.get("name") == "stderr":
                warnings = re.split(r"\n(?=\S)", output["text"].strip())
                trouble += [f"a warning: {text[:200]}" for text in warnings]
        trouble += [line for line in lines_of(cell) if line.startswith(UNLABELLED)]
    return notebook, seconds, trouble


def joined(outputs):
    """Outputs in which neighbouring pieces of printed text are one, however they came."""
    found = []
    for output in outputs:
        if found and output.output_type == "stream" == found[-1].output_type and (
            output.name == found[-1].name
        ):
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def lines_of(cell):
    """The lines that a cell printed."""
    return [line for output in cell.get("outputs", ()) if output.get("name") == "stdout"
            for line in output["text"].splitlines()]  # fmt: skip


def unlabelled(figure):
    """Which axes of a figure have numbers along them, but do not say of what."""
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    shared = {"x": figure.get_supxlabel(), "y": figure.get_supylabel()}
    for i, axes in enumerate(figure.axes):
        if not axes.axison or not axes.has_data() or axes.get_label() == "<colorbar>":
            continue
        for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
            formatter = axis.get_major_formatter()
            silent = isinstance(formatter, NullFormatter) or not any(
                label.get_text() and label.get_visible() for label in axis.get_ticklabels()
            )
            numbers = isinstance(formatter, ScalarFormatter) and not silent
            if numbers and not (axis.label.get_text() or shared[name]):
                yield f"{name} of axes {i}"


if __name__ == "__main__":
    sys.exit(main())
