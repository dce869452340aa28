"""Without matplotlib: importing is free, a page is made, and a picture says what to install."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minixattn as mx
from minixattn import plot
from minixattn.plot.answers import answers_figure

SQUARE, IMAGE = np.full((2, 2), 0.5), np.zeros((4, 4))
X = mx.tensor([1.0, 2.0], requires_grad=True)
ROW = {"page": np.zeros((9, 64)), "words": ["where"], "weights": np.full((1, 1, 9), 1 / 9),
       "answer": "1", "truth": "1", "target": 0}  # fmt: skip
PICTURES = {
    "heatmap": lambda: plot.heatmap(SQUARE, "a b", "c d"),
    "heads": lambda: plot.heads(SQUARE[None], "a b", "c d"),
    "arcs": lambda: plot.arcs(SQUARE, "a b", "c d"),
    "overlay": lambda: plot.overlay(IMAGE, SQUARE, (2, 2)),
    "words": lambda: plot.words(IMAGE, np.full((4, 2), 0.25), "a b", (2, 2)),
    "mask": lambda: plot.mask(mx.masks.causal(2, 2)),
    "curves": lambda: plot.curves([(1, 0.5, 0.5)]),
    "animate": lambda: plot.animate(SQUARE[None], "a b", "c d", steps=["first"]),
    "steps": lambda: plot.steps({"weights": SQUARE, "V": SQUARE}),
    "graph": lambda: plot.graph((2 * X).sum(), {"x": X}),
    "answers": lambda: answers_figure([ROW]),
}


@pytest.fixture(autouse=True)
def no_matplotlib(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)


def test_importing_the_plots_imports_no_matplotlib():
    code = "import sys, minixattn.plot, minixattn.plot.answers; print('matplotlib' in sys.modules)"
    root = Path(__file__).parents[1]
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert (said.stdout, said.stderr) == ("False\n", "")


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_says_what_to_install(name):
    said = r'drawing a picture needs the package matplotlib.*pip install "minixattn\[plot\]"'
    with pytest.raises(ImportError, match=said):
        PICTURES[name]()


def test_every_function_of_the_package_is_named_in_its_table():
    named = re.findall(r"^\| `(\w+)\(", plot.__doc__, re.MULTILINE)
    assert sorted(named) == sorted(plot.__all__)
    assert set(plot.__all__) == {*PICTURES, "explore", "capture"} - {"answers"}


def test_a_page_needs_no_matplotlib(tmp_path):
    path = plot.explore(SQUARE, "a b", "c d").save(tmp_path / "page.html")
    assert path.stat().st_size > 10_000
