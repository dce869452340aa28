"""The command `minixattn plot`: a picture of the attention weights in a file."""

import os
from pathlib import Path

import numpy as np

from ..errors import ShapeError
from .arcs import arcs
from .canvas import finish, root
from .command_input import chosen, grid_of, is_photograph, read_image, wanted
from .explore import explore
from .heads import heads
from .heatmap import heatmap
from .words import words as word_panels

PICTURES, PAGES = (".png", ".svg", ".pdf"), (".html", ".htm")
KINDS = ("heatmap", "heads", "arcs", "overlay", "explore")


def add_plot(commands):
    """`minixattn plot`."""
    plot = commands.add_parser(
        "plot",
        help="draw the attention weights in a file, as a picture or as a page to explore",
        description="Draw attention weights from a file: rows are queries, columns are keys. The "
        "ending of --out says what comes out: .png, .svg or .pdf a picture, .html a page to "
        "explore. An existing file is replaced.",
    )
    plot.add_argument("file", metavar="FILE", help="weights: .npz, .npy or .safetensors")
    plot.add_argument("--out", required=True, metavar="FILE", help="what to write")
    plot.add_argument("--kind", choices=KINDS, help="what to draw; where left out, what suits the "
                      "weights and --out")  # fmt: skip
    plot.add_argument("--key", nargs="+", metavar="NAME", help="which array of the file; several "
                      "are layers of one model")  # fmt: skip
    plot.add_argument("--layer", metavar="N", help="of weights (layers, ..., L, S): which layer, "
                      "from 0, or all")  # fmt: skip
    plot.add_argument("--batch", type=int, metavar="N", help="of weights (B, h, L, S): which "
                      "example, from 0")  # fmt: skip
    plot.add_argument("--head", metavar="N", help="which head, from 0, or mean")
    plot.add_argument("--queries", nargs="+", metavar="WORD", help="what the rows are")
    plot.add_argument("--keys", nargs="+", metavar="WORD", help="what the columns are")
    plot.add_argument("--image", metavar="FILE", help="the image whose patches are the keys")
    plot.add_argument("--grid", nargs=2, type=int, metavar=("ROWS", "COLUMNS"),
                      help="how many patches the image has; a square where left out")  # fmt: skip
    plot.add_argument("--title", metavar="TEXT", help="what to write above it")
    plot.set_defaults(run=run_plot)


def run_plot(given):
    """Read, choose, draw; 0 when done."""
    os.environ["MPLBACKEND"] = "agg"  # pictures go to files, whatever a notebook has set here
    out = checked_out(given.out)
    weights = [chosen(array, name, given) for name, array in wanted(given.file, given.key).items()]
    names = list(given.key or [])
    kind = checked_kind(given, out, weights)
    if kind == "explore":
        make_page(weights, names, given, out)
    else:
        DRAWN[kind](weights, given, out)
    print(f"{out}: {kind} of weights {' and '.join(str(w.shape) for w in weights)}")
    return 0


# what to draw ------------------------------------------------------------------------------------


def checked_out(path):
    """The output's path, if it can be written, before any work is done."""
    path = Path(path)
    known = ", ".join((*PICTURES, PAGES[0]))
    if path.suffix.lower() not in PICTURES + PAGES:
        raise ValueError(f"--out {path} ends in {path.suffix!r}, expected one of {known}.")
    if path.is_dir():
        raise IsADirectoryError(f"--out {path} is a folder: add the name of a file.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {path}: there is no folder {path.absolute().parent}. Make it first."
        )
    return path


def checked_kind(given, out, weights):
    """The kind of picture: the one asked for, or the one that suits."""
    page = out.suffix.lower() in PAGES
    several = len(weights) > 1 or weights[0].ndim > 2
    suits = "overlay" if given.image else "heads" if several else "heatmap"
    kind = given.kind or ("explore" if page else suits)
    if page != (kind == "explore"):
        made, endings = (
            ("a page", ".html") if kind == "explore" else ("a picture", "/".join(PICTURES))
        )
        raise ValueError(f"--kind {kind} makes {made}: --out must end in {endings}, got {out}.")
    if kind == "overlay" and not given.image:
        raise ValueError("--kind overlay needs --image FILE, the image whose patches are the keys.")
    if kind == "arcs" and not (given.queries and given.keys):
        raise ValueError("--kind arcs needs the words of both sides: --queries and --keys.")
    return kind


def draw_heatmap(weights, given, out):
    """One matrix."""
    A, said = one_matrix(weights, given, "heatmap")
    ax = heatmap(A, words(given.queries), words(given.keys))
    write(ax, ax, given.title or said, out)


def draw_arcs(weights, given, out):
    """Two columns of words."""
    A, said = one_matrix(weights, given, "arcs")
    ax = arcs(A, words(given.queries), words(given.keys))
    write(ax, ax, given.title or said, out)


def draw_heads(weights, given, out):
    """All heads, a row for each layer."""
    A = weights[0] if len(weights) == 1 else layers(weights)
    A = A[None] if A.ndim == 2 else A
    write(heads(A, words(given.queries), words(given.keys)), None, given.title, out)


def draw_overlay(weights, given, out):
    """An image for each query."""
    A, said = one_matrix(weights, given, "overlay")
    tokens = words(given.queries) or [f"query {n}" for n in range(len(A))]
    if len(tokens) != len(A):
        raise ShapeError(f"--queries has {len(tokens)} words for {len(A)} rows of the weights.")
    picture = read_image(given.image)
    axes = word_panels(
        picture, A, tokens, grid_of(given.grid, A.shape[-1]), looking="words", vmax=1,
        upsample="nearest", edges=True, ink=picture.ndim == 2 and not is_photograph(given.image),
    )  # fmt: skip
    write(axes, None, given.title or said, out)


def make_page(weights, names, given, out):
    """A page."""
    several = len(weights) > 1 or weights[0].ndim > 3
    found = weights if len(weights) > 1 else weights[0]
    image = None if given.image is None else read_image(given.image)
    explore(
        found, words(given.queries), words(given.keys), image, given.grid,
        layers=names if several and len(names) > 1 else None, title=given.title or out.stem,
    ).save(out)  # fmt: skip


DRAWN = {"heatmap": draw_heatmap, "heads": draw_heads, "arcs": draw_arcs, "overlay": draw_overlay}


def write(artist, ax, title, out):
    """Put the title where it belongs, and write the file."""
    if title and ax is not None:
        ax.set_title(title)
    elif title:
        root(artist).suptitle(title)
    finish(artist, out)


def one_matrix(weights, given, kind):
    """(L, S), and what is to be said of it: the mean over heads where none was chosen."""
    if len(weights) > 1:
        raise ValueError(
            f"--kind {kind} draws one layer: give one --key, or take --kind heads or explore."
        )
    A = weights[0]
    if A.ndim == 2:
        return A, "mean over the heads" if given.head == "mean" else None
    if A.ndim > 3:
        raise ValueError(f"--kind {kind} draws one layer of {len(A)}: say which, --layer N.")
    return A.mean(0), f"mean over {len(A)} heads" if len(A) > 1 else None


def layers(weights):
    """Layers of one shape as (layers, h, L, S)."""
    shapes = list(dict.fromkeys(w.shape for w in weights))
    if len(shapes) > 1:
        raise ShapeError(
            f"the layers named with --key have shapes {' and '.join(map(str, shapes))}: give only "
            f"such as have one shape."
        )
    A = np.stack(weights)
    return A[:, None] if A.ndim == 3 else A


def words(given):
    """Words given one by one, or as one text in quotes."""
    return given[0].split() if given and len(given) == 1 else given
