"""The computation graph: a box for everything, no overlaps, values and gradients that are right."""

import re
from itertools import pairwise

import numpy as np
import pytest
from helpers import leaf

import minixattn as mx
from minixattn.plot.graph import graph, history
from minixattn.plot.graph_layout import crossings, layered, placed, spread

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402


def scalars(device="cpu"):
    return [leaf(np.array(x), device) for x in (2.0, -3.0, 10.0)]


def expression(device="cpu"):
    a, b, c = scalars(device)
    d = a * b + c
    return {"a": a, "b": b, "c": c, "d": d, "loss": (d * a - 2 * b).tanh() * (a * a)}


def boxes(ax):
    return [p for p in ax.patches if p.get_gid() == "box"]


def edges(ax):
    return [p for p in ax.patches if p.get_gid() == "edge"]


def words(ax):
    """The lines in each box, from its place."""
    found = []
    for box in boxes(ax):
        x0, y0, x1, y1 = frame(box)
        inside = [t for t in ax.texts if x0 < t.get_position()[0] < x1]
        found.append([t.get_text() for t in inside if y0 < t.get_position()[1] < y1])
    return found


def frame(box):
    return box.get_x(), box.get_y(), box.get_x() + box.get_width(), box.get_y() + box.get_height()


def test_every_operation_and_leaf_has_a_box_and_every_operand_an_arrow(device):
    e = expression(device)
    ax = graph(e["loss"], e)
    titles = sorted(lines[0] for lines in words(ax))
    assert titles == sorted(["a", "b", "c", "×", "d = +", "×", "×", "−", "tanh", "×", "loss = ×",
                             "constant"])  # fmt: skip
    _, inputs = history(e["loss"])
    assert len(edges(ax)) == sum(map(len, inputs.values())) == 15


def test_boxes_hold_shape_value_and_gradient(device):
    x = leaf(np.array([[1.0, -2.0, 0.5], [0.0, 4.0, 1.0]]), device)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    found = {lines[0]: lines[1:] for lines in words(graph(y, {"x": x}))}
    assert found["x"] == ["(2, 3)", "−2 … 4", "grad −4 … 8"]
    assert found["sum"] == ["22.25"]


def test_gradients_are_computed_when_asked_and_touch_nothing(device):
    e = expression(device)
    found = {lines[0]: lines for lines in words(graph(e["loss"], e, gradients=True))}
    expected = mx.autograd.grad(e["loss"], [e["a"], e["d"]], retain_graph=True)
    for name, g in zip(("a", "d = +"), expected):
        said = f"grad {g.item():.4g}".replace("-", "−")
        assert found[name][-1] == ("grad 0" if said == "grad −0" else said)
    assert e["a"].grad is None
    assert found["loss = ×"][-1] == "grad 1"
    e["loss"].backward()  # the graph is still there


def test_arrows_run_from_left_to_right_or_down():
    e = expression()
    for direction, axis in (("right", 0), ("down", 1)):
        ax = graph(e["loss"], e, direction=direction)
        for edge in edges(ax):
            vertices = edge.get_path().vertices if edge._path_original is None else (
                edge._path_original.vertices)  # fmt: skip
            assert vertices[0, axis] < vertices[-1, axis]
            assert (np.diff(vertices[:, axis]) > -1e-9).all()


@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_no_boxes_or_words_overlap_and_words_stay_in_their_boxes(direction, style):
    e = expression()
    with plt.style.context(style):
        ax = graph(e["loss"], e, gradients=True, direction=direction)
        ax.figure.canvas.draw()
    frames = [box.get_window_extent() for box in boxes(ax)]
    for i, one in enumerate(frames):
        assert not any(one.overlaps(other) for other in frames[:i])
    for text in ax.texts:
        own = text.get_window_extent()
        assert any(f.x0 <= own.x0 and own.x1 <= f.x1 and f.y0 <= own.y0 and own.y1 <= f.y1
                   for f in frames), text.get_text()  # fmt: skip


