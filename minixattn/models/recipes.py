"""What is trained by name: `minixattn train dates`. A recipe is a few small functions.

| name                        | model       | task            |
|-----------------------------|-------------|-----------------|
| copy, reverse, sort, recall | Transformer | `data/toy.py`   |
| dates                       | Transformer | `data/dates.py` |
| vqa                         | VisualQA    | `data/digits.py` |
| pixels                      | PerceiverIO | `data/pixels.py` |
| drawings                    | LatentDiffusion | `data/drawings.py` |

Every number that `--set` may change stands in `settings`, with its default.
"""

import inspect
from collections.abc import Callable
from typing import NamedTuple

from .. import backend
from ..creation import as_tensor
from ..data.dates import Dates
from ..data.digits import ANSWERS, Pages
from ..data.drawings import Drawings
from ..data.pixels import Pixels
from ..data.toy import AssociativeRecall, Copy, Reverse, Sort
from ..engine import no_grad
from ..nn import CrossAttention
from ..nn.functional import cross_entropy
from . import drawing, reading, translation
from .ancestors import AdditiveTransformer, PooledTransformer
from .diffusion import LatentDiffusion
from .perceiver import PerceiverIO
from .transformer import Transformer
from .visual_qa import MeanPooling, VisualQA

TRAINING = {  # what every recipe has; see `Trainer`. Rates, warm-up and decay: `runs.py`
    "steps": 2500, "size": 64, "rate": 3e-3, "warmup": 0.15, "decay": 0.01, "beta2": 0.99,
    "max_norm": 1.0, "accumulate": 1, "evaluate_every": 0, "patience": 0,
}  # fmt: skip
FIT = ("steps", "size", "rate", "warmup", "decay")
TRANSFORMERS = {
    kind.__name__: kind for kind in (Transformer, PooledTransformer, AdditiveTransformer)
}
LOOKS = {"attention": CrossAttention, "pooling": MeanPooling}
CHOICES = {"model": TRANSFORMERS, "look": LOOKS}  # settings that are one of several words


class Recipe(NamedTuple):
    """How something is trained and judged.

    about : what it is, in half a line
    measure : what the second number of `loss_of` is called; None where there is none
    task : function (split, settings) -> the task
    model : function (task, settings) -> an untrained model
    loss_of : function (model, batch) -> (loss, measure or None)
    score : function (model, task, examples) -> dict of numbers
    settings : dict, with the defaults
    callbacks : function (model) -> callbacks of the `Trainer`
    """

    about: str
    measure: str
    task: Callable
    model: Callable
    loss_of: Callable
    score: Callable
    settings: dict
    callbacks: Callable = lambda _model: ()


def defaults(function, *names):
    """The defaults of some arguments, so that every number stands in one place."""
    arguments = inspect.signature(function).parameters
    return {name: arguments[name].default for name in names}


# Texts -------------------------------------------------------------------------------------------


def toy(kind, about, steps, longest=12, letters=16, shortest=4, layers=2):
    """One of the toy tasks."""
    return Recipe(
        about, "exact",
        lambda split, s: kind(split, s["shortest"], s["longest"], s["letters"]),
        lambda task, s: transformer(task, s, task.longest + 2),
        translation.loss_of, translation.evaluate,
        {**TRAINING, "steps": steps, "shortest": shortest, "longest": longest, "letters": letters,
         "model": "Transformer", "width": 64, "heads": 4, "hidden": 128, "layers": layers},
    )  # fmt: skip


def transformer(task, s, longest):
    """A Transformer for the vocabularies of a task."""
    sizes = (len(task.vocabularies[part]) for part in ("source", "target"))
    return TRANSFORMERS[s["model"]](
        *sizes, width=s["width"], heads=s["heads"], hidden=s["hidden"], layers=s["layers"],
        longest=longest,
    )  # fmt: skip


DATES = Recipe(
    "dates as people write them in 20 languages, into 2031-05-07", "exact",
    lambda split, _s: Dates(split),
    lambda task, s: transformer(task, s, 40),
    translation.loss_of, translation.evaluate,
    {**TRAINING, **defaults(translation.fit, *FIT),
     "model": "Transformer", "width": 64, "heads": 4, "hidden": 256, "layers": 2},
)  # fmt: skip


# Handwriting -------------------------------------------------------------------------------------


def answer_loss(model, batch):
    """Cross-entropy of the answers to questions about pages, and the share of right ones."""
    logits, answers = answered(model, batch)
    right = (logits.argmax(-1) == answers).float().mean().item()
    return cross_entropy(logits, answers), right


