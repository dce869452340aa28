"""PyTorch's attention layer without PyTorch: layouts, options, masks, names, messages."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import gradcheck

B, L, S, E, H, KD, VD = 2, 3, 5, 12, 4, 6, 7


def streams(rng, device="cpu", kdim=E, vdim=E):
    return tuple(
        leaf(rng.standard_normal((B, n, w)), device) for n, w in ((L, E), (S, kdim), (S, vdim))
    )


def made(device="cpu", **options):
    mx.manual_seed(0)
    options = {"batch_first": True, "dtype": mx.float64} | options
    return mx.nn.MultiheadAttention(E, H, device=device, **options)


def test_every_documented_shape_is_true(rng, device):
    layer = made(device)
    output, weights = layer(*streams(rng, device))
    assert output.shape == (B, L, E) and weights.shape == (B, L, S)
    _, weights = layer(*streams(rng, device), average_attn_weights=False)
    assert weights.shape == (B, H, L, S)
    assert layer(*streams(rng, device), need_weights=False)[1] is None


def test_pytorchs_parameter_names_and_shapes():
    shapes = {n: p.shape for n, p in made(add_bias_kv=True).named_parameters()}
    assert shapes == {
        "in_proj_weight": (3 * E, E), "in_proj_bias": (3 * E,), "bias_k": (1, 1, E),
        "bias_v": (1, 1, E), "out_proj.weight": (E, E), "out_proj.bias": (E,),
    }  # fmt: skip
    shapes = {n: p.shape for n, p in made(kdim=KD, vdim=VD, bias=False).named_parameters()}
    assert shapes == {
        "q_proj_weight": (E, E), "k_proj_weight": (E, KD), "v_proj_weight": (E, VD),
        "out_proj.weight": (E, E),
    }  # fmt: skip


def test_weights_start_xavier_uniform_and_biases_at_zero():
    layer = mx.nn.MultiheadAttention(64, 4)
    bound = np.sqrt(6 / (3 * 64 + 64))
    w = values(layer.in_proj_weight)
    assert 0.98 * bound < np.abs(w).max() <= bound
    assert abs(w.std() - bound / np.sqrt(3)) < 0.02 * bound
    assert not values(layer.in_proj_bias).any() and not values(layer.out_proj.bias).any()


def test_averaged_weights_are_the_mean_over_heads(rng, device):
    layer, x = made(device), streams(rng, device)
    mean, each = layer(*x)[1], layer(*x, average_attn_weights=False)[1]
    assert_close(mean, values(each).mean(1))


def test_both_layouts_give_the_same_numbers(rng, device):
    layer, x = made(device), streams(rng, device)
    other = made(device, batch_first=False)
    output, weights = layer(*x)
    output2, weights2 = other(*(t.transpose(0, 1) for t in x))
    assert_close(output2.transpose(0, 1), output)
    assert_close(weights2, weights)


def test_unbatched_input_gives_what_a_batch_of_one_gives(rng, device):
    layer, x = made(device), streams(rng, device)
    output, weights = layer(*(t[0] for t in x))
    full, full_weights = layer(*x)
    assert_close(output, full[0])
    assert_close(weights, full_weights[0])


@pytest.mark.parametrize("shape", ((L, S), (B * H, L, S)))
def test_true_in_a_boolean_mask_leaves_a_key_out(rng, device, shape):
    layer, x = made(device), streams(rng, device)
    drop = rng.random(shape) < 0.4
    drop[..., 0] = False
    _, weights = layer(*x, attn_mask=mx.tensor(drop, device=device), average_attn_weights=False)
    full = np.broadcast_to(drop, (B * H, L, S)).reshape(B, H, L, S)
    assert ((values(weights) == 0) == full).all()
    bias = mx.tensor(np.where(drop, -np.inf, 0.0), device=device)
    assert_close(layer(*x, attn_mask=bias, average_attn_weights=False)[1], weights, 0, 0)


def test_padding_and_attention_masks_add_up(rng, device):
    layer, x = made(device), streams(rng, device)
    padding = np.arange(S) >= np.array([[3], [5]])
    drop = np.triu(np.ones((L, S), bool), 3)
    _, weights = layer(
        *x, key_padding_mask=mx.tensor(padding, device=device),
        attn_mask=mx.tensor(drop, device=device),
    )  # fmt: skip
    assert ((values(weights) == 0) == (padding[:, None] | drop)).all()


def test_a_query_that_may_look_nowhere_gets_zero_weights_and_the_output_bias(rng, device):
    layer, x = made(device), streams(rng, device)
    padding = mx.tensor([[True] * S, [False] * S], device=device)
    with pytest.warns(mx.masks.EmptyRowWarning, match="key_padding_mask.*batch 0"):
        output, weights = layer(*x, key_padding_mask=padding)
    assert (values(weights)[0] == 0).all()
    assert_close(output[0], np.broadcast_to(values(layer.out_proj.bias), (L, E)))
    weighted(output).backward()
    assert (values(x[0].grad)[0] == 0).all() and np.isfinite(values(x[1].grad)).all()


def test_a_learned_key_and_a_zero_key_are_appended(rng, device):
    layer, x = made(device, add_bias_kv=True, add_zero_attn=True), streams(rng, device)
    drop = mx.ones(L, S, device=device).bool()
    output, weights = layer(*x, attn_mask=drop)
    assert weights.shape == (B, L, S + 2)
    assert (values(weights)[..., :S] == 0).all() and (values(weights)[..., S:] > 0).all()
    weighted(output).backward()
    assert np.abs(values(layer.bias_k.grad)).max() > 0


def test_returned_weights_sum_to_one_under_dropout(rng, device):
    layer = made(device, dropout=0.5).train()
    assert_close(layer(*streams(rng, device))[1].sum(-1), np.ones((B, L)))


def test_one_seed_drops_the_same_weights_and_evaluation_none(rng, device):
    layer, x = made(device, dropout=0.5), streams(rng, device)
    runs = []
    for seed in (1, 1, 2):
        mx.manual_seed(seed)
        runs.append(values(layer(*x)[0]))
    assert (runs[0] == runs[1]).all() and np.abs(runs[0] - runs[2]).max() > 0.01
    plain = layer.eval()(*x)[0]
    assert_close(plain, made(device)(*x)[0], 0, 0)
    dropped = [values(layer.train()(*x)[0]) for _ in range(3000 if device == "cpu" else 0)]
    if dropped:  # what is dropped is made up for by what is kept
        assert np.abs(np.mean(dropped, 0) - values(plain)).max() < 0.05


def test_float_masks_of_half_precision_do_not_overflow(rng, device):
    layer, x = made(device, dtype=mx.float16), [t.half() for t in streams(rng, device)]
    lowest = float(np.finfo(np.float16).min)
    drop, padding = np.triu(np.ones((L, S)), 3), np.arange(S) >= np.array([[4], [5]])
    with np.errstate(over="raise"):
        output, weights = layer(
            *x, attn_mask=mx.tensor((drop * lowest).astype(np.float16), device=device),
            key_padding_mask=mx.tensor((padding * lowest).astype(np.float16), device=device),
        )  # fmt: skip
        same, _ = layer(*x, attn_mask=mx.tensor(drop * -1e9 + padding[0] * -1e9, device=device))
    forbidden = padding[:, None] | (drop > 0)
    assert output.dtype == weights.dtype == np.float16
    assert ((values(weights) == 0) == forbidden).all()
    assert_close(same[0], output[0], 0, 0)


def test_a_float_padding_mask_is_added_to_every_row(rng, device):
    layer, x = made(device), streams(rng, device)
    bias = rng.standard_normal((B, S))
    padded = layer(*x, key_padding_mask=mx.tensor(bias, device=device))
    full = np.broadcast_to(bias[:, None, None], (B, H, L, S)).reshape(B * H, L, S)
    masked = layer(*x, attn_mask=mx.tensor(full, device=device))
    for a, b in zip(padded, masked):
        assert_close(a, b)


@pytest.mark.filterwarnings("ignore::minixattn.masks.EmptyRowWarning")
def test_weights_left_out_change_no_output_not_even_of_a_query_that_sees_nothing(rng, device):
    layer, x = made(device), streams(rng, device)
    drop = np.zeros((L, S), bool)
    drop[1] = True
    drop = mx.masks.drop(drop)
    output, weights = layer(*x, attn_mask=drop, need_weights=False)
    assert weights is None
    assert_close(output, layer(*x, attn_mask=drop)[0], 0, 0)
    assert_close(output[:, 1], np.broadcast_to(values(layer.out_proj.bias), (B, E)))


def test_a_packed_layer_says_that_it_has_no_separate_projections():
    packed, separate = made(), made(kdim=KD)
    assert packed.q_proj_weight is packed.k_proj_weight is packed.v_proj_weight is None
    assert separate.in_proj_weight is None and separate.k_proj_weight.shape == (E, KD)
    with pytest.raises(RuntimeError, match=r"(?s)q_proj_weight.*in_proj_weight"):
        separate.load_state_dict(packed.state_dict())


@pytest.mark.parametrize("batch_first", (True, False))
@pytest.mark.parametrize("options", ({}, {"kdim": KD, "vdim": VD}))
def test_every_step_is_noted_under_its_symbol(rng, device, batch_first, options):
    layer = made(device, batch_first=batch_first, **options)
    x = streams(rng, device, **options)
    x = x if batch_first else tuple(t.transpose(0, 1) for t in x)
    drop = mx.tensor(np.triu(np.ones((L, S), bool), 3), device=device)
    with mx.trace() as t:
        output, _ = layer(*x, attn_mask=drop)
    symbols = list(layer.equations)  # "returned" is the output itself where it is batch first
    assert [s.symbol for s in t.steps] == (symbols[:-1] if batch_first else symbols)
    sizes = {"B": B, "L": L, "S": S, "h": H, "d": E // H, "E": E, "kdim": layer.kdim,
             "vdim": layer.vdim}  # fmt: skip
    for step in t.steps[: len(symbols) - 1]:  # batch first, whatever the layout of the caller
        dims = step.dims.strip("()").split(", ")
        assert step.shape == tuple(sizes[d] for d in dims), step.symbol
        assert (step.recompute() == step.value.array).all()
    assert t.steps[-1].value is output
    assert "softmax(Q Kᵀ / √d) V" in repr(layer)


def test_all_gradients_agree_with_central_differences(rng):
    layer = mx.nn.MultiheadAttention(4, 2, kdim=3, vdim=2, batch_first=True, dtype=mx.float64)
    x = tuple(leaf(rng.standard_normal((2, n, w))) for n, w in ((2, 4), (3, 3), (3, 2)))
    names = ["q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias"]
    parameters = [getattr(layer, n).detach().clone().requires_grad_() for n in names]

    def run(q, k, v, *parameters):
        for name, p in zip(names, parameters):
            setattr(layer, name, p)
        return layer(q, k, v)

    gradcheck(run, (*x, *parameters))


@pytest.mark.parametrize(
    "shapes, message",
    [
        (((B, L, 5), (B, S, E), (B, S, E)), "query has width 5, but .* embed_dim=12"),
        (((B, L, E), (B, S, 5), (B, S, E)), "key has width 5, but .* kdim=12"),
        (((B, L, E), (B, S, E), (B, S, 5)), "value has width 5, but .* vdim=12"),
        (((B, L, E), (B, S, E), (B, 4, E)), "key has length 5 and value 4"),
        (((3, L, E), (B, S, E), (B, S, E)), "different batch sizes.*batch_first=True"),
        (((L, E), (B, S, E), (B, S, E)), "must all be 3-d .* or all 2-d"),
    ],
)
def test_streams_that_do_not_fit_are_named(device, shapes, message):
    layer = made(device)
    with pytest.raises(mx.ShapeError, match=message):
        layer(*(mx.ones(*s, dtype=mx.float64, device=device) for s in shapes))


def test_masks_that_do_not_fit_say_what_would(rng, device):
    layer, x = made(device), streams(rng, device)
    with pytest.raises(mx.ShapeError, match=r"attn_mask has shape \(5, 3\).*\(3, 5\).*\(8, 3, 5\)"):
        layer(*x, attn_mask=mx.ones(S, L, device=device).bool())
    with pytest.raises(mx.ShapeError, match=r"key_padding_mask has shape \(5, 2\).*\(2, 5\)"):
        layer(*x, key_padding_mask=mx.ones(S, B, device=device).bool())
    with pytest.raises(mx.DTypeError, match="True = may not attend"):
        layer(*x, attn_mask=mx.ones(L, S, device=device).long())
    with pytest.raises(RuntimeError, match="only a hint"):
        layer(*x, is_causal=True)


def test_heads_must_divide_the_width():
    with pytest.raises(mx.ShapeError, match="embed_dim 12 is not divisible by num_heads 5"):
        mx.nn.MultiheadAttention(12, 5)
    with pytest.raises(mx.ShapeError, match="embed_dim is a width, so at least 1; got 0"):
        mx.nn.MultiheadAttention(0, 1)
    with pytest.raises(mx.ShapeError, match="kdim is a width, so at least 1; got -3"):
        mx.nn.MultiheadAttention(12, 4, kdim=-3)
