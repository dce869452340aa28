"""Errors of the loaders: what was expected, what came, and the mend; and what cannot be written."""

import numpy as np
import pytest

import minixattn as mx
from minixattn import interop
from minixattn.interop.pytorch import TRIPLES

LOADERS = {
    "from_torch": (interop.from_torch, ("W_q", "W_k", "W_v", "W_o")),
    "from_diffusers": (interop.from_diffusers, ("to_q", "to_k", "to_v", "to_out.0")),
    "from_transformers": (interop.from_transformers, ("q_proj", "k_proj", "v_proj", "out_proj")),
}


def state(names, q=(8, 8), k=(8, 6), v=(8, 6), o=(8, 8), prefix=""):
    rng = np.random.default_rng(0)
    pairs = zip(names, (q, k, v, o))
    return {f"{prefix}{n}.weight": rng.standard_normal(shape) for n, shape in pairs}


@pytest.mark.parametrize("name", LOADERS)
def test_an_unknown_layout_lists_known_names_those_that_came_and_a_prefix(name):
    load, names = LOADERS[name]
    with pytest.raises(ValueError, match="finds no attention") as error:
        load({"up.weight": np.ones((2, 2)), "down.weight": np.ones((2, 2))}, num_heads=2)
    text = str(error.value)
    assert text.startswith(f"{name}() finds no attention. It knows\n")
    assert all(n in text for n in names[:3]) and "got 'up.weight', 'down.weight'." in text
    with pytest.raises(ValueError, match=r"no attention under 'a\.'") as error:
        load(state(names, prefix="a.b.") | state(names, prefix="a.c."), num_heads=2, prefix="a")
    assert str(error.value).endswith("prefixes under which there is one: 'a.b.', 'a.c.'.")


def test_the_attentions_of_a_whole_model_are_found_by_from_torch():
    model = mx.nn.ModuleDict({"a": mx.nn.MultiheadAttention(8, 2),
                              "b": interop.DecoderLayer(8, 2, 5)}).state_dict()  # fmt: skip
    with pytest.raises(ValueError, match=r"'a\.', 'b\.', 'b.multihead_attn\.', 'b.self_attn\.'\.$"):
        interop.from_torch(model, num_heads=2)
    assert interop.from_torch(model, num_heads=2, prefix="b").linear1.out_features == 5


@pytest.mark.parametrize("name", LOADERS)
def test_without_a_number_of_heads_those_that_fit_are_listed(name):
    load, names = LOADERS[name]
    with pytest.raises(ValueError, match=rf"{names[0]}.weight has 8 rows.*give num_heads .or head"):
        load(state(names))
    with pytest.raises(ValueError, match=r"Heads that would fit: 1, 2, 4, 8\.$"):
        load(state(names))
    wide = state(names, (128, 8), (128, 6), (128, 6), (8, 128))
    with pytest.raises(ValueError, match="With heads of the usual width 64 it is 2"):
        load(wide)
    with pytest.raises(mx.ShapeError, match="num_heads=3 does not divide"):
        load(state(names), num_heads=3)
    with pytest.raises(mx.ShapeError, match="num_heads=2 and head_dim=8 does not divide"):
        load(state(names), num_heads=2, head_dim=8)
    assert load(state(names), head_dim=4).num_heads == 2


@pytest.mark.parametrize("name", LOADERS)
def test_shapes_and_dtypes_that_do_not_fit_are_named(name):
    load, names = LOADERS[name]
    with pytest.raises(mx.ShapeError, match=r"width 6 and .* one of 5: in a CrossAttention both"):
        load(state(names, v=(8, 5)), num_heads=2)
    with pytest.raises(mx.ShapeError, match=rf"{names[3]}.weight has shape \(8, 7\): expected 8 c"):
        load(state(names, o=(8, 7)), num_heads=2)
    with pytest.raises(mx.ShapeError, match="6 rows .* neither 2 key heads nor a divisor"):
        load(state(names, k=(6, 6)), num_heads=2)
    with pytest.raises(mx.ShapeError, match=r"shape \(8, 8, 1, 1\).*1×1 convolution"):
        load(state(names, q=(8, 8, 1, 1)), num_heads=2)
    with pytest.raises(mx.ShapeError, match=r"and bias \(7,\), expected \(out, in\)"):
        load(state(names) | {f"{names[1]}.bias": np.ones(7)}, num_heads=2)
    odd = state(names)
    odd[f"{names[2]}.weight"] = odd[f"{names[2]}.weight"].astype(np.float32)
    with pytest.raises(TypeError, match=rf"several dtypes: .*{names[2]} float32.*Convert them"):
        load(odd, num_heads=2)


