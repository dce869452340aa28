"""Models that made cross-attention matter, each file beside its paper's symbols."""

from .all_attention import AllAttention
from .ancestors import AdditiveTransformer, PooledTransformer
from .answering import answer
from .captioner import Captioner, PooledCaptioner
from .captioning import caption
from .decoding import beam, greedy
from .diffusion import LatentDiffusion
from .one_sequence import OneSequenceQA
from .one_stream import OneStream
from .perceiver import PerceiverIO
from .perceiver_cost import FullSelfAttention
from .pretrained import load_pretrained
from .selfdoc import SelfDoc
from .transformer import Transformer
from .transformer_layers import PostNorm, PreNorm
from .translation import evaluate, fit, translate
from .unet import Modulation, SpatialTransformer, UNet
from .visual_qa import MeanPooling, VisualQA

__all__ = [
    "AdditiveTransformer", "AllAttention", "answer", "beam", "caption", "Captioner", "evaluate",
    "fit", "FullSelfAttention", "greedy", "LatentDiffusion", "load_pretrained", "MeanPooling",
    "Modulation", "OneSequenceQA", "OneStream", "PerceiverIO", "PooledCaptioner",
    "PooledTransformer", "PostNorm", "PreNorm", "SelfDoc", "SpatialTransformer", "Transformer",
    "translate", "UNet", "VisualQA",
]  # fmt: skip
