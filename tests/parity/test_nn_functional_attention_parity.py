"""scaled_dot_product_attention against PyTorch's: outputs and every gradient."""

import numpy as np
import pytest
import torch

import minixattn as mx

B, L, S, H = 2, 5, 7, 3


def both(rng, *shape):
    array = rng.standard_normal(shape)
    return mx.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)


def agree(ours, theirs, tolerance=1e-12):
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("kind", ("none", "bool", "float", "causal", "batched bool"))
@pytest.mark.parametrize("scale", (None, 0.3))
@pytest.mark.parametrize("lead", ((), (B,), (B, H), (2, B, H)))
def test_scaled_dot_product_attention_is_pytorchs(rng, kind, scale, lead):
    q, k, v = (both(rng, *lead, n, d) for n, d in ((L, 4), (S, 4), (S, 3)))
    mask, options = None, {"scale": scale}
    if kind == "bool":
        mask = rng.random((L, S)) < 0.6
        mask[:, 0] = True
    if kind == "batched bool":
        mask = rng.random((*lead, L, S)) < 0.6
        mask[..., 0, :] = False  # a query that may look nowhere
    if kind == "float":
        mask = rng.standard_normal((L, S))
    if kind == "causal":
        options["is_causal"] = True
    ours, its = (None, None) if mask is None else (mx.tensor(mask), torch.tensor(mask))
    y = mx.nn.functional.scaled_dot_product_attention(q[0], k[0], v[0], ours, **options)
    z = torch.nn.functional.scaled_dot_product_attention(q[1], k[1], v[1], its, **options)
    agree(y, z)
    g = rng.standard_normal(y.shape)
    (y * mx.tensor(g)).sum().backward()
    (z * torch.tensor(g)).sum().backward()
    for mine, its in (q, k, v):
        agree(mine.grad, its.grad)


def test_grouped_heads_are_pytorchs(rng):
    q, k, v = (both(rng, B, h, n, 4) for h, n in ((6, L), (2, S), (2, S)))
    y = mx.nn.functional.scaled_dot_product_attention(q[0], k[0], v[0], enable_gqa=True)
    z = torch.nn.functional.scaled_dot_product_attention(q[1], k[1], v[1], enable_gqa=True)
    agree(y, z)
    y.square().sum().backward()
    z.square().sum().backward()
    for mine, its in (q, k, v):
        agree(mine.grad, its.grad)


TOLERANCE = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-12}


def sdpa_both(rng, shapes, mask=None, dtype="float64", **options):
    """Output and gradients of both libraries agree; `mask` is a NumPy array."""
    arrays = [rng.standard_normal(s).astype(dtype) for s in shapes]
    ours = [mx.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    masks = (None, None) if mask is None else (mx.tensor(mask), torch.tensor(mask))
    y = mx.nn.functional.scaled_dot_product_attention(*ours, masks[0], **options)
    z = torch.nn.functional.scaled_dot_product_attention(*theirs, masks[1], **options)
    assert tuple(y.shape) == tuple(z.shape) and str(y.dtype) == dtype
    agree(y, z, TOLERANCE[dtype])
    g = rng.standard_normal(y.shape).astype(dtype)
    (y * mx.tensor(g)).sum().backward()
    (z * torch.tensor(g)).sum().backward()
    for a, b in zip(ours, theirs):
        agree(a.grad, b.grad, 4 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", ("none", "causal", "bool", "float", "-inf rows"))
def test_every_precision_is_pytorchs(rng, dtype, kind):
    masks = {"bool": rng.random((B, 1, L, S)) < 0.6, "float": rng.standard_normal((L, S))}
    masks["-inf rows"] = np.where(rng.random((H, L, S)) < 0.5, 0, -np.inf)
    masks["-inf rows"][1, 2] = -np.inf  # a query of one head that may look nowhere
    mask = masks.get(kind)
    mask = mask if mask is None or kind == "bool" else mask.astype(dtype)
    shapes = ((B, H, L, 4), (B, H, S, 4), (B, H, S, 3))
    sdpa_both(rng, shapes, mask, dtype, is_causal=kind == "causal")


@pytest.mark.parametrize("shape", ((), (1,), (S,), (L, 1), (1, S), (B, 1, 1, S), (H, L, S),
                                   (1, H, 1, 1), (B, H, L, S)))  # fmt: skip
@pytest.mark.parametrize("kind", ("bool", "float"))
def test_masks_broadcast_as_pytorchs(rng, shape, kind):
    mask = np.asarray(rng.random(shape) < 0.7 if kind == "bool" else rng.standard_normal(shape))
    lead = (B, H) if len(shape) > 1 else (H,)  # PyTorch fails with (B, h, L, S) and less than 2-d
    sdpa_both(rng, ((*lead, L, 4), (*lead, S, 4), (*lead, S, 3)), mask)


@pytest.mark.parametrize("shapes", (
    ((B, 1, L, 4), (1, H, S, 4), (B, H, S, 3)), ((B, 1, L, 4), (S, 4), (H, S, 3)),
    ((L, 4), (S, 4), (H, S, 3)), ((B, 0, 4), (B, S, 4), (B, S, 3)),
    ((0, L, 4), (0, S, 4), (0, S, 3)), ((B, L, 4), (B, 0, 4), (B, 0, 3)), ((L, 0), (S, 0), (S, 3)),
    ((2, B, 1, H, L, 1), (H, S, 1), (H, S, 5)),
))  # fmt: skip
def test_leading_dimensions_broadcast_and_may_be_empty_as_pytorchs(rng, shapes):
    sdpa_both(rng, shapes)


@pytest.mark.parametrize("heads", ((6, 3, 3), (6, 1, 1), (6, 6, 6), (6, 3, 2), (6, 1, 3)))
@pytest.mark.parametrize("lead", ((), (B,)))
def test_heads_are_shared_as_pytorchs(rng, heads, lead):
    shapes = [(*lead, h, n, d) for h, n, d in zip(heads, (L, S, S), (4, 4, 3))]
    sdpa_both(rng, shapes, enable_gqa=True)


@pytest.mark.parametrize("lengths", ((S, L), (L, S), (1, S), (S, 1)))
def test_causal_masks_of_every_aspect_are_pytorchs(rng, lengths):
    n, m = lengths
    sdpa_both(rng, ((B, n, 4), (B, m, 4), (B, m, 3)), is_causal=True)


def test_dropping_every_weight_is_pytorchs_zero(rng):
    sdpa_both(rng, ((B, L, 4), (B, S, 4), (B, S, 3)), dropout_p=1.0)


def test_what_pytorch_refuses_is_refused_with_an_error_of_its_kind(rng):
    q, mask = np.ones((L, 4)), np.ones((L, L), bool)
    for options in ({"is_causal": True, "attn_mask": mask}, {"attn_mask": mask.astype(int)},
                    {"attn_mask": mask[:, :3]}, {"attn_mask": mask[None]}):  # fmt: skip
        for t in (torch, mx):
            given = {k: t.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
            with pytest.raises(RuntimeError):
                t.nn.functional.scaled_dot_product_attention(*[t.tensor(q)] * 3, **given)
