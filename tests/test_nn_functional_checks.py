"""What is no tensor is named by every layer function that takes one."""

import numpy as np
import pytest

import minixattn as mx
from minixattn.nn import Linear
from minixattn.nn import functional as F

X, Y = mx.ones(2, 3), mx.tensor([0, 1])
CALLS = {
    "linear: input must be a Tensor, got list": lambda: F.linear([1.0], X),
    "linear: weight must be a Tensor, got ndarray": lambda: F.linear(X, np.ones((3, 3))),
    "linear: input must be a Tensor, got tuple": lambda: Linear(3, 2)((1.0, 2.0, 3.0)),
    "embedding: input must be a Tensor, got int": lambda: F.embedding(1, X),
    "one_hot: tensor must be a Tensor, got list": lambda: F.one_hot([1, 2]),
    "layer_norm: input must be a Tensor, got list": lambda: F.layer_norm([1.0], 1),
    "layer_norm: weight must be a Tensor, got float": lambda: F.layer_norm(X, 3, 2.0),
    "rms_norm: input must be a Tensor, got list": lambda: F.rms_norm([1.0], 1),
    "group_norm: input must be a Tensor, got list": lambda: F.group_norm([1.0], 1),
    "normalize: input must be a Tensor, got list": lambda: F.normalize([1.0]),
    "pad: input must be a Tensor, got list": lambda: F.pad([1.0], (1, 1)),
    "dropout: input must be a Tensor, got list": lambda: F.dropout([1.0]),
    "cross_entropy: target must be a Tensor, got list": lambda: F.cross_entropy(X, [0, 1]),
    "cross_entropy: weight must be a Tensor, got list": lambda: F.cross_entropy(X, Y, [1, 1, 1]),
    "nll_loss: target must be a Tensor, got list": lambda: F.nll_loss(X, [0, 1]),
    "mse_loss: target must be a Tensor, got list": lambda: F.mse_loss(X, [0, 1]),
}


@pytest.mark.parametrize("message", CALLS)
def test_what_is_no_tensor_is_named(message):
    with pytest.raises(TypeError, match=message + r"\. Make one with minixattn\.tensor"):
        CALLS[message]()
