"""`minixattn.autograd`: PyTorch's names for the engine's functions."""

import minixattn as mx
from minixattn import autograd, backward, engine, gradcheck


def test_the_names_of_pytorch_lead_to_the_engine():
    assert autograd.grad is backward.grad and autograd.backward is backward.backward
    for name in ("no_grad", "enable_grad", "set_grad_enabled", "is_grad_enabled"):
        assert getattr(autograd, name) is getattr(engine, name) is getattr(mx, name)
    assert autograd.gradcheck is gradcheck.gradcheck
    assert autograd.gradgradcheck is gradcheck.gradgradcheck
    assert mx.inference_mode is mx.no_grad


def test_every_name_it_lists_exists():
    assert all(hasattr(autograd, name) for name in autograd.__all__)
