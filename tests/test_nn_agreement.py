"""Agreement: queries and values from one modality, keys from the other, both ways."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted
from layer_checks import (
    attended,
    check_derivatives,
    check_one_sample,
    check_precisions,
    check_trace,
    flat,
)

import minixattn as mx

B, L, D_A, D_B, H, D = 2, 5, 6, 7, 4, 3


def made(device="cpu"):
    mx.manual_seed(0)
    layer = mx.nn.AgreementAttention(D_A, D_B, num_heads=H, head_dim=D)
    return layer.to(mx.float64).to(device)


def streams(rng, device="cpu"):
    return tuple(leaf(rng.standard_normal((B, L, d)), device) for d in (D_A, D_B))


def test_both_directions_are_the_equation_head_by_head(rng, device):
    layer, (a, b) = made(device), streams(rng, device)
    keep_a, keep_b = (rng.random((B, L, L)) < 0.7 for _ in range(2))
    keep_a[..., 0] = keep_b[..., 1] = True
    masks = (mx.tensor(keep, device=device) for keep in (keep_a, keep_b))
    outputs, weights = layer(a, b, *masks)
    a, b = values(a), values(b)
    expected = attended(layer.A, a, b, a, keep_a), attended(layer.B, b, a, b, keep_b)
    for output, weight, hand, width in zip(outputs, weights, expected, (D_A, D_B)):
        assert output.shape == (B, L, width) and weight.shape == (B, H, L, L)
        assert_close(output, hand[0])
        assert_close(weight, hand[1])


def test_values_of_the_other_modality_never_arrive(rng, device):
    """Where a's rows are all equal, so are its outputs, whatever b's keys say."""
    layer, (a, b) = made(device), streams(rng, device)
    same = a[:, :1].expand(B, L, D_A)
    (output, _), _ = layer(same, b)
    (other, _), _ = layer(same, b * 3 + 1)
    assert_close(output, np.broadcast_to(values(output)[:, :1], output.shape))
    assert_close(other, output)


def test_swapping_the_streams_and_the_directions_swaps_the_results(rng, device):
    layer, (a, b) = made(device), streams(rng, device)
    turned = mx.nn.AgreementAttention(D_B, D_A, num_heads=H, head_dim=D).to(mx.float64).to(device)
    turned.A.load_state_dict(layer.B.state_dict())
    turned.B.load_state_dict(layer.A.state_dict())
    (o_a, o_b), (w_a, w_b) = layer(a, b)
    for ours, theirs in zip(flat(turned(b, a)), (o_b, o_a, w_b, w_a)):
        assert_close(ours, theirs, 0, 0)


def test_gradients_reach_both_streams_and_every_parameter(rng, device):
    layer, (a, b) = made(device), streams(rng, device)
    (o_a, o_b), _ = layer(a, b)
    (weighted(o_a) + weighted(o_b)).backward()
    for name, p in [("a", a), ("b", b), *layer.named_parameters()]:
        if not name.endswith("W_K.bias"):  # shifts all scores of a query alike
            assert np.abs(values(p.grad)).max() > 1e-6, name


def test_all_derivatives_agree_with_central_differences(rng):
    layer = mx.nn.AgreementAttention(2, 3, num_heads=1, head_dim=1).to(mx.float64)
    check_derivatives(layer, *(leaf(rng.standard_normal((1, 2, d))) for d in (2, 3)))


def test_it_runs_in_every_precision_for_one_sample_and_under_a_trace(rng, device):
    layer, (a, b) = made(device), streams(rng, device)
    check_precisions(layer, a, b)
    check_one_sample(layer, a, b)
    check_trace(layer.A, a, b)
    with mx.trace() as t:
        layer(a, b)
    assert list(t.layers) == ["OneWayAgreement 1", "OneWayAgreement 2"]
    assert layer.equation in repr(layer)


def test_sequences_of_different_lengths_are_both_named(rng):
    a, b = mx.ones(B, L, D_A, dtype=mx.float64), mx.ones(B, 4, D_B, dtype=mx.float64)
    message = r"a has length 5 \(shape \(2, 5, 6\)\) and b length 4 .*CrossAttention"
    with pytest.raises(mx.ShapeError, match=message):
        made()(a, b)


def test_widths_batches_and_masks_that_do_not_fit_are_named():
    a, b = mx.ones(B, L, D_A, dtype=mx.float64), mx.ones(B, L, D_B, dtype=mx.float64)
    layer = made()
    with pytest.raises(mx.ShapeError, match=r"a has shape .*dim_a=6"):
        layer(b, b)
    with pytest.raises(mx.ShapeError, match=r"b has shape .*dim_b=7"):
        layer(a, a)
    with pytest.raises(mx.ShapeError, match="the same batch"):
        layer(a, b[:1])
    with pytest.raises(mx.ShapeError, match=r"mask of shape \(2, 5\) does not fit"):
        layer(a, b, mx.ones(B, L).bool())
    with pytest.raises(mx.ShapeError, match="embed_dim 6 is not divisible by num_heads 4"):
        mx.nn.AgreementAttention(D_A, D_B, num_heads=H)
