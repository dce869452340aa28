"""Weights from other systems and back, a comparison that names the mistake, and einops.

    layer = interop.from_torch("model.safetensors", prefix="decoder.attn", num_heads=8)
    state = interop.to_torch(layer)                  # {name: NumPy array}, ready to load there
    print(interop.compare(layer, reference, query, context, mask))

All loaders read a dict of tensors or arrays (a `state_dict()`), or a `.safetensors` file of which
only the needed tensors are read; none needs the library that wrote it, and none runs any code from
a file. Each returns the layer that computes what the other system's module computes in `eval()`.

`import minixattn.interop` also tells einops, where it is installed, how to work on Tensors:
`einops.rearrange(t, "b l (h d) -> b h l d", h=8)`, with gradients.
"""

from .blocks import DecoderLayer, PostNormAttention, PreNormAttention, PreNormDecoderLayer
from .comparison import compare
from .diffusers import from_diffusers, to_diffusers
from .einops_backend import register_einops
from .pytorch import from_torch, to_torch
from .report import Report
from .transformers import from_transformers, to_transformers

__all__ = [
    "DecoderLayer", "PostNormAttention", "PreNormAttention", "PreNormDecoderLayer", "Report",
    "compare", "from_diffusers", "from_torch", "from_transformers", "register_einops",
    "to_diffusers", "to_torch", "to_transformers",
]  # fmt: skip
