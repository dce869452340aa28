"""Routes: which of the eight run, what they pick, and how they say no."""

import numpy as np
import pytest
from helpers import assert_close, leaf, values

import minixattn as mx
from minixattn.nn import Route
from minixattn.nn.functional import scaled_dot_product_attention

B, L, S, E, H = 2, 5, 7, 6, 3
EVERY = [a + b + c for a in "AB" for b in "AB" for c in "AB"]
ONE_CONTEXT = {"AAA", "ABB", "BAA", "BBB"}


def pair(rng, device="cpu", lengths=(L, S)):
    return [leaf(rng.standard_normal((B, n, E)), device) for n in lengths]


def attention(q, k, v):
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    e = np.exp(scores)
    return e / e.sum(-1, keepdims=True) @ v


def test_there_are_eight_routes():
    assert [route.letters for route in Route.all()] == EVERY
    assert len({*Route.all()}) == 8


@pytest.mark.parametrize("letters", EVERY)
def test_with_different_lengths_the_four_with_one_context_run(rng, device, letters):
    A, C = pair(rng, device)
    route = Route(*letters)
    if letters in ONE_CONTEXT:
        q, k, v = (values({"A": A, "B": C}[x]) for x in letters)
        assert_close(route(A, C), attention(q, k, v))
        return
    n = {"A": L, "B": S}
    words = (
        f"Route {letters} takes its keys from {letters[1]} and its values from {letters[2]}, but A "
        f"has length {L} and B has length {S}: each key needs its value"
    )
    for attempt in (route, route.pick):
        with pytest.raises(mx.ShapeError, match=words):
            attempt(A, C)
    assert route.verdict(L, S).reason == (
        f"{n[letters[1]]} keys from {letters[1]}, but {n[letters[2]]} values from {letters[2]}"
    )


@pytest.mark.parametrize("letters", EVERY)
def test_with_equal_lengths_all_eight_run(rng, device, letters):
    A, C = pair(rng, device, (L, L))
    q, k, v = (values({"A": A, "B": C}[x]) for x in letters)
    assert_close(Route(*letters)(A, C), attention(q, k, v))


def test_the_table_of_legal_routes_is_what_really_runs(rng):
    for lengths in ((L, S), (S, L), (L, L), (1, 2)):
        A, C = pair(rng, lengths=lengths)
        for route, legal, reason in Route.legal(*lengths):
            try:
                route(A, C)
            except mx.ShapeError:
                assert not legal and "but" in reason
            else:
                assert legal and "but" not in reason


def test_the_table_prints_every_route_with_its_reason():
    assert repr(Route.legal(5, 7)) == (
        "Routes over A (length 5) and B (length 7)\n"
        "q k v  weights  runs  what it is       because\n"
        "A A A  5 × 5    yes   self-attention   5 keys and 5 values, both A's\n"
        "A A B  5 × 5    no    no usual name    5 keys from A, but 7 values from B\n"
        "A B A  5 × 7    no    agreement        7 keys from B, but 5 values from A\n"
        "A B B  5 × 7    yes   cross-attention  7 keys and 7 values, both B's\n"
        "B A A  7 × 5    yes   cross-attention  5 keys and 5 values, both A's\n"
        "B A B  7 × 5    no    agreement        5 keys from A, but 7 values from B\n"
        "B B A  7 × 7    no    no usual name    7 keys from B, but 5 values from A\n"
        "B B B  7 × 7    yes   self-attention   7 keys and 7 values, both B's"
    )
    assert "A B A  4 × 4    yes   agreement        4 keys, 4 values: A and B" in repr(
        Route.legal(4, 4)
    )


def test_the_table_s_weights_are_the_shape_of_the_weights(rng):
    A, C = (leaf(rng.standard_normal((n, E))) for n in (L, S))
    for line, (route, legal, _) in zip(repr(Route.legal(L, S)).splitlines()[2:], Route.legal(L, S)):
        if legal:
            steps = route(A, C, mx.nn.functional.attention.attention_steps)
            assert "{} × {}".format(*steps.weights.shape) in line


