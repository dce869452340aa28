"""Attention against PyTorch in float64: outputs, weights and every gradient."""

import itertools

import numpy as np
import pytest
import torch

import minixattn as mx

B, L, S, E, H, KD, VD = 2, 5, 7, 12, 3, 10, 6


def both(rng, *shape):
    array = rng.standard_normal(shape)
    return mx.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)


def agree(ours, theirs, tolerance=1e-12):
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance
    )


def copied(layer, reference):
    layer.load_state_dict({k: v.numpy() for k, v in reference.state_dict().items()})


OPTIONS = list(itertools.product((True, False), (True, False), (True, False), (True, False)))


@pytest.mark.parametrize("bias, add_bias_kv, add_zero_attn, widths", OPTIONS)
@pytest.mark.parametrize("batch_first", (True, False))
@pytest.mark.parametrize("average", (True, False))
@pytest.mark.parametrize("masks", ("none", "bool", "float", "3d", "padding", "both"))
def test_multihead_attention_is_pytorchs(
    rng, bias, add_bias_kv, add_zero_attn, widths, batch_first, average, masks
):
    kdim, vdim = (KD, VD) if widths else (None, None)
    args = (E, H, 0.0, bias, add_bias_kv, add_zero_attn, kdim, vdim, batch_first)
    theirs = torch.nn.MultiheadAttention(*args, dtype=torch.float64)
    ours = mx.nn.MultiheadAttention(*args, dtype=mx.float64)
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(torch.tensor(rng.standard_normal(p.shape)))
    copied(ours, theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())

    lead = (lambda n: (B, n)) if batch_first else (lambda n: (n, B))
    q, k, v = (
        both(rng, *lead(n), w) for n, w in ((L, E), (S, kdim or E), (S, vdim or E))
    )
    options = {}
    if masks in ("bool", "both"):
        options["attn_mask"] = np.triu(np.ones((L, S), bool), 2)
    if masks == "float":
        options["attn_mask"] = rng.standard_normal((L, S))
    if masks == "3d":
        options["attn_mask"] = rng.standard_normal((B * H, L, S))
    if masks in ("padding", "both"):
        options["key_padding_mask"] = np.arange(S) >= np.array([[S - 2], [S]])
    o, w = ours(q[0], k[0], v[0], average_attn_weights=average,
                **{n: mx.tensor(m) for n, m in options.items()})
    o2, w2 = theirs(q[1], k[1], v[1], average_attn_weights=average,
                    **{n: torch.tensor(m) for n, m in options.items()})
    agree(o, o2)
    agree(w, w2)
    go, gw = rng.standard_normal(o.shape), rng.standard_normal(w.shape)
    ((o * mx.tensor(go)).sum() + (w * mx.tensor(gw)).sum()).backward()
    ((o2 * torch.tensor(go)).sum() + (w2 * torch.tensor(gw)).sum()).backward()
    for mine, its in (q, k, v):
        agree(mine.grad, its.grad)
    for (name, mine), its in zip(ours.named_parameters(), theirs.parameters()):
        agree(mine.grad, its.grad), name


def test_unbatched_input_is_pytorchs(rng):
    theirs = torch.nn.MultiheadAttention(E, H, dtype=torch.float64)
    ours = mx.nn.MultiheadAttention(E, H, dtype=mx.float64)
    copied(ours, theirs)
    q, k = both(rng, L, E), both(rng, S, E)
    padding = np.arange(S) >= S - 3
    mine = ours(q[0], k[0], k[0], key_padding_mask=mx.tensor(padding))
    its = theirs(q[1], k[1], k[1], key_padding_mask=torch.tensor(padding))
    for a, b in zip(mine, its):
        agree(a, b)


def test_without_weights_the_output_is_the_same_and_weights_are_none(rng):
    theirs = torch.nn.MultiheadAttention(E, H, batch_first=True, dtype=torch.float64)
    ours = mx.nn.MultiheadAttention(E, H, batch_first=True, dtype=mx.float64)
    copied(ours, theirs)
    q, k = both(rng, B, L, E), both(rng, B, S, E)
    mine = ours(q[0], k[0], k[0], need_weights=False)
    its = theirs(q[1], k[1], k[1], need_weights=False)
    agree(mine[0], its[0])
    assert mine[1] is None and its[1] is None


