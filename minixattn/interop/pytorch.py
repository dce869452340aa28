"""PyTorch's attention layers, and attentions built of `nn.Linear` under the usual names."""

from ..errors import DTypeError
from ..nn import CrossAttention, MultiheadAttention
from .blocks import DecoderLayer, PreNormDecoderLayer
from .layout import (
    Layout,
    cross_attention,
    heads,
    named,
    projections,
    unknown,
)
from .weights import Weights, listed, plain

MULTIHEAD = (
    "nn.MultiheadAttention: in_proj_weight (or q_proj_weight, k_proj_weight, v_proj_weight), "
    "in_proj_bias, bias_k, bias_v, out_proj.weight, out_proj.bias"
)
DECODER = (
    "nn.TransformerDecoderLayer: self_attn.*, multihead_attn.*, linear1.*, linear2.*, norm1.*, "
    "norm2.*, norm3.*"
)
PACKED, DECODERS = ("in_proj_weight", "q_proj_weight"), "multihead_attn.in_proj_weight"

# The names that a module's author may have given the Linear layers of Q, K, V, and that of W_O.
TRIPLES = (
    ("W_q", "W_k", "W_v"), ("W_Q", "W_K", "W_V"), ("w_q", "w_k", "w_v"), ("Wq", "Wk", "Wv"),
    ("WQ", "WK", "WV"), ("wq", "wk", "wv"), ("W_query", "W_key", "W_value"),
    ("query", "key", "value"), ("queries", "keys", "values"), ("q_proj", "k_proj", "v_proj"),
    ("query_proj", "key_proj", "value_proj"), ("q_linear", "k_linear", "v_linear"),
    ("linear_q", "linear_k", "linear_v"), ("fc_q", "fc_k", "fc_v"), ("w_qs", "w_ks", "w_vs"),
    ("to_q", "to_k", "to_v"), ("q", "k", "v"),
)  # fmt: skip
OUTPUTS = (
    "W_o", "W_O", "w_o", "Wo", "WO", "wo", "W_out", "out_proj", "o_proj", "proj", "out", "output",
    "fc_out", "fc_o", "fc", "linear_out", "out_linear", "to_out", "to_out.0", "dense", "o",
)  # fmt: skip
LINEAR = (
    f"nn.Linear: one of {'; '.join(', '.join(t) for t in TRIPLES)}; and for the output one of "
    f"{', '.join(OUTPUTS)}, or none (give other names with names=)"
)


def from_torch(source, *, num_heads=None, head_dim=None, prefix="", **options):
    """An attention layer with PyTorch's weights; which one, their names tell.

    Parameters
    ----------
    source : state dict of an nn.MultiheadAttention, an nn.TransformerDecoderLayer, or a module with
        four `nn.Linear`s (W_q, W_k, W_v, W_o and the like); or the path of a .safetensors file
    num_heads, head_dim : h and d_k; the weights do not tell, so one of them must be given
    prefix : such as "decoder.layers.0.multihead_attn"
    **options : what the weights do not tell either, as the module was made with it:
        nn.MultiheadAttention `batch_first`, `add_zero_attn`, `dropout`;
        nn.TransformerDecoderLayer `batch_first`, `dropout`, `norm_first`, `activation` (a
        function), `layer_norm_eps`;
        four Linears `names` (where they are unusual, a tuple of four), `scale` (1/√d_k where
        None), `dropout`

    Returns
    -------
    MultiheadAttention, `DecoderLayer` (or `PreNormDecoderLayer`), or CrossAttention (which computes
    x Wᵀ + b for each projection; without a W_o its output is the heads side by side)

    Raises
    ------
    ValueError
        For other layouts, listing the names that are known and those that came; without a number
        of heads.
    """
    weights = Weights(source, prefix)
    told = {"num_heads": num_heads, "head_dim": head_dim}
    if any(name in weights for name in PACKED):
        return multihead(weights, told, **checked(options, MULTIHEAD_OPTIONS))
    if DECODERS in weights and "linear1.weight" in weights:
        return decoder_layer(weights, told, **checked(options, DECODER_OPTIONS))
    return linears(weights, told, **checked(options, LINEAR_OPTIONS))


