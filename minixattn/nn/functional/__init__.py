"""Layers as functions: what they compute, without the parameters they keep."""

from ...ops.elementwise import sigmoid, tanh
from ...ops.softmax import log_softmax, softmax
from .activation import gelu, logsigmoid, relu, silu
from .attention import attention_steps, scaled_dot_product_attention
from .classification import cross_entropy, nll_loss
from .convolution import conv2d, unfold
from .embedding import embedding, one_hot
from .linear import linear
from .loss import binary_cross_entropy_with_logits, l1_loss, mse_loss
from .normalization import group_norm, layer_norm, normalize, rms_norm
from .padding import pad
from .regularization import dropout
from .resampling import avg_pool2d, interpolate, pixel_shuffle, pixel_unshuffle

__all__ = [
    "attention_steps", "avg_pool2d", "binary_cross_entropy_with_logits", "conv2d", "cross_entropy",
    "dropout", "embedding", "gelu", "group_norm", "interpolate", "l1_loss", "layer_norm", "linear",
    "log_softmax", "logsigmoid", "mse_loss", "nll_loss", "normalize", "one_hot", "pad",
    "pixel_shuffle", "pixel_unshuffle", "relu", "rms_norm", "scaled_dot_product_attention",
    "sigmoid", "silu", "softmax", "tanh", "unfold",
]  # fmt: skip
