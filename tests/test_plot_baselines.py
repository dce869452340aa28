"""Pictures against those of before, without their words: `pytest --mpl` compares them.

`pytest --mpl-generate-path=tests/baseline tests/test_plot_baselines.py` draws them anew.
"""

import numpy as np
import pytest

import minixattn as mx
from minixattn import plot
from minixattn.masks import causal

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
pytest.importorskip("pytest_mpl", reason='needs pip install "minixattn[test]"')
matplotlib.use("agg")

from matplotlib.figure import Figure  # noqa: E402
from matplotlib.text import Text  # noqa: E402

# Words are left out, as each version of matplotlib sets them a little differently.
ALIKE = {
    "baseline_dir": "baseline", "remove_text": True, "tolerance": 12, "style": "default",
    "savefig_kwargs": {"dpi": 50},
}  # fmt: skip


def wordless(figure):
    """The figure without the words that `remove_text` leaves: numbers, tokens, names of axes."""
    for text in figure.findobj(Text):
        text.set_text("")
    return figure


def weights(*shape):
    """Attention weights that are the same on every machine."""
    scores = 3 * np.sin(np.arange(np.prod(shape), dtype=float) ** 1.7).reshape(shape)
    return np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)


@pytest.mark.mpl_image_compare(**ALIKE)
def test_heatmap_with_a_mask_and_a_missing_value():
    figure = Figure(figsize=(4, 3))
    given = weights(5, 7)
    given[3, 1] = np.nan
    plot.heatmap(given, ax=figure.add_axes((0.1, 0.1, 0.7, 0.8)), mask=causal(5, 7, offset=2))
    return wordless(figure)


@pytest.mark.mpl_image_compare(**ALIKE)
def test_heads_with_the_most_peaked_one_framed():
    figure = Figure(figsize=(5, 3))
    # Each cell is 10 pixels wide and tall, so that no edge lies between two pixels.
    axes = [figure.add_axes((0.04 + 0.32 * (i % 3), 0.56 - 0.5 * (i // 3), 0.24, 0.4))
            for i in range(6)]  # fmt: skip
    plot.heads(weights(2, 3, 6, 6), ax=axes, colorbar=False)
    return wordless(figure)


@pytest.mark.mpl_image_compare(**ALIKE)
def test_arcs_from_one_query():
    figure = Figure(figsize=(3, 3))
    ax = figure.add_axes((0.2, 0.1, 0.6, 0.8))
    plot.arcs(weights(5, 7), "abcde", "fghijkl", from_=2, ax=ax)
    return wordless(figure)


def attention():
    """Q, K, V and the rest by hand, with gradients, the same on every machine."""
    rng = np.random.default_rng(0)
    shapes = ((3, 2), (4, 2), (4, 3))
    Q, K, V = (mx.tensor(rng.standard_normal(s), requires_grad=True) for s in shapes)
    scores = Q @ K.mT / 2**0.5
    masked = scores.masked_fill(~mx.masks.causal(3, 4).allowed, -np.inf)
    weights = mx.softmax(masked, -1)
    heads = weights @ V
    found = {"Q": Q, "K": K, "V": V, "scores": scores, "masked": masked, "weights": weights,
             "heads": heads}  # fmt: skip
    loss = (heads * mx.tensor(rng.standard_normal((3, 3)))).sum()
    return found, dict(zip(found, mx.autograd.grad(loss, list(found.values()), retain_graph=True)))


@pytest.mark.mpl_image_compare(**ALIKE)
def test_steps():
    values, gradients = attention()
    return wordless(plot.steps(values, gradients=gradients).figure)


@pytest.mark.mpl_image_compare(**ALIKE)
def test_graph():
    a, b, c = (mx.tensor(x, dtype=mx.float64, requires_grad=True) for x in (2.0, -3.0, 10.0))
    result = ((a * b + c) * a - 2 * b).tanh() * (a * a)
    return wordless(plot.graph(result, locals(), gradients=True).figure)


@pytest.mark.mpl_image_compare(**ALIKE)
def test_overlay():
    rng = np.random.default_rng(0)
    figure = Figure(figsize=(8, 3))
    left, right = figure.subplots(1, 2)
    plot.overlay(rng.random((20, 30, 3)), rng.dirichlet(np.ones(20)), (4, 5), ax=left, patch=(6, 7),
                 vmax="max")  # fmt: skip
    plot.overlay(rng.random((20, 30)), rng.dirichlet(np.ones(12)), (3, 4), ax=right, vmax=0.2,
                 upsample="bicubic")  # fmt: skip
    return wordless(figure)


@pytest.mark.mpl_image_compare(**ALIKE)
def test_words():
    rng = np.random.default_rng(1)
    maps = rng.dirichlet(np.ones(3), (4, 6))
    axes = plot.words(rng.random((12, 18)), maps, ["a", "b", "c"], (2, 3))
    return wordless(axes[0].figure)