def answered(model, batch):
    """Logits (B, answers) of a batch of `Pages`, and the true answers."""
    place = {"device": model.position.device}
    pages = as_tensor(batch.pages, dtype=model.position.dtype, **place)
    questions, mask, answers = (
        as_tensor(part, **place) for part in (batch.questions, batch.mask, batch.answers)
    )
    return model(pages, questions, mask)[0], answers


@no_grad()
def answer_score(model, task, examples):
    """{"accuracy": share of right answers, and for each kind of question}."""
    kinds = len(task.kinds)
    batch = task.test_set(-(-examples // kinds) * kinds)
    logits, answers = answered(model, batch)
    right = (logits.argmax(-1) == answers).cpu().numpy()
    shares = {kind.name: float(right[k::kinds].mean()) for k, kind in enumerate(task.kinds)}
    return {"accuracy": float(right.mean()), **shares}


def visual_qa(task, s):
    """A VisualQA model for a task's words."""
    return VisualQA(
        len(task.vocabulary), task.words, len(ANSWERS), width=s["width"], heads=s["heads"],
        look=LOOKS[s["look"]],
    )  # fmt: skip


VQA = Recipe(
    "questions about pages of handwriting: where is the 7?", "accuracy",
    lambda split, _s: Pages(split), visual_qa, answer_loss, answer_score,
    {**TRAINING, "rate": 2e-3, "warmup": 0.1, "beta2": 0.999,
     "look": "attention", "width": 64, "heads": 8},
)  # fmt: skip

PIXELS = Recipe(
    "handwriting read from loose pixels, and hidden ones filled in", "accuracy",
    lambda split, s: Pixels(split, s["hidden"], s["asked"]),
    lambda _task, s: PerceiverIO(
        latents=s["latents"], width=s["width"], heads=s["heads"], blocks=s["blocks"]
    ),
    reading.loss_of, lambda model, task, _examples: reading.evaluate(model, task),
    {**TRAINING, **defaults(reading.fit, *FIT), **defaults(Pixels, "hidden", "asked"),
     **defaults(PerceiverIO, "latents", "width", "heads", "blocks")},
)  # fmt: skip


# Drawings ----------------------------------------------------------------------------------------


def drawing_loss(model, batch):
    """The loss of a diffusion model, its noise drawn as `manual_seed` says; nothing is counted."""
    return model.loss(*drawing.tensors(model, batch), backend.generator("cpu")), None


class Averaged(drawing.Average):
    """The moving average of the weights as a callback, which ends as the weights."""

    def __call__(self, _trainer):
        self.update()

    def finish(self, _trainer):
        """Put the average in the place of the weights."""
        self.give()

    def state_dict(self):
        """What to continue from."""
        return {"theta": self.theta, "steps": self.steps}

    def load_state_dict(self, state):
        """Continue from a state."""
        self.steps = state["steps"]
        for average, held in zip(self.theta, state["theta"]):
            average[...] = as_tensor(held, device=self.parameters[0].device).array


DRAWINGS = Recipe(
    "handwriting drawn from words: two zeros", None,
    lambda split, _s: Drawings(split),
    lambda task, s: LatentDiffusion(
        len(task.vocabulary), task.length, context_dim=s["context_dim"]
    ),
    drawing_loss,
    lambda model, task, examples: drawing.measure(model, task, samples=min(examples, 500)),
    {**TRAINING, **defaults(drawing.fit, "steps", "size", "rate"), "warmup": 0.1, "beta2": 0.999,
     **defaults(LatentDiffusion, "context_dim")},
    lambda model: (Averaged(model),),
)  # fmt: skip


RECIPES = {
    "copy": toy(Copy, "letters, written again", 400),
    "reverse": toy(Reverse, "letters, from the end", 600),
    "sort": toy(Sort, "letters, in the order of the alphabet", 600),
    "recall": toy(AssociativeRecall, "the digit behind a letter: a3b7c1b gives 7", 2500,
                  longest=7, letters=4, shortest=7),
    "dates": DATES,
    "vqa": VQA,
    "pixels": PIXELS,
    "drawings": DRAWINGS,
}  # fmt: skip


def recipe(name):
    """A recipe by its name; ValueError that lists those there are for another one."""
    if name not in RECIPES:
        raise ValueError(f"there is no task {name!r} to train; known: {', '.join(RECIPES)}.")
    return RECIPES[name]
