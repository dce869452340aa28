"""Models that made cross-attention matter, each file beside its paper's symbols."""

from .ancestors import AdditiveTransformer, PooledTransformer
from .decoding import beam, greedy
from .diffusion import LatentDiffusion
from .perceiver import PerceiverIO
from .perceiver_cost import FullSelfAttention
from .pretrained import load_pretrained
from .transformer import Transformer
from .transformer_layers import PostNorm, PreNorm
from .translation import evaluate, fit, translate
from .unet import Modulation, SpatialTransformer, UNet
from .visual_qa import MeanPooling, VisualQA

__all__ = [
    "AdditiveTransformer", "beam", "evaluate", "fit", "FullSelfAttention", "greedy",
    "LatentDiffusion", "load_pretrained", "MeanPooling", "Modulation", "PerceiverIO",
    "PooledTransformer", "PostNorm", "PreNorm", "SpatialTransformer", "Transformer", "translate",
    "UNet", "VisualQA",
]  # fmt: skip
