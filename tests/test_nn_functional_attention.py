"""softmax(Q Kᵀ / √d_k) V, step by step."""

import math

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.autograd import gradcheck, gradgradcheck
from minixattn.nn.functional import attention_steps, scaled_dot_product_attention

L, S, D_K, D_V = 3, 5, 4, 2


def streams(rng, device, *lead, dtype=np.float64):
    shapes = ((L, D_K), (S, D_K), (S, D_V))
    return tuple(leaf(rng.standard_normal((*lead, *s)), device, dtype) for s in shapes)


def by_hand(q, k, v, keep=None):
    """The equation in NumPy, row by row."""
    output, weights = np.zeros((L, D_V)), np.zeros((L, S))
    for i in range(L):
        scores = np.array([q[i] @ k[j] / math.sqrt(D_K) for j in range(S)])
        e = np.exp(scores) if keep is None else np.exp(scores) * keep[i]
        weights[i] = e / e.sum() if e.sum() else 0
        output[i] = weights[i] @ v
    return output, weights


def test_the_result_is_the_equation_row_by_row(rng, device):
    q, k, v = streams(rng, device)
    steps = attention_steps(q, k, v)
    output, weights = by_hand(*map(values, (q, k, v)))
    assert_close(steps.weights, weights)
    assert_close(steps.output, output)


def test_the_last_step_is_what_the_plain_function_returns(rng, device):
    q, k, v = streams(rng, device, 2, 3)
    assert_close(scaled_dot_product_attention(q, k, v), attention_steps(q, k, v).output, 0, 0)


def test_every_step_follows_from_the_one_before(rng, device):
    q, k, v = streams(rng, device, 2)
    keep = mx.tensor(rng.random((L, S)) < 0.7, device=device)
    steps = attention_steps(q, k, v, keep, scale=0.4, softcap=1.5)
    assert_close(steps.scores, values(q) @ values(k).swapaxes(-1, -2) * 0.4)
    assert_close(steps.capped, 1.5 * np.tanh(values(steps.scores) / 1.5))
    assert_close(steps.masked, np.where(values(keep), values(steps.capped), -np.inf))
    assert_close(steps.output, values(steps.weights) @ values(v))


def test_rows_of_attention_weights_sum_to_one(rng, device):
    weights = attention_steps(*streams(rng, device, 2)).weights
    assert_close(weights.sum(-1), np.ones((2, L)))


@pytest.mark.parametrize("dtype", (np.float16, np.float32, np.float64))
@pytest.mark.parametrize("kind", ("bool", "float"))
def test_a_query_that_may_look_nowhere_gets_zeros_and_passes_none(rng, device, dtype, kind):
    q, k, v = streams(rng, device, 2, dtype=dtype)
    keep = np.ones((L, S), bool)
    keep[1] = False
    mask = keep if kind == "bool" else np.where(keep, 0, -np.inf).astype(dtype)
    steps = attention_steps(q, k, v, mx.tensor(mask, device=device))
    assert steps.output.dtype == dtype and steps.weights.dtype == dtype
    assert (values(steps.weights)[:, 1] == 0).all() and (values(steps.output)[:, 1] == 0).all()
    weighted(steps.output).backward()
    assert (values(q.grad)[:, 1] == 0).all() and np.abs(values(q.grad)[:, 0]).min() > 0
    for x in (q, k, v):
        assert np.isfinite(values(x.grad)).all()


def test_causal_attention_keeps_the_upper_left_triangle(rng, device):
    q, k, v = streams(rng, device)
    steps = attention_steps(q, k, v, is_causal=True)
    output, weights = by_hand(*map(values, (q, k, v)), np.tril(np.ones((L, S))))
    assert_close(steps.weights, weights)
    assert_close(steps.output, output)


def test_float_masks_are_added_to_the_scores(rng, device):
    q, k, v = streams(rng, device)
    bias = rng.standard_normal((L, S))
    steps = attention_steps(q, k, v, mx.tensor(bias, device=device))
    assert_close(steps.masked, values(steps.scores) + bias)


