"""Training curves: every step, a moving average over it, and a name for each run."""

import io
import re

import numpy as np
import pytest

import minixattn as mx
from minixattn.plot import curves
from minixattn.plot.curves import averaged

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import same_color  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

ONE = [(1, 3.0, 0.1), (2, 2.0, 0.3), (3, 2.5, 0.2), (5, 1.0, 0.9)]
TWO = [(1, 3.0, 0.0), (2, 2.9, 0.1)]


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def drawn(runs, **options):
    return curves(runs, ax=Figure().subplots(1, 2), **options)


def test_a_run_is_drawn_as_its_values_and_their_moving_average():
    loss, accuracy = drawn({"one": ONE}, smooth=0.5)
    for ax, values, means in (
        (loss, [3.0, 2.0, 2.5, 1.0], [3.0, 2.5, 2.5, 1.75]),
        (accuracy, [0.1, 0.3, 0.2, 0.9], [0.1, 0.2, 0.2, 0.55]),
    ):
        raw, smooth = ax.lines
        for line, expected in ((raw, values), (smooth, means)):
            assert list(line.get_xdata()) == [1, 2, 3, 5]
            np.testing.assert_allclose(line.get_ydata(), expected)
        assert raw.get_alpha() < 0.5 and smooth.get_alpha() is None
        assert same_color(raw.get_color(), smooth.get_color())


def test_the_moving_average_starts_at_the_first_value_and_forgets_it(rng):
    values = rng.standard_normal(50)
    by_hand = [values[0]]
    for value in values[1:]:
        by_hand.append(0.9 * by_hand[-1] + 0.1 * value)
    np.testing.assert_allclose(averaged(values, 0.9), by_hand)
    np.testing.assert_array_equal(averaged(values, 0.0), values)
    assert averaged(np.empty(0), 0.9).shape == (0,)


def test_every_run_is_named_and_has_its_own_colour():
    loss, accuracy = drawn({"cross-attention": ONE, "mean pooling": TWO})
    legend = accuracy.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["cross-attention", "mean pooling"]
    colors = [line.get_color() for line in legend.legend_handles]
    assert not same_color(*colors)
    for ax in (loss, accuracy):
        assert len(ax.lines) == 4
        for i in (0, 1):
            assert all(same_color(line.get_color(), colors[i]) for line in ax.lines[2 * i :][:2])


def test_no_run_is_left_out_however_many_there_are():
    loss, accuracy = drawn({f"run {i}": ONE for i in range(7)})
    assert len(loss.lines) == len(accuracy.lines) == 14
    assert len(accuracy.get_legend().get_texts()) == 7


def test_axes_say_what_they_show():
    loss, accuracy = drawn({"one": ONE})
    assert loss.get_xlabel() == accuracy.get_xlabel() == "training step"
    assert loss.get_ylabel() == "loss (nats)"
    assert accuracy.get_ylabel() == "accuracy on the training batch"
    assert accuracy.get_ylim() == (0, 1.03)


def test_ticks_are_whole_steps():
    for ax in drawn({"two": TWO}):
        ax.figure.savefig(io.BytesIO())
        assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_it_draws_into_the_axes_it_is_given_and_returns_them():
    axes = Figure().subplots(1, 3)
    assert curves({"one": ONE}, ax=axes[1:]) is not None
    assert [len(ax.lines) for ax in axes] == [0, 2, 2]
    assert plt.get_fignums() == []
    two = [axes[0], axes[2]]
    assert curves({"one": ONE}, ax=two) is two


def test_without_axes_it_makes_one_figure_that_show_will_show():
    loss, accuracy = curves({"one": ONE})
    assert loss.figure is accuracy.figure
    assert plt.get_fignums() == [loss.figure.number]


@pytest.mark.parametrize(
    "log", [[], [(1, 2.0, 0.5)], np.array(ONE), [(1, mx.tensor(2.0, requires_grad=True), 0.5)]],
    ids=["none", "one step", "array", "tensor"],
)  # fmt: skip
def test_runs_of_any_length_and_kind_are_drawn(log):
    loss, _ = drawn({"one": log})
    assert [len(line.get_xdata()) for line in loss.lines] == [len(log)] * 2
    loss.figure.savefig(io.BytesIO())


def test_rows_that_are_no_triples_are_refused():
    said = "the run 'one' has a row of 2 numbers, (1.0, 3.0); each row is (step, loss, accuracy)"
    with pytest.raises(mx.ShapeError, match=re.escape(said)):
        drawn({"one": [(1, 3.0), (2, 2.0), (3, 1.0)]})


@pytest.mark.parametrize("smooth", [1, 1.5, -0.1, float("nan")])
def test_a_weight_of_the_past_that_is_no_average_is_refused(smooth):
    with pytest.raises(ValueError, match=re.escape("at least 0 and below 1, got ")):
        drawn({"one": ONE}, smooth=smooth)
