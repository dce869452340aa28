"""Optimizers under PyTorch's names: one class, one update equation.

Read `sgd.py`, then `adam.py`; `optimizer.py` holds what they share, `lr_scheduler.py` changes the
learning rate while they run.
"""

from . import lr_scheduler
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
