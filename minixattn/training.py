"""One training loop for every model: forward, backward, clip, step; and stop in good order."""

import math

import numpy as np

from .nn.utils import clip_grad_norm_, gradients, norm
from .nonfinite import first_bad_gradient, first_bad_layer
from .optim import AdamW
from .optim.lr_scheduler import OneCycleLR
from .threads import TRAINING, blas_threads


class Diverged(RuntimeError):
    """The loss or a gradient is no longer a finite number."""


class Snapshot:
    """A copy of a model's weights to go back to."""

    def __init__(self, model):
        self.parameters = list(model.parameters())
        self.take()

    def take(self):
        """Copy the weights as they are now; all at one stroke, should Ctrl-C come in between."""
        self.copies = [p.array.copy() for p in self.parameters]

    def restore(self):
        """Put the copied weights back."""
        for p, copy in zip(self.parameters, self.copies):
            p.array[...] = copy


def train(model, batches, loss_of, optimizer, scheduler=None, *, steps, max_norm=1.0, report=None):
    """Minimise a loss.

    Parameters
    ----------
    model : Module
    batches : iterable of batches, at least `steps` of them
    loss_of : function (model, batch) -> (loss, accuracy): a scalar Tensor and a number
    optimizer, scheduler : from `minixattn.optim`; the scheduler steps after every step
    steps : how many batches to take
    max_norm : largest norm of all gradients together; longer ones are scaled down to it
    report : function (step, loss, accuracy), called after every step

    Raises
    ------
    Diverged
        When the loss or the gradient is not finite, naming the step and the layer. The model then
        holds the last weights that gave a finite loss; so it does after Ctrl-C.
    ValueError
        When there are fewer batches than steps.
    """
    model.train()
    good = Snapshot(model)
    try:
        for step, batch in numbered(batches, steps):
            value, accuracy = update(
                model, [batch], loss_of, optimizer, scheduler, good, step, max_norm
            )
            if report is not None:
                report(step, value, accuracy)
    except (Diverged, KeyboardInterrupt):
        good.restore()
        raise
    finally:
        model.eval()


def fit(model, task, loss_of, *, steps, size=64, rate=3e-3, warmup=0.1, decay=0.05, beta2=0.99,
        seed=0, report=None):  # fmt: skip
    """Train on batches of a task: AdamW, the rate up and down again in one cycle.

    Parameters
    ----------
    model : Module
    task : what has `batches(seed, size)`, as all of `minixattn.data` has
    loss_of : as in `train`
    steps, size : how many batches, and B
    rate : the greatest learning rate, reached after the share `warmup` of the steps
    decay : weight decay of the matrices
    beta2 : how slowly AdamW forgets the squares of gradients
    seed : of the batches
    report : function (step, loss, accuracy), such as `progress.Progress`

    Returns
    -------
    the model, in `eval()` mode

    Raises
    ------
    Diverged
        As `train` does.
    """
    optimizer = adamw(model, rate, decay, beta2)
    schedule = one_cycle(optimizer, rate, steps, warmup)
    with blas_threads(TRAINING):
        train(model, task.batches(seed, size), loss_of, optimizer, schedule, steps=steps,
              report=report)  # fmt: skip
    return model


def update(model, batches, loss_of, optimizer, scheduler, good, step, max_norm, average=None):
    """One step, with the gradients of several batches added up as if they were one.

        g = 1/n Σ_i ∇L_i,  g ← g min(1, max_norm / ‖g‖),  θ ← optimizer(θ, g)

    Parameters
    ----------
    batches : list of n batches
    good : Snapshot, which takes the weights as soon as they have given a finite loss
    step : the number of the step, for errors
    average : function (parameters, numbers) that averages their gradients, and the numbers, over
        several processes; see `parallel/sharing.py`
    others : as in `train`

    Returns
    -------
    mean loss and mean accuracy; the latter None where `loss_of` gives none
    """
    optimizer.zero_grad()
    losses, accuracies = [], []
    for batch in batches:
        loss, accuracy = loss_of(model, batch)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            where = first_bad_layer(model, batch, loss_of)
            raise diverged("loss", losses[-1], step, where)
        if len(losses) == 1:
            good.take()
        accuracies.append(accuracy)
        (loss / len(batches)).backward()
    found = [mean(losses), *([] if accuracies[0] is None else [mean(accuracies)])]
    if average is not None:
        found = average(good.parameters, found)
    try:
        clip_grad_norm_(good.parameters, max_norm, error_if_nonfinite=True)
    except RuntimeError:
        length = norm(np.stack([norm(g.array, 2) for g in gradients(good.parameters)]), 2).item()
        where = first_bad_gradient(model)
        raise diverged("norm of the gradient", length, step, where) from None
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    return (*found, None)[:2]


def mean(values):
    """The mean of a list of numbers."""
    return sum(values) / len(values)


def numbered(batches, steps):
    """(1, batch), (2, batch), … until `steps`; ValueError where the batches run out before."""
    step = 0
    for step, batch in zip(range(1, steps + 1), batches):
        yield step, batch
    if step < steps:
        raise ValueError(
            f"the batches ran out after {step} of {steps} steps: ask for fewer steps, or give "
            f"batches without end, such as itertools.cycle(batches)."
        )


def diverged(name, value, step, where):
    """The error for NaN or infinity."""
    return Diverged(
        f"the {name} is {value} at step {step}. Training stopped; {where}. The model holds the "
        f"last good weights. A smaller learning rate or a smaller max_norm usually helps."
    )


# What most recipes choose ------------------------------------------------------------------------


def adamw(model, rate, decay=0.01, beta2=0.999):
    """AdamW that lets the matrices of a model decay, but neither its biases nor its norms."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return AdamW(groups, lr=rate, weight_decay=decay, betas=(0.9, beta2))


def one_cycle(optimizer, rate, steps, warmup=0.1):
    """The learning rate up to `rate` over the share `warmup` of the steps, and down again."""
    return OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=warmup, cycle_momentum=False
    )
