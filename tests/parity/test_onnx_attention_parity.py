"""The ONNX `Attention` operator's own conformance cases, opsets 23 to 25.

The operator takes more layouts than a function of Q, K and V should: heads folded into the width,
a past to put in front, windows, valid lengths. `onnx_attention` below translates these; the
mathematics is `attention_steps` and `scaled_dot_product_attention` alone.

Cases in bfloat16 are left out, since NumPy has no such type.
"""

import warnings

import numpy as np
import onnx
import pytest
from onnx.backend.test.case.node import collect_testcases

import minixattn as mx
from minixattn.nn.attention import merge_heads, split_heads
from minixattn.nn.functional import attention_steps, scaled_dot_product_attention

INPUTS = ("Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen")
OUTPUTS = ("Y", "present_key", "present_value", "qk_matmul_output")
FLOATS = ("float16", "float32", "float64")


def the_cases():
    """(name, case) of the operator, each once: without the same case written as other operators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making the cases of other operators overflows
        cases = collect_testcases("Attention")
    return {c.name.removeprefix("test_"): c for c in cases if "_expanded" not in c.name}


CASES = the_cases()
RUN = [n for n, c in CASES.items() if c.data_sets[0][0][0].dtype.name in FLOATS]


def onnx_attention(Q, K, V, attn_mask=None, past_key=None, past_value=None, nonpad_kv_seqlen=None,
                   *, is_causal=0, scale=None, softcap=0.0, q_num_heads=None, kv_num_heads=None,
                   qk_matmul_output_mode=0, left_window_size=-1, right_window_size=-1,
                   softmax_precision=None):  # fmt: skip
    """The operator: (Y, present_key, present_value, qk_matmul_output) as NumPy arrays.

    `softmax_precision` needs nothing: float16 is computed in float32 anyway.
    """
    folded = Q.ndim == 3
    Q, K, V = (mx.tensor(x) for x in (Q, K, V))
    if folded:
        Q = split_heads(Q, q_num_heads)
        K, V = (split_heads(x, kv_num_heads) for x in (K, V))
    offset = np.zeros((1, 1, 1, 1), int)
    if past_key is not None:
        offset += past_key.shape[-2]
        K, V = (mx.cat([mx.tensor(p), x], -2) for p, x in ((past_key, K), (past_value, V)))
    elif nonpad_kv_seqlen is not None:
        offset = nonpad_kv_seqlen.reshape(-1, 1, 1, 1) - Q.shape[-2]

    options = {"scale": scale, "softcap": softcap or None, "enable_gqa": True}
    windowed = max(left_window_size, right_window_size) >= 0
    if is_causal and attn_mask is None and not windowed and not offset.any():
        options["is_causal"] = True  # the one alignment that the functions know by themselves
    elif is_causal or windowed or nonpad_kv_seqlen is not None or attn_mask is not None:
        right = 0 if is_causal else right_window_size
        keep = window(Q.shape[-2], K.shape[-2], left_window_size, right, offset)
        if nonpad_kv_seqlen is not None:
            keep = keep & (np.arange(K.shape[-2]) < nonpad_kv_seqlen.reshape(-1, 1, 1, 1))
        options["attn_mask"] = mx.tensor(both(keep, attn_mask))

    steps = attention_steps(Q, K, V, **options)
    fast = scaled_dot_product_attention(Q, K, V, **options)
    assert (fast.numpy() == steps.output.numpy()).all()
    Y = merge_heads(steps.output) if folded else steps.output
    return [x.numpy() for x in (Y, K, V, steps[qk_matmul_output_mode].to(Q.dtype))]


def window(L, S, left, right, offset):
    """Query i may look from key offset + i − left to offset + i + right; −1 is no bound."""
    ahead = np.arange(S) - (offset + np.arange(L)[:, None])
    return ((left < 0) | (-ahead <= left)) & ((right < 0) | (ahead <= right))


def both(keep, attn_mask):
    """A boolean mask and the operator's own, which may be short: the rest is not attended to."""
    if attn_mask is None:
        return keep
    missing = keep.shape[-1] - attn_mask.shape[-1]
    pad = [(0, 0)] * (attn_mask.ndim - 1) + [(0, missing)]
    if attn_mask.dtype == bool:
        return keep & np.pad(attn_mask, pad)
    return np.where(keep, np.pad(attn_mask, pad, constant_values=-np.inf), -np.inf)


def arguments(case):
    """The case's inputs by name, its attributes, and the expected outputs by name."""
    (node,) = case.model.graph.node
    ((inputs, outputs),) = case.data_sets
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    place = dict(zip((n for n in node.input if n), inputs))
    formal = {f: place[n] for f, n in zip(INPUTS, node.input) if n}
    expected = dict(zip((f for f, n in zip(OUTPUTS, node.output) if n), outputs))
    return formal, attributes, expected


@pytest.mark.parametrize("name", RUN)
def test_the_operators_own_case(name):
    formal, attributes, expected = arguments(CASES[name])
    results = dict(zip(OUTPUTS, onnx_attention(**formal, **attributes)))
    for output, theirs in expected.items():
        ours = results[output]
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype, output
        np.testing.assert_allclose(
            ours, theirs, rtol=CASES[name].rtol, atol=CASES[name].atol, err_msg=output
        )


def test_every_case_of_a_float_type_that_numpy_has_is_run():
    left_out = {n: CASES[n].data_sets[0][0][0].dtype.name for n in CASES if n not in RUN}
    print(f"onnx {onnx.__version__}: {len(RUN)} cases run, {len(left_out)} left out")
    assert set(left_out.values()) <= {"bfloat16"}
    assert len(RUN) >= 88


def test_the_cases_cover_what_they_are_here_for():
    options = [arguments(CASES[n]) for n in RUN]
    modes = {a.get("qk_matmul_output_mode", 0) for _, a, e in options if "qk_matmul_output" in e}
    assert modes == {0, 1, 2, 3}
    seen = {key for formal, attributes, _ in options for key in (*formal, *attributes)}
    assert {"softcap", "left_window_size", "right_window_size", "past_key", "nonpad_kv_seqlen",
            "kv_num_heads", "is_causal", "attn_mask", "scale"} <= seen  # fmt: skip


def test_mode_0_holds_the_scores_before_the_cap_as_the_operators_text_says():
    rng = np.random.default_rng(0)  # its reference evaluator returns the capped ones here
    Q, K, V = (rng.standard_normal((1, 2, n, 4)) for n in (3, 5, 5))
    raw = onnx_attention(Q, K, V, softcap=0.5)[3]
    np.testing.assert_allclose(raw, Q @ K.swapaxes(-1, -2) / 2, rtol=1e-12)
    capped = onnx_attention(Q, K, V, softcap=0.5, qk_matmul_output_mode=1)[3]
    np.testing.assert_allclose(capped, 0.5 * np.tanh(raw / 0.5), rtol=1e-12)
