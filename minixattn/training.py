"""One training loop for every model: forward, backward, clip, step; and stop in good order."""

import math
from contextlib import contextmanager

from .nn.utils import clip_grad_norm_


@contextmanager
def one_blas_thread():
    """Inside the block NumPy multiplies matrices on one thread, if threadpoolctl is installed.

    Small matrices gain nothing from a second thread. Where another program keeps that thread's
    core busy, the first one waits for it at every product, and training takes ten times as long.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(1, user_api="blas"):
        yield


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
        When the loss or the gradient is not finite, naming the step. The model then holds the
        last weights that gave a finite loss; so it does after Ctrl-C (KeyboardInterrupt).
    ValueError
        When there are fewer batches than steps.
    """
    model.train()
    good, parameters = Snapshot(model), list(model.parameters())
    try:
        for step, batch in numbered(batches, steps):
            loss, accuracy = loss_of(model, batch)
            value = loss.item()
            check_finite("loss", value, step)
            good.take()
            optimizer.zero_grad()
            loss.backward()
            norm = clip_grad_norm_(parameters, max_norm)
            check_finite("norm of the gradient", norm.item(), step)
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            if report is not None:
                report(step, value, accuracy)
    except (Diverged, KeyboardInterrupt):
        good.restore()
        raise
    finally:
        model.eval()


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


def check_finite(name, value, step):
    """Raise `Diverged` for NaN or infinity."""
    if not math.isfinite(value):
        raise Diverged(
            f"the {name} is {value} at step {step}. Training stopped; the model holds the last "
            f"good weights. A smaller learning rate or a smaller max_norm usually helps."
        )
