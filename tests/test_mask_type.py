"""The mask: composed, turned into arrays, and given to the layers."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values, weighted

import minixattn as mx
from minixattn.masks import causal, drop, keep, padding, sliding_window
from minixattn.nn.functional import scaled_dot_product_attention

B, H, L, S, D = 2, 3, 5, 7, 4


def streams(rng, device="cpu", dtype=np.float64):
    shapes = (B, H, L, D), (B, H, S, D), (B, H, S, 6)
    return [leaf(rng.standard_normal(s), device, dtype) for s in shapes]


def layer(device="cpu"):
    mx.manual_seed(0)
    return mx.nn.CrossAttention(6, 8, num_heads=H).to(mx.float64).to(device)


def inputs(rng, device="cpu"):
    shapes = (B, L, 6), (B, S, 8)
    return [leaf(rng.standard_normal(s), device) for s in shapes]


# Composed -----------------------------------------------------------------------------------------


def test_composition_is_boolean_algebra(rng):
    a, b = (rng.random((B, H, L, S)) < 0.5 for _ in range(2))
    assert ((keep(a) & keep(b)).allowed == (a & b)).all()
    assert ((keep(a) | keep(b)).allowed == (a | b)).all()
    assert ((~keep(a)).allowed == ~a).all()
    assert ((~(keep(a) & keep(b))).allowed == (drop(a) | drop(b)).allowed).all()


def test_masks_of_different_dimensions_meet_by_meaning_not_by_position(rng):
    """(B, L, S) beside (B, h, L, S): the first dimension is the batch in both, though B = h."""
    per_batch, per_head = rng.random((3, L, S)) < 0.5, rng.random((3, 3, L, S)) < 0.5
    both = keep(per_batch) & keep(per_head)
    assert (both.allowed == per_batch[:, None] & per_head).all()
    assert ((keep(per_head) | keep(per_batch)).allowed == per_batch[:, None] | per_head).all()
    assert (causal(L, S) & padding([7, 4], S)).shape == (2, L, S)


def test_masks_that_do_not_compose_are_both_named():
    words = (
        r"causal\(5, 7\) of shape \(5, 7\) and padding\(\[3, 9\], 9\) of shape \(2, 1, 9\) do not "
        r"compose: the first is for 7 keys, the second for 9"
    )
    with pytest.raises(mx.ShapeError, match=words):
        causal(5, 7) & padding([3, 9], 9)
    with pytest.raises(mx.ShapeError, match=words):
        causal(5, 7) | padding([3, 9], 9)


@pytest.mark.parametrize(
    "a, b, words",
    (
        (causal(4, 7), causal(5, 7), "the first is for 4 queries, the second for 5"),
        (causal(5, 1), causal(5, 7), "the first is for 1 keys, the second for 7"),
        (padding([1, 2], 7), padding([1, 2, 3], 7), "for 2 batch elements, the second for 3"),
        (keep(np.ones((2, 3, 5, 7), bool)), drop(np.ones((2, 4, 5, 7), bool)), "3 heads, .* for 4"),
        (keep(np.ones((2, 3, 5, 7), bool)), padding([1, 2, 3], 7), "2 batch elements, .* for 3"),
    ),
)
def test_the_first_dimension_that_does_not_compose_is_named(a, b, words):
    with pytest.raises(mx.ShapeError, match=words):
        a & b


def test_a_bare_array_is_not_joined_since_its_polarity_is_unsaid():
    array = np.ones((L, S), bool)
    mask = causal(L, S)
    joins = (lambda: mask & array, lambda: array & mask, lambda: mask | array, lambda: array | mask)
    for join in joins:
        with pytest.raises(TypeError, match=r"got ndarray: say what its True means.*masks\.keep"):
            join()


def test_and_between_masks_is_refused_since_it_would_drop_one():
    with pytest.raises(TypeError, match=r"shape \(5, 7\) is ambiguous: join masks with &"):
        causal(L, S) and padding([3], S)


def test_empty_rows_are_named_by_query_batch_and_head():
    assert causal(L, S, offset=-2).empty_rows() == [0, 1]
    assert (causal(2, S) & padding([S, 0], S)).empty_rows() == [(1, 0), (1, 1)]
    per_head = np.ones((B, H, L, S), bool)
    per_head[1, 2, 3] = False
    assert keep(per_head).empty_rows() == [(1, 2, 3)]
    assert causal(L, S).empty_rows() == []
    assert causal(2, 0).empty_rows() == [0, 1]


# As arrays ----------------------------------------------------------------------------------------


def test_for_sdpa_is_true_or_zero_where_one_may_attend():
    mask = causal(L, S)
    assert (mask.for_sdpa() == mask.allowed).all()
    added = mask.for_sdpa("float", dtype=np.float64)
    assert added.dtype == np.float64 and mask.for_sdpa("float").dtype == np.float32
    assert (added[mask.allowed] == 0).all() and (added[~mask.allowed] == -np.inf).all()


def test_for_sdpa_gives_a_batch_of_masks_their_head_dimension():
    mask = causal(L, S) & padding([7, 4], S)
    assert mask.for_sdpa().shape == (2, 1, L, S)
    assert mask.for_sdpa(heads=False).shape == (2, L, S)
    assert keep(np.ones((2, 1, L, S), bool)).for_sdpa(heads=False).shape == (2, L, S)
    with pytest.raises(mx.ShapeError, match=r"differs between 3 heads.*split it into \(B, h, L"):
        keep(np.ones((2, 3, L, S), bool)).for_sdpa(heads=False)


def test_for_multihead_is_true_or_minus_infinity_where_one_may_not():
    mask = causal(L, S)
    assert (mask.for_multihead() == ~mask.allowed).all()
    added = mask.for_multihead(kind="float")
    assert (added[mask.allowed] == 0).all() and (added[~mask.allowed] == -np.inf).all()


def test_for_multihead_repeats_a_batch_of_masks_for_the_heads(rng):
    per_batch, per_head = rng.random((B, L, S)) < 0.5, rng.random((B, H, L, S)) < 0.5
    dropped = keep(per_batch).for_multihead(H)
    assert dropped.shape == (B * H, L, S)
    assert (dropped.reshape(B, H, L, S) == ~per_batch[:, None]).all()
    assert (keep(per_head).for_multihead(H).reshape(B, H, L, S) == ~per_head).all()
    assert padding([7, 4], S).for_multihead(H, length=L).shape == (2 * H, L, S)
    assert keep(per_head[:1]).for_multihead(H, batch=4).shape == (4 * H, L, S)


def test_for_multihead_asks_for_what_it_cannot_know():
    with pytest.raises(ValueError, match=r"padding\(\[7, 4\], 7\) has one row.*length=L, or use"):
        padding([7, 4], S).for_multihead(H)
    with pytest.raises(ValueError, match=r"of shape \(2, 5, 7\) becomes \(B·h, L, S\): give num_h"):
        (padding([7, 4], S) & causal(L, S)).for_multihead()
    with pytest.raises(mx.ShapeError, match=r"\(2, 3, 5, 7\) does not fit \(2, 4, 5, 7\)"):
        keep(np.ones((2, 3, L, S), bool)).for_multihead(4)
    with pytest.raises(mx.ShapeError, match=r"\(5, 7\) does not fit \(6, 7\), which is \(L, S\)"):
        causal(L, S).for_multihead(length=6)


def test_for_key_padding_is_true_for_keys_left_out():
    assert (padding([7, 4], S).for_key_padding().sum(-1) == [0, 3]).all()
    added = padding([7, 4], S).for_key_padding("float", dtype=np.float16)
    assert added.shape == (2, S) and added.dtype == np.float16 and added[1, -1] == -np.inf
    with pytest.raises(mx.ShapeError, match=r"causal\(5, 7\).*between queries.*as attn_mask"):
        causal(L, S).for_key_padding()
    with pytest.raises(mx.ShapeError, match="differ between queries or heads"):
        keep(np.ones((2, 3, 1, S), bool)).for_key_padding()


def test_arrays_handed_out_are_writeable_copies():
    mask = padding([7, 4], S)
    for array in (mask.for_sdpa(), mask.for_multihead(H, length=L), mask.for_key_padding()):
        array[:] = False
    assert mask.allowed.any() and not mask.allowed.all()


def test_an_unknown_kind_lists_the_two_there_are():
    with pytest.raises(ValueError, match="kind is 'bool' or 'float', got 'int'"):
        causal(L, S).for_sdpa("int")


# In the layers ------------------------------------------------------------------------------------


def composed():
    mask = (causal(L, S, "lower_right") | sliding_window(L, S, 1, 2)) & padding([S, 5], S)
    return mask | keep(np.arange(S)[None] == 0)


def test_attention_takes_a_mask_as_it_takes_its_array(rng, device):
    query, key, value = streams(rng, device)
    mask = composed()
    output = scaled_dot_product_attention(query, key, value, mask)
    for kind in ("bool", "float"):
        array = mx.tensor(mask.for_sdpa(kind, dtype=np.float64), device=device)
        assert_close(scaled_dot_product_attention(query, key, value, array), output, 0, 0)
    single = scaled_dot_product_attention(query[:, 0], key[:, 0], value[:, 0], mask)
    assert_close(single, values(output)[:, 0])


def test_cross_attention_takes_a_mask_as_it_takes_its_array(rng, device):
    mask, (x, c) = composed(), inputs(rng, device)
    output, weights = layer(device)(x, c, mask)
    expected = layer(device)(x, c, mx.tensor(mask.numpy(), device=device))
    assert_close(output, expected[0], 0, 0)
    allowed = np.broadcast_to(mask.allowed[:, None], weights.shape)
    assert ((values(weights) > 0) == allowed).all()


def test_multihead_attention_takes_a_mask_whose_polarity_is_its_own_affair(rng, device):
    mx.manual_seed(0)
    mha = mx.nn.MultiheadAttention(6, H, kdim=8, vdim=8, batch_first=True).to(mx.float64).to(device)
    x, c = inputs(rng, device)
    mask, real = composed(), padding([S, 5], S)
    output, weights = mha(x, c, c, attn_mask=mask, average_attn_weights=False)
    assert ((values(weights) > 0) == np.broadcast_to(mask.allowed[:, None], weights.shape)).all()
    dropped = mx.tensor(mask.for_multihead(H), device=device)
    assert_close(mha(x, c, c, attn_mask=dropped)[0], output, 0, 0)
    padded = mha(x, c, c, key_padding_mask=real)
    left_out = mx.tensor(real.for_key_padding(), device=device)
    assert_close(mha(x, c, c, key_padding_mask=left_out)[0], padded[0], 0, 0)
    assert_close(mha(x, c, c, attn_mask=real)[0], padded[0])


def test_a_mask_of_the_wrong_size_is_refused_by_every_layer(rng):
    x, c = inputs(rng)
    with pytest.raises(mx.ShapeError, match=r"\(5, 9\) does not fit 5 queries and 7 keys"):
        layer()(x, c, causal(5, 9))
    with pytest.raises(mx.ShapeError, match=r"attn_mask of shape \(5, 9\) does not fit scores"):
        scaled_dot_product_attention(*streams(rng), causal(5, 9))
    mha = mx.nn.MultiheadAttention(6, H, kdim=8, vdim=8, batch_first=True).to(mx.float64)
    with pytest.raises(mx.ShapeError, match=r"attn_mask has shape \(5, 9\): expected \(L, S\)"):
        mha(x, c, c, attn_mask=causal(5, 9))
    with pytest.raises(mx.ShapeError, match=r"causal\(4, 7\) of shape \(4, 7\) does not fit"):
        mha(x, c, c, attn_mask=causal(4, 7))


@pytest.mark.parametrize("dtype", (np.float16, np.float32, np.float64))
@pytest.mark.parametrize("kind", ("mask", "bool", "float"))
def test_a_row_that_may_look_nowhere_gives_zero_and_no_gradient(rng, device, dtype, kind):
    query, key, value = streams(rng, device, dtype)
    mask = causal(L, S, offset=-2) & padding([S, 0], S)  # queries 0, 1; all of batch element 1
    given = mask
    if kind != "mask":
        given = mx.tensor(mask.for_sdpa(kind, dtype=dtype), device=device)
    output = scaled_dot_product_attention(query, key, value, given)
    weighted(output).backward()
    empty = np.zeros((B, L), bool)
    empty[0, :2] = True
    empty[1] = True
    for array in (values(output), values(query.grad)):
        rows = array.swapaxes(1, 2)  # (B, L, h, …)
        assert (rows[empty] == 0).all()
        assert (rows[0, 3:] != 0).any(-1).all()  # query 2 sees one key: its gradient is 0 as well
    assert (values(key.grad)[1] == 0).all() and (values(value.grad)[1] == 0).all()
    assert np.isfinite(values(key.grad)).all() and (values(value.grad)[0] != 0).any()


def test_minus_a_billion_is_no_mask_in_float64():
    """Added to each score of a row it cancels in the softmax, and the row looks everywhere."""
    Q, K = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0]])
    scores = Q @ K.T
    plain = np.exp(scores) / np.exp(scores).sum()
    assert_close(plain.round(3), [[0.09, 0.245, 0.665]])

    def attend(dtype, mask):
        q, k = (mx.tensor(a.astype(dtype)) for a in (Q, K))
        eye = mx.tensor(np.eye(3, dtype=dtype))  # values that show the weights
        return scaled_dot_product_attention(q, k, eye, mask, scale=1.0)

    def billion(dtype):
        return mx.tensor(np.full((1, 3), -1e9, dtype))

    unmasked, uniform = plain, np.full((1, 3), 1 / 3)
    assert_close(attend(np.float64, billion(np.float64)), unmasked, 0, 1e-6)
    assert_close(attend(np.float32, billion(np.float32)), uniform, 0, 1e-6)
    nowhere = keep(np.zeros((1, 3), bool))
    for dtype in (np.float32, np.float64):
        assert_close(attend(dtype, nowhere), np.zeros((1, 3)), 0, 0)
        infinite = mx.tensor(nowhere.for_sdpa("float", dtype=dtype))
        assert_close(attend(dtype, infinite), np.zeros((1, 3)), 0, 0)
