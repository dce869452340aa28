"""Loaded layers against the modules of torch, diffusers and transformers as they run here.

The modules are made from config classes with tiny sizes and random weights; nothing is downloaded.
"""

import importlib.util

import numpy as np
import pytest
import torch
from freeze_interop import CASES, theirs
from test_interop_frozen import TOLERANCE, check, close, loaded, run, state_of, written

import minixattn as mx
from minixattn import interop

MISSING = [x for x in ("diffusers", "transformers") if importlib.util.find_spec(x) is None]
NAMES = [
    pytest.param(n, marks=pytest.mark.skipif(case.load in MISSING, reason=f"needs {case.load}"))
    for n, case in CASES.items()
]


@pytest.mark.parametrize("name", NAMES)
def test_outputs_weights_and_gradients_are_the_modules(name):
    check(name, theirs(name), tolerance=TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_the_module_takes_its_weights_back_bit_for_bit(name):
    module = CASES[name].make().double()
    state = written(name, loaded(name, module.state_dict()))
    other = CASES[name].make().double()
    other.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()}, strict=True)
    for key, value in module.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_a_trained_layer_goes_over_to_the_other_side(name):
    """Weights that were made here, not there, give the same output there."""
    found = theirs(name)
    layer = loaded(name, state_of(found))
    with mx.no_grad():
        for p in layer.parameters():
            p += 0.1 * mx.randn(*p.shape).to(p.dtype)
    module = CASES[name].make().double().eval()
    state = {k: torch.from_numpy(v) for k, v in written(name, layer).items()}
    module.load_state_dict(state)
    output, _ = CASES[name].run(module, *(torch.tensor(found[k]) for k in "xc"))
    ours, _ = run(layer.eval(), *(mx.tensor(found[k]) for k in "xc"))
    close("output", ours, output.detach().numpy(), TOLERANCE)


def test_weights_are_read_from_what_torch_writes(tmp_path):
    from safetensors.torch import save_file

    module = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    save_file({f"a.{k}": v for k, v in module.state_dict().items()}, tmp_path / "x.safetensors")
    layer = interop.from_torch(
        tmp_path / "x.safetensors", prefix="a", num_heads=2, batch_first=True
    )
    x = np.random.default_rng(0).standard_normal((2, 3, 8)).astype(np.float32)
    ours, _ = layer(*[mx.tensor(x)] * 3)
    np.testing.assert_allclose(
        ours.detach().numpy(), module(*[torch.tensor(x)] * 3)[0].detach().numpy(), atol=1e-5
    )


def test_a_bfloat16_tensor_is_refused_with_the_mend():
    state = torch.nn.MultiheadAttention(8, 2).to(torch.bfloat16).state_dict()
    with pytest.raises(TypeError, match=r"torch.bfloat16.*\.float\(\)"):
        interop.from_torch(state, num_heads=2)


def test_cross_attention_inside_a_whole_model_is_found_by_its_prefix():
    if "transformers" in MISSING:
        pytest.skip("needs transformers")
    from transformers import T5Config, T5Model, WhisperConfig, WhisperModel

    sizes = {"d_model": 8, "num_layers": 1, "num_heads": 2, "vocab_size": 11, "d_ff": 10, "d_kv": 4}
    t5 = T5Model(T5Config(**sizes))
    prefix = "decoder.block.0.layer.1.EncDecAttention"
    layer = interop.from_transformers(t5, num_heads=2, prefix=prefix)
    assert layer.scale == 1 and layer.W_Q.bias is None
    with pytest.raises(ValueError, match="relative_attention_bias is the table of T5's self"):
        interop.from_transformers(t5, num_heads=2, prefix="decoder.block.0.layer.0.SelfAttention")
    with pytest.raises(ValueError, match=r"'decoder.block.0.layer.1.EncDecAttention.'"):
        interop.from_transformers(t5, num_heads=2)
    config = WhisperConfig(
        d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, vocab_size=60,
        decoder_attention_heads=2, encoder_ffn_dim=10, decoder_ffn_dim=10, pad_token_id=0,
    )  # fmt: skip
    layer = interop.from_transformers(
        WhisperModel(config), num_heads=2, prefix="decoder.layers.0.encoder_attn"
    )
    assert layer.W_K.bias is None and layer.W_V.bias is not None


def test_cross_attention_inside_stable_diffusions_unet_block_is_found_by_its_prefix():
    if "diffusers" in MISSING:
        pytest.skip("needs diffusers")
    from diffusers.models.attention import BasicTransformerBlock

    block = BasicTransformerBlock(8, 2, 4, cross_attention_dim=6).double().eval()
    layer = interop.from_diffusers(block, num_heads=2, prefix="attn2")
    rng = np.random.default_rng(0)
    x, c = rng.standard_normal((2, 3, 8)), rng.standard_normal((2, 5, 6))
    ours, _ = layer(mx.tensor(x), mx.tensor(c))
    with torch.no_grad():
        there = block.attn2(torch.tensor(x), encoder_hidden_states=torch.tensor(c))
    np.testing.assert_allclose(ours.detach().numpy(), there.numpy(), rtol=1e-9, atol=1e-9)
