"""A schedule that looks at what training achieves."""

import math

from .base import Stateful, check_optimizer, one_each


class ReduceLROnPlateau(Stateful):
    """lr ← max(lr·factor, min_lr) after `patience` steps in a row without a new best.

    Call `scheduler.step(metric)`, with the validation loss for example. A metric m is a new best if

        m < best (1 − threshold)    mode "min", threshold_mode "rel"
        m < best − threshold        mode "min", threshold_mode "abs"

    and with > and + for mode "max".

    Parameters
    ----------
    optimizer : Optimizer
    mode : "min" or "max"
    factor : below 1
    patience : steps without a new best that are put up with
    threshold, threshold_mode : see above
    cooldown : steps after a reduction in which nothing is counted
    min_lr : the smallest learning rate, or a list with one for each parameter group
    eps : a smaller change than this is not made
    """

    def __init__(self, optimizer, mode="min", factor=0.1, patience=10, threshold=1e-4,
                 threshold_mode="rel", cooldown=0, min_lr=0.0, eps=1e-8):  # fmt: skip
        check_optimizer(optimizer)
        if not factor < 1:
            raise ValueError(f"factor must be below 1, got {factor!r}.")
        for name, value, known in (("mode", mode, ("min", "max")),
                                   ("threshold_mode", threshold_mode, ("rel", "abs"))):  # fmt: skip
            if value not in known:
                raise ValueError(f"{name} must be {known[0]!r} or {known[1]!r}, got {value!r}.")
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.min_lrs = one_each(optimizer, "min_lr", min_lr)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def step(self, metrics):
        """Take note of a metric, a number, and reduce the learning rates if it is time."""
        metric = float(metrics)
        self.last_epoch += 1
        if self.is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, low in zip(self.optimizer.param_groups, self.min_lrs):
                lr = max(group["lr"] * self.factor, low)
                group["lr"] = lr if group["lr"] - lr > self.eps else group["lr"]
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def is_better(self, metric):
        """Whether a metric is a new best."""
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            return sign * metric > sign * self.best * (1 + sign * self.threshold)
        return sign * metric > sign * self.best + self.threshold
