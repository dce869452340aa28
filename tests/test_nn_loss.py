"""Losses as modules compute their functions, and move their weights."""

import copy

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn import nn
from minixattn.nn import functional as F

W = mx.tensor([0.5, 2.0, 1.0])
CLASSES = [
    (nn.CrossEntropyLoss(), F.cross_entropy, {}),
    (nn.CrossEntropyLoss(W, ignore_index=1, reduction="sum", label_smoothing=0.2), F.cross_entropy,
     {"weight": W, "ignore_index": 1, "reduction": "sum", "label_smoothing": 0.2}),
    (nn.NLLLoss(), F.nll_loss, {}),
    (nn.NLLLoss(W, ignore_index=1, reduction="none"), F.nll_loss,
     {"weight": W, "ignore_index": 1, "reduction": "none"}),
]  # fmt: skip
NUMBERS = [
    (nn.MSELoss(), F.mse_loss, {}),
    (nn.MSELoss(reduction="none"), F.mse_loss, {"reduction": "none"}),
    (nn.L1Loss(reduction="sum"), F.l1_loss, {"reduction": "sum"}),
    (nn.BCEWithLogitsLoss(), F.binary_cross_entropy_with_logits, {}),
    (nn.BCEWithLogitsLoss(W, reduction="sum", pos_weight=W * 2), F.binary_cross_entropy_with_logits,
     {"weight": W, "reduction": "sum", "pos_weight": W * 2}),
]  # fmt: skip


@pytest.mark.parametrize(("module", "function", "options"), [*CLASSES, *NUMBERS])
def test_a_loss_is_its_function(module, function, options, rng, device):
    module = copy.deepcopy(module).to(device)
    options = {k: v.to(device) if isinstance(v, mx.Tensor) else v for k, v in options.items()}
    x = mx.tensor(rng.standard_normal((4, 3)).astype("float32"), device=device)
    target = mx.tensor([0, 1, 2, 2]) if function in (F.cross_entropy, F.nll_loss) else mx.ones(4, 3)
    target = target.to(device)
    result = module(x, target)
    np.testing.assert_array_equal(values(result), values(function(x, target, **options)))
    assert result.shape == {"none": result.shape}.get(module.reduction, ())


def test_weights_of_a_loss_are_buffers():
    assert list(nn.CrossEntropyLoss(W).state_dict()) == ["weight"]
    assert list(nn.BCEWithLogitsLoss(pos_weight=W).state_dict()) == ["pos_weight"]
    assert list(nn.CrossEntropyLoss().state_dict()) == []
    assert not list(nn.CrossEntropyLoss(W).parameters())
    assert nn.CrossEntropyLoss(W).double().weight.dtype == mx.float64
    assert W.dtype == mx.float32


def test_an_unknown_reduction_is_named():
    with pytest.raises(ValueError, match=r'reduction must be "mean", "sum" or "none", got \'all\''):
        nn.MSELoss(reduction="all")(mx.ones(2), mx.ones(2))
