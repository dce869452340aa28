"""Attention over an image: each patch as opaque as its weight, and misfits refused by name."""

import io
import re

import numpy as np
import pytest

import minixattn as mx
from minixattn.plot import overlay
from minixattn.plot.canvas import ATTENTION

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

ROWS, COLUMNS = 2, 3
IMAGE = np.linspace(0, 1, 8 * 6).reshape(8, 6)
WEIGHTS = np.array([0.0, 0.04, 0.05, 0.25, 0.5, 1.0])


def drawn(image=IMAGE, weights=WEIGHTS, grid=(ROWS, COLUMNS), **options):
    return overlay(image, weights, grid, ax=Figure().subplots(), **options)


def tint(ax):
    """The RGBA array of the tint, the second image drawn."""
    return ax.get_images()[1].get_array()


# What is drawn -----------------------------------------------------------------------------------


def test_the_tint_is_proportional_to_the_weights():
    rgba = tint(drawn())
    assert rgba.shape == (ROWS, COLUMNS, 4)
    np.testing.assert_array_equal(rgba[..., 3], 0.75 * WEIGHTS.reshape(ROWS, COLUMNS))
    assert rgba[0, 0, 3] == 0  # untouched
    np.testing.assert_allclose(rgba[..., :3], np.broadcast_to(to_rgb(ATTENTION), (2, 3, 3)))


def test_weights_are_in_reading_order_from_the_upper_left_corner():
    figure = Figure(figsize=(3, 2), dpi=100)
    ax = figure.add_axes((0, 0, 1, 1))
    overlay(np.zeros((2, 3)), [0, 0, 1, 0, 0, 0], (2, 3), ax=ax, color="#0000ff", edges=False)
    ax.axis("off")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    blue = pixels[..., 2] - pixels[..., 0] > 100
    assert blue[:98, 202:].all()  # the patch at the upper right
    assert not blue[102:].any() and not blue[:, :198].any()


@pytest.mark.parametrize("color", ["#1b7837", "red", (0.2, 0.4, 0.6), "C0"])
def test_any_colour_of_matplotlibs_will_do(color):
    np.testing.assert_allclose(tint(drawn(color=color))[0, 0, :3], to_rgb(color))


def test_the_grid_may_be_given_as_rows_and_columns_of_weights():
    flat, square = drawn(), drawn(weights=WEIGHTS.reshape(ROWS, COLUMNS))
    np.testing.assert_array_equal(tint(flat), tint(square))


def test_patches_have_edges_between_them():
    def lines(ax):
        return sorted((tuple(line.get_xdata()), tuple(line.get_ydata())) for line in ax.lines)

    assert lines(drawn()) == [((0, 1), (1, 1)), ((1, 1), (0, 1)), ((2, 2), (0, 1))]
    assert lines(drawn(edges=False)) == []


def test_values_are_written_into_their_patches_from_five_percent_up():
    ax = drawn(values=True)
    found = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in ax.texts}
    assert found == {(0, 2): "5%", (1, 0): "25%", (1, 1): "50%", (1, 2): "100%"}
    assert list(drawn().texts) == []


def test_the_image_lies_under_the_grid_and_keeps_its_shape():
    ax = drawn()
    np.testing.assert_array_equal(ax.get_images()[0].get_array(), IMAGE)
    for image in ax.get_images():
        assert tuple(image.get_extent()) == (0, COLUMNS, ROWS, 0)
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, COLUMNS), (ROWS, 0))
    assert list(ax.get_xticks()) == list(ax.get_yticks()) == []
    # 8 pixels over 2 rows are 4 units tall, 6 over 3 columns 2 units wide.
    assert ax.get_aspect() == 2.0


def test_paper_is_white_and_ink_is_grey():
    image = drawn().get_images()[0]
    assert image.cmap(image.norm(0.0))[:3] == (1, 1, 1)
    assert 0.2 < image.cmap(image.norm(1.0))[0] < 0.6  # not black, which no tint could colour


