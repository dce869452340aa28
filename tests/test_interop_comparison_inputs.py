"""What is compared with what: unknown differences get no name, inputs come in any form."""

import numpy as np
import pytest
from helpers import values
from mistaken_attention import SEEDS, B, D, E, H, L, S, Written, made

import minixattn as mx
from minixattn import interop
from minixattn.interop.mistakes import STEPS

# What is no mistake, and what is an unknown one --------------------------------------------------


@pytest.mark.parametrize("length", [L, S])
def test_a_right_reference_agrees(length):
    for seed in SEEDS:
        layer, x, c, keep = made(seed, length)
        for mask in (None, keep):
            report = interop.compare(layer, Written(layer, x, c, mask).steps(), x, c, mask)
            assert report and report.step is None and report.convention is None, report
            assert "All steps agree." in repr(report)


def unknown(step, a, rng):
    """The step with something done to it that has no name."""
    kind = rng.integers(4)
    if kind == 0:
        return a + 0.01 * rng.standard_normal(a.shape)
    if kind == 1:
        return a * 1.37
    if kind == 2:
        return np.where(rng.random(a.shape) < 0.02, a + 0.1, a) + (a == a.max()) * 0.2
    return np.roll(a, 1, axis=-1)


@pytest.mark.parametrize("step", [s for s in STEPS if s != "capped"])
@pytest.mark.parametrize("followed", [True, False])
def test_an_unknown_difference_gets_no_name_but_a_place(step, followed):
    for seed in SEEDS:
        layer, x, c, keep = made(seed, [L, S][seed % 2])
        steps = Written(layer, x, c, keep if seed % 3 else None).steps()
        rng = np.random.default_rng(seed)
        steps[step] = unknown(step, steps[step], rng)
        if not followed:
            steps = {step: steps[step]}
        report = interop.compare(layer, steps, x, c, keep if seed % 3 else None)
        assert report.step == step and report.convention is None, report
        assert report.max_error > 0 and len(report.where) == steps[step].ndim
        assert "None of the known conventions explains it." in repr(report)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_unknown_difference_that_later_steps_follow_gets_no_name(seed):
    layer, x, c, keep = made(seed)
    written = Written(layer, x, c, keep)
    written.scale = lambda: 0.8 + 0.01 * seed
    report = interop.compare(layer, written.steps(), x, c, keep)
    assert report.step == "scores" and report.convention is None


def test_after_a_known_mistake_an_unknown_one_gets_no_name():
    layer, x, c, keep = made(0)
    steps = Written(layer, x, c, keep, "unscaled").steps()
    steps["output"] = steps["output"] + 1
    report = interop.compare(layer, steps, x, c, keep)
    assert report.convention == "missing scale" and report.later == [("output", None)]
    assert "output still differs: which none of the known conventions explains." in repr(report)


def test_the_largest_difference_and_its_place_are_told():
    layer, x, c, _ = made(0)
    steps = Written(layer, x, c).steps()
    steps["weights"][1, 2, 3, 4] += 0.25
    report = interop.compare(layer, {"weights": steps["weights"]}, x, c)
    assert report.where == (1, 2, 3, 4)
    assert abs(report.max_error - 0.25) < 1e-12
    assert "at (1, 2, 3, 4) ours is 0." in repr(report)


def test_rows_that_may_look_nowhere_are_a_convention_of_their_own():
    layer, x, c, keep = made(0)
    keep[:, :, 2] = False
    steps = Written(layer, x, c, keep).steps()  # −1e9 makes them even
    with pytest.warns(UserWarning, match="mask"):
        report = interop.compare(layer, steps, x, c, keep)
    assert (report.step, report.convention) == ("weights", "rows that may look nowhere")
    steps["weights"][:, :, 2] = steps["heads"][:, :, 2] = steps["output"][:, 2] = np.nan
    assert interop.compare(layer, steps, x, c, keep).explanation == "they are NaN there, zeros here"


def test_an_inverted_mask_is_named_where_it_leaves_rows_nothing():
    """A causal mask: inverted, the last query may look nowhere."""
    layer, x, c, _ = made(0, L)
    keep = np.tri(L, dtype=bool)
    steps = Written(layer, x, c, keep, "inverted").steps()
    for given in (steps, {"weights": steps["weights"]}, {"output": steps["output"]}):
        assert interop.compare(layer, given, x, c, keep).convention == "inverted mask"


