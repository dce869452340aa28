"""Layers, losses and what they are made of, under PyTorch's names.

Read `module.py` for what a module is, `layers.py` for the simplest ones; the functions that they
compute are in `functional/`, and `attention.py` is what the package is for.
"""

from . import functional, init, utils
from .activation import (
    ELU, GELU, GLU, LeakyReLU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh,
)  # fmt: skip
from .agreement import AgreementAttention
from .ancestors import (
    AdditiveAttention, AttentionalState, ConcatAttention, DotAttention, GeneralAttention,
    MultiplicativeAttention,
)  # fmt: skip
from .attention import CrossAttention
from .cache import KVCache
from .conditioning import GEGLU, FiLM, GatedCrossAttention
from .containers import ModuleDict, ModuleList, ParameterList, Sequential
from .convolution import AvgPool2d, Conv2d, PixelShuffle, PixelUnshuffle, Upsample
from .latent import LatentAttention, QFormerBlock
from .layers import Dropout, Embedding, Flatten, Identity, Linear, Unflatten
from .loss import (
    BCELoss, BCEWithLogitsLoss, CosineSimilarity, CrossEntropyLoss, KLDivLoss, L1Loss, MSELoss,
    NLLLoss, SmoothL1Loss,
)  # fmt: skip
from .memory import FeedForward, PersistentMemoryAttention
from .module import Module
from .multihead import MultiheadAttention
from .normalization import GroupNorm, LayerNorm, RMSNorm
from .parameter import Parameter
from .recurrent import GRU, LSTM, RNN
from .recurrent_cells import GRUCell, LSTMCell, RNNCell
from .route import Route
from .self_attention import SelfAttention
from .transformer import Transformer, TransformerDecoder, TransformerEncoder
from .transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer

__all__ = [
    "AdditiveAttention", "AgreementAttention", "AttentionalState", "AvgPool2d", "BCELoss",
    "BCEWithLogitsLoss", "ConcatAttention", "Conv2d", "CosineSimilarity", "CrossAttention",
    "CrossEntropyLoss", "DotAttention", "Dropout", "ELU", "Embedding", "FeedForward", "FiLM",
    "Flatten", "GatedCrossAttention", "GEGLU", "GELU", "GeneralAttention", "GLU", "GroupNorm",
    "GRU", "GRUCell", "Identity", "KLDivLoss", "KVCache", "L1Loss", "LatentAttention", "LayerNorm",
    "LeakyReLU", "Linear", "LogSoftmax", "LSTM", "LSTMCell", "Module", "ModuleDict", "ModuleList",
    "MSELoss", "MultiheadAttention", "MultiplicativeAttention", "NLLLoss", "Parameter",
    "ParameterList", "PersistentMemoryAttention", "PixelShuffle", "PixelUnshuffle", "QFormerBlock",
    "ReLU", "RMSNorm", "RNN", "RNNCell", "Route", "SelfAttention", "Sequential", "Sigmoid", "SiLU",
    "SmoothL1Loss", "Softmax", "Softplus", "Tanh", "Transformer", "TransformerDecoder",
    "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer", "Unflatten",
    "Upsample", "functional", "init", "utils",
]  # fmt: skip
