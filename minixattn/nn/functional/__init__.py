"""Layers as functions: what they compute, without the parameters they keep."""

from ...ops.elementwise import sigmoid, tanh
from ...ops.softmax import log_softmax, softmax
from .activation import (
    elu, gelu, glu, gumbel_softmax, leaky_relu, logsigmoid, relu, silu, softplus,
)  # fmt: skip
from .attention import attention_steps, scaled_dot_product_attention
from .classification import cross_entropy, nll_loss
from .convolution import conv2d, unfold
from .distance import cosine_similarity, smooth_l1_loss
from .divergence import binary_cross_entropy, kl_div
from .embedding import embedding, one_hot
from .linear import linear
from .loss import binary_cross_entropy_with_logits, l1_loss, mse_loss
from .normalization import group_norm, layer_norm, normalize, rms_norm
from .padding import pad
from .regularization import dropout
from .resampling import avg_pool2d, interpolate, pixel_shuffle, pixel_unshuffle

__all__ = [
    "attention_steps", "avg_pool2d", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "conv2d", "cosine_similarity", "cross_entropy", "dropout", "elu", "embedding", "gelu", "glu",
    "group_norm", "gumbel_softmax", "interpolate", "kl_div", "l1_loss", "layer_norm",
    "leaky_relu", "linear", "log_softmax", "logsigmoid", "mse_loss", "nll_loss", "normalize",
    "one_hot", "pad", "pixel_shuffle", "pixel_unshuffle", "relu", "rms_norm",
    "scaled_dot_product_attention", "sigmoid", "silu", "smooth_l1_loss", "softmax", "softplus",
    "tanh", "unfold",
]  # fmt: skip
