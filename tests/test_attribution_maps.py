"""Attribution by weights alone and with the gradient, against sums written out by hand."""

import numpy as np
import pytest
from helpers import leaf, values, weighted

import minixattn as mx
from minixattn import attribution

B, H, L, S = 2, 3, 4, 5


def weights(rng, *shape):
    """Rows that sum to 1."""
    x = rng.random(shape)
    return x / x.sum(-1, keepdims=True)


def test_one_head_is_that_head_and_the_mean_is_their_mean(rng):
    A = weights(rng, B, H, L, S)
    np.testing.assert_array_equal(attribution.one_head(A, 2), A[:, 2])
    np.testing.assert_allclose(attribution.head_mean(A), (A[:, 0] + A[:, 1] + A[:, 2]) / 3)


def test_a_head_that_is_not_there_is_named(rng):
    with pytest.raises(IndexError, match=r"no head 3: these weights \(3, 4, 5\) have heads 0 to 2"):
        attribution.one_head(weights(rng, H, L, S), 3)


def test_only_weights_that_the_score_wants_larger_count(rng):
    A, dA = weights(rng, B, H, L, S), rng.standard_normal((B, H, L, S))
    R = attribution.gradient_attention(A, dA)
    for b, i, j in np.ndindex(B, L, S):
        by_hand = sum(max(dA[b, h, i, j] * A[b, h, i, j], 0) for h in range(H)) / H
        assert R[b, i, j] == pytest.approx(by_hand, abs=1e-15)


def test_rollout_of_two_layers_worked_by_hand():
    """Layer 1: token 0 looks at token 1 only; layer 2: token 1 looks at token 0 only."""
    first = np.array([[[0.0, 1.0], [0.0, 1.0]]])
    second = np.array([[[1.0, 0.0], [1.0, 0.0]]])
    # Â1 = [[½, ½], [0, 1]], Â2 = [[1, 0], [½, ½]]: token 1 is ½ old token 0, itself ¼ + ½
    expected = [[0.5, 0.5], [0.25, 0.75]]
    np.testing.assert_array_equal(attribution.rollout([first, second]), expected)


def test_rollout_is_the_sum_over_all_paths_through_the_layers(rng):
    layers = [weights(rng, H, L, L) for _ in range(3)]
    R, rule = attribution.rollout(layers), [(A.mean(0) + np.eye(L)) / 2 for A in layers]
    for i, j in np.ndindex(L, L):
        paths = sum(
            rule[2][i, a] * rule[1][a, b] * rule[0][b, j] for a in range(L) for b in range(L)
        )
        assert R[i, j] == pytest.approx(paths, abs=1e-14)
    np.testing.assert_allclose(R.sum(-1), 1)


def test_rollout_through_a_decoder_worked_by_hand():
    """One decoder token, two encoder tokens that exchanged nothing, all weight on the second."""
    encoder, decoder = [np.eye(2)[None]], [np.ones((1, 1, 1))]
    cross = [np.array([[[0.0, 1.0]]])]
    R_tt, R_ts = attribution.rollout_encoder_decoder(encoder, decoder, cross)
    np.testing.assert_array_equal(R_tt, [[0.5]])
    np.testing.assert_array_equal(R_ts, [[0.0, 0.5]])
    R_tt, R_ts = attribution.rollout_encoder_decoder(encoder, decoder * 2, cross * 2)
    np.testing.assert_array_equal(R_tt, [[0.25]])
    np.testing.assert_array_equal(R_ts, [[0.0, 0.75]])


def test_each_row_of_the_decoders_rollout_sums_to_one_over_both_streams(rng):
    R_tt, R_ts = attribution.rollout_encoder_decoder(
        [weights(rng, B, H, S, S) for _ in range(2)],
        [weights(rng, B, H, L, L) for _ in range(3)],
        [weights(rng, B, H, L, S) for _ in range(3)],
    )
    assert R_tt.shape == (B, L, L) and R_ts.shape == (B, L, S)
    np.testing.assert_allclose(R_tt.sum(-1) + R_ts.sum(-1), 1)


def test_without_an_encoder_the_context_is_what_the_decoder_sees(rng):
    A, C = weights(rng, H, L, L), weights(rng, H, L, S)
    _, R_ts = attribution.rollout_encoder_decoder([], [A], [C])
    np.testing.assert_allclose(R_ts, C.mean(0) / 2)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda A: attribution.rollout([]), "at least one layer, got none"),
        (lambda A: attribution.rollout([A]), "layer 0 has 4 queries and 5 keys"),
        (lambda A: attribution.head_mean(A[0, 0]), r"shape \(4, 5\), expected \(…, h, L, S\)"),
        (lambda A: attribution.head_mean(A * 9), "expected 0 to 1: give the weights after the"),
        (lambda A: attribution.head_mean(A * np.nan), "120 numbers that are NaN or infinite"),
        (lambda A: attribution.gradient_attention(A, None), r"call backward\(\) on the score"),
        (lambda A: attribution.gradient_attention(A, A[:1]), r"\(1, 3, 4, 5\), the weights"),
        (lambda A: attribution.rollout_encoder_decoder([], [], [A]), "got 0 of the first and 1"),
        (
            lambda A: attribution.rollout_encoder_decoder([A[..., :4]], [A[..., :4]], [A]),
            "the encoder has 4 tokens, but the cross-attention's context has 5",
        ),
    ],
)
def test_what_does_not_fit_is_named(rng, call, message):
    with pytest.raises(ValueError, match=message):
        call(weights(rng, B, H, L, S))


def test_weights_and_gradients_are_read_from_a_trace_of_any_device(device):
    layer = mx.nn.CrossAttention(8, num_heads=H, head_dim=2).to(device)
    x, c = leaf(np.ones((B, L, 8)), device).float(), mx.randn(B, S, 8, device=device)
    with mx.trace() as t:
        output, _ = layer(x, c)
    ((name, (A, none)),) = attribution.from_trace(t).items()
    assert name == "CrossAttention 1" and none is None
    weighted(output).backward()
    A, dA = attribution.from_trace(t)[name]
    np.testing.assert_array_equal(A, values(t["weights"].value))
    np.testing.assert_array_equal(dA, values(t["weights"].grad))
    assert attribution.gradient_attention(A, dA).any()


def test_a_trace_without_attention_is_refused():
    with mx.trace() as t:
        mx.nn.Linear(2, 2)(mx.ones(1, 2))
    with pytest.raises(ValueError, match="no attention weights .its layers: "):
        attribution.from_trace(t)
