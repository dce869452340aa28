"""Captured weights of Diffusers' and Transformers' models are those of the model.

The models are made from config classes with tiny sizes and random weights; nothing is downloaded.
"""


import numpy as np
import pytest
import torch
from capturing import B, E, H, L, S, captured, close, needs, state

from minixattn.plot.capture import capture

# Diffusers ---------------------------------------------------------------------------------------


def diffusers_attention(processor, **options):
    from diffusers.models import attention_processor

    processor = getattr(attention_processor, processor)
    processor = processor(1) if "Sliced" in processor.__name__ else processor()
    return attention_processor.Attention(
        E, 6, heads=H, dim_head=5, processor=processor, **options
    ).double().eval()  # fmt: skip


@needs("diffusers")
@pytest.mark.parametrize("name", ["AttnProcessor", "AttnProcessor2_0", "SlicedAttnProcessor"])
@pytest.mark.parametrize("masked", [True, False])
def test_weights_of_diffusers_attention_are_the_same_by_every_processor(name, masked):
    layer = diffusers_attention(name)
    x, c = torch.randn(B, L, E).double(), torch.randn(B, S, 6).double()
    mask = torch.zeros(B * H, L, S).double()
    mask[:H, :, 3:] = torch.finfo(torch.float64).min
    mask = mask if masked else None
    options = {"encoder_hidden_states": c, "attention_mask": mask}
    Q, K = layer.head_to_batch_dim(layer.to_q(x)), layer.head_to_batch_dim(layer.to_k(c))
    expected = layer.get_attention_scores(Q, K, mask).reshape(B, H, L, S)
    seen = captured(layer, x, **options)
    assert len(seen[""]) == 1
    close(seen[""][0], expected)


@needs("diffusers")
def test_all_cross_attention_of_a_unet_is_found_by_name():
    from diffusers import UNet2DConditionModel

    model = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), cross_attention_dim=6,
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), attention_head_dim=2,
    ).eval()  # fmt: skip
    x, words = torch.randn(B, 4, 8, 8), torch.randn(B, 5, 6)
    with torch.no_grad():
        before, first = state(model), model(x, 1, words).sample
        with capture(model) as seen:
            model(x, 1, words)
        assert state(model) == before and torch.equal(model(x, 1, words).sample, first)
    assert not seen.missing
    cross = [name for name in seen if name.endswith("attn2")]
    assert len(cross) == len(seen.names) / 2 >= 4
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn2"
    assert seen[name][0].shape == (B, 2, 64, 5)
    assert len(seen.weights("attn2")) == len(cross)


@needs("diffusers")
def test_a_diffusion_transformer_of_the_newer_kind_is_captured():
    from diffusers import FluxTransformer2DModel

    model = FluxTransformer2DModel(
        in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=8, pooled_projection_dim=8,
        axes_dims_rope=(4, 4, 8),
    ).eval()  # fmt: skip
    inputs = {
        "hidden_states": torch.randn(1, 6, 4), "encoder_hidden_states": torch.randn(1, 5, 8),
        "pooled_projections": torch.randn(1, 8), "timestep": torch.tensor([1.0]),
        "img_ids": torch.zeros(6, 3), "txt_ids": torch.zeros(5, 3),
    }  # fmt: skip
    with torch.no_grad(), capture(model) as seen:
        model(**inputs)
    assert seen.names == ["transformer_blocks.0.attn", "single_transformer_blocks.0.attn"]
    for name in seen:
        assert seen[name][0].shape == (1, 2, 11, 11)
        np.testing.assert_allclose(seen[name][0].sum(-1), 1, atol=1e-5)


@needs("diffusers")
def test_a_pipeline_is_refused_with_the_attribute_to_give():
    class Pipeline:
        unet = None

    with pytest.raises(TypeError, match="capture\\(pipe.unet\\)"):
        capture(Pipeline()).__enter__()


# Transformers ------------------------------------------------------------------------------------


def bert(implementation):
    from transformers import BertConfig, BertModel

    config = BertConfig(
        hidden_size=E, num_attention_heads=H, num_hidden_layers=2, intermediate_size=16,
        vocab_size=30, attn_implementation=implementation,
    )  # fmt: skip
    torch.manual_seed(1)
    return BertModel(config).double().eval()


TOKENS = torch.tensor([[1, 2, 3, 4, 0], [1, 2, 3, 4, 5]])
PADDED = (TOKENS > 0).long()


@needs("transformers")
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.filterwarnings("ignore")
def test_weights_of_bert_are_those_it_returns_itself(implementation):
    seen = captured(bert(implementation), TOKENS, attention_mask=PADDED)
    expected = bert("eager")(TOKENS, attention_mask=PADDED, output_attentions=True).attentions
    assert seen.names == [f"encoder.layer.{n}.attention.self" for n in (0, 1)]
    assert not seen.missing
    for name, weights in zip(seen, expected):
        close(seen[name][0], weights, 1e-9)


@needs("transformers")
def test_a_kernel_outside_pytorch_is_replaced_by_eager_code_while_watched():
    from transformers import AttentionInterface

    def kernel(module, query, key, value, attention_mask, **kwargs):
        """As flash attention: no weights come out of it."""
        out = (query @ key.mT / 2).exp()
        return ((out / out.sum(-1, keepdim=True)) @ value).transpose(1, 2).contiguous(), None

    AttentionInterface.register("closed_kernel", kernel)
    model = bert("eager")
    model.set_attn_implementation("closed_kernel")
    before = state(model)
    with capture(model) as seen:
        model(TOKENS)
        assert model.config._attn_implementation == "eager"
    assert state(model) == before
    assert model.config._attn_implementation == "closed_kernel"
    expected = bert("eager")(TOKENS, output_attentions=True).attentions
    close(seen["encoder.layer.1.attention.self"][0], expected[1], 1e-9)


@needs("transformers")
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_encoder_decoders_give_all_three_kinds_of_attention(implementation):
    from transformers import BartConfig, BartModel, T5Config, T5Model

    sizes = {"d_model": E, "vocab_size": 30, "attn_implementation": implementation}
    t5 = T5Model(T5Config(num_layers=1, num_heads=H, d_ff=16, d_kv=4, **sizes)).double().eval()
    heads = {"encoder_attention_heads": H, "decoder_attention_heads": H}
    layers = {"encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 9, "decoder_ffn_dim": 9}
    bart = BartModel(BartConfig(**sizes, **heads, **layers)).double().eval()
    for model in (t5, bart):
        inputs = {"input_ids": TOKENS, "decoder_input_ids": TOKENS[:, :L]}
        with torch.no_grad():
            seen = captured(model, **inputs)
            model.set_attn_implementation("eager")
            there = model(**inputs, output_attentions=True)
        assert len(seen.names) == 3 and not seen.missing
        kinds = (there.encoder_attentions, there.decoder_attentions, there.cross_attentions)
        for (weights,), (expected,) in zip(seen.values(), kinds):
            close(weights, expected, 1e-9)


@needs("transformers")
def test_the_vision_models_of_transformers_give_weights():
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(hidden_size=E, num_hidden_layers=1, num_attention_heads=H,
                       intermediate_size=9, image_size=8, patch_size=4)  # fmt: skip
    seen = captured(ViTModel(config).double().eval(), torch.randn(B, 3, 8, 8).double())
    (weights,) = seen.weights()
    assert weights.shape == (B, H, 5, 5)
