"""The explorer's file, without a browser: what goes in, what is in it, what is refused."""

import html
import re
import sys

import numpy as np
import pytest
from explorer_pages import content, decoded, softmax, weights_in

import minixattn as mx
from minixattn import masks, plot

# What is taken -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape, layers, kept",
    [
        ((3, 4), 1, (1, 1, 3, 4)),
        ((2, 3, 4), 1, (1, 2, 3, 4)),
        ((5, 2, 3, 4), 5, (1, 2, 3, 4)),
        ((1, 2, 3, 4), 1, (1, 2, 3, 4)),
    ],
)
def test_the_axes_are_layers_heads_queries_and_keys(rng, shape, layers, kept):
    weights = softmax(rng.normal(size=shape))
    found = weights_in(plot.explore(weights))
    assert [w.shape for w in found] == [kept] * layers
    assert np.allclose(np.concatenate(found), weights.reshape(layers, *kept[1:]), atol=1e-7)


@pytest.mark.parametrize(
    "shape, layers, kept",
    [
        ((6, 3, 4), 1, (6, 1, 3, 4)),
        ((6, 2, 3, 4), 1, (6, 2, 3, 4)),
        ((6, 5, 2, 3, 4), 5, (6, 2, 3, 4)),
    ],
)
def test_time_is_the_first_axis_where_it_is_asked_for(rng, shape, layers, kept):
    weights = softmax(rng.normal(size=shape))
    view = plot.explore(weights, time=range(0, 60, 10))
    assert [w.shape for w in weights_in(view)] == [kept] * layers
    assert content(view)["time"] == ["0", "10", "20", "30", "40", "50"]
    assert content(plot.explore(weights, time=True))["time"] == ["1", "2", "3", "4", "5", "6"]
    second = weights[:, 1] if layers > 1 else weights
    assert np.allclose(weights_in(view)[-1 if layers == 1 else 1], second.reshape(kept), atol=1e-7)


def test_a_list_has_a_layer_an_array_and_their_sizes_may_differ(rng):
    first, second = softmax(rng.normal(size=(2, 3, 4))), softmax(rng.normal(size=(1, 5, 3, 6)))
    view = plot.explore([first, second], layers=["text", "image"])
    assert [layer["name"] for layer in content(view)["layers"]] == ["text", "image"]
    assert [w.shape for w in weights_in(view)] == [(1, 2, 3, 4), (1, 5, 3, 6)]


def test_nested_lists_are_one_array():
    assert np.array_equal(weights_in(plot.explore([[0.25, 0.75]]))[0], [[[[0.25, 0.75]]]])


def test_tensors_of_any_device_are_taken(device, rng):
    weights = softmax(rng.normal(size=(2, 3, 4)))
    (found,) = weights_in(plot.explore(mx.tensor(weights, device=device, requires_grad=True)))
    assert np.allclose(found[0], weights, atol=1e-7)


def test_one_of_a_batch_is_taken(rng):
    weights = softmax(rng.normal(size=(3, 2, 4, 5)))
    (found,) = weights_in(plot.explore(weights, batch=2))
    assert np.allclose(found[0], weights[2], atol=1e-7)
    (found,) = weights_in(plot.explore(weights[:, 0], batch=1))
    assert np.allclose(found[0, 0], weights[1, 0], atol=1e-7)
    timed = weights_in(plot.explore(np.stack([weights, weights]), time=True, batch=2))
    assert np.allclose(timed[0][1], weights[2], atol=1e-7)


def test_words_may_be_anything_that_str_names():
    view = plot.explore([[0.5, 0.5]], [7], (b"x", None))
    assert content(view)["tokens"] == [["7"], ["x", "None"]]


def test_a_text_is_taken_word_by_word():
    view = plot.explore(np.full((2, 3), 1 / 3), "der Hund", "the dog barks")
    assert content(view)["tokens"] == [["der", "Hund"], ["the", "dog", "barks"]]


def test_sides_without_words_are_numbered():
    assert content(plot.explore([[0.5, 0.5]]))["tokens"] == [["query 0"], ["key 0", "key 1"]]


def test_a_mask_is_kept_beside_the_weights():
    weights = np.array([[1, 0, 0], [0.5, 0.5, 0]])
    for mask in (np.tril(np.ones((2, 3), bool)), masks.causal(2, 3)):
        (layer,) = content(plot.explore(weights, mask=mask))["layers"]
        assert np.array_equal(decoded(layer["allowed"])[0, 0], np.tril(np.ones((2, 3), bool)))
    (layer,) = content(plot.explore(weights))["layers"]
    assert layer["allowed"] is None


def test_the_page_knows_whether_rows_sum_to_one(rng):
    def sums(w):
        return content(plot.explore(w))["layers"][0]["sums"]

    assert sums(softmax(rng.normal(size=(3, 4))))
    assert sums([[0.5, 0.5], [0, 0], [np.nan, 1]])  # an empty row, and one that is not known
    assert not sums([[0.5, 0.7]])


# The file ----------------------------------------------------------------------------------------


def test_save_writes_the_page_and_returns_its_path(tmp_path):
    view = plot.explore([[0.25, 0.75]], ["käse"], ["猫", "\ud83d"], title="<b>&\ud83d")
    path = view.save(tmp_path / "attention.html")
    assert path.read_text(encoding="utf-8") == view.html
    assert [p.name for p in tmp_path.iterdir()] == ["attention.html"]
    plot.explore([[1.0]], save=tmp_path / "other.html")
    assert (tmp_path / "other.html").exists()
    assert "<title>&lt;b&gt;&amp;?</title>" in view.html


def test_a_file_that_is_no_page_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"save it as attention\.html, got .*attention\.png"):
        plot.explore([[1.0]]).save(tmp_path / "attention.png")
    assert not list(tmp_path.iterdir())


def test_a_notebook_gets_a_frame_of_its_own():
    view = plot.explore([[0.25, 0.75]], ['"><script>x</script>'], title='a "title"')
    frame = view._repr_html_()
    inner = re.fullmatch(r'<iframe srcdoc="([^"]*)" title="([^"]*)" sandbox="([^"]*)" .*', frame)
    assert html.unescape(inner.group(1)) == view.html
    assert inner.group(3) == "allow-scripts allow-downloads"
    assert "trust this notebook" in frame
    assert repr(view).startswith("<Explorer of 1 × (1, 1, 2): ")


def test_no_word_can_end_the_script_that_holds_it():
    view = plot.explore([[1.0]], ["</script><script>alert(1)</script>"], ["<!--"], title="{script}")
    assert view.html.count("<script") == view.html.count("</script>") == 2
    assert content(view)["tokens"] == [["</script><script>alert(1)</script>"], ["<!--"]]
    assert content(view)["title"] == "{script}"


def test_the_page_needs_no_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    assert "<title>Attention</title>" in plot.explore([[1.0]], image=np.zeros((2, 2))).html
