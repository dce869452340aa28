"""The cross-attention of models in Transformers: BERT-style decoders, T5, Whisper and Perceiver.

| system    | what differs                                              | returned            |
|-----------|-----------------------------------------------------------|---------------------|
| BERT      | residual and LayerNorm after it belong to the module      | `PostNormAttention` |
| T5        | scores are not scaled; no biases                          | `CrossAttention`    |
| Whisper   | the keys have no bias (BART and others have one)          | `CrossAttention`    |
| Perceiver | LayerNorms before it belong to the module; widths are free | `PreNormAttention` |

T5's self-attention adds a learned number for each distance between query and key (relative position
bias) to its scores; the first layer of a stack holds the table and lends it to the others. Its
cross-attention has none. A `CrossAttention` adds nothing, so such a table is refused.
"""

from ..nn import LayerNorm
from .blocks import PostNormAttention, PreNormAttention
from .layout import (
    Layout,
    check_scale,
    cross_attention,
    filled,
    named,
    projections,
    recognised,
)
from .weights import Weights, plain

BERT = Layout("BERT", "self.query", "self.key", "self.value", "output.dense")
T5 = Layout("T5", "q", "k", "v", "o")
WHISPER = Layout("Whisper", "q_proj", "k_proj", "v_proj", "out_proj")
PERCEIVER = BERT._replace(system="Perceiver")
INNER = Layout("BERT's inner part", "query", "key", "value", "dense")
NORM, NORM_QUERY, NORM_CONTEXT = "output.LayerNorm", "self.layernorm1", "self.layernorm2"


def from_transformers(source, *, num_heads=None, head_dim=None, prefix="", eps=None, dropout=0.0):
    """The attention of a Transformers model.

    Parameters
    ----------
    source : state dict, or the path of a .safetensors file
    num_heads, head_dim : the weights do not tell, so one must be given: `num_attention_heads`,
        `num_heads` or `decoder_attention_heads` in the model's config
    prefix : such as "bert.encoder.layer.0.crossattention",
        "decoder.block.0.layer.1.EncDecAttention", "model.decoder.layers.0.encoder_attn",
        "perceiver.encoder.cross_attention.attention"
    eps : ε of the LayerNorms, which the weights do not tell either; where None, 1e-12 in BERT
        (`layer_norm_eps`) and 1e-5 in Perceiver
    dropout : of the attention weights

    Returns
    -------
    CrossAttention; `PostNormAttention` where the weights have BERT's LayerNorm, and
    `PreNormAttention` where they have Perceiver's (its residual, which the weights do not show, is
    left to the caller: output + query)

    Raises
    ------
    ValueError
        For other layouts, listing the names that are known and those that came; for T5's relative
        position bias; without a number of heads.
    """
    weights = Weights(source, prefix)
    layout = recognised("from_transformers", weights, (BERT, T5, WHISPER, INNER))
    pairs = projections(weights, layout)
    norms = {
        name: layer_norm(weights, name, eps)
        for name in (NORM, NORM_QUERY, NORM_CONTEXT)
        if f"{name}.weight" in weights
    }
    why = ""
    if "relative_attention_bias.weight" in weights:
        why = (
            "relative_attention_bias is the table of T5's self-attention: a number for each "
            "distance and head, added to the scores. T5's cross-attention has none; its prefix "
            "ends in 'EncDecAttention'. "
        )
    weights.check_all_read(layout.system, why)
    scale = 1.0 if layout is T5 else None
    attention = cross_attention(pairs, layout, num_heads, head_dim, scale, dropout=dropout)
    if NORM in norms:
        return PostNormAttention(attention, norms[NORM])
    if NORM_QUERY in norms:  # self-attention has one norm, for both streams
        norm_context = norms.get(NORM_CONTEXT, norms[NORM_QUERY])
        return PreNormAttention(attention, norms[NORM_QUERY], norm_context)
    return attention


def layer_norm(weights, name, eps):
    """A LayerNorm with the weights of that name."""
    weight, bias = weights.array(f"{name}.weight"), weights.optional(f"{name}.bias")
    usual = 1e-12 if name == NORM else 1e-5
    norm = LayerNorm(weight.shape, usual if eps is None else eps, bias=bias is not None)
    return filled(norm, weight, bias)


def to_transformers(layer, system=None):
    """{name: NumPy array} for `load_state_dict` on a module of Transformers.

    Parameters
    ----------
    layer : CrossAttention, `PostNormAttention` (BERT's) or `PreNormAttention` (Perceiver's)
    system : "BERT", "T5" or "Whisper", whose names a CrossAttention is to be given

    Raises
    ------
    ValueError
        If the system would compute something else with these weights.
    """
    if isinstance(layer, PostNormAttention):
        return written(layer.attention, BERT) | norm_state(NORM, layer.norm)
    if isinstance(layer, PreNormAttention):
        state = norm_state(NORM_QUERY, layer.norm_query)
        if layer.norm_context is not layer.norm_query:
            state |= norm_state(NORM_CONTEXT, layer.norm_context)
        return state | written(layer.attention, PERCEIVER)
    layouts = {x.system: x for x in (BERT, T5, WHISPER)}
    if system not in layouts:
        raise ValueError(
            f"to_transformers() writes a CrossAttention under the names of one of "
            f"{', '.join(layouts)}: give system=, got {system!r}."
        )
    return written(layer, layouts[system])


def written(attention, layout):
    """The projections under their names, if the scale is the system's."""
    check_scale(attention, layout.system, 1.0 if layout is T5 else None)
    return named(attention, layout)


def norm_state(name, norm):
    """{name: array} of a LayerNorm."""
    return {f"{name}.{k}": plain(k, v) for k, v in norm.state_dict().items()}
