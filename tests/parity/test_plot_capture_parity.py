"""Captured weights are those of the model, and the model is afterwards as it was."""

import warnings

import numpy as np
import pytest
import torch
from capturing import B, E, H, L, S, captured, close, state
from torch import nn
from torch.nn import functional as F

from minixattn.plot.capture import capture

# nn.MultiheadAttention ---------------------------------------------------------------------------


def attention(**options):
    return nn.MultiheadAttention(E, H, **{"batch_first": True, **options}).double().eval()


@pytest.mark.parametrize("need", [True, False])
@pytest.mark.parametrize("average", [True, False])
def test_every_head_of_multihead_attention_is_seen_and_the_caller_gets_what_was_asked(
    need, average
):
    layer, x, c = attention(), torch.randn(B, L, E).double(), torch.randn(B, S, E).double()
    options = {"need_weights": need, "average_attn_weights": average}
    _, expected = layer(x, c, c, average_attn_weights=False)
    seen = captured(layer, x, c, c, **options)
    close(seen[""][0], expected)
    with capture(layer):
        _, weights = layer(x, c, c, None, need, None, average)  # by place, not by name
    there = layer(x, c, c, **options)[1]
    assert (weights is None) == (there is None)
    assert weights is None or torch.equal(weights, there)


def test_an_unbatched_call_gives_a_batch_of_one():
    layer, x, c = attention(), torch.randn(L, E).double(), torch.randn(S, E).double()
    seen = captured(layer, x, c, c)
    close(seen[""][0][0], layer(x, c, c, average_attn_weights=False)[1])


@pytest.mark.parametrize("batch_first", [True, False])
def test_masks_reach_the_weights_in_both_layouts(batch_first):
    layer = attention(batch_first=batch_first)
    x, c = torch.randn(B, L, E).double(), torch.randn(B, S, E).double()
    if not batch_first:
        x, c = x.transpose(0, 1), c.transpose(0, 1)
    drop = torch.arange(S) >= torch.tensor([[3], [S]])
    seen = captured(layer, x, c, c, key_padding_mask=drop, need_weights=False)
    assert seen[""][0].shape == (B, H, L, S)
    assert not seen[""][0][0, ..., 3:].any() and (seen[""][0][1] > 0).all()


@pytest.mark.parametrize("no_grad", [True, False])
@pytest.mark.parametrize("padding", [True, False])
def test_layers_of_an_encoder_give_weights_though_the_fast_path_has_none(no_grad, padding):
    layer = nn.TransformerEncoderLayer(E, H, 16, dropout=0.0, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).double().eval()
    x = torch.randn(B, S, E).double()
    drop = torch.arange(S) >= torch.tensor([[3], [S]]) if padding else None
    assert torch.backends.mha.get_fastpath_enabled()
    with torch.set_grad_enabled(not no_grad), capture(model) as seen:
        model(x, src_key_padding_mask=drop)
    assert torch.backends.mha.get_fastpath_enabled()
    assert seen.names == ["layers.0.self_attn", "layers.1.self_attn"]
    first = model.layers[0].self_attn(x, x, x, drop, average_attn_weights=False)[1]
    close(seen["layers.0.self_attn"][0], first)


def test_a_whole_transformer_gives_self_attention_and_cross_attention_of_each_layer():
    model = nn.Transformer(E, H, 1, 1, 16, dropout=0.0, batch_first=True).double().eval()
    x, c = torch.randn(B, L, E).double(), torch.randn(B, S, E).double()
    seen = captured(model, c, x)
    shapes = {name: seen[name][0].shape for name in seen}
    assert shapes == {
        "encoder.layers.0.self_attn": (B, H, S, S),
        "decoder.layers.0.self_attn": (B, H, L, L),
        "decoder.layers.0.multihead_attn": (B, H, L, S),
    }
    for name in seen:
        np.testing.assert_allclose(seen[name][0].sum(-1), 1, atol=1e-12)


def test_gradients_flow_to_the_model_while_it_is_watched():
    layer, x = attention(), torch.randn(B, L, E).double()
    layer(x, x, x, need_weights=False)[0].square().sum().backward()
    expected = layer.in_proj_weight.grad.clone()
    layer.zero_grad()
    with capture(layer):
        layer(x, x, x, need_weights=False)[0].square().sum().backward()
    torch.testing.assert_close(layer.in_proj_weight.grad, expected, rtol=1e-9, atol=1e-9)


# a model's own code ------------------------------------------------------------------------------


class Fused(nn.Module):
    """An attention that people write around scaled_dot_product_attention."""

    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, **self.options)


@pytest.mark.parametrize(
    "options",
    [{}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": torch.randn(L, S).double()},
     {"attn_mask": torch.randn(L, S) > -0.5}, {"enable_gqa": True}],
)  # fmt: skip
def test_weights_inside_a_fused_kernel_are_softmax_of_scaled_masked_scores(options):
    kv = 1 if options.get("enable_gqa") else H
    q = torch.randn(B, H, L, 4).double()
    k, v = torch.randn(B, kv, S, 4).double(), torch.randn(B, kv, S, 6).double()
    seen = captured(Fused(**options), q, k, v)
    scores = q @ k.transpose(-1, -2) * options.get("scale", 0.5)
    if options.get("is_causal"):
        scores = scores.masked_fill(~torch.ones(L, S).tril().bool(), -torch.inf)
    mask = options.get("attn_mask")
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, -torch.inf)
    elif mask is not None:
        scores = scores + mask
    close(seen[""][0], scores.softmax(-1))