def test_grouped_query_heads_share_keys_and_values_in_order(rng, device):
    q = leaf(rng.standard_normal((2, 6, L, D_K)), device)
    k = leaf(rng.standard_normal((2, 3, S, D_K)), device)
    v = leaf(rng.standard_normal((2, 3, S, D_V)), device)
    grouped = attention_steps(q, k, v, enable_gqa=True)
    for i in range(6):
        alone = attention_steps(q[:, i], k[:, i // 2], v[:, i // 2])
        assert_close(grouped.output[:, i], alone.output)


def test_half_precision_accumulates_in_single(rng, device):
    q = mx.full((1, 256), 8.0, dtype=mx.float16, device=device)
    k = mx.full((2, 256), 8.0, dtype=mx.float16, device=device)
    v = mx.ones(2, 1, dtype=mx.float16, device=device)
    weights = attention_steps(q, k, v, scale=1.0).weights  # the scores are 16,384 each
    assert_close(weights, np.array([[0.5, 0.5]], np.float16), 0, 0)


def test_keys_and_values_may_be_shared_by_different_numbers_of_query_heads(rng, device):
    q = leaf(rng.standard_normal((6, L, D_K)), device)
    k, v = (leaf(rng.standard_normal((h, S, d)), device) for h, d in ((3, D_K), (2, D_V)))
    grouped = attention_steps(q, k, v, enable_gqa=True)
    for i in range(6):
        assert_close(grouped.output[i], attention_steps(q[i], k[i // 2], v[i // 3]).output)


def test_scores_that_do_not_fit_in_16_bits_are_kept_in_32(rng, device):
    q = mx.full((2, 64), 48.0, dtype=mx.float16, device=device)
    steps = attention_steps(q, q, q, scale=1.0)  # each score is 147,456, above 65,504
    assert [x.dtype for x in steps] == [np.float32] * 3 + [np.float16] * 2
    assert_close(steps.scores, np.full((2, 2), 147456, np.float32), 0, 0)
    assert_close(steps.output, np.full((2, 64), 48, np.float16), 0, 0)


@pytest.mark.parametrize("dtype", (np.float16, np.float32, np.float64))
def test_the_plain_function_equals_the_steps_bit_for_bit(rng, device, dtype):
    q, k, v = streams(rng, device, 2, 3, dtype=dtype)
    mask = mx.tensor(rng.standard_normal((L, S)).astype(dtype), device=device)
    for options in ({}, {"is_causal": True}, {"attn_mask": mask, "softcap": 2.0}, {"scale": 0.3}):
        output = scaled_dot_product_attention(q, k, v, **options)
        assert output.dtype == dtype
        assert_close(output, attention_steps(q, k, v, **options).output, 0, 0)


@pytest.mark.parametrize("lengths", ((0, S), (L, 0)))
def test_sequences_of_length_zero_give_empty_or_zero_output(device, lengths):
    n, m = lengths
    q, k, v = (mx.ones(2, *s, device=device) for s in ((n, D_K), (m, D_K), (m, D_V)))
    steps = attention_steps(q, k, v)
    assert_close(steps.output, np.zeros((2, n, D_V), np.float32) + (m > 0), 0, 0)
    assert steps.weights.shape == (2, n, m)


def test_a_learned_bias_of_the_scores_gets_its_gradient(rng):
    q, k, v = streams(rng, "cpu", 2)
    bias = leaf(rng.standard_normal((1, S)))  # broadcasts over the queries and the batch
    gradcheck(lambda b, *x: attention_steps(*x, b).output, (bias, q, k, v))


def test_a_fully_forbidden_row_and_a_cap_do_not_mix(rng, device):
    q, k, v = streams(rng, device)
    keep = np.ones((L, S), bool)
    keep[2] = False
    keep[0, 3:] = False
    steps = attention_steps(q, k, v, mx.tensor(keep, device=device), softcap=0.5)
    assert ((values(steps.weights) > 0) == keep).all()  # a cap after the mask would let them in
    assert np.abs(values(steps.capped)).max() < 0.5


def test_derivatives_agree_with_central_differences_to_second_order(rng):
    q, k, v = streams(rng, "cpu", 2)
    keep = mx.tensor(rng.random((L, S)) < 0.7)
    for options in ({}, {"attn_mask": keep}, {"is_causal": True}, {"softcap": 2.0, "scale": 0.7}):
        gradcheck(lambda *x, o=options: scaled_dot_product_attention(*x, **o), (q, k, v))
        gradgradcheck(lambda *x, o=options: scaled_dot_product_attention(*x, **o), (q, k, v))


def test_dropout_scales_what_it_keeps_and_leaves_the_returned_weights_alone(rng, device):
    q, k, _ = streams(rng, device)
    identity = mx.eye(S, dtype=mx.float64, device=device)
    mx.manual_seed(0)
    steps = attention_steps(q, k, identity, dropout_p=0.5)
    assert_close(steps.weights.sum(-1), np.ones(L))
    dropped = values(steps.output)
    kept = dropped != 0
    assert kept.any() and not kept.all()
    np.testing.assert_allclose(dropped[kept], 2 * values(steps.weights)[kept])


@pytest.mark.parametrize(
    "shapes, words",
    [
        (((3, 4), (5, 6), (5, 2)), ("query has width 4", "key width 6")),
        (((3, 4), (5, 4), (7, 2)), ("key has length 5", "value length 7")),
        (((4,), (5, 4), (5, 2)), ("query has shape (4,)", "at least (length, width)")),
    ],
)
def test_streams_that_do_not_fit_are_named_with_both_numbers(device, shapes, words):
    with pytest.raises(mx.ShapeError) as error:
        scaled_dot_product_attention(*(mx.ones(*s, device=device) for s in shapes))
    assert all(w in str(error.value) for w in words)


def test_masks_that_do_not_fit_say_what_would(rng, device):
    q, k, v = streams(rng, device)
    message = r"attn_mask of shape \(5, 3\).*expected \(L, S\) = \(3, 5\)"
    with pytest.raises(mx.ShapeError, match=message):
        scaled_dot_product_attention(q, k, v, mx.ones(5, 3, device=device).bool())
    with pytest.raises(mx.DTypeError, match="must be bool .* got int64"):
        scaled_dot_product_attention(q, k, v, mx.ones(3, 5, dtype=mx.int64, device=device))
    with pytest.raises(RuntimeError, match="both given"):
        scaled_dot_product_attention(q, k, v, mx.ones(3, 5, device=device).bool(), is_causal=True)
    for wrong in (np.inf, np.nan):
        mask = mx.full((3, 5), wrong, dtype=mx.float64, device=device)
        with pytest.raises(ValueError, match=r"\(3, 5\) holds \+inf or NaN.*-inf forbids"):
            scaled_dot_product_attention(q, k, v, mask)
    with pytest.raises(mx.ShapeError, match="dimension -3, but the query has shape"):
        scaled_dot_product_attention(q, k, v, enable_gqa=True)
    with pytest.raises(mx.ShapeError, match="6 query heads cannot share 4 key"):
        scaled_dot_product_attention(
            *(mx.ones(h, 2, 2, device=device) for h in (6, 4, 4)), enable_gqa=True
        )


def test_caps_and_types_that_cannot_be_are_refused(device):
    q = mx.ones(3, 4, device=device)
    for cap in (0, -1.0, math.nan):
        with pytest.raises(ValueError, match=f"positive; got {cap}"):
            scaled_dot_product_attention(q, q, q, softcap=cap)
    with pytest.raises(mx.DTypeError, match="one float type, got float32, float64 and float32"):
        scaled_dot_product_attention(q, q.double(), q)
    with pytest.raises(mx.DTypeError, match="one float type, got int64, int64 and int64"):
        scaled_dot_product_attention(q.long(), q.long(), q.long())
    with pytest.raises(ValueError, match="between 0 and 1, got 1.5"):
        scaled_dot_product_attention(q, q, q, dropout_p=1.5)
