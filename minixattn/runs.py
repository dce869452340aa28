"""A training by name, in a folder of its own: what `minixattn train` and `minixattn eval` do.

    from minixattn.runs import Run
    run = Run("dates", "my-dates", steps=500, width=32)
    run.train()                                 # or run.train(resume=True)
    print(run.score())
    Run.open("my-dates").model                  # later, elsewhere

The folder holds `run.json`, which says what is trained and how, the last two checkpoints,
`metrics.csv`, and at the end `curves.png` and `weights.safetensors`.
"""

import json
import math
import os
from pathlib import Path

from . import backend, dtypes
from .models.recipes import recipe
from .parallel.ranks import ALONE
from .serialization import replace
from .trainer import Trainer
from .training import adamw, one_cycle

ABOUT = "run.json"
JUDGED = 500  # held-out examples that are looked at while training


class Run:
    """One training.

    Parameters
    ----------
    name : one of `models.recipes.RECIPES`
    folder : where everything goes; made if missing
    seed : start of all random numbers
    device : "cpu" or "cuda"
    dtype : "float32" or "float64"
    report, comm : see `Trainer`
    **settings : what differs from the recipe's settings, such as steps=500

    Attributes
    ----------
    recipe, settings, model, config, task, unseen, trainer

    Raises
    ------
    ValueError
        If there is no such recipe or setting, listing those there are, or a setting is out of
        range.
    """

    def __init__(self, name, folder, *, seed=0, device="cpu", dtype="float32", report=None,
                 comm=ALONE, **settings):  # fmt: skip
        self.name, self.recipe, self.folder = name, recipe(name), Path(folder)
        self.settings = s = completed(name, settings)
        backend.manual_seed(seed)
        self.task, self.unseen = (self.recipe.task(split, s) for split in ("train", "test"))
        kind, self.config = self.recipe.model(self.task, s)
        self.model = kind(**self.config).to(device=device, dtype=checked(dtype))
        self.about = {"recipe": name, "seed": seed, "dtype": dtype, "settings": s}
        optimizer = adamw(self.model, s["rate"], s["decay"], s["beta2"])
        schedule = one_cycle(optimizer, s["rate"], s["steps"], s["warmup"])
        self.trainer = Trainer(
            self.model, self.task, self.recipe.loss_of, optimizer, schedule,
            steps=s["steps"], size=s["size"], seed=seed, max_norm=s["max_norm"],
            accumulate=s["accumulate"], evaluate=self.judge, evaluate_every=s["evaluate_every"],
            patience=s["patience"] or None, callbacks=self.recipe.callbacks(self.model),
            folder=folder, report=report, measure=self.recipe.measure, about=flattened(self.about),
            comm=comm,
        )  # fmt: skip

    @classmethod
    def open(cls, folder, **options):
        """A run that was begun in a folder, with the weights that it came to."""
        run = cls.begun(folder, **options)
        run.trainer.restore()
        for callback in run.trainer.callbacks:
            getattr(callback, "finish", id)(run.trainer)
        run.model.eval()
        return run

    @classmethod
    def begun(cls, folder, **options):
        """A run as its folder describes it, at its beginning; `options` go before."""
        about = read_about(folder)
        given = {"seed": about["seed"], "dtype": about["dtype"], **about["settings"]}
        return cls(about["recipe"], folder, **{**given, **options})

    def train(self, resume=False):
        """Train to the end; see `Trainer.run` for what may happen. Returns the run."""
        self.prepare(resume)
        self.trainer.run(resume)
        return self

    def prepare(self, resume=False):
        """Make the folder, or see that it is this run's, before any work is done."""
        path = self.folder / ABOUT
        if resume and path.is_file():
            self.trainer.check_same(flattened(read_about(self.folder)), flattened(self.about))
            return
        self.trainer.check_new()
        if not self.trainer.sharing.first:
            return
        text = json.dumps(self.about, indent=1, ensure_ascii=False) + "\n"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            replace(os.fspath(path), text.encode())
        except OSError as error:
            reason = "that is a file" if self.folder.is_file() else error.strerror or error
            raise type(error)(
                f"cannot write to the output folder {self.folder}: {reason}. Choose another one "
                f"with --out FOLDER."
            ) from None

    def judge(self, model):
        """{"loss": …, the measure: …} on held-out examples, other ones than those of `score`."""
        from .engine import no_grad

        with no_grad():
            loss, measure = self.recipe.loss_of(model, self.unseen.test_set(JUDGED, seed=1))
        return {"loss": loss.item(), **({} if measure is None else {self.recipe.measure: measure})}

    def score(self, examples=2000):
        """What the recipe measures on held-out data."""
        self.model.eval()
        return self.recipe.score(self.model, self.unseen, examples)


def read_about(folder):
    """What `run.json` says, with all that it must have."""
    path = Path(folder) / ABOUT
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is not the folder of a run: it has no {ABOUT}. `minixattn train NAME "
            f"--out FOLDER` makes one."
        )
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        return {key: about[key] for key in ("recipe", "seed", "dtype", "settings")}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}: {error}).") from None


# Settings ----------------------------------------------------------------------------------------


def completed(name, given):
    """All settings of a recipe: those given, checked, and the defaults of the others."""
    known = recipe(name).settings
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ValueError(
            f"{name} has no setting {', '.join(map(repr, unknown))}; known: "
            f"{', '.join(f'{key}={value}' for key, value in known.items())}."
        )
    choices = recipe(name).choices
    return {
        key: setting(key, given.get(key, default), default, choices.get(key))
        for key, default in known.items()
    }


def setting(key, value, default, words=None):
    """A setting as one of `words`, or a number of the kind of its default; text is read."""
    if words is not None:
        if value not in words:
            raise ValueError(f"{key} must be one of {', '.join(words)}; got {value!r}.")
        return value
    whole = isinstance(default, int)
    least = 0 if not whole or default == 0 else 1
    kind = "whole number" if whole else "number"
    try:
        number = int(value) if whole and isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= least) or (whole and number != int(number)):
        raise ValueError(f"{key} must be a {kind} from {least} up, got {value!r}.")
    return int(number) if whole else float(number)


def checked(dtype):
    """A dtype that can be trained in."""
    if dtype not in ("float32", "float64"):
        raise ValueError(
            f"dtype must be float32 or float64, got {dtype!r}: in float16 the steps of the "
            f"optimizer are lost in rounding."
        )
    return dtypes.resolve(dtype)


def flattened(about):
    """All on one level, the settings beside the rest, so that they can be compared one by one."""
    rest = {key: value for key, value in about.items() if key != "settings"}
    return {**rest, **about["settings"]}