@pytest.mark.parametrize("channels", [3, 4])
def test_a_colour_image_is_drawn_in_its_colours_when_asked(channels, rng):
    image = rng.random((8, 6, channels))
    np.testing.assert_array_equal(drawn(image, saturation=1).get_images()[0].get_array(), image)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_colour_image_is_muted_so_that_the_tint_stands_out(channels, rng):
    image = rng.random((8, 6, channels))
    shown = drawn(image).get_images()[0].get_array()
    grey = image[..., :3] @ [0.2126, 0.7152, 0.0722]
    np.testing.assert_allclose(
        shown[..., 0], 1 - 0.7 * (1 - grey - 0.25 * (image[..., 0] - grey)), atol=1e-12
    )
    np.testing.assert_array_equal(shown[..., 3:], image[..., 3:])
    flat = drawn(image, saturation=0).get_images()[0].get_array()
    np.testing.assert_allclose(flat[..., 0], flat[..., 2])
    with pytest.raises(ValueError, match=re.escape("saturation=2, expected a number from 0 to 1")):
        drawn(image, saturation=2)


def test_a_grey_photograph_has_light_where_its_numbers_are_high():
    image = drawn(ink=False).get_images()[0]
    assert image.cmap(image.norm(1.0))[:3] == (1, 1, 1)
    assert 0.2 < image.cmap(image.norm(0.0))[0] < 0.6


def test_bytes_are_brought_to_numbers_from_0_to_1():
    image = (IMAGE * 255).astype(np.uint8)
    np.testing.assert_array_equal(drawn(image).get_images()[0].get_array(), image / 255)
    np.testing.assert_array_equal(drawn(IMAGE > 0.5).get_images()[0].get_array(), IMAGE > 0.5)


def test_a_weight_that_is_not_a_number_leaves_its_patch_untouched():
    weights = WEIGHTS.copy()
    weights[4] = np.nan
    ax = drawn(weights=weights, values=True)
    assert tint(ax)[1, 1, 3] == 0 and tint(ax)[1, 2, 3] == 0.75
    assert "50%" not in [t.get_text() for t in ax.texts]
    ax.figure.savefig(io.BytesIO())


def test_a_weight_that_rounding_took_beyond_1_is_1():
    assert tint(drawn(weights=np.full(6, 1.0005)))[..., 3].max() == 0.75


# Patches, scales and upsampling ------------------------------------------------------------------


def test_patches_of_a_fixed_size_start_at_the_corner_and_leave_the_rest_untinted():
    ax = drawn(np.ones((10, 11)), np.ones(6) / 6, (2, 3), patch=(4, 3))
    picture, tint_ = ax.get_images()
    np.testing.assert_allclose(picture.get_extent(), (0, 11 / 3, 10 / 4, 0))
    assert tuple(tint_.get_extent()) == (0, 3, 2, 0)
    np.testing.assert_allclose([*ax.get_xlim(), *ax.get_ylim()], [0, 11 / 3, 10 / 4, 0])
    assert ax.get_aspect() == 4 / 3  # a pixel stays a square


def test_patches_may_hang_over_the_edge_but_not_lie_outside():
    ax = drawn(np.ones((10, 10)), np.ones(9) / 9, (3, 3), patch=4)
    assert ax.get_xlim() == (0, 2.5)
    said = "4 patches of 4 pixels do not fit an image of height 10"
    with pytest.raises(mx.ShapeError, match=said):
        drawn(np.ones((10, 10)), np.ones(16) / 16, (4, 4), patch=4)


def test_a_grid_need_not_divide_the_pixels():
    ax = drawn(np.ones((427, 640, 3)), np.ones(196) / 196, (14, 14))
    assert tint(ax).shape == (14, 14, 4)
    np.testing.assert_allclose(ax.get_aspect(), (427 / 14) / (640 / 14))


def test_weights_of_any_sum_are_shares_of_vmax_which_is_named():
    ax = drawn(weights=WEIGHTS * 40, vmax=50, values=True)
    np.testing.assert_allclose(tint(ax)[..., 3].ravel(), 0.75 * WEIGHTS * 40 / 50)
    assert ax.get_xlabel() == "strongest tint: 50"
    assert [t.get_text() for t in ax.texts] == ["10", "20", "40"]
    assert drawn(weights=WEIGHTS / 7, vmax="max").get_xlabel() == "strongest tint: 0.143"
    assert tint(drawn(weights=WEIGHTS * 40, vmax=10))[..., 3].max() == 0.75
    assert tint(drawn(weights=np.zeros(6), vmax="max"))[..., 3].max() == 0
    assert drawn().get_xlabel() == ""
    with pytest.raises(ValueError, match="sums of weights need a vmax"):
        drawn(weights=WEIGHTS * 3)
    with pytest.raises(ValueError, match='vmax=0, expected a number above 0, or "max"'):
        drawn(vmax=0)
    with pytest.raises(ValueError, match="vmax=None, expected a number above 0"):
        drawn(vmax=None)


