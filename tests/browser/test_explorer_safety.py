"""Words are untrusted text, and the page neither loads nor sends anything."""

import re

import numpy as np
import pytest

from minixattn import plot

EVIL = [
    "</script><script>window.__pwned = 1</script>",
    "<img src=x onerror=\"window.__pwned=1\">",
    "\"><svg onload=alert(1)>",
    "' onmouseover='window.__pwned=1",
    "<!--<script>",
    "{data}{script}{policy}",
    "javascript:alert(1)",
    "&lt;b&gt;&amp;",
]


def square(n):
    return np.full((n, n), 1 / n)


def shown(page, side="queries"):
    return page.locator(f"#{side} bdi").all_inner_texts()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_markup_in_words_is_shown_as_text_and_never_run(opened, scheme):
    view = plot.explore(square(len(EVIL)), EVIL, EVIL, title=EVIL[0] + EVIL[5], layers=[EVIL[1]])
    page = opened(view, color_scheme=scheme)
    assert shown(page) == shown(page, "keys") == EVIL
    assert page.locator("h1").inner_text() == page.title() == EVIL[0] + EVIL[5]
    for word in page.locator("#queries .word").all():
        word.click()
    page.locator("#keys .word").first.hover()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save SVG").click()
    text = saved.value.path().read_text(encoding="utf-8")
    assert "<script" not in text and "<img" not in text
    assert page.evaluate("window.__pwned") is None
    assert page.locator("script").count() == 2  # the data and the page's own


def test_a_word_of_ten_thousand_characters_is_cut_and_kept_in_its_title(opened):
    word = "long " * 2000
    page = opened(plot.explore(square(2), [word, "b"], ["x", "y"]))
    assert shown(page)[0] == word[:200] + "…"
    assert page.locator("#queries .word").first.get_attribute("title") == word
    assert page.locator("#queries .word").first.bounding_box()["width"] < 400
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_invisible_or_turns_text_around_is_named(opened):
    words = ["", " ", "\u202eabc", "\u200f", "a\nb\tc", "\x00\x07", "👩\u200d🔬", "שלום"]
    page = opened(plot.explore(square(8), words, words))
    assert shown(page) == [
        *("(empty)", "␣", "[U+202E]abc", "[U+200F]", "a⏎b⇥c", "[U+0000][U+0007]"),
        *("👩\u200d🔬", "שלום"),
    ]


def test_half_a_character_is_no_reason_to_fail(opened):
    page = opened(plot.explore(square(2), ["\ud83d", "\ufffe"], ["x", "y"], title="half \ud83d"))
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save SVG").click()
    assert "\ufffd" in saved.value.path().read_text(encoding="utf-8")


def test_the_policy_forbids_everything_but_the_page_itself(opened):
    page = opened(plot.explore(square(2)))
    policy = page.locator("meta[http-equiv]").get_attribute("content")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules["style-src"])
    assert rules["img-src"] == "data: blob:"
    assert "connect-src" not in rules  # so default-src holds: none


def test_the_policy_is_at_work(browser, tmp_path):
    """Scripts added, attributes with code and requests are all refused."""
    path = plot.explore(square(2)).save(tmp_path / "page.html")
    page = browser.new_page()
    asked = []
    page.route("http*://**", lambda route: (asked.append(route.request.url), route.abort()))
    page.goto(path.as_uri())
    page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.__pwned = 1';
        document.body.append(script);
        const div = document.createElement('div');
        div.innerHTML = '<img src=x onerror="window.__pwned = 1"><img src="http://example.org/a">';
        document.body.append(div);
        return fetch('http://example.org/b').catch(() => 0);
    }""")
    page.wait_for_timeout(200)
    assert page.evaluate("window.__pwned") is None
    assert asked == []
    page.close()


def test_the_file_names_no_address_of_the_network():
    text = plot.explore(square(3)).html
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[\w./]*", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of SVG, which nothing loads
