"""How far one probability is from another."""

import numpy as np
import pytest
from helpers import values

import minixattn as mx
import minixattn.nn.functional as F


def test_the_divergence_is_that_of_the_definition(device):
    p = mx.tensor([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]], dtype=mx.float64, device=device)
    q = mx.tensor([[0.25, 0.25, 0.5], [0.1, 0.2, 0.7]], dtype=mx.float64, device=device)
    loss = F.kl_div(q.log(), p, reduction="batchmean")
    np.testing.assert_allclose(values(loss), np.log(2) / 2)
    assert abs(values(F.kl_div(q.log(), q.log(), reduction="sum", log_target=True))) < 1e-15


def test_cross_entropy_of_probabilities_is_that_of_their_scores(device):
    x = mx.linspace(-3, 3, 7, dtype=mx.float64, device=device)
    y = mx.linspace(0, 1, 7, dtype=mx.float64, device=device)
    np.testing.assert_allclose(
        values(F.binary_cross_entropy(x.sigmoid(), y)),
        values(F.binary_cross_entropy_with_logits(x, y)),
    )


def test_scores_are_no_probabilities():
    with pytest.raises(ValueError, match=r"between 0 and 1, got values from -1\.0 to 2\.0\. For"):
        F.binary_cross_entropy(mx.tensor([-1.0, 2.0]), mx.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match='kl_div: reduction must be "mean", "sum" or "none"'):
        F.kl_div(mx.zeros(2), mx.ones(2), reduction="median")
