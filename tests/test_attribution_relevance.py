"""Relevance between two streams, against hand-worked cases and the rules written out in loops."""

import numpy as np
import pytest

from minixattn import attribution

H, T, I = 2, 3, 4


def pair(rng, n, m, batch=()):
    """Weights and a gradient (…, H, n, m)."""
    x = rng.random((*batch, H, n, m))
    return x / x.sum(-1, keepdims=True), rng.standard_normal((*batch, H, n, m))


def test_one_self_attention_adds_what_it_looked_at():
    A = np.array([[[0.25, 0.75], [1.0, 0.0]]])
    R = attribution.chefer([("tt", A, np.array([[[2.0, 4.0], [-1.0, 1.0]]]))])
    # Ā = (∇A ⊙ A)⁺ = [[½, 3], [0, 0]]
    np.testing.assert_array_equal(R["tt"], [[1.5, 3.0], [0.0, 1.0]])


def test_a_second_self_attention_carries_on_what_the_first_has_mixed():
    A = np.array([[[0.0, 1.0], [0.0, 1.0]]])
    B = np.array([[[1.0, 0.0], [1.0, 0.0]]])
    ones = np.ones((1, 2, 2))
    R = attribution.chefer([("tt", A, ones), ("tt", B, ones)])
    # R = I + A = [[1, 1], [0, 2]]; then R + B R adds its first row to both
    np.testing.assert_array_equal(R["tt"], [[2.0, 2.0], [1.0, 3.0]])


def test_cross_attention_looks_through_what_both_streams_have_mixed():
    """Tokens t: 1, tokens s: 2; s's first token has looked at its second one."""
    S = np.array([[[0.0, 1.0], [0.0, 0.0]]])
    C = np.array([[[1.0, 0.0]]])
    R = attribution.chefer([("ss", S, 3 * np.ones((1, 2, 2))), ("ts", C, 2 * np.ones((1, 1, 2)))])
    # R_ss = [[1, 3], [0, 1]], R̄_ss = [[1, 1], [0, 1]], R̄_tt = [[1]], Ā = [[2, 0]]
    np.testing.assert_array_equal(R["ss"], [[1.0, 3.0], [0.0, 1.0]])
    np.testing.assert_array_equal(R["ts"], [[2.0, 2.0]])
    np.testing.assert_array_equal(R["tt"], [[1.0]])
    np.testing.assert_array_equal(R["st"], np.zeros((2, 1)))


def rownorm(x):
    """x - I in rows that sum to 1, plus I, element by element."""
    y = np.zeros_like(x)
    for m, n in np.ndindex(*x.shape):
        total = sum(x[m, k] - (m == k) for k in range(len(x)))
        y[m, n] = (x[m, n] - (m == n)) / total if total else 0
    return y + np.eye(len(x))


def by_loops(steps):
    """The rules once more, element by element."""
    R = {"tt": np.eye(T), "ii": np.eye(I), "ti": np.zeros((T, I)), "it": np.zeros((I, T))}

    for (s, q), A, dA in steps:
        mean = np.zeros(A.shape[1:])
        for h, a, b in np.ndindex(*A.shape):
            mean[a, b] += max(A[h, a, b] * dA[h, a, b], 0) / len(A)
        old = {k: v.copy() for k, v in R.items()}
        other = "i" if s == "t" else "t"
        if s == q:
            for m, n in np.ndindex(*R[s + s].shape):
                R[s + s][m, n] += sum(mean[m, k] * old[s + s][k, n] for k in range(len(mean)))
            for m, n in np.ndindex(*R[s + other].shape):
                R[s + other][m, n] += sum(
                    mean[m, k] * old[s + other][k, n] for k in range(len(mean))
                )
        else:
            S, Q = rownorm(old[s + s]), rownorm(old[q + q])
            for m, n in np.ndindex(*R[s + q].shape):
                R[s + q][m, n] += sum(
                    S[a, m] * mean[a, b] * Q[b, n] for a, b in np.ndindex(*mean.shape)
                )
            for m, n in np.ndindex(*R[s + s].shape):
                R[s + s][m, n] += sum(mean[m, k] * old[q + s][k, n] for k in range(mean.shape[1]))
    return R


def test_the_rules_of_a_two_stream_model_are_those_of_the_paper(rng):
    sizes = {"t": T, "i": I}
    routes = ["tt", "ii", "ii", "ti", "it", "tt", "ii", "it", "ti"]
    steps = [(r, *pair(rng, sizes[r[0]], sizes[r[1]])) for r in routes]
    R, expected = attribution.chefer(steps), by_loops(steps)
    assert set(R) == set(expected)
    for route, x in expected.items():
        np.testing.assert_allclose(R[route], x, rtol=1e-12, err_msg=route)


def test_a_batch_gives_what_its_examples_give_one_by_one(rng):
    routes = {"tt": (T, T), "ii": (I, I), "ti": (T, I)}
    steps = [(r, *pair(rng, *n, batch=(5,))) for r, n in routes.items()]
    R = attribution.chefer(steps)
    for b in range(5):
        alone = attribution.chefer([(r, A[b], dA[b]) for r, A, dA in steps])
        np.testing.assert_allclose(R["ti"][b], alone["ti"], rtol=1e-12)


def test_attentions_at_the_same_time_do_not_see_each_other(rng):
    there, back = ("ti", *pair(rng, T, I)), ("it", *pair(rng, I, T))
    start = [("tt", *pair(rng, T, T)), ("ii", *pair(rng, I, I))]
    both = attribution.chefer([*start, [there, back]])
    turned = attribution.chefer([*start, [back, there]])
    one = attribution.chefer([*start, there])
    other = attribution.chefer([*start, back])
    np.testing.assert_array_equal(both["ti"], one["ti"])
    np.testing.assert_array_equal(both["it"], other["it"])
    for route in both:
        np.testing.assert_array_equal(both[route], turned[route])
    assert not np.allclose(attribution.chefer([*start, there, back])["ii"], both["ii"])


def test_a_score_that_ignores_the_weights_leaves_each_token_to_itself(rng):
    A, _ = pair(rng, T, T)
    C, _ = pair(rng, T, I)
    R = attribution.chefer([("tt", A, 0 * A), ("ti", C, 0 * C)])
    np.testing.assert_array_equal(R["tt"], np.eye(T))
    np.testing.assert_array_equal(R["ti"], np.zeros((T, I)))


def test_what_does_not_fit_is_named(rng):
    A, dA = pair(rng, T, I)
    with pytest.raises(ValueError, match='a route is two letters.*got "text"|got .text.'):
        attribution.chefer([("text", A, dA)])
    with pytest.raises(ValueError, match='stream "t" has 4 tokens in the step "it"'):
        attribution.chefer([("ti", A, dA), ("it", *pair(rng, I, I))])
    with pytest.raises(ValueError, match="one or two streams; got t, i, k"):
        attribution.chefer([("ti", A, dA), ("kk", *pair(rng, 2, 2))])
    with pytest.raises(ValueError, match="got none"):
        attribution.chefer([])
    with pytest.raises(ValueError, match="gradients have shape"):
        attribution.chefer([("ti", A, dA[..., :2])])
