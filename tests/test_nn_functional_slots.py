"""A context and slots in one softmax: the products for the whole batch against the equation."""

import numpy as np
import pytest
from helpers import assert_close, values

import minixattn as mx
from minixattn.nn.functional import slots

B, H, L, S, N, D, D_V = 3, 2, 5, 4, 6, 3, 7
SCALE = 0.6


@pytest.fixture(autouse=True)
def however_few(monkeypatch):
    """No scores are too few for products of the whole batch."""
    monkeypatch.setattr(slots, "FEW", 0)


def made(rng, sizes=(B, H, L, S, N, D, D_V), size=1.0, dtype=np.float64, requires_grad=True):
    """Q, K, V, P_k and P_v."""
    B, H, L, S, N, D, D_V = sizes
    shapes = (B, H, L, D), (B, H, S, D), (B, H, S, D_V), (H, N, D), (H, N, D_V)
    return [
        mx.tensor(rng.standard_normal(s).astype(dtype) * size, requires_grad=requires_grad)
        for s in shapes
    ]


def by_products(*given):
    assert slots.is_shared(*given[:5])
    return slots.attention_with_slots(*given, SCALE)


def by_the_equation(*given):
    steps = slots.equation(*given, scale=SCALE)
    return steps.output, steps.weights


def everything(function, inputs, mask):
    """Output and weights, derivatives by arrays and by Tensors, and those of the derivatives."""
    found = function(*inputs, mask)
    total = 0
    for t in found:
        number = mx.arange(t.numel(), dtype=t.dtype).cos()
        total = total + (t * number.reshape(t.shape)).sum()
    plain = mx.autograd.grad(total, inputs, retain_graph=True)
    first = mx.autograd.grad(total, inputs, create_graph=True)
    again = sum((g * g * (i + 1)).sum() for i, g in enumerate(first))
    return *found, *plain, *first, *mx.autograd.grad(again, inputs)


MASKS = {
    "no mask": None, "(L, S)": (L, S), "(B, 1, 1, S)": (B, 1, 1, S), "(B, h, L, S)": (B, H, L, S),
    "(L, 1)": (L, 1),
}  # fmt: skip