def test_three_routes_have_names():
    assert Route.self_attention() == Route("A", "A", "A")
    assert Route.cross_attention() == Route() == Route("A", "B", "B")
    assert Route.agreement() == Route(q="A", k="B", v="A")
    assert repr(Route.agreement()) == (
        "Route ABA: agreement, A is compared with B and collects its own values"
    )
    assert [route.name for route in Route.all()] == [
        "self-attention", "no usual name", "agreement", "cross-attention",
        "cross-attention", "agreement", "no usual name", "self-attention",
    ]  # fmt: skip


def test_pick_hands_out_the_sequences_themselves(rng):
    A, C = pair(rng)
    query, key, value = picked = Route("B", "A", "A").pick(A, C)
    assert query is C and key is A and value is A
    assert picked.query is C and picked._fields == ("query", "key", "value")
    arrays = Route("A", "B", "B").pick(values(A), values(C))
    assert arrays.key.shape == (B, S, E)


def test_a_route_runs_by_hand_by_function_and_by_layer(rng, device):
    A, C = pair(rng, device)
    query, key, value = Route().pick(A, C)
    by_hand = mx.softmax(query @ key.mT / E**0.5, dim=-1) @ value
    assert_close(Route()(A, C), by_hand)
    assert_close(Route()(A, C, scaled_dot_product_attention, scale=E**-0.5), by_hand)

    mx.manual_seed(0)
    mha = mx.nn.MultiheadAttention(E, H, batch_first=True).to(mx.float64).to(device)
    for mine, its in zip(Route()(A, C, mha, average_attn_weights=False),
                         mha(A, C, C, average_attn_weights=False)):  # fmt: skip
        assert_close(mine, its, 0, 0)
    cross = mx.nn.CrossAttention(E, num_heads=H).to(mx.float64).to(device)
    mask = mx.masks.causal(S, L)
    assert_close(Route(*"BAA")(A, C, cross, mask=mask)[0], cross(C, A, mask)[0], 0, 0)
    alone = mx.nn.SelfAttention(E, num_heads=H).to(mx.float64).to(device)
    assert_close(Route(*"BBB")(A, C, alone)[0], alone(C)[0], 0, 0)


def test_the_length_of_a_layer_without_batch_first_comes_first(rng):
    mha = mx.nn.MultiheadAttention(E, H).to(mx.float64)
    A, C = leaf(rng.standard_normal((L, B, E))), leaf(rng.standard_normal((S, B, E)))
    output, weights = Route()(A, C, mha)
    assert output.shape == (L, B, E) and weights.shape == (B, L, S)
    with pytest.raises(mx.ShapeError, match="A has length 5 and B has length 7"):
        Route.agreement()(A, C, mha)
    with pytest.raises(mx.ShapeError, match="A has length 5 and B has length 7"):
        Route.agreement().pick(A, C, dim=0)


def test_layers_of_fewer_sequences_refuse_routes_of_more(rng):
    A, C = pair(rng, lengths=(L, L))
    cross = mx.nn.CrossAttention(E, num_heads=H).to(mx.float64)
    alone = mx.nn.SelfAttention(E, num_heads=H).to(mx.float64)
    with pytest.raises(ValueError, match=r"CrossAttention makes keys and values from one sequence, "
                       r"but Route ABA does not: use MultiheadAttention"):  # fmt: skip
        Route.agreement()(A, C, cross)
    with pytest.raises(ValueError, match="SelfAttention makes queries, keys and values from one"):
        Route.cross_attention()(A, C, alone)


def test_gradients_reach_the_sequences_on_the_route_only(rng):
    A, C = pair(rng, lengths=(L, L))
    Route.agreement()(A, C).square().sum().backward()
    assert np.abs(values(A.grad)).min() > 0 and np.abs(values(C.grad)).max() > 0
    A.grad = C.grad = None
    Route(*"BBB")(A, C).square().sum().backward()
    assert A.grad is None and C.grad is not None


def test_other_sources_and_shapes_are_named(rng):
    with pytest.raises(ValueError, match="Route: k comes from 'A' or 'B', got 'C'"):
        Route("A", "C", "A")
    with pytest.raises(mx.ShapeError, match=r"Route ABB: B has shape \(7,\), expected at least"):
        Route().pick(mx.ones(5, 3), mx.ones(7))
    with pytest.raises(mx.ShapeError, match="with the length in dimension 3"):
        Route().pick(mx.ones(5, 3), mx.ones(7, 3), dim=3)
    with pytest.raises(TypeError, match=r"ints, got 5\.0"):
        Route.legal(5.0, 7)
