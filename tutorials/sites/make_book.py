"""Make the book: `make docs`, or `python tutorials/sites/make_book.py [--out build/book]`.

The pages that lie about in the project are gathered in one folder, the reference is written from
the docstrings, and Sphinx makes HTML of them; a warning is an error. The one file of MathJax comes
from npm, once.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from npm import fetch
from reference import MODULES, page

ROOT = Path(__file__).parents[2]
PAGES = {  # in the project: in the book
    "tutorials/README.md": "lessons.md",
    "tutorials/glossary.md": "glossary.md",
    "tutorials/teaching.md": "teaching.md",
    "tutorials/sites/book/pytorch.md": "pytorch.md",
    "tutorials/sites/book/index.md": "index.md",
    "figures/README.md": "figures/gallery.md",
    "figures/results.md": "figures/results.md",
    "figures/attribution_table.md": "figures/attribution_table.md",
    "benchmarks/README.md": "benchmarks/race.md",
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def main(given=None):
    """Gather, and let Sphinx build."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "book", help="(%(default)s)")
    out = parser.parse_args(given).out.resolve()
    source = out.parent / "book-source"
    gather(source)
    return subprocess.call(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", source, out]
    )


def gather(source):
    """Put everything in place."""
    shutil.rmtree(source, ignore_errors=True)
    for folder in ("figures", "benchmarks"):
        (source / folder).mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "book" / "conf.py", source)
    for path in [*ROOT.glob("figures/*.png"), *ROOT.glob("figures/*.gif")]:
        shutil.copy(path, source / "figures")
    for notebook in sorted(ROOT.glob("tutorials/[0-9][0-9]_*.ipynb")):
        shutil.copy(notebook, source)
    names = [f"api_{module.replace('.', '_')}" for module in MODULES]
    for module, name in zip(MODULES, names):
        (source / f"{name}.md").write_text(page(module), encoding="utf-8")
    texts = {there: (ROOT / here).read_text(encoding="utf-8") for here, there in PAGES.items()}
    texts["index.md"] = texts["index.md"].replace("API_PAGES", "\n".join(names))
    texts["figures/results.md"] = "# Results\n\n" + texts["figures/results.md"]
    for there, text in texts.items():  # first all, so that links find each other
        (source / there).write_text(text, encoding="utf-8")
    for here, there in PAGES.items():
        text = LINK.sub(lambda link, h=here, t=there: linked(link, h, t, source), texts[there])
        (source / there).write_text(text, encoding="utf-8")
    fetch("mathjax@3", ("es5/tex-svg.js",), source / "_static" / "mathjax")
    shutil.copy(Path(__file__).parent / "book" / "wrap.css", source / "_static")


def linked(link, here, there, source):
    """A link as it is in the book; its text alone where it leads to what is not in the book."""
    picture, text, target = link.groups()
    if target.startswith(("http", "#")):
        return link[0]
    file, sign, anchor = target.partition("#")
    aim = (ROOT / here).parent.joinpath(file).resolve()
    name = aim.relative_to(ROOT).as_posix() if aim.is_relative_to(ROOT) else ""
    name = PAGES.get(name, name.removeprefix("tutorials/"))
    if not (source / name).is_file():
        return text
    up = "../" * there.count("/")
    return f"{picture}[{text}]({up}{name}{sign}{anchor})"


if __name__ == "__main__":
    sys.exit(main())
