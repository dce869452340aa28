"""Loose pixels are the handwriting's own, each at its place, and hidden ones are asked for."""

import numpy as np
import pytest

from minixattn.data import Pixels
from minixattn.data.pixels import grid, moved, page

pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')


def index(positions):
    """Which of the 64 pixels each place of an unmoved digit is."""
    y, x = ((positions + 1) * 4).astype(int).transpose(2, 0, 1)
    return 8 * y + x


def test_a_grid_has_pixel_centres_row_by_row():
    np.testing.assert_array_equal(
        grid(2), [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]
    )  # fmt: skip
    places = grid(8)
    assert places.shape == (64, 2) and places.dtype == np.float32
    np.testing.assert_array_equal(index(places[None])[0], np.arange(64))


def test_a_page_is_the_digit_drawn_larger(rng):
    digit = rng.random((3, 64)).astype(np.float32)
    np.testing.assert_allclose(page(digit, 8), digit, atol=1e-6)
    large = page(digit, 24).reshape(3, 24, 24)
    np.testing.assert_allclose(large[:, 1::3, 1::3].reshape(3, 64), digit, atol=1e-6)
    y, x = np.mgrid[:8, :8] / 8
    plane = page((0.2 + 0.3 * y + 0.4 * x).reshape(64), 64).reshape(64, 64)
    slopes = np.diff(plane[:, 32])[4:-4]
    np.testing.assert_allclose(slopes, 0.3 / 64, atol=1e-6)  # straight lines stay straight


def test_what_is_seen_and_asked_are_the_images_own_pixels():
    task = Pixels("test")
    batch = task.test_set(20, seed=3)
    images = task.handwriting.images[np.searchsorted(task.handwriting.rows, batch.rows)]
    for places, found in (batch.positions, batch.values), (batch.queries, batch.answers):
        np.testing.assert_array_equal(
            np.take_along_axis(images, index(places), 1), found[..., 0]
        )  # fmt: skip
    assert batch.queries.shape == (20, 24, 2) and batch.labels.shape == (20,)
    assert {part.dtype for part in batch[:4]} == {np.dtype("float32")}


def test_the_whole_split_hides_as_much_as_asked_and_asks_for_that():
    task = Pixels("test")
    half = task.whole(0.5)
    assert half.values.shape == (364, 32, 1) and half.queries.shape == (364, 32, 2)
    both = np.concatenate([index(half.positions), index(half.queries)], 1)
    np.testing.assert_array_equal(np.sort(both), np.tile(np.arange(64), (364, 1)))
    assert (index(half.positions)[0] != index(half.positions)[1]).any()  # each in its own order
    all_of_it = task.whole()
    assert all_of_it.values.shape == all_of_it.answers.shape == (364, 64, 1)
    np.testing.assert_array_equal(all_of_it.labels, task.handwriting.labels)
    assert set(all_of_it.rows) & set(Pixels("train").whole().rows) == set()


def test_batches_hide_unequal_shares_and_come_again_from_the_seed():
    def sizes(seed):
        return [b.values.shape[1] for b, _ in zip(Pixels(hidden=0.5).batches(seed, 4), range(60))]

    assert min(sizes(0)) < 40 and max(sizes(0)) > 58 and min(sizes(0)) > 32
    assert sizes(0) == sizes(0) != sizes(1)


def test_moved_places_are_the_same_map_for_all_pixels_of_a_page(rng):
    places = np.stack([grid()] * 3)
    where = moved(rng, places)
    assert 0.05 < np.abs(where - places).max() < 0.5
    for one in where:
        system = np.concatenate([grid(), np.ones((64, 1))], 1)
        rest = one - system @ np.linalg.lstsq(system, one, rcond=None)[0]
        assert np.abs(rest).max() < 1e-6
    assert not np.allclose(where[0], where[1])
    training, test = (Pixels(split).test_set(4).positions for split in ("train", "test"))
    assert not np.isin(training, grid()).any() and np.isin(test, grid()).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"hidden": 1}, "hidden is a share from 0 up to, but not, 1; got 1."),
        ({"asked": 65}, "asked is how many pixels to ask for, 1 to 64; got 65."),
        ({"split": "all"}, 'split must be "train" or "test", got \'all\'.'),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        Pixels(**options)


def test_sides_and_shares_out_of_range_are_refused():
    with pytest.raises(ValueError, match="side is how many pixels a page is high and wide, from 1"):
        grid(0)
    with pytest.raises(ValueError, match="hidden is a share from 0 that leaves a pixel to see"):
        Pixels("test").whole(1.0)
    assert "364 handwritten digits of the test split" in Pixels("test").describe()
