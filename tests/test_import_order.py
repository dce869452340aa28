"""Imports go one way, and `import minixattn` brings in NumPy alone, at little cost.

The order, from what needs nothing to what needs all:

1. errors, and how sizes and dimensions are read
2. arrays: the library underneath, number types
3. the engine: recording, in-place changes, the walk back
4. operations
5. the tensor, put together of them
6. what works on tensors: making, checking, saving them
7. what looks over a layer's shoulder: traces; and masks
8. layers, 9. optimizers, 10. data, 11. several processes,
12. training and other packages, 13. models, 14. figures, 15. the course
16. the whole: the package's names and its command line
"""

import ast
import os
import statistics
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import minixattn

ROOT = Path(minixattn.__file__).parent

ORDER = [
    ("errors", "ops.arguments", "pending"),
    ("backend", "dtypes", "cuda", "kernels", "threads", "workspace"),
    ("grad_mode", "hooks", "engine", "changes", "walk", "backward", "recompute",
     "precision"),
    ("ops",),
    ("methods", "inplace", "printing", "tensor"),
    ("creation", "function", "gradcheck", "autograd", "utils", "nesting", "serialization"),
    ("tracing", "tracing_text", "masks", "mask_type", "mask_text"),
    ("nn",),
    ("optim", "amp"),
    ("data",),
    ("parallel",),
    ("nonfinite", "training", "metrics_log", "checkpoints", "trainer", "progress", "interop"),
    ("models",),
    ("plot", "attribution"),
    ("course",),
    ("runs", "results", "commands", "demo", "cli", "__main__", ""),
]


# Methods that reach for a later module when they are called, which `import minixattn` never does.
ON_CALL = {("mask_type", "plot.mask")}  # mask.plot() draws itself


def module_name(path):
    """ops/shape.py is "ops.shape", ops/__init__.py "ops", and the package's own file ""."""
    return (
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").strip(".")
    )


FILES = {module_name(path): path for path in ROOT.rglob("*.py")}


def imported_by(name):
    """The modules of the package that a module imports, wherever in it."""
    path = FILES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    package = [part for part in package if part]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module or "").split(".")
            base = ".".join(part for part in base if part)
            for alias in node.names:
                full = f"{base}.{alias.name}".strip(".")
                found.add(full if full in FILES else base)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = (
                [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            )
            absolute = [n for n in names if n.split(".")[0] == "minixattn"]
            assert not absolute, (
                f"{name} imports {absolute}: inside the package, imports are relative"
            )
    return found - {name}


def place(name):
    """Where a module stands in the order: that of the longest entry it belongs to."""
    entries = [(len(e), i) for i, group in enumerate(ORDER) for e in group
               if name == e or (e and name.startswith(f"{e}."))]  # fmt: skip
    assert entries, f"the new module {name} has no place in ORDER yet"
    return max(entries)[1]


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_module_imports_only_what_comes_before_it(name):
    others = {other for other in imported_by(name) if (name, other) not in ON_CALL}
    later = {other for other in others if place(other) > place(name)}
    assert not later, f"{name} imports {later}, which come later in the order"


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: imported_by(name) for name in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def python(code, cache):
    """What a fresh interpreter prints, with bytecode cached as after any first import."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent), "PYTHONPYCACHEPREFIX": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout


def test_importing_the_package_loads_numpy_and_the_standard_library_only(tmp_path):
    code = (
        "import sys, numpy; before = set(sys.modules); import minixattn; "
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before})"
    )
    loaded = set(python(code, tmp_path).split()) - {"minixattn", "numpy"}
    assert loaded <= set(sys.stdlib_module_names)
    for heavy in ("matplotlib", "sklearn", "safetensors", "scipy", "cupy", "einops", "babel"):
        assert heavy not in loaded


def test_a_star_import_and_a_second_import_are_harmless(tmp_path):
    code = "import minixattn as torch; import minixattn; print(torch is minixattn)"
    assert python(code, tmp_path).strip() == "True"


def test_importing_the_package_costs_little_more_than_importing_numpy(tmp_path):
    def seconds(module):
        code = (
            f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
        )
        return float(python(code, tmp_path))

    seconds("minixattn")  # writes the bytecode
    ratios = []
    for _ in range(4):  # a busy machine spoils a round, not all of them
        rounds = [(seconds("numpy"), seconds("minixattn")) for _ in range(5)]
        numpy, package = map(statistics.median, zip(*rounds))
        ratios.append(package / numpy)
        if ratios[-1] <= 1.3:
            return
    pytest.fail(f"import minixattn took {min(ratios):.2f} times as long as import numpy")