def test_no_arrow_runs_through_a_box():
    e = expression()
    ax = graph(e["loss"], e)
    frames = [frame(box) for box in boxes(ax)]
    for edge in edges(ax):
        path = edge._path_original
        points = path.interpolated(1).to_polygons(closed_only=False)[0]
        points = np.concatenate([np.linspace(p, q, 20) for p, q in pairwise(points)])
        for x0, y0, x1, y1 in frames:
            inside = ((points > (x0 + 1e-3, y0 + 1e-3)) & (points < (x1 - 1e-3, y1 - 1e-3))).all(1)
            assert not inside.any()


def test_leaves_constants_and_operations_look_different():
    a, *_ = scalars()
    ax = graph(a * 2)
    looks = {lines[0]: (b.get_linestyle(), type(b.get_boxstyle()).__name__)
             for lines, b in zip(words(ax), boxes(ax))}  # fmt: skip
    assert looks == {"leaf": ("-", "Square"), "constant": (":", "Square"), "×": ("-", "Round")}


def test_a_leaf_alone_and_an_operand_used_twice():
    a, *_ = scalars()
    assert [lines[0] for lines in words(graph(a, {"a": a}))] == ["a"]
    assert len(edges(graph(a * a))) == 2


def test_long_chains_go_down_and_are_drawn_whole():
    x, y, _ = scalars()
    for i in range(28):
        x = x * y if i % 3 else x + y
    ax = graph(x)
    assert ax.figure.get_figheight() > 2 * ax.figure.get_figwidth()
    frames = [frame(box) for box in boxes(ax)]
    assert len(frames) == 30
    width, height = ax.figure.get_size_inches()
    assert all(f[0] >= 0 and f[1] >= 0 and f[2] <= width and f[3] <= height for f in frames)


def test_it_shrinks_into_axes_that_are_given(tmp_path):
    figure, pair = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    e = expression()
    assert graph(e["loss"], e, ax=pair[0], save=tmp_path / "graph.svg") is pair[0]
    assert ">tanh<" in (tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert len(plt.get_fignums()) == 1 and figure.axes == list(pair)
    assert pair[0].texts[0].get_fontsize() < plt.rcParams["font.size"]


def test_a_freed_graph_says_what_to_do():
    e = expression()
    e["loss"].backward()
    with pytest.raises(mx.GraphError, match=re.escape("call backward(retain_graph=True)")):
        graph(e["loss"])


def test_too_large_or_foreign_expressions_are_refused():
    x, *_ = scalars()
    for _ in range(70):
        x = x * 2
    with pytest.raises(ValueError, match="more than 60 operations and leaves, too many to read"):
        graph(x)
    with pytest.raises(TypeError, match="expected a Tensor of this package, .* got numpy.ndarray"):
        graph(np.ones(3))
    with pytest.raises(ValueError, match="direction='up', expected"):
        graph(scalars()[0], direction="up")
    with pytest.raises(mx.GraphError, match="nothing in this expression has requires_grad=True"):
        graph(mx.tensor(1.0) * 2, gradients=True)


def test_names_that_would_be_formulas_are_shown_as_text():
    a, *_ = scalars()
    ax = graph(a * 1, {"$x^2$": a, "number": 3})
    ax.figure.canvas.draw()
    assert any("x^2" in t.get_text() for t in ax.texts)


# The layout --------------------------------------------------------------------------------------


def test_neighbours_are_spread_without_overlap_and_as_near_as_can_be():
    np.testing.assert_allclose(spread([0, 0, 0], [1, 1, 1]), [-1, 0, 1])
    np.testing.assert_allclose(spread([0, 10], [1, 1]), [0, 10])
    np.testing.assert_allclose(spread([5, 0, 9], [2, 2, 2]), [1.5, 3.5, 9])


def test_layers_follow_the_longest_way_and_crossings_are_undone():
    inputs = {"a": [], "b": [], "p": ["b"], "q": ["a"], "r": ["p", "q", "a"]}
    layers, found = layered(list(inputs), inputs)
    assert [[n for n in layer if isinstance(n, str)] for layer in layers] == [
        ["a", "b"], ["p", "q"], ["r"]
    ]  # fmt: skip
    assert sorted(len(path) for path, _ in found) == [2, 2, 2, 2, 3]  # one passes a layer
    place = placed(layers, found, {n: 1.0 for layer in layers for n in layer})
    order = [sorted(layer, key=place.get) for layer in layers]
    assert crossings(order, found) < crossings(layers, found)
