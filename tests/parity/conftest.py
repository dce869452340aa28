"""Comparisons with PyTorch as it runs here: `pytest tests/parity`. Nothing to do without it."""

import importlib.util

import pytest

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def one_thread_and_a_seed():
    """PyTorch on one core; a known start for whatever draws random numbers."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
