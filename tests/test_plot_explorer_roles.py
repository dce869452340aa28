"""Traces in the explorer: their steps, and what makes the weights, found by computing it."""

import numpy as np
import pytest
from explorer_pages import content, decoded, trace_of
from helpers import values

import minixattn as mx
from minixattn import plot
from minixattn.plot.explorer import page


def test_a_trace_brings_all_its_steps():
    mx.manual_seed(0)
    t = trace_of(mx.nn.CrossAttention(8, 6, num_heads=2), mx.randn(3, 4, 8), mx.randn(3, 5, 6))
    (layer,) = content(plot.explore(t, batch=1))["layers"]
    assert layer["name"] == "CrossAttention 1"
    assert [s["symbol"] for s in layer["steps"]] == [s.symbol for s in t.steps]
    for described, step in zip(layer["steps"], t.steps):
        assert np.array_equal(decoded(described["values"])[0], values(step.value)[1])
        assert tuple(described["shape"]) == step.shape
    scores = next(s for s in layer["steps"] if s["symbol"] == "scores")
    assert (scores["equation"], scores["dims"]) == ("(Q Kᵀ) / √d_k", "(B, h, L, S)")
    assert (scores["rows"], scores["columns"]) == ("queries", "keys")
    rows = {s["symbol"]: s["rows"] for s in layer["steps"]}
    assert rows["Q"] == rows["x"] == rows["output"] == "queries"
    assert rows["K"] == rows["V"] == rows["c"] == "keys"


@pytest.mark.parametrize(
    "make, expected",
    [
        (
            lambda: (mx.nn.CrossAttention(8, num_heads=2), 2),
            {"scores": "scores", "raw": "scores", "query": "Q", "key": "K", "value": "V",
             "result": "heads", "scale": 0.5},
        ),
        (
            lambda: (mx.nn.CrossAttention(8, num_heads=4, kv_heads=2, softcap=2.0, scale=0.3), 2),
            {"scores": "capped", "raw": "scores", "query": "Q", "key": "K", "value": "V",
             "result": "heads", "scale": 0.3},
        ),
        (
            lambda: (mx.nn.MultiheadAttention(8, 2, batch_first=True), 3),
            {"scores": "scores", "raw": "scores", "query": "Q", "key": "K", "value": "V",
             "result": "heads", "scale": 0.5},
        ),
        (
            lambda: (mx.nn.GeneralAttention(8), 2),
            {"scores": "e", "value": "h", "result": "output"},
        ),
        (
            lambda: (mx.nn.AdditiveAttention(8), 2),
            {"scores": "e", "value": "h", "result": "output"},
        ),
    ],
    ids=["cross", "shared", "multihead", "general", "additive"],
)  # fmt: skip
def test_what_makes_the_weights_is_found_by_computing_it(make, expected):
    mx.manual_seed(0)
    layer, streams = make()
    t = trace_of(layer, mx.randn(1, 3, 8), *[mx.randn(1, 5, 8)] * (streams - 1))
    found = content(plot.explore(t))["layers"][0]["roles"]
    assert found.pop("scale", None) == pytest.approx(expected.pop("scale", None))
    assert found == expected


def test_weights_that_are_no_softmax_have_no_scores():
    mx.manual_seed(0)
    x = mx.randn(1, 3, 8)
    layer = mx.nn.FeedForward(8, 16, activation=mx.sigmoid, bias=False).as_attention()
    found = content(plot.explore(trace_of(layer, x)))["layers"][0]
    assert "scores" not in found["roles"] and not found["sums"]
    assert (found["roles"]["value"], found["roles"]["result"]) == ("v", "output")
    t = trace_of(mx.nn.FeedForward(8, 16).as_attention(), 5 * x)
    with pytest.raises(ValueError, match=r"of \w+ 1 go from 0 to .*leave \w+ 1 out, with lay"):
        plot.explore(t)


def test_a_trace_knows_its_mask(rng):
    mx.manual_seed(0)
    allowed = np.tril(np.ones((4, 5), bool))
    for layer in (mx.nn.CrossAttention(8, num_heads=2), mx.nn.AdditiveAttention(8)):
        t = trace_of(layer, mx.randn(1, 4, 8), mx.randn(1, 5, 8), mx.tensor(allowed))
        mask = decoded(content(plot.explore(t))["layers"][0]["allowed"])
        assert (mask == allowed).all()


def test_layers_of_a_trace_get_the_words_that_fit_them():
    mx.manual_seed(0)
    words, patches = mx.randn(1, 3, 8), mx.randn(1, 4, 8)
    with mx.trace() as t:
        mx.nn.SelfAttention(8, num_heads=2)(words)
        mx.nn.CrossAttention(8, num_heads=2)(words, patches)
    view = plot.explore(t, ["a", "b", "c"], image=np.zeros((4, 4)))
    first, second = content(view)["layers"]
    assert first["queries"] == first["keys"] == second["queries"] == {"tokens": 0}
    assert second["keys"] == {"image": True}
    (chosen,) = content(plot.explore(t, layers=["CrossAttention 1"]))["layers"]
    assert chosen["name"] == "CrossAttention 1"


def test_steps_beyond_the_limit_are_left_out_and_the_page_says_so(monkeypatch):
    mx.manual_seed(0)
    monkeypatch.setattr(page, "MOST", 3000)
    with mx.trace() as t:
        for _ in range(2):
            mx.nn.CrossAttention(8, num_heads=2)(mx.randn(1, 6, 8), mx.randn(1, 6, 8))
    layers = content(plot.explore(t))["layers"]
    assert [layer["left_out"] for layer in layers] == [False, True]
    assert [len(layer["steps"]) > 0 for layer in layers] == [True, False]


def test_traces_that_show_no_attention_are_named():
    mx.manual_seed(0)
    with mx.trace() as t:
        mx.nn.CrossAttention(8, num_heads=2)(mx.randn(1, 3, 8), mx.randn(1, 4, 8))
    with mx.trace() as empty:
        pass
    with pytest.raises(ValueError, match="no attention in this trace"):
        plot.explore(empty)
    with pytest.raises(ValueError, match="no attention in upper; .* are CrossAttention 1"):
        plot.explore(t, layers=["upper"])
    with pytest.raises(mx.ShapeError, match=r"5 queries for weights of shape \(2, 3, 4\)"):
        plot.explore(t, list("abcde"))
    with pytest.raises(ValueError, match="2 traces are moments in time: say so with time=True"):
        plot.explore([t, t])
    with pytest.raises(mx.ShapeError, match="different models"):
        plot.explore([t, empty], time=True)
    with pytest.raises(mx.ShapeError, match="no batch element 3 in x of shape"):
        plot.explore(t, batch=3)
