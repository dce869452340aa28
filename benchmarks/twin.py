"""What all twins share: the training step of a model, here and in PyTorch, eager.

A step is what `minixattn.training.train` does: forward, loss, backward, clip, AdamW, schedule. Both
sides start from the same weights and see the same batches, so that their losses can be compared.
A file such as `twin_demo.py` says what the model is: its `Pieces`, and the same in PyTorch.
"""

from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from typing import NamedTuple

BATCHES, SCHEDULE = 32, 10**6  # of the rate's one cycle: more steps than any race takes
RATES = ("rate", "warmup", "decay", "beta2", "max_norm")


class Pieces(NamedTuple):
    """A model of the package, and how it is trained.

    model : Module
    batches : list of tuples of arrays
    loss_of : function (F, model, *batch) -> (loss, share that is right or None), in lines that
        both libraries understand; F is their `nn.functional`
    rate, warmup, decay, beta2, max_norm : as in `training.fit`
    """

    model: object
    batches: list
    loss_of: Callable
    rate: float
    warmup: float = 0.1
    decay: float = 0.01
    beta2: float = 0.999
    max_norm: float = 1.0


def of_recipe(name, parts, loss_of, **settings):
    """The `Pieces` of what `minixattn train NAME` trains.

    Parameters
    ----------
    name : of a recipe
    parts : function (batch) -> tuple of the arrays that `loss_of` needs
    loss_of : as in `Pieces`
    settings : what differs from the recipe's own, such as dropout=0.0
    """
    from minixattn import backend
    from minixattn.models.recipes import recipe
    from minixattn.runs import completed

    s = completed(name, settings)
    task = recipe(name).task("train", s)
    batches = [parts(batch) for batch in islice(task.batches(0, s["size"]), BATCHES)]
    kind, options = recipe(name).model(task, s)
    backend.manual_seed(0)
    return Pieces(kind(**options), batches, loss_of, *(s[rate] for rate in RATES))


class Step:
    """The training step: the same lines for both libraries."""

    def __init__(self, library, model, pieces):
        nn, optim = library.nn, library.optim
        self.model, self.loss_of, self.max_norm = model.train(), pieces.loss_of, pieces.max_norm
        self.F, self.clip = nn.functional, nn.utils.clip_grad_norm_
        self.batches = cycle([[library.tensor(a) for a in batch] for batch in pieces.batches])
        self.parameters = list(model.parameters())
        matrices = [p for p in self.parameters if p.ndim > 1]
        others = [p for p in self.parameters if p.ndim <= 1]
        self.optimizer = optim.AdamW(
            [{"params": matrices}, {"params": others, "weight_decay": 0.0}],
            lr=pieces.rate, weight_decay=pieces.decay, betas=(0.9, pieces.beta2),
        )  # fmt: skip
        self.schedule = optim.lr_scheduler.OneCycleLR(
            self.optimizer, pieces.rate, total_steps=SCHEDULE, pct_start=pieces.warmup,
            cycle_momentum=False,
        )  # fmt: skip

    def step(self):
        """One step; returns the loss."""
        loss, right = self.loss_of(self.F, self.model, *next(self.batches))
        self.right = None if right is None else right.item()
        value = loss.item()
        self.optimizer.zero_grad()
        loss.backward()
        self.clip(self.parameters, self.max_norm)
        self.optimizer.step()
        self.schedule.step()
        return value


def here(pieces):
    """The model itself, on as many BLAS threads and with the heap that `minixattn train` has."""
    import minixattn as mx
    from minixattn.threads import TRAINING, blas_threads
    from minixattn.workspace import keep_heap

    keep_heap()
    blas = blas_threads(TRAINING)
    blas.__enter__()
    made = pieces()
    step = Step(mx, made.model, made)
    step.blas = blas  # for as long as the process lives
    return step


def there(pieces, twin, threads):
    """The twin in PyTorch, with the weights of the model."""
    import torch

    torch.set_num_threads(threads)
    made = pieces()
    model = twin(torch, made.model)
    model.load_state_dict({n: torch.tensor(p.numpy()) for n, p in made.model.state_dict().items()})
    return Step(torch, model, made)


def sides(pieces, twin):
    """What takes part: {name: function () -> Step}. On one thread, small sizes may be faster.

    Parameters
    ----------
    pieces : function () -> Pieces
    twin : function (torch, model) -> the same model as a `torch.nn.Module`, with the same names
        in its `state_dict`
    """
    return {
        "minixattn": partial(here, pieces),
        "torch": partial(there, pieces, twin, 2),
        "torch-1": partial(there, pieces, twin, 1),
    }
