"""Draw the pictures of the README and the documentation again, from fixed seeds.

    python figures/make_figures.py                  # all of them, about a minute
    python figures/make_figures.py dates heads      # only these

What each one shows is in figures/README.md. `benchmark.png` is drawn by `python -m benchmarks`.
"""

import argparse
import importlib
import sys

from common import HERE, MissingFont, drawn

FIGURES = {  # file: the module of this folder whose function of the same name draws it
    "attention.png": "images",
    "three_ways.png": "images",
    "equation.png": "learning",
    "dates.png": "texts",
    "drawing.png": "images",
    "perceiver.png": "images",
    "heads.gif": "learning",
}


def main(arguments=None):
    """Draw what is asked for; 0, or 1 where a font is missing."""
    names = {file.partition(".")[0]: file for file in FIGURES}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    wanted = [name.partition(".")[0] for name in parser.parse_args(arguments).names]
    if unknown := [name for name in wanted if name not in names]:
        parser.error(f"there is no figure {', '.join(unknown)}; there are {', '.join(names)}")
    status = 0
    for name in wanted or names:
        try:
            drawn(getattr(importlib.import_module(FIGURES[names[name]]), name), HERE / names[name])
        except MissingFont as missing:
            print(missing, file=sys.stderr)
            status = 1
        else:
            print(f"{names[name]}: {(HERE / names[name]).stat().st_size:,} bytes", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
