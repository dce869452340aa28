"""Learning rates that change while training runs: `scheduler.step()` after `optimizer.step()`."""

from .base import LRScheduler
from .functions import CosineAnnealingLR, CosineAnnealingWarmRestarts, LambdaLR
from .one_cycle import OneCycleLR
from .plateau import ReduceLROnPlateau
from .sequence import SequentialLR
from .steps import ExponentialLR, LinearLR, MultiStepLR, StepLR

_LRScheduler = LRScheduler  # its name in older lessons

__all__ = [
    "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "ExponentialLR", "LRScheduler", "LambdaLR",
    "LinearLR", "MultiStepLR", "OneCycleLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