# Layouts, forms of input -------------------------------------------------------------------------


def test_other_layouts_of_the_same_numbers_agree():
    layer, x, c, _ = made(0)
    right = Written(layer, x, c).steps()
    other = {
        "Q": right["Q"].reshape(B * H, L, D),
        "K": right["K"].swapaxes(1, 2),
        "V": right["V"].swapaxes(1, 2).reshape(B, S, E),
        "weights": right["weights"].mean(1),
        "heads": right["heads"].swapaxes(1, 2).reshape(B, L, E),
    }
    assert interop.compare(layer, other, x, c)
    assert interop.compare(layer, {k: a[0] for k, a in right.items()}, x[:1], c[:1])


def test_attention_steps_are_a_reference_and_a_first_argument(rng):
    layer, x, c, keep = made(0)
    right = Written(layer, x, c, keep).steps()
    Q, K, V = (mx.tensor(right[k]) for k in "QKV")
    steps = mx.nn.functional.attention_steps(Q, K, V, mx.tensor(keep))
    assert interop.compare(layer, steps, x, c, keep)
    assert interop.compare(steps, right)
    assert interop.compare(steps, steps)
    other = mx.nn.functional.attention_steps(Q, K, V, mx.tensor(~keep))
    assert interop.compare(steps, other).convention == "inverted mask"
    unscaled = mx.nn.functional.attention_steps(Q, K, V, scale=1.0)
    scaled = mx.nn.functional.attention_steps(Q, K, V)._asdict() | {"Q": Q, "K": K, "V": V}
    assert interop.compare(scaled, unscaled).convention == "missing scale"


def test_inputs_may_come_with_the_reference():
    layer, x, c, keep = made(0)
    steps = Written(layer, x, c, keep, "late").steps()
    report = interop.compare(layer, steps | {"query": x, "context": c, "mask": keep})
    assert report.convention == "mask after softmax"


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("mask", [None, "shared", "per head"])
def test_multihead_attention_is_compared_with_its_own_mask_convention(batch_first, mask):
    _, x, c, keep = made(0)
    layer = mx.nn.MultiheadAttention(E, H, batch_first=batch_first, dropout=0.5, dtype=mx.float64)
    W, b = (values(t).reshape(3, E, -1) for t in (layer.in_proj_weight, layer.in_proj_bias))
    cross = mx.nn.CrossAttention(E, num_heads=H).to(mx.float64)
    cross.W_O = layer.out_proj
    for i, each in enumerate((cross.W_Q, cross.W_K, cross.W_V)):
        each.weight, each.bias = mx.nn.Parameter(W[i]), mx.nn.Parameter(b[i, :, 0])
    keep = {None: None, "shared": keep[0, 0]}.get(mask, np.repeat(keep, H, 1))
    drop = None if mask is None else ~keep if mask == "shared" else ~keep.reshape(B * H, L, S)
    turned = [a if batch_first else a.swapaxes(0, 1) for a in (x, c)]
    for wrong, label in (("", None), ("width", "√D for √d_k"), ("late", "mask after softmax")):
        if wrong == "late" and mask is None:
            continue
        steps = Written(cross, x, c, keep, wrong).steps()
        if not batch_first:
            steps["output"] = steps["output"].swapaxes(0, 1)
        report = interop.compare(layer, steps, *turned, drop)
        assert report.convention == label, report
    assert layer.training


def test_masks_that_know_their_polarity_are_taken_by_both_layers():
    layer, x, c, _ = made(0)
    mask = mx.masks.causal(L, S) & mx.masks.padding([S, S - 2], S)
    steps = Written(layer, x, c, np.asarray(mask)[:, None], "late").steps()
    assert interop.compare(layer, steps, x, c, mask).convention == "mask after softmax"
    multi = mx.nn.MultiheadAttention(E, H, batch_first=True, dtype=mx.float64)
    names = {"W_Q": layer.W_Q, "W_K": layer.W_K, "W_V": layer.W_V}
    with mx.no_grad():
        multi.in_proj_weight.copy_(mx.cat([w.weight for w in names.values()]))
        multi.in_proj_bias.copy_(mx.cat([w.bias for w in names.values()]))
    multi.out_proj = layer.W_O
    assert interop.compare(multi, steps, x, c, mask).convention == "mask after softmax"


