"""Masks and routes against PyTorch: each composed mask in both of its functions, in float64."""

import numpy as np
import pytest
import torch

import minixattn as mx
from minixattn.masks import causal, drop, keep, padding, sliding_window
from minixattn.nn import Route
from minixattn.nn.functional import scaled_dot_product_attention

E, H = 6, 3
theirs_sdpa = torch.nn.functional.scaled_dot_product_attention


def both(rng, *shape):
    array = rng.standard_normal(shape)
    return mx.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)


def agree(ours, theirs, rows=None, tolerance=1e-12):
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    assert ours.shape == theirs.shape
    if rows is not None:
        ours, theirs = ours[rows], theirs[rows]
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def piece(rng, B, L, S):
    """One random mask, and the same written out cell by cell as (B, h, L, S)."""
    p, b = np.arange(L)[:, None], np.arange(B)[:, None, None, None]
    j = np.arange(S)
    kind, offset = rng.integers(6), int(rng.integers(-2, 4))
    if kind == 0:
        align = ("upper_left", "lower_right")[rng.integers(2)]
        mask = causal(L, S, align, offset)
        cells = j <= p + offset + (S - L) * (align == "lower_right")
    elif kind == 1:
        lengths = rng.integers(0, S + 1, B)
        mask, cells = padding(lengths, S), j < lengths[b]
    elif kind == 2:
        left, right = (int(n) for n in rng.integers(0, 4, 2))
        mask = sliding_window(L, S, left, right, offset)
        cells = (p + offset - left <= j) & (j <= p + offset + right)
    else:
        shape = ((L, S), (B, L, S), (B, H, L, S))[rng.integers(3)]
        cells = rng.random(shape) < 0.7
        say, turned = ((keep, False), (drop, True))[rng.integers(2)]
        mask = say(cells ^ turned)
        cells = cells[:, None] if cells.ndim == 3 else cells
    return mask, np.broadcast_to(cells, (B, H, L, S))


def composed(rng, B, L, S):
    """A mask of one to four pieces joined by &, | and ~, and its cells."""
    mask, cells = piece(rng, B, L, S)
    for _ in range(rng.integers(4)):
        other, more = piece(rng, B, L, S)
        if rng.random() < 0.3:
            other, more = ~other, ~more
        if rng.random() < 0.5:
            mask, cells = mask & other, cells & more
        else:
            mask, cells = mask | other, cells | more
    return mask, cells


@pytest.mark.parametrize("seed", range(200))
@pytest.mark.filterwarnings("ignore::minixattn.masks.EmptyRowWarning")
def test_a_random_composed_mask_means_the_same_in_both_functions_of_pytorch(seed):
    rng = np.random.default_rng(seed)
    B, L, S = (int(n) for n in rng.integers((1, 1, 1), (4, 7, 9)))
    mask, cells = composed(rng, B, L, S)
    assert (np.broadcast_to(mask.for_sdpa(), cells.shape) == cells).all()
    check_sdpa(rng, mask, B, L, S)
    check_multihead(rng, mask, cells, B, L, S)


def check_sdpa(rng, mask, B, L, S):
    q, k, v = (both(rng, B, H, n, d) for n, d in ((L, 4), (S, 4), (S, 5)))
    g = rng.standard_normal((B, H, L, 5))
    y = scaled_dot_product_attention(q[0], k[0], v[0], mask)
    (y * mx.tensor(g)).sum().backward()
    for kind in ("bool", "float"):
        for _, x in (q, k, v):
            x.grad = None
        array = torch.from_numpy(mask.for_sdpa(kind, dtype=np.float64))
        z = theirs_sdpa(q[1], k[1], v[1], array)
        agree(y, z)
        (z * torch.tensor(g)).sum().backward()
        for mine, its in (q, k, v):
            agree(mine.grad, its.grad)


