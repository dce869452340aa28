"""The commands `minixattn train`, `minixattn eval` and `minixattn list`."""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

from .metrics_log import columns_of
from .models.pretrained import load_pretrained, names
from .models.recipes import RECIPES, recipe
from .parallel.ranks import world
from .progress import Progress
from .runs import ABOUT, Run, completed, read_about
from .serialization import save
from .training import Diverged

CURVES, WEIGHTS = "curves.png", "weights.safetensors"


def add_training(commands):
    """`minixattn train`, `minixattn eval` and `minixattn list`."""
    add_train(commands)
    add_eval(commands)
    listing = commands.add_parser("list", help="say what can be trained, and its settings")
    listing.add_argument("name", nargs="?", metavar="NAME", help="one of them, with its settings")
    listing.set_defaults(run=run_list)


def add_train(commands):
    """`minixattn train`."""
    train = commands.add_parser(
        "train", help="train a model by name, to be stopped and continued at any time",
        description="Train one of the models that `minixattn list` names. Everything goes into a "
        "folder: checkpoints, metrics.csv, and at the end curves.png and the weights.",
    )  # fmt: skip
    train.add_argument("name", metavar="NAME", help="what to train; see `minixattn list`")
    train.add_argument("--steps", metavar="N", help="training steps (default: the recipe's)")
    train.add_argument("--seed", type=from_zero, metavar="S",
                       help="start of all random numbers (default: 0)")  # fmt: skip
    train.add_argument("--out", metavar="FOLDER",
                       help="folder for all that is written (default: minixattn-NAME)")  # fmt: skip
    add_device(train)
    train.add_argument("--dtype", choices=("float32", "float64"),
                       help="type of the weights (default: float32)")  # fmt: skip
    train.add_argument("--resume", action="store_true",
                       help="go on from the newest checkpoint in the folder")  # fmt: skip
    train.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
                       help="settings that differ from the recipe's")  # fmt: skip
    train.set_defaults(run=run_train)


def add_eval(commands):
    """`minixattn eval`."""
    judge = commands.add_parser(
        "eval", help="score a trained model on data that it has not seen",
        description="Score a model that comes with the package, or one in the folder of a run.",
    )  # fmt: skip
    judge.add_argument("what", metavar="NAME|FOLDER", help="a name, or the folder of a run")
    add_device(judge)
    judge.add_argument("--examples", type=from_one, default=2000, metavar="N",
                       help="how many held-out examples (default: %(default)s)")  # fmt: skip
    judge.set_defaults(run=run_eval)


def add_device(command):
    """--device."""
    command.add_argument(
        "--device", default="cpu", choices=("cpu", "cuda"),
        help="cpu (NumPy) or cuda (CuPy on a GPU) (default: %(default)s)",
    )  # fmt: skip


def from_zero(text):
    """A whole number from 0 up."""
    return whole(text, 0)


def from_one(text):
    """A whole number from 1 up."""
    return whole(text, 1)


def whole(text, least):
    """The number that a text says."""
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least} up, got {text!r}")
    return int(text)


# train -------------------------------------------------------------------------------------------


def run_train(given):
    """Train, save, draw; 0 when done, 130 after Ctrl-C, 1 where it diverged."""
    recipe(given.name)
    folder, comm = Path(given.out or f"minixattn-{given.name}"), world()
    run = made(given, folder, comm)
    run.prepare(given.resume)
    return follow(run, given.resume) if comm.rank else lead(run, folder, given)


def follow(run, resume):
    """Train as one of several processes that neither report nor write."""
    try:
        run.trainer.run(resume)
    except Diverged as error:
        print(f"minixattn: {error}", file=sys.stderr)
        return 1
    return 0


def lead(run, folder, given):
    """Train, report and write."""
    trainer = run.trainer
    trainer.report = Progress(given.name, trainer.steps, metric=run.recipe.measure, pad=9)
    print(run.task.describe())
    ranks = trainer.sharing.comm.size
    each = f"{trainer.size}" + f" on each of {ranks} processes" * (ranks > 1)
    print(f"{count(run.model)} weights, {trainer.steps} steps of {each}, into {folder}")
    start = time.perf_counter()
    try:
        trainer.run(given.resume)
    except KeyboardInterrupt:
        end_line(trainer)
        print(f"Stopped at step {trainer.step} of {trainer.steps}. {kept(trainer)}")
        return 130
    except Diverged as error:
        end_line(trainer)
        print(f"minixattn: {error}", file=sys.stderr)
        return 1
    end_line(trainer)
    print(f"{trainer.step} steps, {time.perf_counter() - start:.0f} s.")
    written = [name for name, write in WRITERS.items() if write(run, folder / name)]
    show_scores(run.score())
    print(f"In {folder}: {', '.join([ABOUT, 'metrics.csv', *written])} and the last checkpoints")
    return 0


