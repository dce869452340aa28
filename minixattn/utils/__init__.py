"""`utils.data`: datasets and loaders, where PyTorch has them."""

from . import data

__all__ = ["data"]