def test_cross_attention_is_multihead_attention_with_free_widths(rng):
    theirs = torch.nn.MultiheadAttention(
        E, H, kdim=KD, vdim=KD, batch_first=True, dtype=torch.float64
    )
    ours = mx.nn.CrossAttention(E, KD, num_heads=H).to(mx.float64)
    state = {k: v.numpy() for k, v in theirs.state_dict().items()}
    b_q, b_k, b_v = np.split(state["in_proj_bias"], 3)
    ours.load_state_dict({
        "W_Q.weight": state["q_proj_weight"], "W_Q.bias": b_q,
        "W_K.weight": state["k_proj_weight"], "W_K.bias": b_k,
        "W_V.weight": state["v_proj_weight"], "W_V.bias": b_v,
        "W_O.weight": state["out_proj.weight"], "W_O.bias": state["out_proj.bias"],
    })
    x, c = both(rng, B, L, E), both(rng, B, S, KD)
    allowed = rng.random((B, L, S)) < 0.7
    allowed[..., 0] = True
    o, w = ours(x[0], c[0], mx.tensor(allowed))
    o2, w2 = theirs(x[1], c[1], c[1], attn_mask=torch.tensor(~allowed).repeat_interleave(H, 0),
                    average_attn_weights=False)
    agree(o, o2)
    agree(w, w2)


@pytest.mark.parametrize("bool_attn", (True, False))
def test_float_padding_masks_are_pytorchs(rng, bool_attn):
    theirs = torch.nn.MultiheadAttention(E, H, batch_first=True, dtype=torch.float64)
    ours = mx.nn.MultiheadAttention(E, H, batch_first=True, dtype=mx.float64)
    copied(ours, theirs)
    q, k = both(rng, B, L, E), both(rng, B, S, E)
    padding = rng.standard_normal((B, S))
    mask = np.triu(np.ones((L, S), bool), 2) if bool_attn else rng.standard_normal((L, S))
    mine = ours(q[0], k[0], k[0], mx.tensor(padding), attn_mask=mx.tensor(mask))
    if bool_attn:  # PyTorch frowns on two kinds at once
        mask = np.where(mask, -np.inf, 0.0)
    its = theirs(q[1], k[1], k[1], torch.tensor(padding), attn_mask=torch.tensor(mask))
    for a, b in zip(mine, its):
        agree(a, b)


@pytest.mark.filterwarnings("ignore::minixattn.masks.EmptyRowWarning")
@pytest.mark.parametrize("need_weights", (True, False))
def test_rows_that_see_nothing_differ_from_pytorch_only_where_it_has_nan(rng, need_weights):
    theirs = torch.nn.MultiheadAttention(E, H, batch_first=True, dtype=torch.float64)
    ours = mx.nn.MultiheadAttention(E, H, batch_first=True, dtype=mx.float64)
    copied(ours, theirs)
    q, k = both(rng, B, L, E), both(rng, B, S, E)
    drop = np.triu(np.ones((L, S), bool), 2)
    drop[3] = True
    options = {"need_weights": need_weights, "average_attn_weights": False}
    mine = ours(q[0], k[0], k[0], attn_mask=mx.tensor(drop), **options)
    its = theirs(q[1], k[1], k[1], attn_mask=torch.tensor(drop), **options)
    lost = np.isnan(its[0].detach().numpy())
    assert lost[:, 3].all() == need_weights and not np.delete(lost, 3, 1).any()
    for a, b in zip(mine, its):
        if b is not None:
            a, b = a.detach().numpy(), b.detach().numpy()
            assert np.isfinite(a).all()
            np.testing.assert_allclose(np.where(np.isnan(b), a, b), a, rtol=1e-12, atol=1e-12)
    bias = theirs.out_proj.bias.detach().numpy()
    np.testing.assert_allclose(mine[0].detach().numpy()[:, 3], np.tile(bias, (B, 1)))


@pytest.mark.parametrize("masked", (True, False))
def test_half_precision_layers_are_pytorchs(rng, masked):
    theirs = torch.nn.MultiheadAttention(E, H, batch_first=True, dtype=torch.float16)
    ours = mx.nn.MultiheadAttention(E, H, batch_first=True, dtype=mx.float16)
    copied(ours, theirs)
    q, k = (rng.standard_normal(s).astype(np.float16) for s in ((B, L, E), (B, S, E)))
    mask = np.where(np.triu(np.ones((L, S)), 2) > 0, -65504, 0).astype(np.float16)
    options = ({"attn_mask": t.tensor(mask)} if masked else {} for t in (mx, torch))
    mine, its = (
        layer(*(t.tensor(x) for x in (q, k, k)), **o)
        for layer, t, o in zip((ours, theirs), (mx, torch), options)
    )
    for a, b in zip(mine, its):
        assert str(a.dtype) == "float16"
        agree(a, b, 2e-3)


