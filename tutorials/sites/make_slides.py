"""Make a deck of each lesson: `make slides`, or `python tutorials/sites/make_slides.py`.

nbconvert lays the notebooks out for reveal.js; that and MathJax come from npm, once, and lie beside
the decks, so that a deck opens from a memory stick. Where a lesson says "Predict", what follows is
shown at the next key press.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from npm import fetch

from minixattn.course.source import sources, with_slides

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "tutorials"
HEADING = re.compile(r'<h2 id="([^"]+)"')
LINK = re.compile(r'href="(\d\d_\w+|glossary)\.(?:ipynb|md)')


def main(given=None):
    """Write the decks, the glossary, and what they need."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "slides", help="(%(default)s)")
    out = parser.parse_args(given).out.resolve()
    fetch("reveal.js@5", ("dist/reveal.css", "dist/reveal.js", "dist/theme", "plugin/notes"),
          out / "reveal.js")  # fmt: skip
    fetch("mathjax@3", ("es5/tex-svg.js",), out / "mathjax")
    exporter = SlidesExporter(
        template_name="slides", extra_template_basedirs=[str(Path(__file__).parent)],
        reveal_url_prefix="reveal.js", reveal_theme="white", embed_images=True,
    )  # fmt: skip
    for name, notebook in notebooks():
        text, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": name}})
        text = HEADING.sub(lambda found: found[0].lower(), LINK.sub(r'href="\1.html', text))
        (out / f"{name}.html").write_text(text, encoding="utf-8")
    print(f"the decks are in {out}")
    return 0


def notebooks():
    """(name, notebook) of each lesson as it was run, and of the glossary."""
    for path in sources(TUTORIALS):
        yield path.stem, nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    terms = (TUTORIALS / "glossary.md").read_text(encoding="utf-8")
    glossary = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(terms)])
    yield "glossary", with_slides(glossary)


if __name__ == "__main__":
    sys.exit(main())
