"""Taking tokens away: exact where the model is a sum, and silent on what has no effect."""

import numpy as np
import pytest

import minixattn as mx
from minixattn import attribution


def test_for_a_weighted_sum_the_drop_is_each_tokens_own_part(rng):
    c, w = rng.standard_normal((2, 5, 3)), rng.standard_normal((5, 3))
    R = attribution.occlusion(lambda x: (x * w).sum((1, 2)), c)
    np.testing.assert_allclose(R, (c * w).sum(-1), atol=1e-12)


def test_a_token_is_replaced_by_the_value_given(rng):
    tokens, table = rng.integers(1, 9, (3, 4)), rng.standard_normal(9)
    R = attribution.occlusion(lambda x: table[x].sum(1), tokens, value=8)
    np.testing.assert_allclose(R, table[tokens] - table[8], atol=1e-12)


def test_a_score_for_each_query_gives_a_row_for_each_query(rng):
    c, w = rng.standard_normal((2, 5)), rng.standard_normal((4, 5))
    R = attribution.occlusion(lambda x: x @ w.T, c)
    np.testing.assert_allclose(R, c[:, None] * w, atol=1e-12)


def test_the_context_is_never_changed_and_an_unused_token_gets_exactly_zero(rng):
    c = rng.standard_normal((2, 5, 3))
    before = c.copy()
    R = attribution.occlusion(lambda x: np.tanh(x[:, 1:]).prod((1, 2)), c)
    np.testing.assert_array_equal(c, before)
    assert not R[:, 0].any() and R[:, 1:].all()


def test_a_model_of_this_package_is_explained_through_its_arrays():
    layer = mx.nn.CrossAttention(4, num_heads=2)
    x, c = mx.randn(2, 3, 4), mx.randn(2, 5, 4)
    R = attribution.occlusion(lambda a: layer(x, mx.tensor(a))[0].sum(-1), c)
    assert R.shape == (2, 3, 5)
    without = mx.cat([c[:, :2], mx.zeros(2, 1, 4), c[:, 3:]], 1)
    drop = layer(x, c)[0].sum(-1) - layer(x, without)[0].sum(-1)
    np.testing.assert_allclose(R[..., 2], drop.detach().numpy(), atol=1e-6)


def test_a_function_that_gives_no_number_for_each_example_is_refused(rng):
    c = rng.standard_normal((2, 5, 3))
    with pytest.raises(ValueError, match=r"gave shape \(\) for a context \(2, 5, 3\)"):
        attribution.occlusion(lambda x: x.sum(), c)
    with pytest.raises(ValueError, match=r"expected \(B,\) = \(2,\)"):
        attribution.occlusion(lambda x: x, c)
    with pytest.raises(ValueError, match="gave NaN or infinity"):
        attribution.occlusion(lambda x: x[:, 0, 0] * np.nan, c)
    with pytest.raises(ValueError, match=r"context has shape \(5,\)"):
        attribution.occlusion(lambda x: x, c[0, :, 0])


def test_where_information_has_moved_raw_attention_points_wrong_and_occlusion_right(rng):
    """The encoder moves each token one place on, and the decoder fetches it there."""
    S = 6
    moved = np.roll(np.eye(S), 1, 0)  # row s looks at s - 1
    look = np.roll(np.eye(S), 1, 1)  # row l looks at l + 1
    c, truth = rng.random((1, S)) + 1, np.arange(S)[None]
    R = attribution.occlusion(lambda x: x @ moved.T @ look.T, c)
    assert attribution.pointing_accuracy(R, truth) == 1
    assert attribution.mass_on_truth(R, truth) == 1
    raw = attribution.head_mean(look[None, None])
    assert attribution.pointing_accuracy(raw, truth) == 0
    none = np.eye(S)[None]
    _, R_ts = attribution.rollout_encoder_decoder([moved[None]], [none], [look[None]])
    assert attribution.pointing_accuracy(R_ts[None], truth) == 0.5  # it splits every step in two
    ones = np.ones((1, S, S))
    R = attribution.chefer([("ss", moved[None], ones), ("ts", look[None], ones)])
    assert attribution.pointing_accuracy(R["ts"][None], truth) == 0.5
