"""A trace holds the steps of the real forward pass, and can compute each of them again."""

import re
import threading

import numpy as np
import pytest
from helpers import values

import minixattn as mx
from minixattn import engine, nn

B, L, S = 2, 3, 5


def layers():
    """Every layer that keeps a trace, with inputs that fit it."""
    x, c, image = mx.randn(B, L, 8), mx.randn(B, S, 6), mx.randn(B, 7, 6)
    same = mx.randn(B, L, 6)
    return {
        "CrossAttention": (nn.CrossAttention(8, 6, num_heads=4, value_dim=3, out_dim=9), (x, c)),
        "CrossAttention, all options": (
            nn.CrossAttention(8, 6, num_heads=4, kv_heads=2, head_dim=3, softcap=2.0, scale=0.5,
                              qk_norm="rms_norm"),
            (x, c, np.tril(np.ones((L, S), bool))),
        ),
        "SelfAttention": (nn.SelfAttention(8, num_heads=2), (x,)),
        "MultiheadAttention": (
            nn.MultiheadAttention(8, 2, kdim=6, vdim=6, batch_first=True), (x, c, c),
        ),
        "AdditiveAttention": (nn.AdditiveAttention(8, 6, hidden_dim=4), (x, c)),
        "GeneralAttention": (nn.GeneralAttention(8, 6), (x, c)),
        "ConcatAttention": (nn.ConcatAttention(8, 6, hidden_dim=4), (x, c)),
        "AgreementAttention": (nn.AgreementAttention(8, 6, num_heads=2), (x, same)),
        "PersistentMemoryAttention": (
            nn.PersistentMemoryAttention(8, 6, num_heads=2, num_slots=4), (x, c),
        ),
        "FeedForward": (nn.FeedForward(8, 16), (x,)),
        "FiLM": (nn.FiLM(6, 8), (mx.randn(B, 8, 4), mx.randn(B, 6))),
        "GatedCrossAttention": (nn.GatedCrossAttention(8, 6, num_heads=2), (x, c)),
        "GEGLU": (nn.GEGLU(8, 5), (x,)),
        "LatentAttention": (nn.LatentAttention(8, 6, num_latents=4), (c,)),
        "QFormerBlock": (nn.QFormerBlock(8, 6, num_heads=2), (x, mx.randn(B, 4, 8), image)),
        "VisualQA": (
            mx.models.VisualQA(11, L, 5, pixels=6, patches=S, width=8, heads=2),
            (c, mx.ones(B, L, dtype=mx.int64), mx.ones(B, L).bool()),
        ),
    }  # fmt: skip


@pytest.fixture(params=list(layers()))
def traced(request):
    mx.manual_seed(0)
    layer, inputs = layers()[request.param]
    with mx.trace() as t:
        result = layer(*inputs)
    return layer, inputs, result, t


def test_every_step_computed_again_from_its_inputs_is_the_record_bit_for_bit(traced):
    _, _, _, t = traced
    assert len(t) > 2
    for step in t.steps:
        again, record = step.recompute(), step.value.array
        assert again.dtype == record.dtype
        np.testing.assert_array_equal(again, record, err_msg=repr(step))


def flat(result):
    """The tensors of a layer's result, however nested."""
    return [t for r in result for t in flat(r)] if isinstance(result, tuple) else [result]


def test_the_last_step_is_the_layers_output(traced):
    layer, _, result, t = traced
    steps = t.layers.get(f"{type(layer).__name__} 1", t.steps)  # its own, or those of its parts
    assert any(steps[-1].value is y for y in flat(result))


def test_tracing_changes_no_result_and_is_over_with_its_block(traced):
    layer, inputs, result, t = traced
    n = len(t)
    again = layer(*inputs)
    for a, b in zip(flat(result), flat(again)):  # traced, the readable form runs; else a faster one
        np.testing.assert_allclose(values(a), values(b), rtol=1e-5, atol=1e-6)
    assert len(t) == n and not engine.tapes


def test_symbolic_shapes_are_true_and_each_letter_means_one_size(traced):
    _, _, _, t = traced
    for name, steps in t.layers.items():
        size = {}
        for step in steps:
            assert step.dims, f"{name} says no shape for {step.symbol}"
            letters = [d.strip() for d in step.dims.strip("()").split(",") if d.strip()]
            if "…" in letters:  # stands for any number of dimensions
                at = letters.index("…")
                letters[at : at + 1] = ["…"] * (len(step.shape) - len(letters) + 1)
            assert len(letters) == len(step.shape), step
            for letter, n in zip(letters, step.shape):
                if re.fullmatch(r"[A-Za-z_]+'?", letter):
                    assert size.setdefault(letter, n) == n, f"{name}: {step} but {letter} = {size}"