MULTIHEAD_OPTIONS = ("batch_first", "add_zero_attn", "dropout")
DECODER_OPTIONS = ("batch_first", "dropout", "norm_first", "activation", "layer_norm_eps")
LINEAR_OPTIONS = ("names", "scale", "dropout")


def checked(options, known):
    """The options, if the layout takes them all."""
    extra = [name for name in options if name not in known]
    if extra:
        raise TypeError(
            f"these weights are in a layout that takes the options {listed(known)}, got "
            f"{listed(extra)}."
        )
    return options


def multihead(weights, told, **options):
    """nn.MultiheadAttention, packed or with free widths."""
    state = all_of(weights)
    first = "in_proj_weight" if "in_proj_weight" in state else "q_proj_weight"
    E = state[first].shape[-1]
    if first == "q_proj_weight":
        widths = {"kdim": "k_proj_weight", "vdim": "v_proj_weight"}
        options |= {k: state[name].shape[-1] for k, name in widths.items() if name in state}
    layer = MultiheadAttention(
        E, heads("out_proj", E, **told), bias="in_proj_bias" in state,
        add_bias_kv="bias_k" in state, dtype=state[first].dtype, **options,
    )  # fmt: skip
    layer.load_state_dict(state)
    return layer


def decoder_layer(weights, told, norm_first=False, **options):
    """nn.TransformerDecoderLayer, with the norms after or first."""
    state = all_of(weights)
    dim_feedforward, E = state["linear1.weight"].shape
    kind = PreNormDecoderLayer if norm_first else DecoderLayer
    h = heads("multihead_attn.out_proj", E, **told)
    layer = kind(E, h, dim_feedforward, bias="linear1.bias" in state, **options)
    layer.to(state["linear1.weight"].dtype)
    layer.load_state_dict(state)
    return layer


def linears(weights, told, names=None, **options):
    """Four Linear layers, or three."""
    triples = TRIPLES if names is None else (tuple(names)[:3],)
    outputs = OUTPUTS if names is None else tuple(names)[3:]
    found = [name for name in outputs if f"{name}.weight" in weights]
    if len(found) > 1:
        raise ValueError(
            f"both {' and '.join(found)} could be the output's projection: say which with "
            f"names=(Q, K, V, output), and give a dict without the other."
        )
    layouts = [Layout("nn.Linear", *triple, *(found or ["(none)"])) for triple in triples]
    fitting = [layout for layout in layouts if layout.fits(weights.shapes)]
    if not fitting:
        known = (MULTIHEAD, DECODER, LINEAR)
        raise unknown("from_torch", weights, layouts, known, (*PACKED, DECODERS))
    pairs = projections(weights, fitting[0])
    weights.check_all_read("nn.Linear layers")
    return cross_attention(pairs, fitting[0], **told, **options)


def all_of(weights):
    """{name: array} of all the weights, which must be of one dtype."""
    state = {name: weights.array(name) for name in weights.shapes}
    dtypes = {str(a.dtype): name for name, a in state.items()}
    if len(dtypes) > 1:
        raise DTypeError(
            f"the weights have several dtypes: "
            f"{', '.join(f'{name} {dtype}' for dtype, name in dtypes.items())}. Convert them to "
            f"one."
        )
    return state


def to_torch(layer, names=("W_q", "W_k", "W_v", "W_o")):
    """{name: NumPy array} for `load_state_dict` there, once each is a tensor.

        module.load_state_dict({k: torch.from_numpy(v) for k, v in to_torch(layer).items()})

    Parameters
    ----------
    layer : MultiheadAttention or `DecoderLayer`, which have PyTorch's own names, or CrossAttention
    names : what a CrossAttention's projections are called there

    Raises
    ------
    TypeError
        For another layer.
    """
    if isinstance(layer, CrossAttention):
        return named(layer, Layout("nn.Linear", *names))
    if not isinstance(layer, (MultiheadAttention, DecoderLayer)):
        raise TypeError(
            f"to_torch() writes a MultiheadAttention, DecoderLayer or CrossAttention, got "
            f"{type(layer).__name__}. Other modules: {{k: v.numpy() for k, v in "
            f"layer.state_dict().items()}}."
        )
    return {k: plain(k, v) for k, v in layer.state_dict().items()}
