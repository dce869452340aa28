"""PyTorch's Transformer layers and stacks, with its weights: values, gradients and names."""

import numpy as np
import pytest
import torch
from compare import array, normal
from layer_parity import close

import minixattn as mx

B, L, S, E, H = 2, 3, 4, 8, 2
SIZES = {"d_model": E, "nhead": H, "dim_feedforward": 10, "dropout": 0.0}
CAUSAL = np.triu(np.ones((L, L), bool), 1)
HIDDEN = np.arange(S) >= np.array([[3], [4]])
FLOATS = normal(L, S, seed=9)


def twins(kind, *arguments, **options):
    """(ours, PyTorch's) with the same weights, in float64."""
    theirs = getattr(torch.nn, kind)(*arguments, **options).double()
    ours = getattr(mx.nn, kind)(*arguments, **options).double()
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    with torch.no_grad():
        for i, p in enumerate(theirs.parameters()):
            p.copy_(torch.tensor(normal(*p.shape, seed=20 + i) * 0.5))
    ours.load_state_dict({k: mx.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


def agree(ours, theirs, arrays, masks):
    """Output, and the gradients of inputs and parameters, of a weighted sum."""
    a = [mx.tensor(x, requires_grad=True) for x in arrays]
    b = [torch.tensor(x, requires_grad=True) for x in arrays]
    y = ours(*a, **{k: mx.tensor(m) if isinstance(m, np.ndarray) else m for k, m in masks.items()})
    z = theirs(
        *b, **{k: torch.tensor(m) if isinstance(m, np.ndarray) else m for k, m in masks.items()}
    )
    close(y, z, "output")
    weights = normal(*z.shape, seed=99)
    (y * mx.tensor(weights)).sum().backward()
    (z * torch.tensor(weights)).sum().backward()
    for i, (p, q) in enumerate(zip(a, b)):
        close(p.grad, q.grad, f"gradient of input {i}")
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters()):
        close(p.grad, q.grad, f"gradient of {name}")


OPTIONS = [
    {"batch_first": True}, {}, {"batch_first": True, "norm_first": True},
    {"norm_first": True, "activation": "gelu"}, {"batch_first": True, "bias": False},
    {"batch_first": True, "layer_norm_eps": 0.1, "activation": torch.tanh},
]  # fmt: skip


def for_ours(options):
    return {k: mx.tanh if v is torch.tanh else v for k, v in options.items()}


def stream(n, options, seed):
    shape = (B, n, E) if options.get("batch_first") else (n, B, E)
    return normal(*shape, seed=seed)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("masks", [
    {}, {"src_mask": CAUSAL, "is_causal": True}, {"src_key_padding_mask": HIDDEN[:, :L]},
    {"src_mask": FLOATS[:, :L]},
], ids=lambda masks: "+".join(masks) or "none")  # fmt: skip
def test_an_encoder_layer(options, masks):
    if options.get("activation") is torch.tanh:
        pytest.skip("a function is compared in the decoder")
    agree(*twins("TransformerEncoderLayer", **SIZES, **options), [stream(L, options, 1)], masks)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("masks", [
    {}, {"tgt_mask": CAUSAL, "tgt_is_causal": True}, {"memory_key_padding_mask": HIDDEN},
    {"memory_mask": FLOATS, "tgt_key_padding_mask": HIDDEN[:, 1:]},
], ids=lambda masks: "+".join(masks) or "none")  # fmt: skip
def test_a_decoder_layer(options, masks):
    theirs = torch.nn.TransformerDecoderLayer(**SIZES, **options).double()
    ours = mx.nn.TransformerDecoderLayer(**SIZES, **for_ours(options)).double()
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict({k: mx.tensor(v.numpy()) for k, v in state.items()})
    agree(ours, theirs, [stream(L, options, 1), stream(S, options, 2)], masks)


@pytest.mark.parametrize("options", OPTIONS[:5], ids=str)
def test_the_whole_transformer(options):
    sizes = {**SIZES, "num_encoder_layers": 2, "num_decoder_layers": 2}
    ours, theirs = twins("Transformer", **sizes, **options)
    masks = {"tgt_mask": CAUSAL, "src_key_padding_mask": HIDDEN, "memory_key_padding_mask": HIDDEN,
             "tgt_is_causal": True}  # fmt: skip
    agree(ours, theirs, [stream(S, options, 1), stream(L, options, 2)], masks)


def test_our_weights_load_in_pytorch():
    ours = mx.nn.Transformer(**SIZES, num_encoder_layers=1, num_decoder_layers=1)
    theirs = torch.nn.Transformer(**SIZES, num_encoder_layers=1, num_decoder_layers=1)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    x = normal(S, B, E, seed=1).astype(np.float32)
    np.testing.assert_allclose(
        array(ours(mx.tensor(x), mx.tensor(x))), array(theirs(torch.tensor(x), torch.tensor(x))),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip


def test_the_causal_mask():
    ours = mx.nn.Transformer.generate_square_subsequent_mask(4)
    theirs = torch.nn.Transformer.generate_square_subsequent_mask(4)
    assert str(ours.dtype) in str(theirs.dtype)
    np.testing.assert_array_equal(array(ours), array(theirs))
