"""Make a site that runs the lessons in a browser: `make lite`, after `python -m build --wheel`.

JupyterLite runs Python as WebAssembly; the lessons and the wheel lie in the site, and Pyodide with
NumPy comes from its own server once the page is open: without a network the pages open, and no cell
runs. Before the site is built it is checked that the wheel is pure Python, and that the versions in
Pyodide's lock file satisfy what the wheel requires.

    python tutorials/sites/make_lite.py WHEEL [--out build/lite]
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from npm import fetch

ROOT = Path(__file__).parents[2]
INSTALL = """\
# In a browser, install what the lesson needs first (it stays until the page is reloaded):
%pip install -q minixattn matplotlib scikit-learn safetensors babel"""


def main(given=None):
    """Check, gather, build; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lite", help="(%(default)s)")
    chosen = parser.parse_args(given)
    trouble = [*impure(chosen.wheel), *unmet(requirements(chosen.wheel), lock())]
    print(*trouble, sep="\n") if trouble else print("the wheel suits Pyodide")
    if trouble:
        return 1
    site = chosen.out.resolve().parent / "lite-site"
    gather(site, chosen.wheel)
    command = [sys.executable, "-m", "jupyter", "lite", "build", "--contents", "content"]
    return subprocess.call([*command, "--output-dir", str(chosen.out.resolve())], cwd=site)


def impure(wheel):
    """What keeps a wheel from running anywhere."""
    if not wheel.name.endswith("-py3-none-any.whl"):
        yield f"{wheel.name} is not for any platform: expected …-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as files:
        for name in files.namelist():
            if re.search(r"\.(so|pyd|dll|dylib|a)$", name):
                yield f"{wheel.name} holds a compiled file: {name}"


def requirements(wheel):
    """What the wheel requires without extras, and of Python."""
    with zipfile.ZipFile(wheel) as files:
        (name,) = [n for n in files.namelist() if n.endswith(".dist-info/METADATA")]
        text = files.read(name).decode()
    found = re.findall(r"^Requires-Dist: (.*)$", text, re.MULTILINE)
    python = re.search(r"^Requires-Python: (.*)$", text, re.MULTILINE)[1]
    return [line for line in found if "extra ==" not in line], python


def unmet(required, locked):
    """Requirements that the versions in Pyodide's lock file do not satisfy."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    packages, python = required
    if locked["info"]["python"] not in SpecifierSet(python):
        yield f"Pyodide has Python {locked['info']['python']}, required is {python}"
    for text in packages:
        wanted = Requirement(text)
        there = locked["packages"].get(wanted.name.lower(), {}).get("version")
        if there is None:
            yield f"Pyodide has no {wanted.name}"
        elif there not in wanted.specifier:
            yield f"Pyodide has {wanted.name} {there}, required is {wanted.specifier}"


def lock():
    """The lock file of the Pyodide that the kernel uses, from npm."""
    from jupyterlite_pyodide_kernel.constants import PYODIDE_VERSION

    folder = ROOT / "build" / "pyodide"
    fetch(f"pyodide@{PYODIDE_VERSION}", ("pyodide-lock.json",), folder)
    return json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))


def gather(site, wheel):
    """The wheel, and the lessons with a first cell that installs it."""
    shutil.rmtree(site, ignore_errors=True)
    for folder in ("pypi", "content"):
        (site / folder).mkdir(parents=True)
    shutil.copy(wheel, site / "pypi")
    shutil.copy(ROOT / "tutorials" / "glossary.md", site / "content")
    for path in sorted(ROOT.glob("tutorials/[0-9][0-9]_*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["metadata"]["kernelspec"] = {"display_name": "Python (Pyodide)", "name": "python",
                                              "language": "python"}  # fmt: skip
        cell = {"cell_type": "code", "id": "install", "metadata": {}, "execution_count": None,
                "outputs": [], "source": INSTALL}  # fmt: skip
        notebook["cells"].insert(1, cell)
        text = json.dumps(notebook, ensure_ascii=False, indent=1)
        (site / "content" / path.name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
