"""Attention over time: frames that hold the weights of their time, titles, and files."""

import io
import re

import numpy as np
import pytest
from helpers import leaf

import minixattn as mx
from minixattn.plot.animate import animate

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.animation import FFMpegWriter, FuncAnimation  # noqa: E402
from PIL import Image  # noqa: E402

T, h, L, S = 4, 2, 3, 5
QUERIES, KEYS = ["the", "cat", "sat"], ["die", "Katze", "sass", "da", "."]


@pytest.fixture
def weights(rng):
    return rng.dirichlet(np.ones(S), (T, h, L))


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """An animation that is dropped unseen warns, which here is meant."""
    monkeypatch.setattr(matplotlib.animation.Animation, "__del__", lambda self: None)


def frame(animation, t):
    animation._func(t)
    return animation._fig


def test_every_frame_shows_the_weights_of_its_time(weights, device):
    made = animate(leaf(weights, device) * 1, QUERIES, KEYS)
    assert isinstance(made, FuncAnimation)
    for t in range(T):
        panels = frame(made, t).axes[:h]
        for ax, expected in zip(panels, weights[t]):
            np.testing.assert_allclose(ax.images[0].get_array(), expected)
            assert ax.images[0].get_clim() == (0, 1)
        assert panels[0].figure.get_suptitle() == f"{t + 1} of {T}"
    assert [ax.get_title() for ax in panels] == ["head 0", "head 1"]
    assert [t.get_text() for t in panels[0].get_xticklabels()] == KEYS


def test_titles_name_the_steps(weights):
    made = animate(weights[:, 0], steps=range(0, 4000, 1000), step="training step")
    assert frame(made, 3).axes[0].get_title() == "training step 3,000"
    made = animate(weights[:, 0], steps=["noise", "shape", "edges", "done"])
    assert frame(made, 1).axes[0].get_title() == "shape"
    with pytest.raises(mx.ShapeError, match="3 steps do not fit weights at 4 times"):
        animate(weights, steps=[1, 2, 3])


def test_over_an_image_each_frame_tints_its_patches(rng):
    image, maps = rng.random((8, 12)), rng.dirichlet(np.ones(6), T)
    made = animate(maps, image=image, grid=(2, 3), vmax="max")
    for t in range(T):
        (ax,) = frame(made, t).axes
        tint = ax.images[1].get_array()[..., 3]
        np.testing.assert_allclose(tint, 0.75 * maps[t].reshape(2, 3) / maps.max())
    assert f"strongest tint: {maps.max():.3g}" in ax.get_xlabel()
    square = animate(maps.reshape(T, 2, 3), image=image, grid=(2, 3), vmax="max")
    np.testing.assert_allclose(frame(square, T - 1).axes[0].images[1].get_array()[..., 3], tint)


def test_a_gif_holds_all_frames_and_is_small(weights, tmp_path):
    path = tmp_path / "forming.gif"
    animate(weights[:, 0], QUERIES, KEYS, fps=10, save=path)
    with Image.open(path) as gif:
        assert gif.n_frames == T and gif.info["duration"] == 100 and gif.info["loop"] == 0
    assert path.stat().st_size < 60_000
    assert [file.name for file in tmp_path.iterdir()] == ["forming.gif"]


def test_a_video_needs_ffmpeg_and_says_so_before_drawing(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    with pytest.raises(RuntimeError, match=r"ffmpeg, which is not installed here: .* save a \.gif"):
        animate(weights, save=tmp_path / "x.mp4")
    with pytest.raises(ValueError, match=re.escape("ends in '.avi', expected .gif or .mp4")):
        animate(weights, save=tmp_path / "x.avi")
    assert plt.get_fignums() == [] and list(tmp_path.iterdir()) == []


def test_a_video_is_written_where_ffmpeg_is(weights, tmp_path):
    if not FFMpegWriter.isAvailable():
        pytest.skip("needs ffmpeg")
    animate(weights[:, 0], save=tmp_path / "x.mp4")
    assert b"ftyp" in (tmp_path / "x.mp4").read_bytes()[:16]


def test_a_notebook_gets_a_player_once(weights):
    made = animate(weights[:, 0])
    html = made._repr_html_()
    assert "<script" in html and html.count("data:image/png") == T
    assert plt.get_fignums() == []


def test_it_draws_on_the_users_axes(weights):
    _, axes = plt.subplots(1, 2)
    made = animate(weights, ax=axes)
    assert frame(made, 2).axes[0].get_title() == "3 of 4\nhead 0"
    with pytest.raises(mx.ShapeError, match="2 panels do not fit on 1 Axes"):
        animate(weights, ax=axes[0])


def test_masked_nan_single_and_huge_weights_are_drawn(rng):
    weights = rng.dirichlet(np.ones(4), (2, 4))
    weights[1, 2, 3] = np.nan
    made = animate(weights, mask=np.tri(4, dtype=bool))
    frame(made, 1).savefig(io.BytesIO())
    shown = frame(made, 1).axes[0].images[0].get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(shown)[0], [False, True, True, True])
    frame(animate(np.ones((1, 1, 1))), 0).savefig(io.BytesIO())
    big = np.zeros((2, 1024, 2048), np.float32)
    assert frame(animate(big), 1).axes[0].images[0].get_array().shape == (256, 256)


@pytest.mark.parametrize(
    "shape, options, said",
    [
        ((3, 5), {}, "weights have shape (3, 5), expected (T, L, S) or (T, h, L, S)"),
        ((0, 3, 5), {}, "expected (T, L, S)"),
        ((2, 20, 3, 5), {}, "20 heads (weights of shape (2, 20, 3, 5)) are too many panels"),
        ((2, 5), {"image": np.ones((4, 4)), "grid": (2, 3)}, "do not fit a grid of 2 x 3 = 6"),
    ],
)
def test_misfits_are_refused_with_their_shapes(shape, options, said):
    with pytest.raises(mx.ShapeError, match=re.escape(said)):
        animate(np.ones(shape) / 9, **options)


def test_scores_and_a_missing_grid_are_refused(weights):
    with pytest.raises(ValueError, match="weights go from"):
        animate(weights * 9)
    with pytest.raises(TypeError, match=re.escape("an image needs grid=(rows, columns)")):
        animate(weights, image=np.ones((4, 4)))
