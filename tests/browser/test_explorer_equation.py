"""The equation opened: the matrices of the trace, and one query's row computed from them."""

import re

import numpy as np
import pytest

import minixattn as mx
from minixattn import plot


def value(text):
    """The number that a cell shows: "−0.50", "2e−4", "−∞"."""
    return float(text.replace("−", "-").replace("∞", "inf"))


def numbers(page, region):
    """The numbers of a table, row by row; cells without one are left out."""
    lines = page.get_by_role("region", name=region, exact=True).locator("tbody tr").all()
    texts = [[cell.inner_text() for cell in line.locator("td").all()] for line in lines]
    return [[value(t) for t in line if re.fullmatch(r"−?[\d.]+(e[−\d]+)?|−∞", t)] for line in texts]


def press(page, group, name):
    page.get_by_role("group", name=group).get_by_role("button", name=re.compile(name)).click()


@pytest.fixture
def page(opened, traced):
    t, queries, keys = traced
    return opened(plot.explore(t, queries, keys))


def test_every_step_of_the_trace_is_a_button_with_its_shape(page, traced):
    buttons = page.get_by_role("group", name="Steps of the equation").get_by_role("button")
    steps = traced[0].steps
    assert [b.inner_text().split("\n")[0] for b in buttons.all()] == [s.symbol for s in steps]
    assert buttons.nth(2).inner_text().split("\n")[1] == "1 × 4 × 6 × 4"


@pytest.mark.parametrize("symbol", ["x", "Q", "K", "V", "scores", "masked", "heads", "output"])
def test_a_step_shows_its_matrix_with_its_numbers(page, traced, symbol):
    press(page, "Steps", f"^{symbol}")
    step = traced[0][symbol]
    array = step.value.detach().numpy()[0]
    array = (array[0] if array.ndim == 3 else array)[:, :12]  # the first head, twelve columns
    shown = numbers(page, f"The matrix {symbol}")
    assert np.shape(shown) == array.shape
    finite = np.isfinite(array)
    assert (np.isneginf(shown) == ~finite).all()
    shown, array = (np.where(finite, numbers_, 0) for numbers_ in (shown, array))
    assert np.allclose(shown, array, rtol=0.05, atol=0.0051)


def test_the_row_of_weights_is_computed_from_the_scores(page, traced):
    t = traced[0]
    page.locator("#queries .word").nth(2).click()
    table = np.array(numbers(page, "The softmax of this row")[:-1])
    scores = t["masked"].value.detach().numpy()[0, 0, 2]
    weights = t["weights"].value.detach().numpy()[0, 0, 2]
    assert np.allclose(table[:6, 0], scores[:6], rtol=0.01, atol=0.0051) and table[6, 0] == -np.inf
    assert np.allclose(table[:, 1], np.exp(scores - scores.max()), rtol=0.6, atol=0.0051)
    assert np.allclose(table[:, 2], weights, atol=0.0051)
    last = numbers(page, "The softmax of this row")[-1]
    assert last[0] == pytest.approx(np.exp(scores - scores.max()).sum(), abs=0.0051)
    assert last[1] == 1


def test_the_weighted_sum_names_its_terms_and_gives_the_recorded_result(page, traced):
    t = traced[0]
    page.locator("#queries .word").nth(2).click()
    weights, V = (t[s].value.detach().numpy()[0, 0] for s in ("weights", "V"))
    order = np.argsort(-weights[2])
    first = f"{weights[2, order[0]]:.2f} × v{chr(0x2080 + order[0])} + "
    assert first in page.locator("#row").inner_text()
    table = numbers(page, "The weighted sum")
    assert np.allclose(table[0], V[order[0]], rtol=0.01, atol=0.0051)
    assert np.allclose(table[-2], weights[2] @ V, rtol=0.01, atol=0.0051)
    assert table[-1] == table[-2]
    assert "recorded: heads" in page.locator("#row").inner_text()


def test_the_score_of_any_key_is_written_out(page, traced):
    t = traced[0]
    page.get_by_role("button", name="write out the score of k₂").click()
    Q, K, scores = (t[s].value.detach().numpy()[0, 0] for s in ("Q", "K", "scores"))
    text = page.locator("#row").inner_text().replace("−", "-")
    terms = re.search(r"q₀ · k₂ = (.*) = (\S+)\s+score = .* = (\S+)", text)
    factors = [float(x) for x in re.findall(r"-?\d+\.\d+|-?\d+e-?\d+", terms.group(1))]
    assert np.allclose(factors, np.stack([Q[0], K[2]], 1).ravel(), rtol=0.01, atol=0.0051)
    assert float(terms.group(2)) == pytest.approx(Q[0] @ K[2], rel=0.01, abs=0.0051)
    assert float(terms.group(3)) == pytest.approx(scores[0, 2], rel=0.01, abs=0.0051)
    assert "/ √4" in text
    assert page.evaluate("document.activeElement.innerText") == "k₂"


