"""One schedule after another."""

from bisect import bisect_right

from .base import LRScheduler


class SequentialLR(LRScheduler):
    """Schedule k from step milestones[k − 1] to milestones[k], each beginning with its own t = 0.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : list of schedulers of the same optimizer
    milestones : steps at which the next one takes over; one fewer
    last_epoch : see `LRScheduler`

    Examples
    --------
    >>> import minixattn as mx
    >>> from minixattn.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
    >>> optimizer = mx.optim.SGD([mx.ones(1, requires_grad=True)], lr=1.0)
    >>> warm = LinearLR(optimizer, start_factor=0.1, total_iters=3)
    >>> scheduler = SequentialLR(optimizer, [warm, CosineAnnealingLR(optimizer, 10)], [3])
    """

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(schedulers)} scheduler(s) need {len(schedulers) - 1} "
                f"milestone(s) between them, got {len(milestones)}."
            )
        for i, scheduler in enumerate(schedulers):
            if not isinstance(scheduler, LRScheduler) or scheduler.optimizer is not optimizer:
                raise ValueError(
                    f"SequentialLR: schedulers[{i}] must be a scheduler of the same optimizer "
                    f"whose learning rate depends on the step alone, got "
                    f"{type(scheduler).__name__}."
                )
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        k = bisect_right(self.milestones, self.last_epoch)
        current = self.schedulers[k]
        current.last_epoch = self.last_epoch - (self.milestones[k - 1] if k else 0)
        return current.get_lr()

    def state_dict(self):
        """As for every scheduler, with the states of all in it."""
        return {**super().state_dict(), "schedulers": [s.state_dict() for s in self.schedulers]}

    def load_state_dict(self, state_dict):
        own = self.schedulers
        super().load_state_dict(state_dict)
        self.schedulers = own
        for scheduler, state in zip(own, state_dict["schedulers"]):
            scheduler.load_state_dict(state)
