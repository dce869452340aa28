"""Handwriting drawn from words."""

from ... import backend
from ...creation import as_tensor
from ...data.drawings import Drawings
from ...nn import CrossAttention
from .. import drawing
from ..diffusion import LatentDiffusion
from ..unet import Modulation
from .recipe import TRAINING, Recipe, defaults

LOOKS = {"cross-attention": CrossAttention, "FiLM": Modulation}


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
    lambda task, s: (LatentDiffusion, {
        "vocabulary": len(task.vocabulary), "words": task.length, "context_dim": s["context_dim"],
        "look": LOOKS[s["look"]],
    }),
    drawing_loss,
    lambda model, task, examples: drawing.measure(model, task, samples=min(examples, 500)),
    {**TRAINING, **defaults(drawing.fit, "steps", "size", "rate"), "warmup": 0.1, "beta2": 0.999,
     **defaults(LatentDiffusion, "context_dim"), "look": "cross-attention"},
    {"look": LOOKS}, {"FiLM": {"look": "FiLM"}},
    callbacks=lambda model: (Averaged(model),), shown=("read",),
)  # fmt: skip
