"""The command `minixattn`: one subcommand, one function."""

import argparse
import os
import sys

from . import __version__
from .commands import add_training
from .course.command import add_course, add_tutorials
from .demo import STEPS, run
from .plot.command import add_plot
from .results import add_results
from .workspace import keep_heap


def main(argv=None):
    """Run the command line; returns the exit status."""
    arguments = parser().parse_args(argv)
    keep_heap()
    try:
        return arguments.run(arguments)
    except KeyboardInterrupt:
        print("\nminixattn: stopped.", file=sys.stderr)
        return 130
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(f"minixattn: {error}", file=sys.stderr)
        return 1


def parser():
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="minixattn", description="Cross-attention from the equation up, in NumPy."
    )
    top.add_argument("--version", action="version", version=f"minixattn {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_demo(commands)
    add_training(commands)
    add_results(commands)
    add_plot(commands)
    add_tutorials(commands)
    add_course(commands)
    return top


def add_demo(commands):
    """`minixattn demo`."""
    demo = commands.add_parser(
        "demo",
        help="train a model that answers questions about handwriting, and draw where it looks",
        description="Train a small cross-attention model to answer questions about pages of real "
        "handwriting, beside the same model with mean pooling in place of attention; then answer "
        "some questions and draw where each head looks. Takes about a minute on 2 cores.",
    )
    demo.add_argument(
        "--out", default="minixattn-demo", metavar="FOLDER",
        help="folder for the pictures and the trained weights, made if missing "
        "(default: %(default)s)",
    )  # fmt: skip
    demo.add_argument(
        "--steps", type=positive, default=STEPS, metavar="N",
        help="training steps for each of the two models; fewer are faster and less accurate "
        "(default: %(default)s)",
    )  # fmt: skip
    demo.add_argument(
        "--seed", type=seed, default=0, metavar="S",
        help="start of all random numbers; the same seed gives the same result "
        "(default: %(default)s)",
    )  # fmt: skip
    demo.add_argument(
        "--device", default="cpu", choices=("cpu", "cuda"),
        help="cpu (NumPy) or cuda (CuPy on a GPU) (default: %(default)s)",
    )  # fmt: skip
    demo.set_defaults(run=run_demo)


def run_demo(arguments):
    """Train, answer, draw."""
    os.environ["MPLBACKEND"] = "agg"  # pictures go to files, whatever a notebook has set here
    return run(arguments.out, arguments.steps, arguments.seed, arguments.device)


def positive(text):
    """A whole number from 1 up."""
    return whole(text, 1)


def seed(text):
    """A whole number from 0 up."""
    return whole(text, 0)


def whole(text, least):
    """The number that `text` says, if it is whole and large enough."""
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least} up, got {text!r}")
    return number