class Lesson(nn.Module):
    """One head, as in a first lesson, and classes at the end."""

    def forward(self, x):
        weights = torch.softmax(x @ x.transpose(-1, -2), dim=-1)
        return (weights @ x).softmax(-1)


class LessonAttention(Lesson):
    """The same, with a name that tells."""

    def forward(self, x):
        return torch.softmax(x @ x.transpose(-1, -2), dim=-1) @ x


def test_a_softmax_of_three_dimensions_counts_in_a_module_named_attention_only():
    x = torch.randn(B, L, E).double()
    with capture(Lesson()) as seen:
        Lesson()(x)
    assert not seen.names
    model = nn.Sequential(LessonAttention(), nn.Softmax(-1))
    seen = captured(model, x)
    assert seen.names == ["0"]
    close(seen["0"][0][:, 0], (x @ x.transpose(-1, -2)).softmax(-1))


class AttentionNet(nn.Module):
    """A whole network whose name says attention, with a softmax over classes at its end."""

    def __init__(self):
        super().__init__()
        self.look = LessonAttention()

    def forward(self, x):
        return self.look(x).mean(1).softmax(-1)


def test_a_softmax_over_classes_around_an_attention_is_not_taken_for_one():
    seen = captured(AttentionNet(), torch.randn(B, L, E).double())
    assert seen.names == ["look"]


def test_a_kernel_that_the_user_insists_on_does_not_stop_the_capture():
    from torch.nn.attention import SDPBackend, sdpa_kernel

    q = torch.randn(B, H, L, 4)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION), capture(model := Fused()) as seen:
        model(q, q, q)
    close(seen[""][0], (q @ q.mT / 2).softmax(-1), 1e-6)


def test_half_precision_arrives_as_numbers_numpy_knows():
    q = torch.randn(B, H, L, 4).bfloat16()
    with capture(model := Fused()) as seen:
        model(q, q, q)
    assert seen[""][0].dtype == np.float32


def test_several_calls_are_kept_apart_in_order():
    layer, x = attention(), torch.randn(B, S, E).double()
    with capture(layer) as seen:
        for n in (1, 2, 3):
            layer(x[:, :n], x, x)
    assert [w.shape[2] for w in seen[""]] == [1, 2, 3]
    assert list(seen.arrays()) == ["model", "model#2", "model#3"]


class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend, self.fail = attention(), True

    def forward(self, x):
        y = self.attend(x, x, x)[0]
        if self.fail:
            raise ZeroDivisionError("on purpose")
        return y


def test_the_model_is_restored_after_an_exception_inside():
    model, x = Failing(), torch.randn(B, L, E).double()
    before = state(model)
    with pytest.raises(ZeroDivisionError), capture(model) as seen:
        model(x)
    assert state(model) == before
    assert seen.names == ["attend"]
    model.fail = False
    with capture(model) as seen:
        with pytest.raises(AssertionError, match="expecting embedding dimension of 8"):
            model(torch.randn(B, L, E + 1).double())
        model(x)
    assert [name for name, _ in seen.calls] == ["attend"]
    model.fail = True
    assert state(model) == before


def test_two_captures_of_one_model_do_not_disturb_each_other():
    layer, x = attention(), torch.randn(B, L, E).double()
    before = state(layer)
    with capture(layer) as outer, capture(layer) as inner:
        assert layer(x, x, x, need_weights=False)[1] is None
    np.testing.assert_array_equal(outer[""], inner[""])
    assert state(layer) == before


def test_what_gave_no_weights_is_named_with_the_reason():
    class LinearAttention(nn.Module):
        def forward(self, x):
            return x @ (x.transpose(-1, -2) @ x)

    model = nn.Sequential(LinearAttention(), LessonAttention())
    x = torch.randn(B, L, E)
    with pytest.warns(UserWarning, match="no attention weights were captured"), capture(model):
        model[0](x)
    with capture(model) as seen:
        model(x)
    assert "neither scaled_dot_product_attention nor a softmax" in seen.missing["0"]
    assert 'attn_implementation="eager"' in repr(seen)
    with pytest.raises(KeyError, match="it ran, but called neither"):
        seen["0"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with capture(model) as seen:
            model[1](x)
    assert seen.missing == {"0": "it was not called inside the block."}


def test_compiled_models_are_refused_with_the_mend():
    model = nn.Sequential(attention())
    with pytest.raises(TypeError, match="made by torch.compile.*_orig_mod"):
        capture(torch.compile(model)).__enter__()
    with pytest.raises(TypeError, match="'0' is a TorchScript module"):
        capture(nn.Sequential(torch.jit.script(nn.Linear(2, 2)))).__enter__()
    model[0].compile()
    with pytest.raises(TypeError, match="'0' is compiled in place"):
        capture(model).__enter__()
