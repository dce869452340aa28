"""Layers and losses give the numbers that PyTorch gave, kept in tests/frozen/nn.npz."""

import numpy as np
import pytest
from freeze_nn import FROZEN, LAYERS, run

import minixattn as mx


@pytest.fixture(scope="module")
def frozen():
    with np.load(FROZEN) as file:
        return dict(file)


@pytest.mark.parametrize("name", LAYERS)
def test_outputs_and_gradients_are_those_of_pytorch(name, frozen, device):
    found = run(mx, name, LAYERS[name], device)
    assert len(found) == sum(key.startswith(name + "|") for key in frozen)
    for i, array in enumerate(found):
        expected = frozen[f"{name}|{i}"]
        assert array.shape == expected.shape
        np.testing.assert_allclose(array, expected, rtol=1e-10, atol=1e-12)