def made(given, folder, comm):
    """The run that the options ask for; a continued one knows by itself what it is."""
    settings = read_settings(given.set)
    if given.steps is not None:
        settings["steps"] = given.steps
    completed(given.name, settings)
    options = {"seed": given.seed, "dtype": given.dtype, **settings}
    options = {key: value for key, value in options.items() if value is not None}
    if not (given.resume and (folder / ABOUT).is_file()):
        return Run(given.name, folder, device=given.device, comm=comm, **options)
    if read_about(folder)["recipe"] != given.name:
        held = read_about(folder)["recipe"]
        raise ValueError(f"{folder} holds a run of {held!r}, not of {given.name!r}.")
    return Run.begun(folder, device=given.device, comm=comm, **options)


def read_settings(pairs):
    """{key: text} of ["key=value", …]."""
    settings = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not (key and sign and value):
            raise ValueError(f"--set takes KEY=VALUE, such as width=32; got {pair!r}.")
        if key in settings:
            raise ValueError(f"--set names {key!r} twice.")
        settings[key] = value
    return settings


def count(model):
    """How many numbers are learned, with commas."""
    return f"{sum(p.numel() for p in model.parameters()):,}"


def end_line(trainer):
    """End the line of a bar that did not come to its end."""
    if trainer.report.terminal and trainer.report.log and trainer.step < trainer.steps:
        print()


def kept(trainer):
    """What there is to go on from."""
    steps = trainer.checkpoints.files()
    if not steps:
        return "There is no checkpoint yet."
    return f"The last checkpoint is of step {max(steps)}; --resume goes on from there."


def draw(run, path):
    """Draw the training curves; False where matplotlib is missing."""
    os.environ["MPLBACKEND"] = "agg"  # pictures go to files, whatever a notebook has set here
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print(f'No {CURVES}: it needs pip install "minixattn[plot]".')
        return False
    from .plot import curves

    training, held_out = columns_of(run.folder / "metrics.csv")
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    steps = held_out.pop("step", None)
    drawn = curves(training if steps is None else {"training": training}, ax=figure)
    axes = dict(zip([name for name in training if name != "step"], drawn))
    for name, values in held_out.items():
        if name in axes:
            axes[name].plot(steps, values, "o-", color="#1b7837", label="held out")
            axes[name].legend(frameon=False)
    figure.savefig(path, dpi=150)
    return True


def keep(run, path):
    """Save the weights; False where safetensors is missing."""
    try:
        save(run.model, path, {"recipe": run.name, "steps": str(run.trainer.step)})
    except ImportError:
        print(f'No {WEIGHTS}: it needs pip install "minixattn[interop]". Checkpoints need nothing.')
        return False
    return True


WRITERS = {CURVES: draw, WEIGHTS: keep}


# eval and list -----------------------------------------------------------------------------------


def run_eval(given):
    """Load, score, print."""
    folder = Path(given.what)
    if given.what in names() and not (folder / ABOUT).is_file():
        chosen, pretrained = recipe(given.what), load_pretrained(given.what, given.device)
        print(f"{given.what}: the weights that come with minixattn")
        task = chosen.task("test", chosen.settings)
        show_scores(chosen.score(pretrained.model, task, given.examples))
        return 0
    if given.what in RECIPES and not folder.is_dir():
        raise ValueError(
            f"no trained weights of {given.what!r} come with minixattn (there are: "
            f"{', '.join(names())}). Train it, minixattn train {given.what}, and give the folder."
        )
    if not folder.is_dir():
        raise ValueError(
            f"{given.what!r} is neither a folder nor a name; known names: {', '.join(RECIPES)}."
        )
    run = Run.open(folder, device=given.device)
    if run.trainer.step == 0:
        raise ValueError(f"the run in {folder} has no checkpoint yet.")
    print(f"{run.name}: step {run.trainer.step} of {run.trainer.steps}, from {folder}")
    show_scores(run.score(given.examples))
    return 0


def show_scores(scores, indent="  "):
    """Print numbers by name."""
    for name, value in scores.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            show_scores(value, indent + "  ")
        elif isinstance(value, (int, float)):
            print(f"{indent}{name:<20} {value:.4f}")
        else:
            rows = np.atleast_2d(np.asarray(value)).tolist()
            said = "; ".join(" ".join(f"{x:.2f}" for x in row) for row in rows)
            print(f"{indent}{name:<20} {said}  (a number for each head, a row for each layer)")


def run_list(given):
    """Print what there is."""
    if given.name is not None:
        chosen = recipe(given.name)
        print(f"{given.name}: {chosen.about}")
        print("\n".join(f"  {key}={value}" for key, value in chosen.settings.items()))
        return 0
    for name, chosen in RECIPES.items():
        trained = "  (trained weights come with the package)" if name in names() else ""
        print(f"{name:<13} {chosen.about}{trained}")
    return 0
