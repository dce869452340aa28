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


def test_axes_say_what_they_show_and_no_unit_that_only_the_caller_knows():
    loss, accuracy = drawn({"one": ONE})
    assert loss.get_xlabel() == accuracy.get_xlabel() == "training step"
    assert loss.get_ylabel() == "loss"
    assert accuracy.get_ylabel() == "accuracy"
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


# Logs in other forms -----------------------------------------------------------------------------


def test_a_single_run_needs_no_name():
    loss, accuracy = drawn(ONE, smooth=0)
    assert list(loss.lines[0].get_ydata()) == [3.0, 2.0, 2.5, 1.0]
    assert accuracy.get_legend() is None and loss.get_title(loc="left") == ""


def test_smoothing_is_stated():
    loss, accuracy = drawn(ONE, smooth=0.9)
    assert loss.get_title(loc="left") == (
        "pale: each step; line: moving average, 0.9 past + 0.1 new"
    )
    assert accuracy.get_title(loc="left") == ""


def test_rows_by_name_columns_and_csv_files_draw_alike(tmp_path):
    rows = [{"epoch": 1, "loss": 3.0, "lr": 0.1}, {"epoch": 2, "loss": 2.0, "lr": 0.05}]
    columns = {"epoch": [1, 2], "loss": [3.0, 2.0], "lr": [0.1, 0.05]}
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,lr,note\n1,3.0,0.1,good\n2,2.0,0.05,better\n", encoding="utf-8")
    for log in (rows, columns, path, str(path)):
        axes = curves(log, smooth=0)
        assert [ax.get_ylabel() for ax in axes] == ["loss", "lr"]
        assert [ax.get_xlabel() for ax in axes] == ["epoch"] * 2
        for ax, values in zip(axes, ([3.0, 2.0], [0.1, 0.05])):
            assert list(ax.lines[0].get_xdata()) == [1, 2]
            assert list(ax.lines[0].get_ydata()) == values


def test_runs_of_different_measures_share_their_panels(tmp_path):
    two = {"loss": [4, 3, 2], "norm": [1, 1, 1]}
    axes = curves({"one": {"loss": [3, 2]}, "two": two}, smooth=0)
    assert [ax.get_ylabel() for ax in axes] == ["loss", "norm"]
    assert [len(ax.lines) for ax in axes] == [2, 1]
    assert [ax.get_xlabel() for ax in axes] == ["row"] * 2


def test_values_that_are_not_finite_leave_a_marked_gap():
    loss, _ = drawn([(1, 3.0, 0.1), (2, np.nan, 0.1), (3, np.inf, 0.1), (4, 1.0, 0.2)], smooth=0.5)
    means = loss.lines[1].get_ydata()
    np.testing.assert_array_equal(np.isnan(means), [False, True, True, False])
    assert means[3] == 2.0  # the mean went on where it stood
    (cross,) = [line for line in loss.lines if line.get_marker() == "x"]
    assert list(cross.get_xdata()) == [2]
    assert [t.get_text() for t in loss.texts] == ["not finite at 2"]


def test_colours_of_the_users_own_are_kept():
    with plt.style.context("dark_background"):
        expected = plt.rcParams["axes.prop_cycle"].by_key()["color"][:2]
        loss, _ = drawn({"one": ONE, "two": TWO})
    assert [line.get_color() for line in loss.lines[1::2]] == expected


def test_no_two_of_sixteen_runs_look_alike():
    loss, _ = drawn({f"run {i}": ONE for i in range(16)}, smooth=0)
    assert len({(line.get_color(), line.get_linestyle()) for line in loss.lines}) == 16


def test_it_is_saved(tmp_path):
    drawn({"one": ONE}, save=tmp_path / "curves.svg")
    assert "training step" in (tmp_path / "curves.svg").read_text(encoding="utf-8")


def test_logs_that_cannot_be_read_say_why(tmp_path):
    path = tmp_path / "log.csv"
    for text, error, said in (
        ("", ValueError, "log.csv is empty"),
        ("a,b\nx,y\n", ValueError, "has no column of numbers among a, b"),
        ("step,loss\n1,2\n3\n", mx.ShapeError, "line 3 of "),
        ("step\n1\n", ValueError, "the log has no measure beside 'step'"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(error, match=re.escape(said)):
            curves(path)
    with pytest.raises(mx.ShapeError, match="'loss' has 2, 'lr' has 1"):
        curves({"loss": [1, 2], "lr": [1]})
    with pytest.raises(ValueError, match="no run to draw"):
        curves({})
    with pytest.raises(mx.ShapeError, match="2 panels do not fit on 3 Axes"):
        curves(ONE, ax=Figure().subplots(1, 3))