@pytest.mark.parametrize("name", LOADERS)
def test_weights_that_have_no_place_are_not_left_out_silently(name):
    load, names = LOADERS[name]
    extra = {"gate.weight": np.ones((2, 2))}
    with pytest.raises(ValueError, match=r"'gate.weight' would be left out: .* own prefix or a di"):
        load(state(names) | extra, num_heads=2)


@pytest.mark.parametrize("name", LOADERS)
def test_shared_keys_become_kv_heads(name, rng):
    load, names = LOADERS[name]
    layer = load(state(names, (8, 8), (4, 6), (6, 6), (8, 12)), num_heads=4)
    assert layer.kv_heads == 2 and layer.W_V.out_features == 6
    x, c = (mx.tensor(rng.standard_normal(s)) for s in ((2, 3, 8), (2, 5, 6)))
    output, weights = layer(x, c)
    assert output.shape == (2, 3, 8) and weights.shape == (2, 4, 3, 5)


# torch -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("triple", TRIPLES)
def test_usual_names_are_recognised(triple):
    names = (*triple, "proj")
    layer = interop.from_torch(state(names), num_heads=2)
    back = interop.to_torch(layer, names)
    for key, a in state(names).items():
        np.testing.assert_array_equal(back[key], a)


def test_two_candidates_for_the_output_are_asked_about():
    both = state(("W_q", "W_k", "W_v", "W_o")) | {"proj.weight": np.ones((8, 8))}
    with pytest.raises(ValueError, match="both W_o and proj could be the output's projection"):
        interop.from_torch(both, num_heads=2)


def test_options_of_another_layout_are_refused():
    names = ("W_q", "W_k", "W_v", "W_o")
    with pytest.raises(TypeError, match=r"options 'names', 'scale', 'dropout', got 'batch_first'"):
        interop.from_torch(state(names), num_heads=2, batch_first=True)
    mha = mx.nn.MultiheadAttention(8, 2).state_dict()
    with pytest.raises(TypeError, match=r"'add_zero_attn', 'dropout', got 'scale'"):
        interop.from_torch(mha, num_heads=2, scale=1.0)


def test_multihead_heads_options_and_mixed_dtypes():
    mha = interop.to_torch(mx.nn.MultiheadAttention(8, 2, dtype=mx.float64))
    layer = interop.from_torch(mha, head_dim=4, batch_first=True, dropout=0.25)
    assert (layer.num_heads, layer.batch_first, layer.dropout) == (2, True, 0.25)
    with pytest.raises(ValueError, match="out_proj.weight has 8 rows.*num_heads"):
        interop.from_torch(mha)
    with pytest.raises(TypeError, match="several dtypes: .*in_proj_bias float32.*Convert them"):
        interop.from_torch(mha | {"in_proj_bias": np.ones(24, np.float32)}, num_heads=2)
    del mha["out_proj.bias"]
    with pytest.raises(RuntimeError, match=r"out_proj.bias: missing from the state_dict"):
        interop.from_torch(mha, num_heads=2)


def test_linears_with_a_scale_of_their_own():
    names = ("W_q", "W_k", "W_v", "W_o")
    assert interop.from_torch(state(names), num_heads=2, scale=1.0).scale == 1.0
    assert interop.from_torch(state(names), num_heads=2).scale == 0.5


def test_to_torch_refuses_what_it_has_no_layout_for():
    with pytest.raises(TypeError, match="writes a MultiheadAttention, DecoderLayer or CrossAtt"):
        interop.to_torch(mx.nn.Linear(2, 3))
    normed = mx.nn.CrossAttention(8, num_heads=2, qk_norm="rms_norm")
    with pytest.raises(ValueError, match="no place for the layer's 'norm_Q.weight', 'norm_K.weig"):
        interop.to_torch(normed)


# diffusers, transformers -------------------------------------------------------------------------