def check_multihead(rng, mask, cells, B, L, S):
    theirs = torch.nn.MultiheadAttention(E, H, batch_first=True, dtype=torch.float64)
    ours = mx.nn.MultiheadAttention(E, H, batch_first=True, dtype=mx.float64)
    ours.load_state_dict({n: p.numpy() for n, p in theirs.state_dict().items()})
    x, c = both(rng, B, L, E), both(rng, B, S, E)
    output, weights = ours(x[0], c[0], c[0], attn_mask=mask, average_attn_weights=False)
    full = cells.any(-1)  # elsewhere PyTorch gives NaN
    for kind in ("bool", "float"):
        array = mask.for_multihead(H, kind, batch=B, length=L, dtype=np.float64)
        z, w = theirs(x[1], c[1], c[1], attn_mask=torch.from_numpy(array),
                      average_attn_weights=False)  # fmt: skip
        agree(weights, w, full)
        agree(output, z, full.all(1))
    assert (weights.detach().numpy()[~full] == 0).all()


def test_padding_is_pytorchs_key_padding_mask(rng):
    theirs = torch.nn.MultiheadAttention(E, H, batch_first=True, dtype=torch.float64)
    ours = mx.nn.MultiheadAttention(E, H, batch_first=True, dtype=mx.float64)
    ours.load_state_dict({n: p.numpy() for n, p in theirs.state_dict().items()})
    x, c, real = both(rng, 3, 5, E), both(rng, 3, 7, E), padding([7, 4, 1], 7)
    output, weights = ours(x[0], c[0], c[0], key_padding_mask=real)
    for kind in ("bool", "float"):
        array = torch.from_numpy(real.for_key_padding(kind, dtype=np.float64))
        z, w = theirs(x[1], c[1], c[1], key_padding_mask=array)
        agree(output, z)
        agree(weights, w)


@pytest.mark.parametrize("shape", ((5, 7), (7, 5), (4, 4)))
def test_causal_is_pytorchs_in_both_alignments(rng, shape):
    from torch.nn.attention.bias import causal_lower_right, causal_upper_left

    q, k, v = (torch.tensor(rng.standard_normal((1, n, 4))) for n in (*shape, shape[1]))
    for align, bias in (("upper_left", causal_upper_left), ("lower_right", causal_lower_right)):
        mask = causal(*shape, align)
        expected = theirs_sdpa(q, k, v, bias(*shape))
        given = theirs_sdpa(q, k, v, torch.from_numpy(mask.for_sdpa()))
        full = mask.allowed.any(-1)[None]
        agree(given, expected, full)


ROUTES = {
    "self": (Route.self_attention(), 0, 0, 0),
    "cross": (Route.cross_attention(), 0, 1, 1),
    "SelfDoc's first step": (Route.agreement(), 0, 1, 0),
}


@pytest.mark.parametrize("name", ROUTES)
def test_the_routes_with_names_are_pytorchs_attention_of_the_same_streams(rng, name):
    route, q, k, v = ROUTES[name]
    A, B = both(rng, 2, 5, 4), both(rng, 2, 5, 4)
    theirs = (A[1], B[1])
    y, z = route(A[0], B[0]), theirs_sdpa(theirs[q], theirs[k], theirs[v])
    agree(y, z)
    g = rng.standard_normal(y.shape)
    (y * mx.tensor(g)).sum().backward()
    (z * torch.tensor(g)).sum().backward()
    for mine, its in (A, B):
        if its.grad is None:
            assert mine.grad is None
        else:
            agree(mine.grad, its.grad)


@pytest.mark.parametrize("route", Route.all(), ids=lambda route: route.letters)
def test_every_route_is_pytorchs_multihead_attention_of_the_same_streams(rng, route):
    theirs = torch.nn.MultiheadAttention(E, H, dtype=torch.float64)
    ours = mx.nn.MultiheadAttention(E, H, dtype=mx.float64)
    ours.load_state_dict({n: p.numpy() for n, p in theirs.state_dict().items()})
    A, B = both(rng, 5, 2, E), both(rng, 5, 2, E)
    source = {"A": A[1], "B": B[1]}
    expected = theirs(*(source[letter] for letter in route.letters))
    for mine, its in zip(route(A[0], B[0], ours), expected):
        agree(mine, its)
