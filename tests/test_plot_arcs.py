"""Lines from queries to keys: which, how thick, and what is written beside them."""

import re

import numpy as np
import pytest

import minixattn as mx
from minixattn import plot

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

WEIGHTS = np.array([[0.9, 0.08, 0.02], [0.3, 0.3, 0.4]])
QUERIES, KEYS = ["the", "cat"], ["le", "chat", "noir"]


def lines(ax):
    """{(query, key): (width, opacity)} of the lines."""
    (drawn,) = ax.collections
    found = {}
    for path, wide, color in zip(drawn.get_paths(), drawn.get_linewidths(), drawn.get_edgecolors()):
        (_, start), *_, (_, end) = path.vertices
        found[round(start * 2 - 0.5), round(end * 3 - 0.5)] = wide, color[3]
    return found


def words(ax):
    return {t.get_text() for t in ax.texts}


def test_lines_run_from_the_queries_on_the_left_to_the_keys_on_the_right():
    ax = plot.arcs(WEIGHTS, QUERIES, KEYS)
    assert set(lines(ax)) == {(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)}  # 0.02 is too little
    places = {t.get_text(): t.xy for t in ax.texts if hasattr(t, "xy")}
    assert places["the"] == (0, 0.25) and places["cat"] == (0, 0.75)
    assert [places[key] for key in KEYS] == [(1, pytest.approx((j + 0.5) / 3)) for j in range(3)]
    assert ax.get_ylim() == (1, 0)  # from the top


def test_width_and_opacity_are_the_weight_and_the_strongest_lie_above():
    found = lines(plot.arcs(WEIGHTS, QUERIES, KEYS))
    for (i, j), (wide, opacity) in found.items():
        assert wide == pytest.approx(4 * WEIGHTS[i, j])
        assert opacity == pytest.approx(0.1 + 0.9 * WEIGHTS[i, j])
    assert list(found)[-1] == (0, 0)


def test_both_sides_say_what_they_are():
    ax = plot.arcs(WEIGHTS, QUERIES, KEYS, target="English", source="French")
    assert {"query: English", "key: French"} <= words(ax)


def test_the_threshold_is_said():
    said = plot.arcs(WEIGHTS, QUERIES, KEYS).get_xlabel()
    assert " ".join(said.split()) == "width and opacity: the weight; drawn from 0.05 up: 5 of 6"
    ax = plot.arcs(WEIGHTS, QUERIES, KEYS, threshold=0.35)
    assert set(lines(ax)) == {(0, 0), (1, 2)} and "0.35 up: 2 of 6" in ax.get_xlabel()
    assert lines(plot.arcs(np.eye(2, 3), QUERIES, KEYS, threshold=0)).keys() == {(0, 0), (1, 1)}


def test_from_a_query_one_reads_where_it_looks():
    for token in ("cat", 1, -1):
        ax = plot.arcs(WEIGHTS, QUERIES, KEYS, from_=token)
        found = lines(ax)
        assert found[1, 2][1] == pytest.approx(0.46) and found[0, 0][1] < 0.15
        assert {"0.30", "0.40"} <= words(ax) and "0.90" not in words(ax)
        bold = [t.get_text() for t in ax.texts if t.get_fontweight() == "bold"]
        assert bold == ["cat"]


def test_from_a_key_one_reads_who_looks_at_it():
    ax = plot.arcs(WEIGHTS, QUERIES, KEYS, to="le")
    found = lines(ax)
    assert found[0, 0][1] == pytest.approx(0.91) and found[1, 2][1] < 0.15
    assert {"0.90", "0.30"} <= words(ax)
    numbers = [t for t in ax.texts if t.get_text() in ("0.90", "0.30")]
    assert {t.xy[0] for t in numbers} == {0}  # beside the queries


def test_what_was_picked_out_is_named_even_where_room_is_short():
    names = [f"w{i}" for i in range(500)]
    ax = plot.arcs(np.eye(500), names, names, from_=123)
    assert "w123" in words(ax) and "w122" not in words(ax)
    assert "of the queries is named" in " ".join(ax.get_xlabel().split())
    assert min(t.get_fontsize() for t in ax.texts) >= 5


@pytest.mark.parametrize("n", [5, 30, 100])
def test_5_30_and_100_words_are_all_named_and_do_not_overlap(n):
    names = [f"word{i}" for i in range(n)]
    ax = plot.arcs(np.eye(n), names, names)
    ax.figure.canvas.draw()
    left = [t for t in ax.texts if hasattr(t, "xy") and t.xy[0] == 0]
    assert [t.get_text() for t in left] == names
    places = [t.get_window_extent() for t in left]
    middles = np.array([(box.y0 + box.y1) / 2 for box in places])
    assert (-np.diff(middles) > 0.7 * left[0].get_fontsize() * 100 / 72).all()


def test_of_many_lines_the_strongest_are_drawn(rng):
    weights = rng.dirichlet(np.ones(60), 60)
    names = [str(i) for i in range(60)]
    ax = plot.arcs(weights, names, names, threshold=0)
    assert len(ax.collections[0].get_paths()) == 2000
    assert "only the 2,000 greatest of 3,600" in " ".join(ax.get_xlabel().split())


def test_a_weight_that_is_not_a_number_has_no_line_and_is_said():
    weights = WEIGHTS.copy()
    weights[0, 0] = np.nan
    ax = plot.arcs(weights, QUERIES, KEYS, from_="the")
    assert (0, 0) not in lines(ax)
    assert "no value (NaN) for 1 pairs" in " ".join(ax.get_xlabel().split())


def test_it_draws_on_the_axes_it_is_given_and_saves(tmp_path):
    ax = Figure().subplots()
    assert plot.arcs(WEIGHTS, QUERIES, KEYS, ax=ax, save=tmp_path / "a.svg") is ax
    assert "chat" in (tmp_path / "a.svg").read_text() and plt.get_fignums() == []


def test_one_word_and_no_line_are_drawn():
    ax = plot.arcs([[0.0]], [""], ["$"])
    assert lines(ax) == {} and {"∅", r"\$"} <= words(ax)
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"queries": KEYS}, mx.ShapeError, "3 queries do not fit weights of shape (2, 3)"),
        ({"queries": None}, TypeError, "the queries must be words"),
        ({"keys": np.ones((3, 2, 2))}, TypeError, "be words; plot.heatmap can show images"),
        ({"weights": WEIGHTS * 3}, ValueError, "weights go from 0.06 to 2.7, expected 0 to 1"),
        ({"from_": "dog"}, ValueError, "from_='dog' is among the queries nowhere"),
        ({"to": 3}, ValueError, "to=3 is not one of the 3 keys"),
        ({"to": "a", "keys": ["a", "b", "a"]}, ValueError, "keys at 0, 2: give its position"),
    ],
)  # fmt: skip
def test_misfits_are_refused_by_name(options, error, said):
    with pytest.raises(error, match=re.escape(said)):
        plot.arcs(**{"weights": WEIGHTS, "queries": QUERIES, "keys": KEYS} | options)
    assert plt.get_fignums() == []


def test_a_letter_of_a_text_is_picked_out_where_letters_are_the_tokens():
    ax = plot.arcs(np.eye(3), "abc", "xyz", from_="b")
    assert [t.get_text() for t in ax.texts if t.get_fontweight() == "bold"] == ["b"]