def test_diffusers_norms_over_all_heads_are_refused():
    odd = state(("to_q", "to_k", "to_v", "to_out.0")) | {"norm_q.weight": np.ones(8)}
    with pytest.raises(ValueError, match="'norm_q.weight' would be left out"):
        interop.from_diffusers(odd, num_heads=2)


def test_diffusers_rms_norms_of_queries_and_keys_round_trip(rng):
    given = state(("to_q", "to_k", "to_v", "to_out.0"))
    given |= {f"norm_{x}.weight": rng.standard_normal(4) for x in "qk"}
    layer = interop.from_diffusers(given, num_heads=2, eps=1e-3)
    assert isinstance(layer.norm_Q, mx.nn.RMSNorm) and layer.norm_K.eps == 1e-3
    back = interop.to_diffusers(layer)
    assert back.keys() == given.keys()
    assert all(np.array_equal(back[k], a) for k, a in given.items())


@pytest.mark.parametrize("system", ["BERT", "T5", "Whisper"])
def test_a_scale_that_the_other_side_does_not_have_is_refused_with_the_mend(system, rng):
    layer = mx.nn.CrossAttention(8, num_heads=2, scale=0.3).to(mx.float64)
    with pytest.raises(ValueError, match=f"scores with 0.3, but {system} with (0.5|1):"):
        interop.to_transformers(layer, system)
    wanted = 1.0 if system == "T5" else 0.5
    x, c = (mx.tensor(rng.standard_normal((2, n, 8))) for n in (3, 5))
    before, _ = layer(x, c)
    with mx.no_grad():  # what the message says
        layer.W_Q.weight *= 0.3 / wanted
        layer.W_Q.bias *= 0.3 / wanted
    layer.scale = wanted
    np.testing.assert_allclose(layer(x, c)[0].detach().numpy(), before.detach().numpy())
    assert len(interop.to_transformers(layer, system)) == 8


def test_diffusers_takes_the_usual_scale_and_none():
    for scale in (None, 1.0):
        interop.to_diffusers(mx.nn.CrossAttention(8, num_heads=2, scale=scale))
    with pytest.raises(ValueError, match="but Diffusers with 0.5"):
        interop.to_diffusers(mx.nn.CrossAttention(8, num_heads=2, scale=0.3))
    with pytest.raises(ValueError, match="softcap=5.0.*Diffusers does not"):
        interop.to_diffusers(mx.nn.CrossAttention(8, num_heads=2, softcap=5.0))


def test_to_transformers_asks_for_the_system():
    with pytest.raises(ValueError, match="names of one of BERT, T5, Whisper: give system=, got No"):
        interop.to_transformers(mx.nn.CrossAttention(8, num_heads=2))


def test_t5s_relative_position_bias_is_explained():
    odd = state(("q", "k", "v", "o")) | {"relative_attention_bias.weight": np.ones((32, 2))}
    with pytest.raises(ValueError, match=r"table of T5's self-attention.*cross-attention has none"):
        interop.from_transformers(odd, num_heads=2)


def test_perceivers_self_attention_has_one_norm_for_both_streams(rng):
    names = ("self.query", "self.key", "self.value", "output.dense")
    given = state(names, k=(8, 8), v=(8, 8))
    given |= {f"self.layernorm1.{x}": rng.standard_normal(8) for x in ("weight", "bias")}
    layer = interop.from_transformers(given, num_heads=2)
    assert layer.norm_context is layer.norm_query
    back = interop.to_transformers(layer)
    assert back.keys() == given.keys()
    assert all(np.array_equal(back[k], a) for k, a in given.items())


def test_berts_inner_part_alone_has_neither_norm_nor_output_projection():
    layer = interop.from_transformers(state(("query", "key", "value")), num_heads=2)
    assert isinstance(layer, mx.nn.CrossAttention) and isinstance(layer.W_O, mx.nn.Identity)


def test_the_norms_epsilon_can_be_told(rng):
    names = ("self.query", "self.key", "self.value", "output.dense")
    given = state(names) | {f"output.LayerNorm.{x}": rng.standard_normal(8) for x in
                            ("weight", "bias")}  # fmt: skip
    assert interop.from_transformers(given, num_heads=2).norm.eps == 1e-12
    assert interop.from_transformers(given, num_heads=2, eps=1e-5).norm.eps == 1e-5
