"""How a trace reads: in a terminal, as Markdown, and as HTML."""

import re

import numpy as np
import pytest

import minixattn as mx
from minixattn.tracing_text import picture, plain, span


@pytest.fixture
def t():
    mx.manual_seed(0)
    layer = mx.nn.CrossAttention(8, 6, num_heads=2)
    with mx.trace() as t:
        layer(mx.randn(2, 3, 8), mx.randn(2, 5, 6), np.tril(np.ones((3, 5), bool)))
    return t


@pytest.mark.parametrize(
    "latex, text",
    [
        (r"\frac{Q K^\top}{\sqrt{d_k}}", "(Q Kᵀ) / √d_k"),
        (r"A = \operatorname{softmax}(\mathrm{masked})", "A = softmax(masked)"),
        (r"m \tanh(\mathrm{scores} / m)", "m tanh(scores / m)"),
        (r"x \leftarrow x + \operatorname{FF}(x)", "x ← x + FF(x)"),
        (r"\sum_{i} a_{i} \odot v_{i}", "Σ_i a_i ⊙ v_i"),
    ],
)
def test_latex_becomes_a_line_of_text(latex, text):
    assert plain(latex) == text


def test_no_equation_of_any_layer_leaves_latex_commands_in_the_text():
    kinds = [k for k in vars(mx.nn).values() if isinstance(k, type)] + [mx.models.VisualQA]
    lines = [e for k in kinds for e, _ in getattr(k, "equations", {}).values()]
    assert len(lines) > 50
    for latex in lines:
        assert "\\" not in plain(latex), latex
        assert latex.count("{") == latex.count("}"), latex


def test_the_table_has_a_row_a_step_with_shapes_and_values(t):
    lines = repr(t).splitlines()
    assert lines[0] == "CrossAttention 1"
    assert re.match(r"symbol +equation +shape +here +values +gradient", lines[1])
    rows = {line.split()[0]: line for line in lines[3:]}
    assert list(rows) == [s.symbol for s in t.steps]
    assert "(B, h, L, S)" in rows["weights"] and "(2, 2, 3, 5)" in rows["weights"]
    assert "0 … 1" in rows["weights"]
    assert "36 × −∞" in rows["masked"]  # 4 + 3 + 2 forbidden keys, 2 heads, 2 batch elements


def test_markdown_has_one_table_a_layer_with_set_equations(t):
    text = t.to_markdown()
    assert text.startswith("**CrossAttention 1**\n\n| symbol | equation |")
    assert r"$\frac{Q K^\top}{\sqrt{d_k}}$" in text
    assert text.count("\n| ") == 2 + len(t)  # the head, the rule below it, and the steps


def test_html_sets_equations_draws_every_matrix_and_escapes(t):
    page = t._repr_html_()
    assert page.count("<svg") == len(t) and page.count("<tr>") == len(t) + 1
    assert "$Q = x W_Q$" in page and "<script" not in page


def test_an_empty_trace_says_so():
    with mx.trace() as empty:
        pass
    assert "no layer has run" in repr(empty) and "no layer has run" in empty._repr_html_()


def test_values_are_summed_up_with_what_is_not_finite():
    assert span(mx.tensor([1.0, -2.5, float("-inf")])) == "-2.5 … 1, 1 × −∞"
    assert span(mx.tensor([float("nan"), 3.0])) == "3 … 3, 1 NaN"
    assert span(mx.tensor([float("-inf")])) == "none finite, 1 × −∞"
    assert span(None) == "–"


def test_pictures_run_from_white_to_black_and_thin_out_long_sides():
    shades = re.findall(r'fill="([^"]+)"', picture(mx.tensor([[0.0, 1.0], [0.5, float("-inf")]])))
    assert shades == ["rgb(255,255,255)", "rgb(0,0,0)", "rgb(128,128,128)", "#f4c7c3"]
    assert picture(mx.zeros(40, 100)).count("<rect") == 16 * 16
    assert picture(mx.tensor(2.0)).count("<rect") == 1 and picture(mx.zeros(0, 3)) == ""