def test_the_temperature_reaches_the_row(page, traced):
    page.get_by_role("slider", name="Temperature").fill("20")
    scores = traced[0]["masked"].value.detach().numpy()[0, 0, 0]
    e = np.exp((scores - scores.max()) / 10)
    table = np.array(numbers(page, "The softmax of this row")[:-1])
    assert np.allclose(table[:, 2], e / e.sum(), atol=0.0051)
    assert "/ 10.00" in page.locator("#row").inner_text()
    assert "recorded" not in page.locator("#row").inner_text()


def test_another_head_has_another_row(page, traced):
    page.get_by_label("Head", exact=True).select_option("head 2")
    weights = traced[0]["weights"].value.detach().numpy()[0, 2, 0]
    table = np.array(numbers(page, "The softmax of this row")[:-1])
    assert np.allclose(table[:, 2], weights, atol=0.0051)
    assert "head 2" in page.locator("#row h3").inner_text()


def test_heads_that_share_keys_are_followed_to_them(opened):
    mx.manual_seed(0)
    layer = mx.nn.CrossAttention(8, num_heads=4, kv_heads=2)
    with mx.trace() as t:
        layer(mx.randn(1, 3, 8), mx.randn(1, 5, 8))
    page = opened(plot.explore(t))
    page.get_by_label("Head", exact=True).select_option("head 3")
    table = numbers(page, "The weighted sum")
    weights, V = t["weights"].value.detach().numpy()[0, 3], t["V"].value.detach().numpy()[0, 1]
    assert np.allclose(table[-2], weights[0] @ V, rtol=0.01, atol=0.0051)
    assert table[-1] == table[-2]
    press(page, "Steps", "^K")
    assert np.allclose(
        numbers(page, "The matrix K"), t["K"].value.detach().numpy()[0, 1], rtol=0.05, atol=0.0051
    )


def test_a_large_matrix_is_paged_through(opened, rng, softmax):
    weights = softmax(rng.normal(size=(40, 30)))
    page = opened(plot.explore(weights))
    assert np.allclose(numbers(page, "The matrix weights"), weights[:16, :12], atol=0.00051)
    page.get_by_role("button", name="Later columns").click()
    page.get_by_role("button", name="Later columns").click()
    page.get_by_role("button", name="Later rows").click()
    assert np.allclose(numbers(page, "The matrix weights"), weights[16:32, 24:], atol=0.00051)
    assert "columns 24 to 29 of 30" in page.locator("#steps").inner_text()
    assert page.get_by_role("button", name="Later columns").is_disabled()


def test_bare_weights_say_that_their_logarithm_stands_for_the_score(opened, rng, softmax):
    page = opened(plot.explore(softmax(rng.normal(size=(2, 3))), ["a", "b"], ["x", "y", "z"]))
    text = page.locator("#row").inner_text()
    assert "log weight" in text and "differs from its score by a constant" in text
    assert "explore(trace) shows them too" in text


def test_a_weight_of_zero_is_not_taken_for_a_masked_one(opened):
    view = plot.explore([[1.0, 0.0, 0.0]], ["a"], ["x", "y", "z"], mask=[[True, True, False]])
    cells = opened(view).locator("#row tbody td:nth-child(3)")
    assert cells.all_inner_texts()[:3] == ["0.00", "−∞", "−∞"]
    classes = [cell.get_attribute("class") or "" for cell in cells.all()]
    assert ["hidden-key" in c for c in classes[:3]] == [False, False, True]


def test_dropout_is_named_where_the_sum_does_not_come_out(opened):
    mx.manual_seed(0)
    layer = mx.nn.CrossAttention(8, num_heads=2, dropout=0.5)
    with mx.trace() as t:
        layer(mx.randn(1, 4, 8), mx.randn(1, 6, 8))
    page = opened(plot.explore(t))
    assert "layer.eval() switches it off" in page.locator("#row").inner_text()


def test_traces_over_time_show_the_numbers_of_their_moment(opened):
    mx.manual_seed(0)
    layer, x, c = mx.nn.CrossAttention(8, num_heads=2), mx.randn(1, 3, 8), mx.randn(1, 5, 8)
    traces = []
    for _ in range(3):
        with mx.trace() as t:
            layer(x, c)
        traces.append(t)
        layer.W_Q.weight.data += 0.5
    page = opened(plot.explore(traces, time=[0, 10, 20]))
    page.get_by_role("slider", name="Step").fill("2")
    press(page, "Steps", "^Q")
    Q = traces[2]["Q"].value.detach().numpy()[0, 0]
    assert np.allclose(numbers(page, "The matrix Q"), Q, rtol=0.05, atol=0.0051)
    assert numbers(page, "The weighted sum")[-1] == numbers(page, "The weighted sum")[-2]
