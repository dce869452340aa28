"""Attention modules of torch, diffusers and transformers, tiny and randomly initialised.

`python tests/freeze_interop.py` runs them and writes their weights, outputs, attention weights and
gradients to tests/frozen/interop_*.npz and *.safetensors. The same cases run live in tests/parity.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

FROZEN = Path(__file__).parent / "frozen"
B, L, S, E, C, H, F = 2, 3, 5, 8, 6, 2, 10
KEEP = np.arange(S) < np.array([[3], [S]])  # (B, S): True = may attend


class Case(NamedTuple):
    """A module of another library, and how it is run and loaded."""

    load: str  # the name in minixattn.interop
    options: dict  # for loading
    back: dict  # for writing back
    context_width: int
    make: object  # () -> module
    run: object  # (module, x, c) -> output, weights (or None)


def normal(*shape):
    """Normal numbers in float64, always the same for one shape."""
    return np.random.default_rng([7, *shape]).standard_normal(shape)


def additive(shape):
    """KEEP as a mask that is added to the scores."""
    import torch

    lowest = torch.finfo(torch.float64).min
    mask = torch.tensor(np.where(KEEP, 0.0, lowest)).reshape(B, *(1,) * (len(shape) - 2), S)
    return mask.expand(shape)


# torch -------------------------------------------------------------------------------------------


def multihead(**options):
    import torch

    return torch.nn.MultiheadAttention(E, H, **{"batch_first": True, **options})


def run_multihead(module, x, c):
    import torch

    drop = torch.tensor(~KEEP)
    return module(x, c, c, key_padding_mask=drop, average_attn_weights=False)


def run_sequence_first(module, x, c):
    output, weights = run_multihead(module, x.transpose(0, 1), c.transpose(0, 1))
    return output.transpose(0, 1), weights


def decoder(**options):
    import torch

    return torch.nn.TransformerDecoderLayer(E, H, F, dropout=0.0, batch_first=True, **options)


def run_decoder(module, x, c):
    import torch

    future = torch.ones(L, L).triu(1).bool()
    return module(x, c, tgt_mask=future, memory_key_padding_mask=torch.tensor(~KEEP)), None


def linears(names, bias=True):
    """An attention as people write it, with Linear layers of these names."""
    import torch

    module = torch.nn.Module()
    widths = ((E, E), (C, E), (C, E), (E, E))
    for name, (n, m) in zip(names, widths):
        module.add_module(name, torch.nn.Linear(n, m, bias))
    return module


def run_linears(module, x, c):
    import torch

    first = list(module.children())
    Q, K, V = (
        layer(s).view(B, -1, H, E // H).transpose(1, 2) for layer, s in zip(first, (x, c, c))
    )
    scores = Q @ K.transpose(-2, -1) / (E // H) ** 0.5
    weights = scores.masked_fill(~torch.tensor(KEEP)[:, None, None], -torch.inf).softmax(-1)
    output = (weights @ V).transpose(1, 2).reshape(B, L, E)
    return (first[3](output) if len(first) > 3 else output), weights


# diffusers ---------------------------------------------------------------------------------------


def diffusers_attention(**options):
    from diffusers.models.attention_processor import Attention

    return Attention(E, C, **{"heads": H, "dim_head": 5, **options})


def run_diffusers(module, x, c):
    mask = additive((B, L, S)).repeat_interleave(module.heads, 0)
    output = module(x, encoder_hidden_states=c, attention_mask=mask)
    if module.norm_q is not None:
        return output, None
    Q, K = module.head_to_batch_dim(module.to_q(x)), module.head_to_batch_dim(module.to_k(c))
    weights = module.get_attention_scores(Q, K, mask)
    return output, weights.reshape(B, module.heads, L, S)


# transformers ------------------------------------------------------------------------------------


def bert():
    from transformers import BertConfig
    from transformers.models.bert.modeling_bert import BertAttention

    config = BertConfig(
        hidden_size=E, num_attention_heads=H, is_decoder=True, add_cross_attention=True,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager",
    )  # fmt: skip
    return BertAttention(config, is_cross_attention=True)


def run_bert(module, x, c):
    return module(x, encoder_hidden_states=c, encoder_attention_mask=additive((B, 1, L, S)))


def t5():
    from transformers import T5Config
    from transformers.models.t5.modeling_t5 import T5Attention

    config = T5Config(d_model=E, d_kv=3, num_heads=H, dropout_rate=0.0, is_decoder=True,
                      attn_implementation="eager")  # fmt: skip
    return T5Attention(config, has_relative_attention_bias=False, layer_idx=0)


def run_t5(module, x, c):
    output, _, weights = module(x, key_value_states=c, mask=additive((B, 1, L, S)))
    return output, weights


def whisper():
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperAttention

    config = WhisperConfig(d_model=E, attn_implementation="eager")
    return WhisperAttention(E, H, is_decoder=True, layer_idx=0, config=config)


def bart():
    from transformers import BartConfig
    from transformers.models.bart.modeling_bart import BartAttention

    config = BartConfig(d_model=E, attn_implementation="eager")
    return BartAttention(E, H, is_decoder=True, layer_idx=0, config=config)


def run_whisper(module, x, c):
    return module(
        x, key_value_states=c, attention_mask=additive((B, 1, L, S)), output_attentions=True
    )[:2]


def perceiver(cross=True):
    from transformers import PerceiverConfig
    from transformers.models.perceiver.modeling_perceiver import PerceiverAttention

    config = PerceiverConfig(attention_probs_dropout_prob=0.0)
    widths = {"qk_channels": 4, "v_channels": 12, "num_heads": H, "q_dim": E}
    return PerceiverAttention(
        config, is_cross_attention=cross, kv_dim=C, use_query_residual=False, **widths
    )


def run_perceiver(module, x, c):
    return module(x, inputs=c, inputs_mask=additive((B, 1, L, S)), output_attentions=True)


HEADS = {"num_heads": H}
MULTI = {**HEADS, "batch_first": True}
ODD = ("ask", "seek", "give", "mix")
CASES = {
    "multihead": Case("torch", MULTI, {}, E, multihead, run_multihead),
    "multihead, sequence first": Case(
        "torch", HEADS, {}, E, lambda: multihead(batch_first=False), run_sequence_first
    ),
    "multihead, no bias": Case("torch", MULTI, {}, E, lambda: multihead(bias=False), run_multihead),
    "multihead, other widths": Case(
        "torch", MULTI, {}, C,
        lambda: multihead(kdim=C, vdim=C, add_bias_kv=True), run_multihead,
    ),
    "multihead, a zero key": Case(
        "torch", MULTI | {"add_zero_attn": True}, {}, E,
        lambda: multihead(add_zero_attn=True), run_multihead,
    ),
    "decoder layer": Case("torch", MULTI | {"dropout": 0.0}, {}, E, decoder, run_decoder),
    "decoder layer, norms first": Case(
        "torch", MULTI | {"dropout": 0.0, "norm_first": True, "layer_norm_eps": 1e-3}, {}, E,
        lambda: decoder(norm_first=True, layer_norm_eps=1e-3, bias=False), run_decoder,
    ),
    "W_q": Case("torch", HEADS, {}, C, lambda: linears(("W_q", "W_k", "W_v", "W_o")), run_linears),
    "q_proj without o_proj": Case(
        "torch", HEADS, {"names": ("q_proj", "k_proj", "v_proj", "o_proj")}, C,
        lambda: linears(("q_proj", "k_proj", "v_proj"), bias=False), run_linears,
    ),
    "names of one's own": Case(
        "torch", HEADS | {"names": ODD}, {"names": ODD}, C, lambda: linears(ODD), run_linears
    ),
    "diffusers": Case("diffusers", HEADS, {}, C, diffusers_attention, run_diffusers),
    "diffusers, unscaled with biases": Case(
        "diffusers", HEADS | {"scale": 1.0}, {}, C,
        lambda: diffusers_attention(bias=True, out_bias=False, scale_qk=False), run_diffusers,
    ),
    "diffusers, norms of Q and K": Case(
        "diffusers", {"head_dim": 5}, {}, C,
        lambda: diffusers_attention(qk_norm="layer_norm"), run_diffusers,
    ),
    "BERT": Case("transformers", HEADS, {}, E, bert, run_bert),
    "T5": Case("transformers", HEADS, {"system": "T5"}, E, t5, run_t5),
    "Whisper": Case("transformers", HEADS, {"system": "Whisper"}, E, whisper, run_whisper),
    "BART": Case("transformers", HEADS, {"system": "Whisper"}, E, bart, run_whisper),
    "Perceiver": Case("transformers", HEADS, {}, C, perceiver, run_perceiver),
}  # fmt: skip


def weighted(y):
    """Fixed unequal weights, so that a gradient sees every element of y."""
    return np.cos(np.arange(y.size, dtype=np.float64)).reshape(y.shape) + 1.5


def theirs(name):
    """What the other library computes: {"state.*", "x", "c", "output", "weights", "grad.*"}."""
    import torch

    case = CASES[name]
    torch.manual_seed(len(name))
    module = case.make().double().eval()
    with torch.no_grad():
        for p in module.parameters():  # biases and norms too, which start as 0 and 1
            p.copy_(p + 0.3 * torch.randn_like(p))
    x = torch.tensor(normal(B, L, E), requires_grad=True)
    c = torch.tensor(normal(B, S, case.context_width), requires_grad=True)
    output, weights = case.run(module, x, c)
    loss = (output * torch.tensor(weighted(output.detach().numpy()))).sum()
    found = {"x": x, "c": c, "output": output}
    if weights is not None:
        loss = loss + (weights * torch.tensor(weighted(weights.detach().numpy()))).sum()
        found["weights"] = weights
    loss.backward()
    found |= {f"state.{k}": v for k, v in module.state_dict().items()}
    found |= {f"grad.{k}": p.grad for k, p in module.named_parameters() if p.grad is not None}
    found |= {"grad:x": x.grad, "grad:c": c.grad}
    return {k: v.detach().numpy() for k, v in found.items()}


def main():
    """Write the files: one for each library, and one checkpoint of several modules."""
    from safetensors.numpy import save_file

    for library in ("torch", "diffusers", "transformers"):
        arrays, checkpoint = {}, {}
        for name in (n for n, case in CASES.items() if case.load == library):
            found = theirs(name)
            arrays |= {f"{name}/{k}": v for k, v in found.items()}
            state = {k[6:]: v for k, v in found.items() if k.startswith("state.")}
            checkpoint |= {f"{name}.{k}": np.asarray(v, order="C") for k, v in state.items()}
        np.savez_compressed(FROZEN / f"interop_{library}.npz", **arrays)
        save_file(checkpoint, FROZEN / f"interop_{library}.safetensors")


if __name__ == "__main__":
    main()