@pytest.mark.parametrize("widths", ({}, {"kdim": KD, "vdim": VD}, {"kdim": KD}))
@pytest.mark.parametrize("bias", (True, False))
def test_state_dicts_go_both_ways_packed_and_not(rng, widths, bias):
    options = {"bias": bias, "add_bias_kv": bias, "batch_first": True, **widths}
    theirs = torch.nn.MultiheadAttention(E, H, dtype=torch.float64, **options)
    ours = mx.nn.MultiheadAttention(E, H, dtype=mx.float64, **options)
    for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
        assert (getattr(ours, name) is None) == (getattr(theirs, name) is None), name
    state = ours.state_dict()
    assert {n: tuple(x.shape) for n, x in state.items()} == {
        n: tuple(x.shape) for n, x in theirs.state_dict().items()
    }
    theirs.load_state_dict({n: torch.tensor(x.numpy()) for n, x in state.items()})
    x = [rng.standard_normal((B, n, w)) for n, w in ((L, E), (S, ours.kdim), (S, ours.vdim))]
    for a, b in zip(ours(*map(mx.tensor, x)), theirs(*map(torch.tensor, x))):
        agree(a, b)
    again = mx.nn.MultiheadAttention(E, H, dtype=mx.float64, **options)
    copied(again, theirs)
    for a, b in zip(again.state_dict().values(), state.values()):
        assert (a.numpy() == b.numpy()).all()


FORMS = {
    "original": ({}, {}),
    "diffusers": ({"head_dim": 5, "bias": False, "out_bias": True}, {}),
    "t5": ({"head_dim": 5, "bias": False, "scale": 1.0}, {"scale": 1.0}),
    "shared heads": ({"head_dim": 5, "value_dim": 4, "kv_heads": 2, "num_heads": 6}, {}),
    "layer norm": ({"qk_norm": "layer_norm"}, {"norm": torch.nn.LayerNorm}),
    "rms norm": ({"qk_norm": "rms_norm"}, {"norm": torch.nn.RMSNorm}),
    "free output": ({"out_dim": 9, "value_dim": 1}, {}),
}


@pytest.mark.filterwarnings("ignore::minixattn.masks.EmptyRowWarning")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("masked", (True, False))
def test_published_forms_of_cross_attention_are_the_same_lines_of_pytorch(rng, form, masked):
    options, (norm, scale) = FORMS[form][0], map(FORMS[form][1].get, ("norm", "scale"))
    ours = mx.nn.CrossAttention(E, KD, **{"num_heads": H, **options}).to(mx.float64)
    state = {n: torch.tensor(x.numpy(), requires_grad=True) for n, x in ours.state_dict().items()}
    x, c = both(rng, B, L, E), both(rng, B, S, KD)
    keep = rng.random((B, L, S)) < 0.6
    keep[1, 2] = False
    mask = mx.masks.keep(keep) if masked else None

    def linear(name, a):
        return torch.nn.functional.linear(a, state[f"{name}.weight"], state.get(f"{name}.bias"))

    def heads(a, h):
        return a.unflatten(-1, (h, -1)).transpose(1, 2)

    h, h_kv = ours.num_heads, ours.kv_heads
    q, k = heads(linear("W_Q", x[1]), h), heads(linear("W_K", c[1]), h_kv)
    if norm:
        q, k = (norm(a.shape[-1], dtype=a.dtype)(a) for a in (q, k))
    z = torch.nn.functional.scaled_dot_product_attention(
        q, k, heads(linear("W_V", c[1]), h_kv), torch.tensor(keep)[:, None] if masked else None,
        scale=scale, enable_gqa=True,
    )  # fmt: skip
    z = linear("W_O", z.transpose(1, 2).flatten(2))
    y, _ = ours(x[0], c[0], mask)
    agree(y, z)
    g = rng.standard_normal(y.shape)
    (y * mx.tensor(g)).sum().backward()
    (z * torch.tensor(g)).sum().backward()
    for a, b in (x, c):
        agree(a.grad, b.grad)
    for name, p in ours.named_parameters():
        if "norm" not in name:
            agree(p.grad, state[name].grad)


def test_diffusers_form_ends_in_a_projection_with_bias_and_then_dropout(rng):
    ours = mx.nn.CrossAttention(
        E, KD, num_heads=H, head_dim=5, bias=False, out_bias=True, out_dropout=0.5
    ).to(mx.float64)
    linear = torch.nn.Linear(H * 5, E, dtype=torch.float64)
    last = torch.nn.Sequential(linear, torch.nn.Dropout(0.5))
    linear.load_state_dict(
        {n: torch.tensor(p.numpy()) for n, p in ours.W_O.state_dict().items()}
    )
    x, c = mx.tensor(rng.standard_normal((B, L, E))), mx.tensor(rng.standard_normal((B, S, KD)))
    with mx.trace() as t:
        output, weights = ours(x, c)
    heads = torch.tensor(t["heads"].value.numpy(force=True)).transpose(1, 2).flatten(2)
    theirs = last(heads).detach().numpy()
    mine = output.detach().numpy()
    kept = (mine != 0) & (theirs != 0)  # each library drops others, and doubles what it keeps
    assert 0 < kept.mean() < 0.5 and (mine == 0).any()
    np.testing.assert_allclose(mine[kept], theirs[kept], rtol=1e-12)
    agree(ours.eval()(x, c)[0], last.eval()(heads))
    assert np.allclose(weights.detach().numpy().sum(-1), 1)
