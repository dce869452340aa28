"""Schedules that are a formula of the step number t."""

import math
import types

from .base import LRScheduler, one_each


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


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr_t = η_min + ½(lr₀ − η_min)(1 + cos(π T_cur / T_i)): half cosines, each from the start.

    T_cur counts the steps since the last restart, the i-th after which T_i = T_0 T_multⁱ.

    Parameters
    ----------
    optimizer : Optimizer
    T_0 : steps to the first restart
    T_mult : how much longer each stretch is than the one before
    eta_min : η_min, the smallest learning rate
    last_epoch : see `LRScheduler`

    References
    ----------
    Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, eq. 5.
    """

    def __init__(self, optimizer, T_0, T_mult=1, eta_min=0.0, last_epoch=-1):
        for name, value in {"T_0": T_0, "T_mult": T_mult}.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number above 0, got {value!r}.")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        T_cur, T_i = self.last_epoch, self.T_0
        while T_cur >= T_i:
            T_cur, T_i = T_cur - T_i, T_i * self.T_mult
        return [cosine(lr, self.eta_min, T_cur / T_i) for lr in self.base_lrs]


def cosine(start, end, part):
    """end + ½(start − end)(1 + cos(π·part)): from start to end as `part` goes from 0 to 1."""
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * part))


def linear(start, end, part):
    """start + (end − start)·part."""
    return start + (end - start) * part