def test_free_widths_and_shared_keys_are_compared(rng):
    layer = mx.nn.CrossAttention(8, 6, num_heads=4, head_dim=3, value_dim=5, kv_heads=2,
                                 softcap=2.0, out_dim=7).to(mx.float64)  # fmt: skip
    x, c = (mx.tensor(rng.standard_normal(s)) for s in ((2, 3, 8), (2, 5, 6)))
    with mx.trace() as t:
        layer(x, c)
    steps = {step.symbol: step.value for step in t.steps}
    assert steps.keys() >= {"x", "c", *STEPS} - {"masked"}  # there is no mask
    assert interop.compare(layer, steps) and interop.compare(steps, steps)
    layer.softcap = None
    assert interop.compare(layer, steps).step == "capped"


def test_torch_tensors_are_taken_by_their_methods():
    """Whatever has detach() and cpu() and turns into an array."""

    class Foreign:
        def __init__(self, a):
            self.a = a

        def detach(self):
            return self

        cpu = detach

        def __array__(self, dtype=None, copy=None):
            return self.a

    layer, x, c, _ = made(0)
    steps = {k: Foreign(v) for k, v in Written(layer, x, c).steps().items()}
    assert interop.compare(layer, steps, Foreign(x), Foreign(c))


def test_layers_on_any_device_are_compared(device):
    layer, x, c, _ = made(0)
    steps = Written(layer, x, c, wrong="unscaled").steps()
    layer.to(device)
    x, c = mx.tensor(x, device=device), mx.tensor(c, device=device)
    assert interop.compare(layer, steps, x, c).convention == "missing scale"


# Errors ------------------------------------------------------------------------------------------


def test_an_unknown_name_of_a_step_lists_the_known_ones():
    layer, x, c, _ = made(0)
    with pytest.raises(TypeError, match="reference has 'attn'; the steps are called Q, K, V, sco"):
        interop.compare(layer, {"attn": x}, x, c)
    with pytest.raises(ValueError, match="no step to compare: give some of Q, K, V"):
        interop.compare(layer, {}, x, c)
    with pytest.raises(TypeError, match="reference must be a dict or a named tuple"):
        interop.compare(layer, x, x, c)


def test_missing_inputs_are_asked_for():
    layer, x, _, _ = made(0)
    with pytest.raises(ValueError, match="query or context is missing"):
        interop.compare(layer, {"Q": x}, x)


def test_other_layers_and_further_computations_are_refused():
    _, x, c, _ = made(0)
    with pytest.raises(TypeError, match="takes a CrossAttention, a MultiheadAttention, or steps"):
        interop.compare(mx.nn.Linear(2, 3), {"Q": x}, x, c)
    normed = mx.nn.CrossAttention(E, num_heads=H, qk_norm="layer_norm").to(mx.float64)
    with pytest.raises(ValueError, match="computes more than"):
        interop.compare(normed, {"Q": x}, x, c)
    more = mx.nn.MultiheadAttention(E, H, add_zero_attn=True)
    with pytest.raises(ValueError, match="add_zero_attn, which append keys"):
        interop.compare(more, {"Q": x}, x, c)
    plain = mx.nn.MultiheadAttention(E, H, batch_first=True, dtype=mx.float64)
    with pytest.raises(TypeError, match="boolean masks .True = may not attend"):
        interop.compare(plain, {"Q": x}, x, c, np.zeros((L, S)))


def test_a_reference_of_another_shape_is_said_to_be_one():
    layer, x, c, _ = made(0)
    report = interop.compare(layer, {"weights": np.ones((2, 2))}, x, c)
    assert report.step == "weights" and report.convention is None and report.max_error is None
    assert "ours has shape (2, 3, 5, 7), the reference (2, 2)" in repr(report)


def test_the_report_is_a_table_one_step_a_line():
    layer, x, c, _ = made(0)
    text = repr(interop.compare(layer, Written(layer, x, c, wrong="unscaled").steps(), x, c))
    lines = text.splitlines()
    assert lines[0].split() == ["step", "shape", "largest", "difference"]
    assert [line.split()[0] for line in lines[1:10]] == list(STEPS)
    assert lines[1].endswith("agrees") and "ours is" in lines[4]
    assert lines[10] == (
        "scores is the first step that differs: missing scale (the scores are Q Kᵀ, not divided "
        "by √d_k)."
    )
    assert lines[11] == "With that allowed for, all steps agree that can be computed."
