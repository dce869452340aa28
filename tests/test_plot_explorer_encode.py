"""Arrays as text: how many bytes, how exact; and images as PNG."""

import base64
import io
import zlib

import numpy as np
import pytest
from explorer_pages import content, decoded, softmax

from minixattn import plot
from minixattn.plot.explorer import encode

# Precision ---------------------------------------------------------------------------------------


def test_few_weights_are_float32_and_many_one_byte(rng):
    small, large = (softmax(rng.normal(size=(1, n, n))) for n in (316, 317))
    assert content(plot.explore(small))["exact"] and not content(plot.explore(large))["exact"]
    assert content(plot.explore(large))["layers"][0]["weights"]["type"] == "uint8"


def test_the_rounding_error_is_at_most_a_508th_of_the_largest_of_the_row(rng):
    weights = softmax(5 * rng.normal(size=(3, 50, 40)))
    weights[0, 0] = 0
    error = np.abs(decoded(encode.quantised(weights)) - weights)
    assert (error <= weights.max(-1, keepdims=True) / 508 * 1.0001 + 1e-9).all()
    assert error.max() < 0.002


def test_nan_survives_rounding():
    weights = np.array([[0.25, np.nan, 0.75], [np.nan] * 3])
    assert np.allclose(
        decoded(encode.quantised(weights)), weights, atol=0.002, equal_nan=True
    )


def test_twelve_layers_of_twelve_heads_take_three_megabytes_and_below_300_kilobytes_of_page(rng):
    weights = np.full((12, 12, 128, 128), 1 / 128, np.float32)
    view = plot.explore(weights)
    carried = sum(len(layer["weights"]["data"]) for layer in content(view)["layers"])
    assert carried == 12 * (12 * 128 * 128 * 4 // 3)
    assert len(view.html) - carried < 300_000


# Images ------------------------------------------------------------------------------------------


def picture_in(view):
    """The pixels of the PNG in a page; matplotlib reads them."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    source = content(view)["image"]["src"]
    raw = base64.b64decode(source.removeprefix("data:image/png;base64,"))
    return pyplot.imread(io.BytesIO(raw), format="png")


def test_the_image_is_kept_as_it_is(rng):
    image = rng.integers(0, 256, (6, 9, 3)).astype(np.uint8)
    view = plot.explore([[0.5, 0.5]], ["word"], image=image, grid=(1, 2))
    assert np.allclose(picture_in(view)[..., :3] * 255, image)
    kept = content(view)["image"]
    assert (kept["rows"], kept["columns"], kept["pixelated"]) == (1, 2, True)


@pytest.mark.parametrize("ink", [True, False])
def test_a_grey_image_is_ink_on_paper_unless_told_otherwise(ink):
    image = np.array([[0.0, 1.0], [0.2, 0.8]])
    view = plot.explore([[0.5, 0.5]], ["word"], image=image, grid=(1, 2), ink=ink)
    assert np.allclose(picture_in(view)[..., 0], 1 - image if ink else image, atol=0.003)


def test_a_large_image_is_reduced_by_averaging(rng):
    image = rng.random((1300, 600, 3))
    view = plot.explore(np.full((1, 4), 0.25), ["word"], image=image)
    pixels = picture_in(view)[..., :3]
    assert pixels.shape == (433, 200, 3)
    assert np.allclose(pixels[0, 0], image[:3, :3].mean((0, 1)), atol=0.003)


def test_an_image_stands_for_the_queries_where_only_keys_are_given():
    view = plot.explore(np.full((4, 2), 0.5), keys=["a", "b"], image=np.zeros((4, 4)))
    (layer,) = content(view)["layers"]
    assert (layer["queries"], layer["keys"]) == ({"image": True}, {"tokens": 0})


def test_png_is_what_the_format_says():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    raw = encode.png(image)
    body = raw[raw.index(b"IDAT") + 4 : raw.index(b"IEND") - 8]
    lines = np.frombuffer(zlib.decompress(body), np.uint8).reshape(2, 10)
    assert (lines[:, 0] == 0).all() and np.array_equal(lines[:, 1:].reshape(2, 3, 3), image)
