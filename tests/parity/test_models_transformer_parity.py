"""The Transformer against PyTorch's encoder and decoder layers, with the same weights."""

import math

import numpy as np
import pytest
import torch
from layer_parity import close, fill

import minixattn as mx
from minixattn.models import PostNorm, PreNorm, Transformer
from minixattn.models.transformer_layers import sinusoids

SOURCES, TARGETS, E, H, D_FF, B, L, S = 9, 7, 12, 3, 10, 2, 4, 5
ATTENTION = {"read": "self_attn", "recall": "self_attn", "look": "multihead_attn"}
PARTS = {"encoder": ("read", "think"), "decoder": ("recall", "look", "think")}
NORMS = [(PreNorm, True), (PostNorm, False)]


def made(residual):
    return fill(
        Transformer(
            SOURCES, TARGETS, width=E, heads=H, hidden=D_FF, layers=(2, 3), residual=residual,
            longest=8,
        )
    )  # fmt: skip


class Theirs(torch.nn.Module):
    """The same model of PyTorch's layers."""

    def __init__(self, norm_first):
        super().__init__()
        options = {
            "d_model": E, "nhead": H, "dim_feedforward": D_FF, "dropout": 0.0,
            "batch_first": True, "norm_first": norm_first,
        }  # fmt: skip
        encoder = torch.nn.TransformerEncoderLayer(**options)
        decoder = torch.nn.TransformerDecoderLayer(**options)
        last = [torch.nn.LayerNorm(E) if norm_first else None for _ in range(2)]
        self.encoder = torch.nn.TransformerEncoder(encoder, 2, last[0], enable_nested_tensor=False)
        self.decoder = torch.nn.TransformerDecoder(decoder, 3, last[1])
        self.source, self.target = (torch.nn.Embedding(n, E) for n in (SOURCES, TARGETS))
        self.double()

    def forward(self, source, given, mask):
        PE = torch.tensor(sinusoids(8, E)).double()
        x, y = (
            table(ids) * math.sqrt(E) + PE[: ids.shape[1]]
            for table, ids in ((self.source, source), (self.target, given))
        )
        z = self.encoder(x, src_key_padding_mask=~mask)
        future = torch.ones(L, L).triu(1).bool()
        y = self.decoder(y, z, tgt_mask=future, memory_key_padding_mask=~mask)
        return y @ self.target.weight.T


def partner(theirs, name):
    """Where PyTorch keeps one of our parameters: the tensor (or its gradient's owner) and rows."""
    if name.startswith(("source", "target")):
        return theirs.get_parameter(name), slice(None)
    if name.startswith("norm_"):
        part, kind = name.removeprefix("norm_").split(".")
        return theirs.get_parameter(f"{part}.norm.{kind}"), slice(None)
    stack, i, part, *rest, kind = name.split(".")
    path = f"{stack}.layers.{i}"
    if part.startswith("around_"):
        which = PARTS[stack].index(part.removeprefix("around_")) + 1
        return theirs.get_parameter(f"{path}.norm{which}.{kind}"), slice(None)
    if part == "think":
        return theirs.get_parameter(f"{path}.linear{rest[0][-1]}.{kind}"), slice(None)
    if rest[0] == "W_O":
        return theirs.get_parameter(f"{path}.{ATTENTION[part]}.out_proj.{kind}"), slice(None)
    row = "QKV".index(rest[0][-1]) * E
    return theirs.get_parameter(f"{path}.{ATTENTION[part]}.in_proj_{kind}"), slice(row, row + E)


@pytest.mark.parametrize("residual, norm_first", NORMS)
def test_logits_and_all_gradients_are_pytorchs(residual, norm_first):
    ours, theirs = made(residual), Theirs(norm_first)
    with torch.no_grad():
        for name, p in ours.named_parameters():
            tensor, rows = partner(theirs, name)
            tensor[rows] = torch.tensor(p.numpy(force=True))
    rng = np.random.default_rng(0)
    source, given = rng.integers(SOURCES, size=(B, S)), rng.integers(TARGETS, size=(B, L))
    mask, weights = np.arange(S) < np.array([[5], [3]]), rng.standard_normal((B, L, TARGETS))

    logits, _ = ours(*map(mx.tensor, (source, given, mask)))
    expected = theirs(*map(torch.tensor, (source, given, mask)))
    close(logits, expected, "logits")
    (logits * mx.tensor(weights)).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    counted = 0
    for name, p in ours.named_parameters():
        tensor, rows = partner(theirs, name)
        close(p.grad, tensor.grad[rows], f"gradient of {name}", 1e-9)
        counted += p.numel()
    assert counted == sum(p.numel() for p in theirs.parameters())
