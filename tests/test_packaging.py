"""What an installation gets: metadata, extras, package files, the commands of the Makefile."""

import ast
import configparser
import importlib
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

import minixattn as mx

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "minixattn"
CODE = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
RACE = sorted((ROOT / "benchmarks").glob("*.py"))
# Import name -> what is installed for it, where the two differ.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "babel": "Babel", "cupy": "cupy-cuda12x"}

config = configparser.ConfigParser()
config.read(ROOT / "setup.cfg", encoding="utf-8")
extras = {
    name: [line for line in text.splitlines() if line]
    for name, text in config["options.extras_require"].items()
}


def name_of(requirement):
    """The distribution of a requirement: "numpy" of "numpy>=1.26"."""
    return re.match(r"[\w.-]+", requirement).group()


def installed_by(extra):
    """The distributions that an extra brings, with those of the extras that it names."""
    found = set()
    for requirement in extras[extra]:
        nested = re.fullmatch(r"minixattn\[(.*)\]", requirement)
        if nested:
            found |= {d for name in nested.group(1).split(",") for d in installed_by(name)}
        else:
            found.add(name_of(requirement))
    return found


def imported_by(tree):
    """Top-level names of the absolute imports below a node, with their line numbers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0], node.lineno


def foreign_imports(paths):
    """(distribution, "file:line") of imports from outside the standard library and the project."""
    own = {p.stem for p in TESTS} | {"minixattn", "benchmarks"}
    for path in paths:
        for name, line in imported_by(ast.parse(path.read_text(encoding="utf-8"))):
            if name not in sys.stdlib_module_names and name not in own:
                yield DISTRIBUTIONS.get(name, name), f"{path.relative_to(ROOT)}:{line}"


def targets():
    """Makefile targets that a person types, each with its one-line comment."""
    lines = re.findall(r"^([a-z]+):(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {name: rest.partition("##")[2].strip() for name, rest in lines}


# Metadata ----------------------------------------------------------------------------------------


def test_metadata_are_as_documented():
    metadata = config["metadata"]
    assert metadata["name"] == "minixattn"
    assert metadata["license_expression"] == "MIT"
    assert metadata["long_description"] == "file: README.md"
    assert config["options"]["python_requires"] == ">=3.10"
    assert config["options"]["install_requires"].split() == ["numpy>=1.26"]


def test_license_is_mit_and_names_its_holders():
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License\n")
    assert "minixattn contributors" in text


def test_version_is_a_plain_string_so_that_building_needs_no_numpy():
    assert config["metadata"]["version"] == "attr: minixattn.__version__"
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    versions = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
    ]
    assert versions == [mx.__version__]
    assert re.fullmatch(r"\d+\.\d+\.\d+", mx.__version__)


def test_oldest_python_is_the_same_everywhere():
    classifiers = re.findall(r"Python :: 3\.(\d+)$", config["metadata"]["classifiers"], re.M)
    target = re.search(r'target-version = "py3(\d+)"', (ROOT / "pyproject.toml").read_text())
    floor = config["options"]["python_requires"].removeprefix(">=3.")
    assert min(map(int, classifiers)) == int(target.group(1)) == int(floor)


def test_command_minixattn_names_a_function():
    name, target = config["options.entry_points"]["console_scripts"].strip().split(" = ")
    module, function = target.split(":")
    assert name == "minixattn"
    assert callable(getattr(importlib.import_module(module), function))


# Extras ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "packages"),
    [
        ("plot", {"matplotlib"}),
        ("data", {"scikit-learn", "Babel"}),
        ("interop", {"safetensors", "einops"}),
        ("mpi", {"mpi4py", "mpich"}),
        ("gpu12", {"cupy-cuda12x"}),
        ("gpu13", {"cupy-cuda13x"}),
        ("lint", {"ruff"}),
    ],
)
def test_extra_brings_what_is_documented(extra, packages):
    assert installed_by(extra) == packages


def test_all_is_every_extra_but_those_for_a_gpu_and_for_pytorch():
    outside = {"all", "gpu12", "gpu13", "parity", "bench", "browser", "grading", "lite"}
    assert installed_by("all") == {d for e in extras if e not in outside for d in installed_by(e)}
    assert not any(d.startswith(("cupy", "torch")) for d in installed_by("all"))


def test_parity_is_the_test_extra_and_the_systems_compared_with():
    peers = installed_by("parity") - installed_by("test")
    assert {"torch", "onnx"} <= peers <= {"torch", "onnx", "diffusers", "transformers"}


def test_bench_is_the_peers_and_what_the_demo_and_the_picture_need():
    peers = {"torch", "jax", "autograd", "mygrad", "tinygrad", "dezero"}
    assert installed_by("bench") == peers | installed_by("plot") | installed_by("data")


def test_race_imports_only_what_the_bench_extra_brings():
    known = installed_by("bench") | {"numpy", "threadpoolctl"}  # which scikit-learn brings
    assert RACE
    assert not [(d, where) for d, where in foreign_imports(RACE) if d not in known]


def test_readme_names_every_extra_for_readers():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for extra in ("plot", "data", "interop", "mpi", "gpu12", "gpu13", "tutorials", "all"):
        named = re.search(rf"minixattn\[[\w,]*\b{extra}\b[\w,]*\]|`{extra}`", readme)
        assert named, f"README.md does not name the extra {extra!r}"


def test_errors_about_missing_packages_name_an_extra_that_brings_them():
    calls = [
        (path.name, *[a.value for a in node.args[:2]])
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "missing_extra"
        and all(isinstance(a, ast.Constant) for a in node.args[:2])
    ]
    assert calls
    for file, package, extra in calls:
        assert package in installed_by(extra), f"{file}: {extra!r} does not bring {package}"


# Imports -----------------------------------------------------------------------------------------


def test_package_imports_only_what_an_extra_brings():
    others = {"test", "parity", "bench", "browser", "grading"}
    known = {"numpy", "PIL"}.union(*(installed_by(e) for e in extras if e not in others))
    unknown = [(d, where) for d, where in foreign_imports(CODE) if d not in known]
    # PIL comes with matplotlib; who captures from a PyTorch model has PyTorch.
    assert not [u for u in unknown if u[0] != "torch" or "capture_torch.py" not in u[1]]


def test_importing_the_package_loads_no_optional_package():
    optional = {"matplotlib", "sklearn", "babel", "safetensors", "einops", "mpi4py", "cupy"}
    script = f"import sys, minixattn; print(*{optional}.intersection(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []


def test_suite_imports_only_what_the_test_extra_brings():
    apart = ("parity", "browser", "grading", "mpi")
    base = [p for p in TESTS if p.parent.name not in apart and not p.name.startswith("freeze_")]
    # CuPy's and MPI's tests skip where these are missing; PIL comes with matplotlib.
    optional = {"numpy", "cupy-cuda12x", "mpi4py", "PIL"}
    known = installed_by("test") | optional
    assert not [(d, where) for d, where in foreign_imports(base) if d not in known]


def test_browser_tests_import_only_what_the_browser_extra_brings():
    tests = [p for p in TESTS if p.parent.name == "browser"]
    known = installed_by("browser") | {"numpy"}
    assert tests
    assert not [(d, where) for d, where in foreign_imports(tests) if d not in known]


# Files -------------------------------------------------------------------------------------------


def test_every_folder_with_code_is_a_package():
    folders = {path.parent for path in CODE}
    assert [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists()] == []


def test_every_data_file_of_the_package_is_installed():
    """Patterns count from the folder of a package, and those of "*" do not reach below it."""
    patterns = {
        package: [p.strip() for p in text.replace("\n", ",").split(",") if p.strip()]
        for package, text in config["options.package_data"].items()
    }
    left_out = []
    for path in PACKAGE.rglob("*"):
        if not path.is_file() or path.suffix in (".py", ".pyc"):
            continue
        folder = next(f for f in path.parents if (f / "__init__.py").exists())
        name = ".".join(folder.relative_to(ROOT).parts)
        known = patterns["*"] + patterns.get(name, [])
        here = PurePosixPath(path.relative_to(folder).as_posix())
        if not any(here.parent == PurePosixPath(p).parent and here.match(p) for p in known):
            left_out.append(str(path.relative_to(ROOT)))
    assert left_out == []


@pytest.mark.parametrize(("arguments", "collected"), [([], "base"), (["tests/parity"], "parity")])
def test_parity_tests_are_collected_only_when_asked_for(tmp_path, arguments, collected):
    for path, name in (("tests/test_a.py", "base"), ("tests/parity/test_b.py", "parity")):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(f"def test_{name}(): pass\n")
    (tmp_path / "setup.cfg").write_text((ROOT / "setup.cfg").read_text())
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *arguments],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.findall(r"::test_(\w+)", run.stdout) == [collected]


# Makefile ----------------------------------------------------------------------------------------


def test_makefile_has_the_documented_targets_and_says_what_each_does():
    documented = (
        "help demo tutorials test parity browser grading mpi bench lint figures results course "
        "lessons docs slides lite dist clean"
    )
    assert set(targets()) == set(documented.split())
    assert all(targets().values())
    phony = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(" ".join(phony).split()) == set(targets())


@pytest.mark.parametrize("target", sorted(set(targets()) - {"help"}))
def test_readme_names_the_make_target(target):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"make {target}\b", readme), f"README.md does not name `make {target}`"
