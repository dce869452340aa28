"""The view as a file: SVG with real text, PNG, and paper."""

import struct
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from minixattn import plot

SVG = "{http://www.w3.org/2000/svg}"


def saved(page, name):
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return download.value


def texts(path):
    return [t.text for t in ElementTree.parse(path).getroot().iter(f"{SVG}text")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_svg_holds_the_view_with_real_text(opened, traced, scheme):
    t, queries, keys = traced
    page = opened(plot.explore(t, queries, keys, title="Who <looks> where?"), color_scheme=scheme)
    page.locator("#queries .word").nth(1).click()
    download = saved(page, "Save SVG")
    assert download.suggested_filename == "attention.svg"
    found = [text.strip("\u2068\u2069") for text in texts(download.path())]
    assert found[0] == "Who <looks> where?"
    assert found[1] == "CrossAttention 1, head 0 of 4"
    assert found[2].startswith("“cat” looks at “")
    for word in (*queries, *keys):
        assert word in found
    weights = t["weights"].value.detach().numpy()[0, 0]
    written = [text for text in found if text[:2] in ("0.", "1.")]
    tinted = [f"{w:.2f}" for w in weights[1] if w >= 0.005]
    matrix = [f"{w:.2f}" for w in weights[:, :6].ravel()]  # the seventh key is masked
    assert written == [*tinted, "1.00", *matrix]  # in between the top of the scale
    root = ElementTree.parse(download.path()).getroot()
    assert root.find(f"{SVG}rect").get("fill") == "#ffffff"  # white paper, whatever the theme


def test_svg_of_an_image_holds_the_image_and_its_tinted_patches(opened, rng):
    weights = np.array([[0.1, 0.2, 0.3, 0.4]])
    page = opened(plot.explore(weights, ["word"], image=rng.random((8, 8, 3))))
    root = ElementTree.parse(saved(page, "Save SVG").path()).getroot()
    images = [i.get("href") for i in root.iter(f"{SVG}image")]
    assert len(images) == 1 and images[0].startswith("data:image/png;base64,")
    opacity = [r.get("fill-opacity") for r in root.iter(f"{SVG}rect")]
    expected = [0.8 * w / 0.5 for w in weights[0]]  # the scale ends at 0.5
    assert [float(x) for x in opacity if x] == pytest.approx(expected)


def test_svg_of_many_weights_holds_them_as_one_image_beside_real_labels(opened, rng, softmax):
    page = opened(plot.explore(softmax(rng.normal(size=(90, 90)))))
    path = saved(page, "Save SVG").path()
    assert len(list(ElementTree.parse(path).getroot().iter(f"{SVG}image"))) == 1
    assert "\u2068query 0\u2069" in texts(path) and "keys →" in texts(path)
    assert path.stat().st_size < 500_000


def test_png_is_as_large_as_the_svg_twice(opened, traced):
    t, queries, keys = traced
    page = opened(plot.explore(t, queries, keys))
    root = ElementTree.parse(saved(page, "Save SVG").path()).getroot()
    download = saved(page, "Save PNG")
    assert download.suggested_filename == "attention.png"
    png = download.path().read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert width == 2000 and height == pytest.approx(2 * float(root.get("height")), abs=2)
    assert len(png) > 20_000


def test_a_dark_page_is_printed_on_white(opened, traced, tmp_path):
    t, queries, keys = traced
    page = opened(plot.explore(t, queries, keys), color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#controls").is_hidden()
    pixel = "c => [...c.getContext('2d').getImageData(c.width - 30, c.height - 30, 1, 1).data]"
    corner = page.locator("#matrix canvas").evaluate(pixel)
    assert min(corner[:3]) > 170  # a masked place: white paper, or the grey of its hatching
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert page.pdf()[:5] == b"%PDF-"
