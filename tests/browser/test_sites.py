"""The book, the decks and the lessons' site, as `make docs slides lite` leaves them."""

import contextlib
import functools
import http.server
import re
import threading
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[2] / "build"
BOOK, DECKS, LITE = BUILD / "book", BUILD / "slides", BUILD / "lite"
PAGES = sorted(BOOK.rglob("*.html"))
LESSONS = sorted(path.stem for path in (BUILD.parent / "tutorials").glob("[0-9]*.ipynb"))

book = pytest.mark.skipif(not PAGES, reason="there is no book: make docs")
decks = pytest.mark.skipif(not DECKS.is_dir(), reason="there are no decks: make slides")
lite = pytest.mark.skipif(not (LITE / "index.html").is_file(), reason="there is no site: make lite")


@book
@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
@pytest.mark.parametrize(
    "name", ["index", "02_text_looks_at_image", "api_nn", "pytorch", "figures/results"]
)
def test_pages_open_without_the_network_and_fit_the_screen(opened, name, width):
    """`opened` refuses requests, and fails for whatever the console says."""
    page = opened(BOOK / f"{name}.html", viewport={"width": width, "height": 800})
    page.wait_for_selector("h1")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@book
def test_equations_are_set(opened):
    page = opened(BOOK / "02_text_looks_at_image.html")
    page.wait_for_selector("mjx-container svg")
    assert page.locator("mjx-container").count() > 20
    assert page.locator("mjx-merror").count() == 0


@book
def test_every_link_within_the_book_leads_to_a_page_and_a_place_on_it():
    anchors = {path: set(re.findall(r'\bid="([^"]+)"', path.read_text(encoding="utf-8")))
               for path in PAGES}  # fmt: skip
    broken = []
    for path in PAGES:
        for link in re.findall(r'<a [^>]*href="([^"]*)"', path.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            aim = (path.parent / file).resolve() if file else path
            there = aim.is_file() and (not anchor or aim not in anchors or anchor in anchors[aim])
            if not there:
                broken.append(f"{path.name}: {link}")
    assert broken == []


@book
def test_every_lesson_and_every_layer_is_in_the_book():
    import minixattn.nn as nn

    assert len([path for path in PAGES if re.match(r"\d\d_", path.name)]) == 13
    text = (BOOK / "api_nn.html").read_text(encoding="utf-8")
    assert all(f'id="{name.lower()}"' in text for name in nn.__all__ if name[0].isupper())


@decks
@pytest.mark.parametrize("name", [*LESSONS, "glossary"])
def test_a_deck_opens_without_the_network_and_its_equations_are_set(opened, name):
    page = opened(DECKS / f"{name}.html", viewport={"width": 1280, "height": 800})
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.wait_for_function("!document.body.innerText.includes('$')")
    assert page.evaluate("Reveal.getTotalSlides()") >= 14
    assert page.locator("mjx-merror").count() == 0
    for slide in page.locator(".slides section:not(.stack)").all():
        assert slide.evaluate("slide => slide.scrollWidth <= slide.clientWidth")


@decks
def test_what_follows_a_prediction_waits_for_a_key(opened):
    page = opened(DECKS / "02_text_looks_at_image.html", viewport={"width": 1280, "height": 800})
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.evaluate("Reveal.slide(2, 0, -1)")
    answer = page.locator("section.present .fragment", has_text="raw = Q @ K.T").first
    assert "visible" not in answer.get_attribute("class")
    page.keyboard.press("Space")
    page.wait_for_selector("section.present .fragment.visible")


@decks
def test_links_between_decks_lead_to_a_slide(opened):
    page = opened(DECKS / "02_text_looks_at_image.html", viewport={"width": 1280, "height": 800})
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.locator("a[href='glossary.html#query']").first.click()
    page.wait_for_selector("section.present:not(.stack) h2 >> text=Query")


@contextlib.contextmanager
def served(folder):
    """The address of a server of a folder, for as long as the block lasts."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@lite
def test_the_site_opens_with_the_lessons_in_it(browser):
    with served(LITE) as address:
        page = browser.new_page()
        page.goto(f"{address}/lab/index.html?path=05_masks.ipynb")
        page.wait_for_selector(".jp-DirListing-item", timeout=60_000)
        names = page.locator(".jp-DirListing-itemText").all_inner_texts()
        assert "05_masks.ipynb" in names and "glossary.md" in names
        page.wait_for_selector(".jp-Notebook .jp-MarkdownOutput h1", timeout=60_000)
        page.close()


@lite
def test_the_wheel_in_the_site_is_pure_python():
    (wheel,) = LITE.rglob("minixattn-*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
