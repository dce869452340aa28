"""One rise and one fall in a whole run."""

import math

from .base import LRScheduler, one_each
from .functions import cosine, linear


class OneCycleLR(LRScheduler):
    """Up from a small learning rate to a large one, then down to almost nothing, in one run.

    With a = annealed(start, end, part of the phase that is done):

        up    lr = a(max_lr / div_factor → max_lr)            over the first pct_start of the steps
        down  lr = a(max_lr → max_lr / div_factor / final_div_factor)        over the rest

    `three_phase` goes down as slowly as it went up, to where it began, before the last descent.
    Momentum (β₁ for Adam) runs the other way, between `max_momentum` and `base_momentum`.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : the largest learning rate, or a list with one for each parameter group
    total_steps : length of the run; else `epochs` and `steps_per_epoch`
    pct_start : part of the run that goes up
    anneal_strategy : "cos" (half a cosine) or "linear"
    cycle_momentum : whether momentum changes too
    base_momentum, max_momentum : its smallest and largest value, or lists
    last_epoch : see `LRScheduler`

    Raises
    ------
    ValueError
        If an argument is out of range, or `step()` is called more than `total_steps` times.

    References
    ----------
    Smith, Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
    Rates", 2018. As in PyTorch, the default is two phases where the paper has three.
    """

    def __init__(self, optimizer, max_lr, total_steps=None, epochs=None, steps_per_epoch=None,
                 pct_start=0.3, anneal_strategy="cos", cycle_momentum=True, base_momentum=0.85,
                 max_momentum=0.95, div_factor=25.0, final_div_factor=1e4, three_phase=False,
                 last_epoch=-1):  # fmt: skip
        check_one_cycle(pct_start, anneal_strategy, div_factor, final_div_factor)
        self.total_steps = length_of_run(total_steps, epochs, steps_per_epoch)
        self.phases = phases(self.total_steps, pct_start, three_phase)
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        max_lrs = one_each(optimizer, "max_lr", max_lr)
        largest = one_each(optimizer, "max_momentum", max_momentum)
        smallest = one_each(optimizer, "base_momentum", base_momentum)
        if last_epoch == -1:
            for group, lr, high, low in zip(optimizer.param_groups, max_lrs, largest, smallest):
                start = lr / div_factor
                group.update(initial_lr=start, max_lr=lr, min_lr=start / final_div_factor)
                if cycle_momentum:
                    group.update(max_momentum=high, base_momentum=low)
                    set_momentum(group, high)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        t = self.last_epoch
        if t > self.total_steps:
            raise ValueError(
                f"this is step {t} of a OneCycleLR made for total_steps={self.total_steps}: the "
                f"cycle is over. Call step() once a batch, not more, or plan a longer cycle."
            )
        anneal = {"cos": cosine, "linear": linear}[self.anneal_strategy]
        start = 0
        for phase in self.phases:
            end, lrs, momenta = phase
            if t <= end or phase is self.phases[-1]:
                break
            start = end
        part = (t - start) / (end - start) if end != start else 1.0
        for group in self.optimizer.param_groups:
            if self.cycle_momentum:
                set_momentum(group, anneal(group[momenta[0]], group[momenta[1]], part))
        return [anneal(g[lrs[0]], g[lrs[1]], part) for g in self.optimizer.param_groups]


def phases(total_steps, pct_start, three_phase):
    """[(last step, (first lr, last lr), (first momentum, last momentum)), …] by their names."""
    up = pct_start * total_steps - 1
    rise = up, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum")
    end = total_steps - 1
    if not three_phase:
        return [rise, (end, ("max_lr", "min_lr"), ("base_momentum", "max_momentum"))]
    fall = 2 * up, ("max_lr", "initial_lr"), ("base_momentum", "max_momentum")
    return [rise, fall, (end, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum"))]


def set_momentum(group, value):
    """Momentum of a group: SGD's, or the first of Adam's betas."""
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    elif "momentum" in group:
        group["momentum"] = value
    else:
        raise ValueError("cycle_momentum=True needs an optimizer with momentum or betas.")


def length_of_run(total_steps, epochs, steps_per_epoch):
    """The number of steps, from itself or from its two factors."""
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ValueError("OneCycleLR needs total_steps, or both epochs and steps_per_epoch.")
    given = {"total_steps": total_steps}
    if total_steps is None:
        given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    for name, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"{name} must be a whole number above 0, got {value!r}.")
    return math.prod(given.values())


def check_one_cycle(pct_start, anneal_strategy, div_factor, final_div_factor):
    """Raise ValueError for an argument of OneCycleLR that is out of range."""
    if not 0 <= pct_start <= 1:
        raise ValueError(f"pct_start must lie between 0 and 1, got {pct_start!r}.")
    if anneal_strategy not in ("cos", "linear"):
        raise ValueError(f"anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}.")
    for name, value in {"div_factor": div_factor, "final_div_factor": final_div_factor}.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value!r}.")
