"""The base of all schedulers, and what they share."""

import warnings

from ..optimizer import Optimizer


class Stateful:
    """What every scheduler has: learning rates in use, and a state to continue from."""

    def get_last_lr(self):
        """The learning rates in use, one a group."""
        return self._last_lr

    def state_dict(self):
        """All that a later scheduler needs to continue; save the optimizer's state with it."""
        return {k: v for k, v in vars(self).items() if k != "optimizer"}

    def load_state_dict(self, state_dict):
        """Continue from what `state_dict()` of a scheduler of the same kind gave."""
        check_state(self, state_dict)
        vars(self).update(state_dict)


class LRScheduler(Stateful):
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

    def load_state_dict(self, state_dict):
        """Continue from what `state_dict()` of a scheduler of the same kind gave."""
        check_state(self, state_dict)
        groups = len(self.optimizer.param_groups)
        if len(state_dict["base_lrs"]) != groups:
            raise ValueError(
                f"the state is for {len(state_dict['base_lrs'])} parameter group(s), this "
                f"optimizer has {groups}."
            )
        super().load_state_dict(state_dict)


def one_each(optimizer, name, value):
    """A list with one value for each parameter group; a single value serves all."""
    check_optimizer(optimizer)
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name} has {len(value)} values for {groups} parameter group(s).")
    return list(value)


def check_state(scheduler, state_dict):
    """Raise ValueError for the state of a scheduler of another kind."""
    different = sorted(set(scheduler.state_dict()) ^ set(state_dict))
    if different:
        raise ValueError(
            f"this is not the state of a {type(scheduler).__name__}: only one of the two has "
            f"{', '.join(different)}."
        )


def check_optimizer(optimizer):
    """Raise TypeError for what is not an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"a scheduler takes an Optimizer, got {type(optimizer).__name__}.")