@pytest.mark.parametrize("kind", ["bilinear", "bicubic"])
def test_upsampling_is_smooth_and_said(kind):
    ax = drawn(upsample=kind)
    alpha = tint(ax)[..., 3]
    assert max(alpha.shape) == 256 and alpha.shape[0] / alpha.shape[1] == pytest.approx(8 / 6, 0.01)
    assert np.abs(np.diff(alpha, axis=1)).max() < 0.05 and alpha.min() >= 0
    assert alpha.max() <= 0.75
    assert ax.get_xlabel() == f"{kind} upsampling of 2 × 3 weights"
    with pytest.raises(ValueError, match="upsample='cubic': expected one of 'nearest', 'bilinear'"):
        drawn(upsample="cubic")


def test_real_photographs_are_drawn(tmp_path):
    datasets = pytest.importorskip("sklearn.datasets", reason='needs "minixattn[data]"')
    for name in ("china.jpg", "flower.jpg"):
        photo = datasets.load_sample_image(name)
        ax = drawn(photo, np.ones(196) / 196, (14, 14), vmax="max", save=tmp_path / f"{name}.svg")
        assert ax.get_images()[0].get_array().shape == (427, 640, 3)
        assert "strongest tint" in (tmp_path / f"{name}.svg").read_text(encoding="utf-8")


# Whose axes, whose arrays ------------------------------------------------------------------------


def test_it_draws_into_the_axes_it_is_given_and_returns_them():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert overlay(IMAGE, WEIGHTS, (ROWS, COLUMNS), ax=right) is right
    assert len(right.get_images()) == 2 and len(left.get_images()) == 0
    assert plt.get_fignums() == []


def test_without_axes_it_makes_a_figure_that_show_will_show():
    ax = overlay(IMAGE, WEIGHTS, (ROWS, COLUMNS))
    assert plt.get_fignums() == [ax.figure.number]


def test_what_was_given_is_not_changed():
    image, weights = IMAGE.copy(), np.array([np.nan, *WEIGHTS[1:]])
    drawn(image, weights)
    np.testing.assert_array_equal(image, IMAGE)
    assert np.isnan(weights[0])


# Misfits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "weights, grid, said",
    [
        (np.ones(5), (2, 3), "5 weights (shape (5,)) do not fit a grid of 2 x 3 = 6 patches"),
        (np.ones((3, 2)), (2, 3), "6 weights (shape (3, 2)) do not fit a grid of 2 x 3"),
        (np.ones((2, 4, 9)), (3, 3), "72 weights (shape (2, 4, 9)) do not fit a grid of 3 x 3"),
    ],
)
def test_weights_that_do_not_fit_the_grid_are_refused(weights, grid, said):
    with pytest.raises(mx.ShapeError, match=re.escape(said)):
        drawn(weights=weights, grid=grid)


@pytest.mark.parametrize(
    "shape, said",
    [
        ((64,), "image has shape (64,), expected (height, width) or (height, width, 3)."),
        ((3, 8, 6), "(3, 8, 6), expected (height, width) or (height, width, 3). Its colours come"),
        ((1, 8, 6), "take image[0] if it is grey, else .permute(1, 2, 0)"),
        ((2, 8, 6, 3), "image has shape (2, 8, 6, 3), expected"),
    ],
)
def test_an_image_of_another_form_is_refused(shape, said):
    with pytest.raises(mx.ShapeError, match=re.escape(said)):
        drawn(np.zeros(shape))


@pytest.mark.parametrize("image", [IMAGE * 16, (IMAGE * 255).astype(int), IMAGE - 0.5])
def test_an_image_out_of_range_is_refused_rather_than_drawn_black(image):
    said = f"image go from {image.min():.4g} to {image.max():.4g}, expected 0 to 1"
    with pytest.raises(ValueError, match=re.escape(said)):
        drawn(image)


@pytest.mark.parametrize("weights", [WEIGHTS * 3, WEIGHTS - 0.5, np.append(WEIGHTS[1:], np.inf)])
def test_scores_in_place_of_weights_are_refused(weights):
    said = f"weights go from {weights.min():.4g} to {weights.max():.4g}, expected 0 to 1"
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        drawn(weights=weights)
    assert "after the softmax" in str(error.value)
