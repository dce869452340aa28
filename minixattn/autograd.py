"""Derivatives under PyTorch's names: `grad`, `backward`, `Function`, `gradcheck`, grad modes."""

from .backward import backward, grad
from .engine import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .function import Function
from .gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = [
    "Function", "GradcheckError", "backward", "enable_grad", "grad", "gradcheck", "gradgradcheck",
    "is_grad_enabled", "no_grad", "set_grad_enabled",
]  # fmt: skip
