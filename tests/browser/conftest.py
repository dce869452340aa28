"""A real browser, which the explorer's pages are opened in: `make browser`.

Needs the extra `browser`, and Chromium: the one on the PATH (or that the variable CHROMIUM names),
else the one that `playwright install chromium` brought.
"""

import os
import shutil

import numpy as np
import pytest
from playwright.sync_api import Error, sync_playwright

import minixattn as mx

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as p:
        try:
            chromium = p.chromium.launch(executable_path=path, args=FLAGS)
        except Error as error:
            pytest.skip(f"no Chromium starts here: {str(error).splitlines()[0]}")
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens an Explorer, or a file, in a fresh context; afterwards nothing may have gone wrong."""
    contexts, wrong = [], []

    def refuse(route):
        wrong.append(f"request: {route.request.url}")
        route.abort()

    def allowed(url):
        return url.startswith(("file:", "data:", "blob:", "about:"))

    def open_(view, **options):
        path = view if isinstance(view, os.PathLike) else view.save(tmp_path / "page.html")
        context = browser.new_context(**{"viewport": {"width": 1180, "height": 900}, **options})
        contexts.append(context)
        context.route(lambda url: not allowed(url), refuse)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else 0)
        page.on("dialog", lambda dialog: (wrong.append("a dialog"), dialog.dismiss()))
        page.goto(path.absolute().as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def softmax():
    """softmax(scores) over the last axis."""

    def compute(scores):
        e = np.exp(scores - scores.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    return compute


@pytest.fixture
def traced():
    """A traced layer of 4 heads with a mask: 6 English words look at 7 German ones."""
    mx.manual_seed(3)
    layer = mx.nn.CrossAttention(16, 12, num_heads=4)
    mask = np.ones((6, 7), bool)
    mask[:, 6] = False
    with mx.trace() as t:
        layer(3 * mx.randn(1, 6, 16), 3 * mx.randn(1, 7, 12), mx.tensor(mask))
    queries = "the cat sat on a mat".split()
    keys = "die Katze saß auf der Matte .".split()
    return t, queries, keys
