"""Fixtures: the devices that a test runs on, and seeded random numbers."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1]))  # benchmarks/, which is not installed

import strict_cupy

from minixattn import backend, pending

settings.register_profile("repeatable", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("repeatable")


def _gpu():
    """Whether a real CuPy with a usable GPU is here."""
    if importlib.util.find_spec("cupy") is None:
        return False
    import cupy

    return cupy.cuda.is_available()


def _forget_random_state():
    backend._generators.clear()
    backend._seed.clear()


@pytest.fixture(autouse=True)
def fresh_random_state():
    """No test sees the seed or the generators of the one before."""
    _forget_random_state()
    yield
    _forget_random_state()


@pytest.fixture(autouse=True)
def questions_are_answered_at_once(monkeypatch):
    """An error about values on a GPU comes where its cause is, as with CUDA_LAUNCH_BLOCKING=1."""
    monkeypatch.setattr(pending, "MOST", 1)
    yield
    pending.questions.clear()


@pytest.fixture(autouse=True)
def closed_figures():
    """No figure of one test stays open in the next."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def stand_in(monkeypatch):
    """A strict stand-in for CuPy in `sys.modules` (see strict_cupy.py)."""
    module = strict_cupy.module()
    monkeypatch.setitem(sys.modules, "cupy", module)
    _forget_random_state()
    yield module
    _forget_random_state()


@pytest.fixture(params=["cpu", "cuda", "stand-in"])
def device(request):
    """Either "cpu"; "cuda" on a real GPU; and "cuda" on the strict stand-in for CuPy."""
    if request.param == "stand-in":
        request.getfixturevalue("stand_in")
        return "cuda"
    if request.param == "cuda" and not _gpu():
        pytest.skip("needs CuPy and a GPU")
    return request.param


@pytest.fixture
def rng():
    """Seeded random numbers."""
    return np.random.default_rng(0)
