"""Schedules that multiply: by γ at every step or now and then, or by a factor that grows."""

from bisect import bisect_right

from .base import LRScheduler


class StepLR(LRScheduler):
    """lr_t = lr₀ γ^⌊t / step_size⌋.

    Parameters
    ----------
    optimizer : Optimizer
    step_size : steps between two changes
    gamma : γ
    last_epoch : see `LRScheduler`
    """

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        if not step_size > 0:
            raise ValueError(f"step_size must be a number of steps above 0, got {step_size!r}.")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return [lr * self.gamma ** (self.last_epoch // self.step_size) for lr in self.base_lrs]


class MultiStepLR(LRScheduler):
    """lr_t = lr₀ γ^(number of milestones that are ≤ t).

    Parameters
    ----------
    optimizer : Optimizer
    milestones : list of steps
    gamma : γ
    last_epoch : see `LRScheduler`
    """

    def __init__(self, optimizer, milestones, gamma=0.1, last_epoch=-1):
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        passed = bisect_right(self.milestones, self.last_epoch)
        return [lr * self.gamma**passed for lr in self.base_lrs]


class ExponentialLR(LRScheduler):
    """lr_t = lr₀ γᵗ.

    Parameters
    ----------
    optimizer : Optimizer
    gamma : γ
    last_epoch : see `LRScheduler`
    """

    def __init__(self, optimizer, gamma, last_epoch=-1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return [lr * self.gamma**self.last_epoch for lr in self.base_lrs]


class LinearLR(LRScheduler):
    """lr_t = lr₀ (start + (end − start) min(t / total_iters, 1)): a warm-up, in most lessons.

    Parameters
    ----------
    optimizer : Optimizer
    start_factor, end_factor : start, end
    total_iters : steps from one to the other
    last_epoch : see `LRScheduler`
    """

    def __init__(self, optimizer, start_factor=1 / 3, end_factor=1.0, total_iters=5,
                 last_epoch=-1):  # fmt: skip
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(
                f"start_factor must be above 0, end_factor not below it, and both at most 1; got "
                f"{start_factor!r} and {end_factor!r}."
            )
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        done = min(self.last_epoch / self.total_iters, 1) if self.total_iters else 1
        factor = self.start_factor + (self.end_factor - self.start_factor) * done
        return [lr * factor for lr in self.base_lrs]
