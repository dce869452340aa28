"""Layers, losses and what they are made of, under PyTorch's names.

Read `module.py` for what a module is, `layers.py` for the simplest ones; the functions that they
compute are in `functional/`, and `attention.py` is what the package is for.
"""

from . import functional, init, utils
from .activation import GELU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Tanh
from .agreement import AgreementAttention
from .ancestors import (
    AdditiveAttention, AttentionalState, ConcatAttention, DotAttention, GeneralAttention,
    MultiplicativeAttention,
)  # fmt: skip
from .attention import CrossAttention
from .cache import KVCache
from .conditioning import GEGLU, FiLM, GatedCrossAttention
from .containers import ModuleDict, ModuleList, Sequential
from .convolution import AvgPool2d, Conv2d, PixelShuffle, PixelUnshuffle, Upsample
from .latent import LatentAttention, QFormerBlock
from .layers import Dropout, Embedding, Flatten, Identity, Linear
from .loss import BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from .memory import FeedForward, PersistentMemoryAttention
from .module import Module
from .multihead import MultiheadAttention
from .normalization import GroupNorm, LayerNorm, RMSNorm
from .parameter import Parameter
from .route import Route
from .self_attention import SelfAttention
from .transformer import Transformer, TransformerDecoder, TransformerEncoder
from .transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer

__all__ = [
    "AdditiveAttention", "AgreementAttention", "AttentionalState", "AvgPool2d", "BCEWithLogitsLoss",
    "ConcatAttention", "Conv2d", "CrossAttention", "CrossEntropyLoss", "DotAttention", "Dropout",
    "Embedding", "FeedForward", "FiLM", "Flatten", "GatedCrossAttention", "GEGLU", "GELU",
    "GeneralAttention", "GroupNorm", "Identity", "KVCache", "L1Loss", "LatentAttention",
    "LayerNorm", "Linear", "LogSoftmax", "Module", "ModuleDict", "ModuleList", "MSELoss",
    "MultiheadAttention", "MultiplicativeAttention", "NLLLoss", "Parameter",
    "PersistentMemoryAttention", "PixelShuffle", "PixelUnshuffle", "QFormerBlock", "ReLU",
    "RMSNorm", "Route", "SelfAttention", "Sequential", "Sigmoid", "SiLU", "Softmax", "Tanh",
    "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder",
    "TransformerEncoderLayer", "Upsample", "functional", "init", "utils",
]  # fmt: skip
