"""Whole models: a training step here and of the same model written in PyTorch, eager.

To add a model: a module beside `twin_demo.py` with a class for each side, and a line in TWINS.
A class is made without arguments and has `step()`, which returns the loss. Both start from the
same weights and see the same batches, so that the losses can be compared.
"""

from . import twin_demo

TWINS = {"demo": twin_demo.SIDES}
