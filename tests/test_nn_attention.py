"""Cross-attention as a layer: every width free, weights always returned."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn.attention import merge_heads, split_heads

B, L, S, D_Q, D_C, H, D_K, D_V, D_O = 2, 3, 5, 6, 7, 4, 8, 9, 10


def made(device="cpu", **options):
    mx.manual_seed(0)
    sizes = {"num_heads": H, "head_dim": D_K, "value_dim": D_V, "out_dim": D_O} | options
    return mx.nn.CrossAttention(D_Q, D_C, **sizes).to(mx.float64).to(device)


def streams(rng, device="cpu"):
    return (
        leaf(rng.standard_normal((B, L, D_Q)), device),
        leaf(rng.standard_normal((B, S, D_C)), device),
    )


def test_every_documented_shape_is_true(rng, device):
    layer = made(device)
    output, weights = layer(*streams(rng, device))
    assert output.shape == (B, L, D_O)
    assert weights.shape == (B, H, L, S)
    assert layer.W_Q.weight.shape == (H * D_K, D_Q)
    assert layer.W_K.weight.shape == (H * D_K, D_C)
    assert layer.W_V.weight.shape == (H * D_V, D_C)
    assert layer.W_O.weight.shape == (D_O, H * D_V)


def test_the_layer_is_its_equation_head_by_head(rng, device):
    layer = made(device)
    x, c = streams(rng, device)
    keep = rng.random((B, L, S)) < 0.7
    keep[..., 0] = True
    output, weights = layer(x, c, mx.tensor(keep, device=device))
    x, c = values(x), values(c)

    def project(name, a):
        linear = getattr(layer, name)
        return a @ values(linear.weight).T + values(linear.bias)

    Q, K, V = project("W_Q", x), project("W_K", c), project("W_V", c)
    heads = []
    for i in range(H):
        q, k = (a[..., i * D_K : (i + 1) * D_K] for a in (Q, K))
        scores = np.where(keep, q @ k.swapaxes(-1, -2) / np.sqrt(D_K), -np.inf)
        e = np.exp(scores)
        A = e / e.sum(-1, keepdims=True)
        assert_close(weights[:, i], A)
        heads.append(A @ V[..., i * D_V : (i + 1) * D_V])
    assert_close(output, project("W_O", np.concatenate(heads, -1)))


def test_splitting_heads_takes_neighbouring_columns_and_merging_undoes_it(rng, device):
    x = leaf(rng.standard_normal((B, L, H * D_K)), device)
    heads = split_heads(x, H)
    assert heads.shape == (B, H, L, D_K)
    assert_close(heads[:, 1], values(x)[..., D_K : 2 * D_K], 0, 0)
    assert_close(merge_heads(heads), x, 0, 0)


def test_widths_left_out_follow_the_query(rng):
    layer = mx.nn.CrossAttention(12, num_heads=3)
    output, weights = layer(mx.randn(B, L, 12), mx.randn(B, S, 12))
    assert output.shape == (B, L, 12) and weights.shape == (B, 3, L, S)
    assert layer.W_V.weight.shape == (12, 12)


def test_permuting_the_context_permutes_the_weights_and_keeps_the_output(rng, device):
    layer, (x, c) = made(device), streams(rng, device)
    order = [3, 0, 4, 1, 2]
    output, weights = layer(x, c)
    output2, weights2 = layer(x, c[:, order])
    assert_close(output2, output)
    assert_close(weights2, weights[..., order])


def test_forbidden_keys_get_no_weight_and_change_nothing(rng, device):
    layer, (x, c) = made(device), streams(rng, device)
    keep = np.ones((B, 1, S), bool)
    keep[1, :, 3:] = False
    output, weights = layer(x, c, mx.tensor(keep, device=device))
    assert (values(weights)[1, ..., 3:] == 0).all()
    changed = values(c).copy()
    changed[1, 3:] = 99.0
    output2, _ = layer(x, mx.tensor(changed, device=device), mx.tensor(keep, device=device))
    assert_close(output2, output)


@pytest.mark.parametrize("shape", ((L, S), (B, 1, S), (B, L, S), (B, H, L, S), (B, 1, 1, S)))
def test_masks_of_every_documented_shape_fit(rng, device, shape):
    layer, (x, c) = made(device), streams(rng, device)
    keep = rng.random(shape) < 0.6
    _, weights = layer(x, c, mx.tensor(keep, device=device))
    full = keep[:, None] if len(shape) == 3 else keep
    assert ((values(weights) > 0) == np.broadcast_to(full, weights.shape)).all()


def test_a_numpy_mask_is_taken_too(rng):
    layer, (x, c) = made(), streams(rng)
    keep = rng.random((L, S)) < 0.6
    assert_close(layer(x, c, keep)[0], layer(x, c, mx.tensor(keep))[0], 0, 0)


def test_weights_sum_to_one_in_training_with_dropout_too(rng, device):
    layer = made(device, dropout=0.5).train()
    mx.manual_seed(1)
    x, c = streams(rng, device)
    output, weights = layer(x, c)
    assert_close(weights.sum(-1), np.ones((B, H, L)))
    plain, _ = layer.eval()(x, c)
    assert np.abs(values(output) - values(plain)).max() > 0.01


def test_all_gradients_agree_with_central_differences(rng):
    layer = mx.nn.CrossAttention(3, 2, num_heads=2, head_dim=2, value_dim=1).to(mx.float64)
    x, c = leaf(rng.standard_normal((2, 2, 3))), leaf(rng.standard_normal((2, 3, 2)))
    names = [name for name, _ in layer.named_parameters()]
    values_ = [p.detach().clone().requires_grad_() for p in layer.parameters()]

    def run(x, c, *parameters):
        for name, p in zip(names, parameters):
            sub, leaf_name = name.split(".")
            setattr(getattr(layer, sub), leaf_name, p)
        return layer(x, c)

    gradcheck(run, (x, c, *values_))
    gradgradcheck(run, (x, c, *values_))


def test_it_runs_without_recording_and_in_every_precision(rng, device):
    for dtype in (mx.float16, mx.float32, mx.float64):
        layer = made(device).to(dtype)
        x, c = (t.detach().to(dtype) for t in streams(rng, device))
        with mx.no_grad():
            output, weights = layer(x, c)
        assert output.dtype == weights.dtype == dtype and not output.requires_grad


def test_gradients_reach_both_streams_and_every_parameter(rng, device):
    layer, (x, c) = made(device), streams(rng, device)
    weighted(layer(x, c)[0]).backward()
    grads = [x.grad, c.grad, *(p.grad for p in layer.parameters())]
    for name, g in zip(["x", "c", *(n for n, _ in layer.named_parameters())], grads):
        assert g is not None, name
        if name != "W_K.bias":  # shifts all of a query's scores alike: no effect on a softmax
            assert np.abs(values(g)).max() > 1e-6, name


def test_every_step_is_noted_under_its_symbol(rng, device):
    layer, (x, c) = made(device, softcap=2.0), streams(rng, device)
    keep = mx.tensor(np.tri(L, S, 2, dtype=bool), device=device)
    with mx.trace() as t:
        output, weights = layer(x, c, keep)
    assert [s.symbol for s in t.steps] == list(layer.equations)
    sizes = {"B": B, "L": L, "S": S, "h": H, "h_kv": H, "d_k": D_K, "d_v": D_V, "D_q": D_Q,
             "D_c": D_C, "D_o": D_O}  # fmt: skip
    for step in t.steps:
        dims = step.dims.strip("()").split(", ")
        assert step.shape == tuple(sizes[d] for d in dims), step.symbol
        assert (step.recompute() == step.value.array).all()
    assert t["output"].value is output and t["weights"].value is weights


def test_streams_of_the_wrong_width_or_batch_are_named(device):
    layer = made(device)
    x, c = (mx.ones(*s, dtype=mx.float64, device=device) for s in ((B, L, D_Q), (B, S, D_C)))
    with pytest.raises(mx.ShapeError, match=r"query has shape .*expected .* 6\), .*query_dim=6"):
        layer(c, c)
    with pytest.raises(mx.ShapeError, match=r"context has shape .*context_dim=7.*context_dim=6"):
        layer(x, x)
    with pytest.raises(mx.ShapeError, match="the same batch"):
        layer(x, c[:1])


def test_masks_that_do_not_fit_list_the_shapes_that_would(device):
    layer = made(device)
    x, c = (mx.ones(*s, dtype=mx.float64, device=device) for s in ((B, L, D_Q), (B, S, D_C)))
    with pytest.raises(mx.ShapeError, match=r"\(2, 5\) does not fit .*\(3, 5\), \(2, 1, 5\)"):
        layer(x, c, mx.ones(B, S, device=device).bool())
    with pytest.raises(TypeError, match="True = may attend"):
        layer(x, c, mx.ones(L, S, device=device))


def test_heads_that_do_not_divide_the_width_list_those_that_would():
    message = "embed_dim 6 is not divisible by num_heads 4.*1, 2, 3, 6"
    with pytest.raises(mx.ShapeError, match=message):
        mx.nn.CrossAttention(6, num_heads=4)


def test_a_missing_context_is_explained():
    with pytest.raises(TypeError, match=r"needs a context.*layer\(x, x\).*cache=KVCache"):
        made()(mx.ones(B, L, D_Q, dtype=mx.float64))


# Parts that were exchanged ------------------------------------------------------------------------

W = 12


def explained(make, error, match):
    """Making the layer and calling it raises this error."""
    x, c = mx.ones(B, L, W), mx.ones(B, S, W)
    with pytest.raises(error, match=match):
        make()(x, c)


def with_parts(**parts):
    layer = mx.nn.CrossAttention(W, num_heads=3)
    for name, part in parts.items():
        setattr(layer, name, part)
    return layer


@pytest.mark.parametrize(("parts", "error", "match"), [
    ({"W_K": mx.nn.Linear(W, 9), "W_V": mx.nn.Linear(W, 15)}, mx.ShapeError, "one width d_k"),
    ({"W_K": mx.nn.Linear(W, 13), "W_Q": mx.nn.Linear(W, 13)}, mx.ShapeError, "13"),
    ({"W_O": mx.nn.Linear(11, W)}, mx.ShapeError, "in_features=11"),
    ({"W_Q": mx.nn.Linear(11, W)}, mx.ShapeError, "in_features=11"),
    ({"W_V": mx.nn.Linear(W, W, dtype="float64")}, mx.DTypeError, "float64"),
])  # fmt: skip
def test_projections_that_do_not_fit_are_explained(parts, error, match):
    explained(lambda: with_parts(**parts), error, match)


def test_a_bias_of_another_size_is_explained():
    layer = with_parts()
    layer.W_Q.bias = mx.nn.Parameter(mx.zeros(1))
    explained(lambda: layer, mx.ShapeError, "the bias has shape")


@pytest.mark.parametrize("call", [
    lambda x, c: with_parts()(x.numpy(), c), lambda x, c: with_parts()(x, c.numpy()),
    lambda x, c: mx.nn.MultiheadAttention(W, 3, batch_first=True)(x.numpy(), c.numpy(), c.numpy()),
])  # fmt: skip
def test_an_array_in_place_of_a_tensor_is_explained(call):
    with pytest.raises(TypeError, match="must be a Tensor, got ndarray"):
        call(mx.ones(B, L, W), mx.ones(B, S, W))
