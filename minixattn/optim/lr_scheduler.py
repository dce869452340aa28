"""Learning rates that change while training runs: `scheduler.step()` after `optimizer.step()`."""

import math
import types
import warnings

from .optimizer import Optimizer


class LRScheduler:
    """The base of all schedulers; a subclass gives the rates of step `self.last_epoch` in `get_lr`.

    Parameters
    ----------
    optimizer : Optimizer whose groups' "lr" is to change
    last_epoch : number of the last step made; −1 to start. A run that continues needs groups with
        "initial_lr", which `optimizer.load_state_dict` brings

    Attributes
    ----------
    base_lrs : the groups' learning rates before the first step
    last_epoch : number of steps made, t
    """

    def __init__(self, optimizer, last_epoch=-1):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param_groups[{i}] lacks 'initial_lr', which a scheduler that continues "
                    f"after last_epoch={last_epoch} needs: load the optimizer's state first."
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self.step()

    def get_lr(self):
        """The groups' learning rates at step `self.last_epoch`."""
        raise NotImplementedError(f"{type(self).__name__} must define get_lr().")

    def step(self):
        """Go on to the next step's learning rates."""
        own_step = type(self.optimizer).step is not Optimizer.step  # cannot know if it has run
        if self._step_count == 1 and not (own_step or self.optimizer._stepped):
            warnings.warn(
                "scheduler.step() came before optimizer.step(), so the first learning rate of the "
                "schedule is never used: call optimizer.step() first.",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        self._step_count += 1
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr()):
            group["lr"] = float(lr)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self):
        """The learning rates in use, one a group."""
        return self._last_lr

    def state_dict(self):
        """All that a later scheduler needs to continue; save the optimizer's state with it."""
        return {k: v for k, v in vars(self).items() if k != "optimizer"}

    def load_state_dict(self, state_dict):
        """Continue from what `state_dict()` of a scheduler of the same kind gave."""
        different = sorted(set(self.state_dict()) ^ set(state_dict))
        if different:
            raise ValueError(
                f"this is not the state of a {type(self).__name__}: only one of the two has "
                f"{', '.join(different)}."
            )
        groups = len(self.optimizer.param_groups)
        if len(state_dict["base_lrs"]) != groups:
            raise ValueError(
                f"the state is for {len(state_dict['base_lrs'])} parameter group(s), this "
                f"optimizer has {groups}."
            )
        vars(self).update(state_dict)


class LambdaLR(LRScheduler):
    """lr_t = lr₀·f(t): the initial learning rate times a function of the step number.

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : function of t, or a list with one for each parameter group
    last_epoch : see `LRScheduler`
    """

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        self.lr_lambdas = one_each(optimizer, "lr_lambda", lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return [lr * f(self.last_epoch) for lr, f in zip(self.base_lrs, self.lr_lambdas)]

    def state_dict(self):
        """As for every scheduler; of `lr_lambda`, only the attributes of callable objects."""
        kept = [
            None if isinstance(f, types.FunctionType) else dict(getattr(f, "__dict__", {}))
            for f in self.lr_lambdas
        ]
        return {**super().state_dict(), "lr_lambdas": kept}

    def load_state_dict(self, state_dict):
        own = self.lr_lambdas
        super().load_state_dict(state_dict)
        self.lr_lambdas = own
        for f, attributes in zip(own, state_dict["lr_lambdas"]):
            if attributes:
                vars(f).update(attributes)


class CosineAnnealingLR(LRScheduler):
    """lr_t = η_min + ½(lr₀ − η_min)(1 + cos(π t / T_max)): down in half a cosine, then up again.

    Parameters
    ----------
    optimizer : Optimizer
    T_max : steps from the largest learning rate to the smallest
    eta_min : η_min, the smallest learning rate
    last_epoch : see `LRScheduler`

    References
    ----------
    Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, eq. 5
    (without the restarts, as in PyTorch).
    """

    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=-1):
        if not T_max > 0:
            raise ValueError(f"T_max must be a number of steps above 0, got {T_max!r}.")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return [cosine(lr, self.eta_min, self.last_epoch / self.T_max) for lr in self.base_lrs]


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


def cosine(start, end, part):
    """end + ½(start − end)(1 + cos(π·part)): from start to end as `part` goes from 0 to 1."""
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * part))


def linear(start, end, part):
    """start + (end − start)·part."""
    return start + (end - start) * part


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


def one_each(optimizer, name, value):
    """A list with one value for each parameter group; a single value serves all."""
    check_optimizer(optimizer)
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name} has {len(value)} values for {groups} parameter group(s).")
    return list(value)


def check_optimizer(optimizer):
    """Raise TypeError for what is not an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"a scheduler takes an Optimizer, got {type(optimizer).__name__}.")


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
