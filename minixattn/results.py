"""The table of results: every trained model that comes with the package, beside what it replaced.

    minixattn results                         # score the weights of the package, write the table
    minixattn results --train vqa captions    # train these and their baselines first

A record, `models/weights/NAME.json`, has the same parts for every model:

| key                | what                                                                   |
|--------------------|------------------------------------------------------------------------|
| model, config      | the class, and the options it is made with                             |
| vocabularies       | how text becomes numbers                                               |
| training           | task, settings, seed, seconds of the processor                         |
| metrics            | what the recipe scores on held-out data, `examples` and `parameters`   |
| metrics.baselines  | by name: the same of what stood in its place, with its own seconds     |
| sha256             | of the weights that scored it                                          |
"""

import tempfile
import time
from pathlib import Path

from .models.pretrained import WEIGHTS, load_pretrained, names, round_to_half, save_pretrained
from .models.recipes import recipe
from .runs import Run
from .serialization import replace

EXAMPLES = 4000
FILE = "results.md"
MARKS = "<!-- results -->", "<!-- /results -->"
HEAD = (
    "| task | model | held out | in its place | attention on the right place | processor |",
    "|---|---|---|---|---|---|",
)


# Training ----------------------------------------------------------------------------------------


def train(name, *, seed=0, examples=EXAMPLES, folder=WEIGHTS, say=print, **settings):
    """Train one of the recipes and its baselines, and write its weights and their record.

    Parameters
    ----------
    name : one of `models.recipes.RECIPES`
    seed : start of all random numbers
    examples : held-out examples that are scored
    folder : where the weights and the record go
    say : what reports are given to
    **settings : what differs from the recipe's, for all models

    Returns
    -------
    Path of the record
    """
    chosen, (run, metrics) = recipe(name), trained(name, seed, examples, say, settings)
    seconds, baselines = metrics.pop("cpu_seconds"), {}
    for title, change in chosen.baselines.items():
        baselines[title] = trained(name, seed, examples, say, {**settings, **change}, title)[1]
    about = {
        "task": type(run.task).__name__, **run.settings, "seed": seed, "cpu_seconds": seconds,
    }  # fmt: skip
    return save_pretrained(
        name, run.model, run.config, vocabularies=run.task.vocabularies,
        metrics={**metrics, "examples": examples, "baselines": baselines}, training=about,
        folder=folder,
    )  # fmt: skip


def trained(name, seed, examples, say, settings, title=None):
    """(run, scores) of one training, whose weights are rounded as they will be kept."""
    title = f"{name}: {title}" if title else name
    with tempfile.TemporaryDirectory() as folder:
        run = Run(name, folder, seed=seed, **settings)
        start = time.process_time()
        run.train()
        seconds = round(time.process_time() - start)
    round_to_half(run.model)
    scores = {**run.score(examples), "parameters": parameters(run.model), "cpu_seconds": seconds}
    say(f"{title}: {said(scores, run.recipe)}, {seconds} s")
    return run, scores


def parameters(model):
    """How many numbers are learned."""
    return sum(p.numel() for p in model.parameters())


# The table ---------------------------------------------------------------------------------------


def table(which=None, examples=EXAMPLES, folder=WEIGHTS):
    """Score trained weights again, and say all of it as a table in Markdown.

    Parameters
    ----------
    which : names, or None for all that `load_pretrained` knows
    examples : held-out examples of each

    Returns
    -------
    str
    """
    rows = [row(name, examples, folder) for name in which or names(folder)]
    return "\n".join([*HEAD, *rows]) + "\n"


def row(name, examples=EXAMPLES, folder=WEIGHTS):
    """One line of the table: scored now, with the baselines as their record has them."""
    chosen, found = recipe(name), load_pretrained(name, folder=folder)
    task = chosen.task("test", {**chosen.settings, **known(found.training, chosen)})
    scores = chosen.score(found.model, task, examples)
    others = "; ".join(
        f"{title}: {said(other, chosen)}" for title, other in found.metrics["baselines"].items()
    )
    cells = (
        f"`{name}`: {chosen.about}", type(found.model).__name__, f"**{said(scores, chosen)}**",
        others, on_truth(scores), f"{found.training['cpu_seconds']} s",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def known(training, chosen):
    """The settings of a recipe among what a record says of the training."""
    return {key: value for key, value in training.items() if key in chosen.settings}


def said(scores, chosen):
    """The scores that count, in words: "exact 99.9 %"."""
    shown = chosen.shown or (chosen.measure,)
    return ", ".join(f"{name} {scores[name]:.1%}".replace("%", " %") for name in shown)


def on_truth(scores):
    """The head that looks most at the right place, and what even attention would have there."""
    if "attention" not in scores:
        return ""
    best = max(max(heads) for heads in scores["attention"])
    by_chance = f" (evenly spread: {scores['chance']:.0%})" if "chance" in scores else ""
    return f"{best:.0%}{by_chance}".replace("%", " %")


def write(text, folder=None, into=None):
    """Write the table as `results.md` in a folder, and between the marks of a Markdown file.

    Raises
    ------
    ValueError
        If that file lacks the marks.
    """
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        replace(Path(folder) / FILE, text.encode())
    if into is not None:
        before, begin, rest = (found := Path(into).read_text(encoding="utf-8")).partition(MARKS[0])
        _, end, after = rest.partition(MARKS[1])
        if not (begin and end):
            raise ValueError(
                f"{into} has no place for the table: put {MARKS[0]} and {MARKS[1]} on lines of "
                f"their own around it."
            )
        new = f"{before}{begin}\n{text}{end}{after}"
        if new != found:
            replace(into, new.encode())


# The command -------------------------------------------------------------------------------------


def add_results(commands):
    """`minixattn results`."""
    command = commands.add_parser(
        "results", help="score all trained models, beside what they replaced, as a table",
        description="Score the weights that come with the package on data that they have not "
        "seen, and print the table. With --train, train some of them first, with their baselines.",
    )  # fmt: skip
    command.add_argument("names", nargs="*", metavar="NAME", help="only these (default: all)")
    command.add_argument("--train", action="store_true",
                         help="train these and their baselines first; takes minutes")  # fmt: skip
    command.add_argument("--examples", type=int, default=EXAMPLES, metavar="N",
                         help="held-out examples (default: %(default)s)")  # fmt: skip
    command.add_argument("--weights", default=str(WEIGHTS), metavar="FOLDER",
                         help="where the weights are, or go (default: the package's)")  # fmt: skip
    command.add_argument("--out", metavar="FOLDER", help=f"write {FILE} into this folder")
    command.add_argument("--into", metavar="FILE",
                         help=f"a Markdown file with the marks {' '.join(MARKS)}")  # fmt: skip
    command.set_defaults(run=run_results)


def run_results(given):
    """Train if asked to, score, print, write."""
    if given.train and not given.names:
        raise ValueError(f"--train needs names: some of {', '.join(names())}.")
    if given.examples < 1:
        raise ValueError(f"--examples must be 1 or more, got {given.examples}.")
    for name in given.names:
        recipe(name)
        if given.train:
            Path(given.weights).mkdir(parents=True, exist_ok=True)
            train(name, examples=given.examples, folder=given.weights)
    text = table(given.names, given.examples, Path(given.weights))
    print(text, end="")
    write(text, given.out, given.into)
    return 0
