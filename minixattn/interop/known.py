"""What is known about an attention before it is compared: its inputs and weights, or its steps."""

import numpy as np

from ..creation import as_tensor
from ..engine import no_grad
from ..mask_type import Mask
from ..nn import CrossAttention, Identity, MultiheadAttention
from ..nn.attention import boolean_mask
from .mistakes import STEPS, products, split
from .search import FORBIDDEN, Run, error

TOLERANCE = {2: 1e-2, 4: 1e-4, 8: 1e-8}  # by the bytes of the less precise float type


def array(x):
    """The values of a tensor of ours or of PyTorch's, or of an array."""
    for step in ("detach", "cpu"):
        x = getattr(x, step)() if hasattr(x, step) else x
    return np.asarray(x)


def exact(x):
    """The same in float64."""
    return array(x).astype(np.float64)


# Steps -------------------------------------------------------------------------------------------


def known_of_steps(ours, mask):
    """Steps as they are, with what can be read off them: heads, scale, mask."""
    known = {k: exact(v) for k, v in ours.items() if k in STEPS} | {"h": 1, "h_kv": 1, "cap": None}
    scores = known.get("scores")
    if scores is not None and "heads" not in known and np.ndim(known.get("output")) == scores.ndim:
        known["heads"] = known.pop("output")  # so it is in AttentionSteps
    for step, name in (("scores", "h"), ("Q", "h"), ("K", "h_kv")):
        if step in known and known[step].ndim > 3:
            known[name] = known[step].shape[-3]
    for step in ("Q", "K", "V"):  # (B, L, h·d) beside scores (B, h, L, S)
        if step in known and scores is not None and known[step].ndim < scores.ndim:
            known[step] = split(known[step], known["h"])
    if "masked" in known:
        hidden = known["masked"] < FORBIDDEN
        known["masked"] = np.where(hidden, -np.inf, known["masked"])
        known |= {"mask": ~hidden} if hidden.any() else {}
    if mask is not None:
        known["mask"] = array(mask)
    if "Q" in known:
        known["scale"] = scale_of(known)
    return known


def scale_of(known):
    """The factor between Q Kᵀ and the scores: 1/√d_k where there are none."""
    usual = 1 / np.sqrt(known["Q"].shape[-1])
    if "K" not in known or "scores" not in known:
        return usual
    P = products(Run(known, {}))
    size = (P * P).sum()
    return (P * known["scores"]).sum() / size if size else usual


# Layers ------------------------------------------------------------------------------------------


def known_of_layer(layer, query, context, mask):
    """The inputs and weights of a layer, once it is clear that they are all it computes with."""
    if not isinstance(layer, (CrossAttention, MultiheadAttention)):
        raise TypeError(
            f"compare() takes a CrossAttention, a MultiheadAttention, or steps, got "
            f"{type(layer).__name__}. Of a block with several parts, give the attention."
        )
    if query is None or context is None:
        raise ValueError(
            "compare(layer, reference, query, context, mask) computes the layer's steps: query or "
            "context is missing. (Two sets of steps need no inputs.)"
        )
    like = next(layer.parameters())
    query, context = (as_tensor(array(x)).to(like) for x in (query, context))
    read = of_cross_attention if isinstance(layer, CrossAttention) else of_multihead
    known = {"h": layer.num_heads, **read(layer, query, context, mask)}
    theirs = exact(output_of(layer, query, context, mask))
    ours = Run(known, {}).output
    if isinstance(layer, MultiheadAttention) and not layer.batch_first and theirs.ndim == 3:
        theirs = theirs.swapaxes(0, 1)
    if error("output", ours, theirs)[0] > TOLERANCE[like.dtype.itemsize]:
        raise ValueError(
            f"this {type(layer).__name__} computes more than softmax(Q Kᵀ · scale) V with its "
            f"projections, so compare() cannot vary it: give its own steps instead of the layer."
        )
    return known


def output_of(layer, query, context, mask):
    """What the layer computes without dropout."""
    training = {m: m.training for m in layer.modules()}
    layer.eval()
    try:
        with no_grad():
            if isinstance(layer, CrossAttention):
                return layer(query, context, mask)[0]
            return layer(query, context, context, attn_mask=mask)[0]
    finally:
        for module, mode in training.items():
            module.training = mode


def of_cross_attention(layer, query, context, mask):
    """x, c, the four projections, the scale, and the mask as (…, L, S) or (…, h, L, S)."""
    known = {"query": exact(query), "context": exact(context), "scale": layer.scale}
    for symbol in ("W_Q", "W_K", "W_V", "W_O"):
        known[symbol] = pair(getattr(layer, symbol))
    known["h_kv"] = layer.W_K.out_features * layer.num_heads // layer.W_Q.out_features
    known["cap"] = getattr(layer, "softcap", None)
    if mask is not None:
        known["mask"] = array(boolean_mask(mask, query, context, layer.num_heads))
    return known


def pair(projection):
    """(weight, bias or None); None for the identity."""
    if isinstance(projection, Identity):
        return None
    bias = projection.bias
    return exact(projection.weight), None if bias is None else exact(bias)


def of_multihead(layer, query, context, mask):
    """The same of PyTorch's layer, whose mask says where a query may not look."""
    if layer.bias_k is not None or layer.add_zero_attn:
        raise ValueError(
            "compare() cannot vary a layer with add_bias_kv or add_zero_attn, which append keys: "
            "give its own steps instead of the layer."
        )
    if not layer.batch_first and query.ndim == 3:
        query, context = query.transpose(0, 1), context.transpose(0, 1)
    E, h = layer.embed_dim, layer.num_heads
    if layer.kdim == layer.vdim == E:
        weights = np.split(exact(layer.in_proj_weight), 3)
    else:
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        weights = [exact(getattr(layer, name)) for name in names]
    bias = layer.in_proj_bias
    biases = [None] * 3 if bias is None else np.split(exact(bias), 3)
    known = dict(zip(("W_Q", "W_K", "W_V"), zip(weights, biases)))
    known |= {"W_O": pair(layer.out_proj), "h_kv": h, "scale": 1 / np.sqrt(E // h), "cap": None}
    known |= {"query": exact(query), "context": exact(context)}
    if mask is not None:
        known["mask"] = allowed(mask, h)
    return known


def allowed(mask, h):
    """Where queries may look, of a mask that says where they may not (or of a `Mask`)."""
    if isinstance(mask, Mask):
        return mask.allowed[:, None] if mask.ndim == 3 else mask.allowed
    mask = array(mask)
    if mask.dtype != bool:
        raise TypeError(
            f"compare() varies boolean masks (True = may not attend, as MultiheadAttention has "
            f"it), got {mask.dtype}."
        )
    return ~(mask.reshape(-1, h, *mask.shape[1:]) if mask.ndim == 3 else mask)
