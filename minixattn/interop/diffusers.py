"""Diffusers' `Attention`: to_q, to_k and to_v, by custom without biases, and to_out with one.

    Q = x W_Q,  K = c W_K,  V = c W_V
    output = concat(softmax(Qᵢ Kᵢᵀ / √d_k) Vᵢ) W_O + b_O

Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models" (2022), section 3.3.
"""

from ..nn import LayerNorm, RMSNorm
from .layout import (
    Layout,
    check_scale,
    cross_attention,
    filled,
    named,
    projections,
    recognised,
)
from .weights import Weights

LAYOUT = Layout("Diffusers", "to_q", "to_k", "to_v", "to_out.0")
NORMS = {"norm_Q": "norm_q", "norm_K": "norm_k"}


def from_diffusers(source, *, num_heads=None, head_dim=None, prefix="", scale=None, eps=1e-5,
                   dropout=0.0):  # fmt: skip
    """Diffusers' attention as a `CrossAttention`.

    Parameters
    ----------
    source : state dict, or the path of a .safetensors file
    num_heads, head_dim : Diffusers' `heads` and `dim_head`; the weights do not tell, so one of
        them must be given (Stable Diffusion 1: num_heads=8)
    prefix : such as "down_blocks.0.attentions.0.transformer_blocks.0.attn2"
    scale : 1.0 for a module made with `scale_qk=False`; 1/√d_k where None
    eps : ε of the norms of Q and K, where the weights have them (`qk_norm`)
    dropout : of the output's elements, as there

    Returns
    -------
    CrossAttention; self-attention ("attn1") where it is called with its input as context

    Raises
    ------
    ValueError
        For other layouts, listing the names that are known and those that came; for added
        projections and other norms, which are other equations; without a number of heads.
    """
    weights = Weights(source, prefix)
    layout = recognised("from_diffusers", weights, (LAYOUT,))
    layer = cross_attention(
        projections(weights, layout), layout, num_heads, head_dim, scale, out_dropout=dropout
    )
    d_k = layer.W_Q.out_features // layer.num_heads
    for ours, theirs in NORMS.items():
        if weights.shapes.get(f"{theirs}.weight") == (d_k,):
            weight, bias = weights.array(f"{theirs}.weight"), weights.optional(f"{theirs}.bias")
            setattr(layer, ours, norm(weight, bias, eps))
    weights.check_all_read("Diffusers' plain Attention")
    return layer


def norm(weight, bias, eps):
    """A LayerNorm, or without a bias an RMSNorm, with these numbers."""
    made = RMSNorm(len(weight), eps) if bias is None else LayerNorm(len(weight), eps)
    return filled(made, weight, bias)


def to_diffusers(layer):
    """{name: NumPy array} for `Attention.load_state_dict` there, from a `CrossAttention`.

    The module must be made with `heads`, `dim_head`, `bias`, `out_bias` and `qk_norm` as the layer
    is, and with `scale_qk=False` if the layer's scale is 1.

    Raises
    ------
    ValueError
        For another scale.
    """
    if layer.scale != 1:
        check_scale(layer, "Diffusers")
    return named(layer, LAYOUT, NORMS)
