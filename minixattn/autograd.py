"""Derivatives under PyTorch's names: `autograd.grad`, `backward`, `gradcheck`, grad modes."""

from .backward import backward, grad
from .engine import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = [
    "GradcheckError", "backward", "enable_grad", "grad", "gradcheck", "gradgradcheck",
    "is_grad_enabled", "no_grad", "set_grad_enabled",
]  # fmt: skip
