"""Pictures of masks: what is filled, hatched and named. Needs matplotlib."""

import builtins
import io

import numpy as np
import pytest

import minixattn as mx
from minixattn.masks import causal, keep, padding

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402

from minixattn import plot  # noqa: E402
from minixattn.plot.canvas import ATTENTION  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def filled(ax):
    """Which cells of the grid are filled with the colour of attention."""
    cells = ax.images[0].get_array()
    assert np.allclose(cells[cells[..., 3] > 0][:, :3], to_rgb(ATTENTION))
    return np.asarray(cells[..., 3] == 1)


def arrows(ax):
    """The rows that an arrow points at."""
    return [int(line.get_ydata()[0]) for line in ax.lines if line.get_marker() == "<"]


def words(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_cells_are_filled_where_one_may_attend_and_hatched_elsewhere():
    ax = causal(5, 7).plot()
    assert (filled(ax) == causal(5, 7).allowed).all()
    (below,) = ax.patches
    assert below.get_hatch() and below.get_bbox().bounds == (-0.5, -0.5, 7, 5)
    assert below.get_zorder() < ax.images[0].get_zorder()
    assert words(ax) == ["may attend", "may not"]


def test_axes_say_that_rows_are_queries_and_columns_keys_counted_from_the_top():
    ax = causal(5, 7).plot()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("key", "query")
    assert ax.get_ylim() == (4.5, -0.5) and ax.get_xlim() == (-0.5, 6.5)


def test_rows_that_may_look_nowhere_are_pointed_at():
    ax = causal(5, 7, offset=-2).plot()
    assert arrows(ax) == [0, 1]
    assert words(ax)[-1] == "may look nowhere"
    assert arrows(causal(5, 7).plot()) == []


def test_padding_is_one_grid_with_a_row_for_each_batch_element():
    ax = padding([7, 4, 0], 7).plot()
    assert ax.get_ylabel() == "batch element" and ax.get_title() == "the same for every query"
    assert (filled(ax) == padding([7, 4, 0], 7).allowed[:, 0]).all()
    assert arrows(ax) == [2]
    assert causal(1, 4).plot().get_ylabel() == "every query"


def test_masks_of_a_batch_and_of_heads_get_a_grid_each(rng):
    allowed = rng.random((2, 3, 4, 6)) < 0.5
    axes = keep(allowed).plot()
    assert [ax.get_title() for ax in axes] == [
        f"batch {b}, head {i}" for b in range(2) for i in range(3)
    ]
    for ax, expected in zip(axes, allowed.reshape(6, 4, 6)):
        assert (filled(ax) == expected).all()
    tops = [round(ax.get_position().y0, 2) for ax in axes]
    assert tops[0] == tops[2] > tops[3] == tops[5]  # a line for each batch element
    assert [ax.get_title() for ax in keep(allowed[:, 0]).plot()] == ["batch 0", "batch 1"]


def test_every_picture_can_be_written(rng):
    for mask in (causal(5, 7), padding([3, 0], 4), causal(90, 90), keep(rng.random((3, 4, 5)) < 1)):
        ax = np.ravel(mask.plot())[0]
        file = io.BytesIO()
        ax.figure.savefig(file, dpi=40)
        assert file.tell() > 1000


def test_arrays_and_tensors_draw_like_masks_on_given_axes(device):
    allowed = causal(3, 4).numpy()
    _, ax = plt.subplots()
    assert plot.mask(mx.tensor(allowed, device=device), ax=ax) is ax
    assert (filled(ax) == allowed).all()
    _, pair = plt.subplots(1, 2)
    drawn = plot.mask(causal(3, 4) & padding([4, 2], 4), ax=pair)
    assert [*drawn] == [*pair]


def test_what_cannot_be_drawn_says_why():
    with pytest.raises(mx.DTypeError, match=r"got float64: masks\.keep\(array == 1\)"):
        plot.mask(np.ones((3, 4)))
    with pytest.raises(mx.ShapeError, match=r"shape \(4,\) cannot be drawn, expected \(L, S\)"):
        plot.mask(np.ones(4, bool))
    with pytest.raises(mx.ShapeError, match="with no length of 0"):
        causal(0, 4).plot()
    with pytest.raises(mx.ShapeError, match=r"64 grids, .* at most 12.*mask\.numpy\(\)\[:2\]"):
        keep(np.ones((64, 3, 4), bool)).plot()
    with pytest.raises(mx.ShapeError, match="2 grids, one for each .* do not fit on 1 Axes"):
        (causal(3, 4) & padding([4, 2], 4)).plot(plt.figure().add_subplot())


def test_without_matplotlib_the_line_to_install_it_is_given(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "minixattn\[plot\]"'):
        causal(3, 4).plot()


def test_grids_fill_a_figure_that_is_given():
    figure = plt.figure()
    axes = plot.mask(np.ones((2, 3, 4), bool), ax=figure)
    assert list(axes) == figure.axes