@pytest.mark.parametrize("shape", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("size", (1.0, 40.0), ids=("small scores", "scores that overflow exp"))
def test_it_is_the_equation_with_all_its_derivatives(rng, shape, size):
    inputs = made(rng, size=size)
    mask = None if shape is None else mx.tensor(rng.random(shape) < 0.6)
    if mask is not None and mask.shape[-1] == 1:
        mask = mask.expand(L, S)  # the same for all keys, whose copy has one column
    expected = everything(by_the_equation, inputs, mask)
    for ours, theirs in zip(everything(by_products, inputs, mask), expected):
        assert_close(ours, theirs, 1e-9, 1e-10 * max(1.0, float(abs(values(theirs)).max())))


@pytest.mark.parametrize("sizes", (
    (1, 1, 1, 1, 1, 1, 1), (4, 1, 3, 2, 1, 2, 2), (1, 3, 1, 5, 700, 4, 2),
    (2, 2, 3, 600, 150, 5, 1),
), ids=str)  # fmt: skip
def test_it_is_the_equation_at_odd_sizes(rng, sizes):
    inputs = made(rng, sizes)
    expected = everything(by_the_equation, inputs, None)
    for ours, theirs in zip(everything(by_products, inputs, None), expected):
        assert_close(ours, theirs, 1e-9, 1e-10)


def test_queries_that_are_forbidden_the_whole_context_look_at_the_slots(rng):
    inputs = made(rng)
    keep = rng.random((L, S)) < 0.6
    keep[2] = False
    output, weights = by_products(*inputs, mx.tensor(keep))
    assert (values(weights)[:, :, 2, :S] == 0).all()
    assert_close(weights.sum(-1), np.ones((B, H, L)))
    for ours, theirs in zip((output, weights), by_the_equation(*inputs, mx.tensor(keep))):
        assert_close(ours, theirs, 1e-12, 1e-12)


def test_a_mask_that_is_changed_later_changes_no_derivative(rng):
    inputs, keep = made(rng), mx.tensor(rng.random((L, S)) < 0.6)
    found = []
    for late in (False, True):
        output, _ = by_products(*inputs, keep)
        number = mx.arange(output.numel(), dtype=output.dtype).cos().reshape(output.shape)
        if late:
            keep.array[...] = ~keep.array
        found.append(mx.autograd.grad((output * number).sum(), inputs, create_graph=True))
    for ours, theirs in zip(*found):
        assert_close(ours, theirs, 1e-14, 1e-14)


def test_weights_that_are_watched_get_their_gradient(rng):
    found = []
    for function in (by_products, by_the_equation):
        inputs = made(np.random.default_rng(5))
        output, weights = function(*inputs, None)
        weights.retain_grad()
        number = mx.arange(output.numel(), dtype=output.dtype).cos().reshape(output.shape)
        (output * number).sum().backward()
        V = slots.with_slots(inputs[2], inputs[4]).detach()
        assert_close(weights.grad, number @ V.mT)
        found.append([x.grad for x in inputs])
    for ours, theirs in zip(*found):
        assert_close(ours, theirs, 1e-9, 1e-10)


def test_nothing_is_repeated_for_the_elements_of_a_batch(rng):
    """The equation makes B copies of the slots; the products need room for scores alone."""
    from tracemalloc import get_traced_memory, start, stop

    inputs = made(rng, (64, 2, 2, 2, 500, 32, 32), requires_grad=False)
    copies = 2 * 64 * inputs[3].array.nbytes
    peaks = []
    for function in (by_products, by_the_equation):
        function(*inputs, None)
        start()
        function(*inputs, None)
        peaks.append(get_traced_memory()[1])
        stop()
    assert peaks[0] < copies / 2 < copies < peaks[1]


def test_float32_is_as_near_to_float64_as_the_equation_is(rng):
    sizes = (8, 2, 30, 30, 200, 16, 16)
    exact = everything(by_the_equation, made(np.random.default_rng(3), sizes), None)[:7]
    distances = []
    for function in (by_products, by_the_equation):
        inputs = made(np.random.default_rng(3), sizes, dtype=np.float32)
        found = everything(function, inputs, None)[:7]
        assert all(t.dtype == mx.float32 for t in found)
        distances.append([abs(values(a) - values(b)).max() for a, b in zip(found, exact)])
    assert all(ours < 2 * theirs for ours, theirs in zip(*distances))


@pytest.mark.parametrize("change", (
    "float16", "cuda", "no batch", "no keys", "no slots", "few slots", "wrong slots", "few", "long",
))  # fmt: skip
def test_the_rest_is_left_to_the_equation(rng, change, monkeypatch, request):
    given = made(rng, requires_grad=False)
    assert slots.is_shared(*given)
    if change == "float16":
        given = [x.half() for x in given]
    elif change == "cuda":
        request.getfixturevalue("stand_in")
        given = [x.to("cuda") for x in given]
    elif change == "no batch":
        given[:3] = [x[0] for x in given[:3]]
    elif change == "no slots":
        given[3:] = [x[:, :0] for x in given[3:]]
    elif change == "few slots":
        given = made(rng, (B, H, L, 50, 12, D, D_V), requires_grad=False)
    elif change == "no keys":
        given[1:3] = [x[:, :, :0] for x in given[1:3]]
    elif change == "wrong slots":
        given[3] = given[3][:, :, :2]
    else:
        bound = {"few": ("FEW", B * H * L * (S + N)), "long": ("SHORT", L * (S + N) - 1)}
        monkeypatch.setattr(slots, *bound[change])
    assert not slots.is_shared(*given)


def test_the_layer_takes_it_for_batches_and_the_steps_where_someone_looks(rng, monkeypatch):
    taken = []
    fast = slots.attention_with_slots
    monkeypatch.setattr(
        mx.nn.memory, "attention_with_slots", lambda *a: taken.append(1) or fast(*a)
    )
    layer = mx.nn.PersistentMemoryAttention(8, num_heads=2, num_slots=N, dropout=0.5).eval()
    x = mx.tensor(rng.standard_normal((B, L, 8)).astype("f"))
    output, weights = layer(x, x)
    assert len(taken) == 1
    with mx.trace():
        slowly = layer(x, x)
    layer.train()(x, x)
    assert len(taken) == 1
    assert_close(output, slowly[0], 1e-5, 1e-6)
    assert_close(weights, slowly[1], 1e-5, 1e-6)


def test_a_learned_scale_still_learns(rng):
    layer = mx.nn.PersistentMemoryAttention(8, num_heads=2, num_slots=N)
    layer.scale = mx.nn.Parameter(mx.tensor(0.5))
    x = mx.tensor(rng.standard_normal((B, L, 8)).astype("f"))
    layer(x, x)[0].square().sum().backward()
    assert layer.scale.grad.item() != 0