def test_every_symbol_has_an_equation(traced):
    _, _, _, t = traced
    assert all(step.equation for step in t.steps)


def cross():
    mx.manual_seed(0)
    layer = nn.CrossAttention(8, 6, num_heads=2)
    with mx.trace() as t:
        output, weights = layer(mx.randn(B, L, 8), mx.randn(B, S, 6))
    return layer, output, weights, t


def test_steps_are_found_by_symbol_and_know_what_they_were_computed_from():
    _, output, weights, t = cross()
    assert t["weights"].value is weights and t["output"].value is output
    assert t["scores"].inputs == ["Q", "K"]
    assert t["weights"].inputs == ["scores"]
    assert t["heads"].inputs == ["weights", "V"]
    assert t["Q"].inputs == ["x"] and t["V"].inputs == ["c"]
    assert [s.symbol for s in t.steps][:2] == ["x", "c"]


def test_after_backward_every_step_has_its_gradient():
    _, output, _, t = cross()
    assert t["scores"].grad is None
    (output * output).sum().backward()
    for step in t.steps[2:]:
        assert step.grad.shape == step.shape and np.abs(values(step.grad)).max() > 0
    g = values(t["weights"].grad)
    w = values(t["weights"].value)
    expected = w * (g - (g * w).sum(-1, keepdims=True))  # the softmax's own derivative
    np.testing.assert_allclose(values(t["scores"].grad), expected, rtol=1e-4, atol=1e-7)


def test_a_symbol_of_several_layers_needs_the_layers_name():
    layer, *_ = cross()
    with mx.trace() as t:
        for _ in range(2):
            layer(mx.randn(B, L, 8), mx.randn(B, S, 6))
    with pytest.raises(KeyError, match=r"several layers.*'CrossAttention 1', 'weights'"):
        t["weights"]
    assert t["CrossAttention 2", "weights"].shape == (B, 2, L, S)
    assert list(t.layers) == ["CrossAttention 1", "CrossAttention 2"]


def test_an_unknown_symbol_lists_the_known_ones():
    *_, t = cross()
    with pytest.raises(KeyError, match="no step 'wieghts'.*Q, K, V, scores"):
        t["wieghts"]


def test_traces_nest_and_close_after_an_exception():
    layer, *_ = cross()
    x, c = mx.randn(B, L, 8), mx.randn(B, S, 6)
    with pytest.raises(mx.ShapeError), mx.trace() as outer, mx.trace() as inner:
        layer(layer(x, c)[0], x)  # the context has the wrong width
    assert len(outer) == len(inner) > 5 and not engine.tapes


def test_another_threads_layers_stay_out():
    layer, *_ = cross()
    with mx.trace() as t:
        thread = threading.Thread(target=layer, args=(mx.randn(B, L, 8), mx.randn(B, S, 6)))
        thread.start()
        thread.join()
    assert len(t) == 0


def test_it_works_without_recording_gradients_and_on_every_device(device):
    layer = nn.CrossAttention(8, 6, num_heads=2).to(device)
    with mx.no_grad(), mx.trace() as t:
        layer(mx.randn(B, L, 8, device=device), mx.randn(B, S, 6, device=device))
    assert t["weights"].inputs == ["scores"] and "−" not in repr(t["weights"])
    again = mx.as_tensor(t["weights"].recompute())
    assert again.equal(t["weights"].value)
    assert "scores" in repr(t) and "<svg" in t._repr_html_()


def test_a_layers_repr_shows_its_equation():
    layer, *_ = cross()
    assert "softmax(Q Kᵀ / √d_k) V" in repr(layer)


def test_an_untraced_forward_asks_once_a_layer_and_once_an_operation_whether_to_trace(monkeypatch):
    """What a closed trace costs: looking at an empty list, once for each operation and note."""

    class Counting(list):
        looks = 0

        def __bool__(self):
            type(self).looks += 1
            return False

    layer, *_ = cross()
    x, c = mx.randn(B, L, 8), mx.randn(B, S, 6)
    with mx.trace() as t:
        layer(x, c)
    monkeypatch.setattr(engine, "tapes", Counting())
    layer(x, c)
    assert Counting.looks <= len(t.tape) + 5
