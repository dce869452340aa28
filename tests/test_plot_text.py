"""Untrusted words made visible, and a font for each script, or a word about the font to install."""

import io
import re
import warnings

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import font_manager  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from minixattn.plot import right_to_left, text  # noqa: E402
from minixattn.plot.text import families, shown  # noqa: E402


@pytest.fixture(autouse=True)
def nothing_told():
    text._told.clear()
    yield
    text._told.clear()


@pytest.fixture
def only_dejavu(monkeypatch):
    """As on a machine without any fonts but matplotlib's own."""
    own = [f for f in font_manager.fontManager.ttflist if "mpl-data" in f.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    text.searched.cache_clear()
    text.installed.cache_clear()
    yield
    text.searched.cache_clear()
    text.installed.cache_clear()


@pytest.mark.parametrize(
    "token, drawn",
    [
        ("cat", "cat"),
        ("", "∅"),
        (" the", "␣the"),
        ("the  ", "the␣␣"),
        ("  ", "␣␣"),
        ("two words", "two words"),
        ("a\u202fb\u00a0c", "a b c"),
        ("$x^2$", r"\$x^2\$"),
        ("a\nb\tc\r", "a⏎b⇥c↩"),
        ("a\x00b", "a U+0000 b"),
        ("\u202eevil", "U+202E evil"),
        ("a\u200fb", "a U+200F b"),
        ("\ufeffa", "U+FEFF a"),
        ("\u0301x", "◌\u0301x"),
        (b"caf\xc3\xa9 \xff", "café �"),
        (17, "17"),
        ("<script>", "<script>"),
        ("\u2764\ufe0f", "\u2764"),
    ],
)
def test_everything_in_a_token_can_be_seen(token, drawn):
    assert shown(token) == drawn


@pytest.mark.parametrize("token", ["a" * 10_000, "a" * 25, "e\u0301" * 400, "\u0301" * 10_000])
def test_long_tokens_end_in_an_ellipsis(token):
    drawn = shown(token)
    assert drawn.endswith("…") and len(drawn) < 150
    assert shown("a" * 24) == "a" * 24 and shown("a" * 25) == "a" * 23 + "…"
    assert shown("attention", limit=4) == "att…"


def test_dollars_are_drawn_as_dollars():
    for token in ("$", "$$", "$x$", r"\$x\$", "a$b$c$d"):
        label = Figure().text(0, 0, shown(token))
        assert label._preprocess_math(label.get_text()) == (token, False)


def test_tex_gets_no_orders():
    with matplotlib.rc_context({"text.usetex": True}):
        assert shown("50% a_b {x}\\") == r"50\% a\_b \{x\}\textbackslash{}"


# Fonts -------------------------------------------------------------------------------------------


def test_plain_words_keep_the_users_font():
    with matplotlib.rc_context({"font.family": ["serif"]}), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert families(["cat", "naïve", "Ω"]) == ["serif"]
    assert families([]) == matplotlib.rcParams["font.family"]


LANGUAGES = {
    "Chinese": ("中文", "U+4E2D U+6587", "fonts-noto-cjk"),
    "Japanese": ("テスト", "U+30C6 U+30B9 U+30C8", "fonts-noto-cjk"),
    "Korean": ("한국", "U+D55C U+AD6D", "fonts-noto-cjk"),
    "Hindi": ("हम", "U+0939 U+092E", "fonts-noto-core"),
    "emoji": ("🎉", "U+1F389", "fonts-symbola"),
    "Thai": ("ก", "U+0E01", "fonts-noto-core"),
}


@pytest.mark.parametrize("name", LANGUAGES)
def test_without_a_font_numbers_are_drawn_and_one_warning_names_a_font(name, only_dejavu):
    word, numbers, package = LANGUAGES[name]
    said = rf"no installed font has {name} characters such as U\+.*package {package}"
    text._told.add("unjoined")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [shown(word) for _ in range(20)] == [numbers] * 20
        assert families([word]) == matplotlib.rcParams["font.family"]
    assert re.search(said, str(caught[0].message))
    assert len(caught) == 1
    assert "fontlist-*.json" in str(caught[0].message)


@pytest.mark.parametrize("name", LANGUAGES)
def test_with_a_font_words_are_drawn_without_a_warning(name):
    word = LANGUAGES[name][0]
    if not all(text.font_for(char) for char in word):
        pytest.skip(f"no font for {name} is installed")
    text._told.add("unjoined")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert shown(word) == word
        family = families([word])
        assert family[:-1] == matplotlib.rcParams["font.family"] and len(family) == 2
        figure = Figure()
        figure.text(0.5, 0.5, word, fontfamily=family)
        figure.savefig(io.BytesIO(), dpi=20)


def test_fonts_that_only_pretend_are_not_taken():
    names = text.installed("SC", text.fonts_known())
    assert "DejaVu Sans" in names
    assert not any(re.match("Last Resort|cm[a-z]+10|STIXSize", name) for name in names)


def test_a_font_that_cannot_be_read_has_no_characters(tmp_path):
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    assert text.charmap(str(tmp_path / "bad.ttf"), 0).size == 0


def test_an_unknown_family_of_the_user_is_passed_over(caplog):
    with matplotlib.rc_context({"font.family": ["No Such Font", "sans-serif"]}):
        assert families(["a"]) == ["No Such Font", "sans-serif"]
    assert caplog.text == ""


def test_notes_are_broken_to_the_width_of_the_picture():
    note = "each cell is the greatest of 16 × 16 weights"
    assert text.wrapped([note], 2000, 100) == note
    assert max(map(len, text.wrapped([note], 100, 100).split("\n"))) <= 20


# From right to left ------------------------------------------------------------------------------


@pytest.fixture
def one_by_one(monkeypatch):
    """A matplotlib that draws letters one by one from the left."""
    monkeypatch.setattr(right_to_left, "shapes_text", lambda: False)
    monkeypatch.setattr(text, "shapes_text", lambda: False)


@pytest.mark.parametrize(
    "word, seen",
    [
        ("שלום", "םולש"),
        ("שלום (עולם)", "(םלוע) םולש"),
        ("יום 12/03/2024", "12/03/2024 םוי"),
        ("abc שלום 12 עולם def", "abc םלוע 12 םולש def"),
        ("שלום 12 abc", "abc 12 םולש"),
        ("בָּ", "בָּ"),
        ("سلام", "ﻡﻼﺳ"),
        ("عرب", "ﺏﺮﻋ"),
        ("cat", "cat"),
    ],
)
def test_arabic_and_hebrew_are_turned_and_joined_where_matplotlib_does_not(word, seen, one_by_one):
    assert right_to_left.as_seen(word) == seen


def test_arabic_and_hebrew_are_left_alone_where_matplotlib_orders_them(monkeypatch):
    monkeypatch.setattr(right_to_left, "shapes_text", lambda: True)
    assert right_to_left.as_seen("שלום سلام") == "שלום سلام"


def test_hindi_drawn_letter_by_letter_is_said_once(one_by_one):
    text._told |= {"Hindi"}
    with pytest.warns(UserWarning, match=r"Hindi .* one by one.*matplotlib>=3\.11") as told:
        assert shown("हम") == shown("हम")
    assert len(told) == 1


def test_joiners_are_left_out_where_nothing_joins(one_by_one):
    assert "\u200d" not in shown("a\u200db")


def test_hebrew_stands_with_its_first_letter_at_the_right():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = Figure(figsize=(6, 1), dpi=50)
    figure.text(0.5, 0.3, shown("שווו"), ha="center", fontsize=50)  # one wide letter, three narrow
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    ink = (np.asarray(canvas.buffer_rgba())[..., 0] < 128).any(0)
    edges = np.flatnonzero(np.diff(ink.astype(int)))  # where each letter starts and ends
    letters = np.diff(edges.reshape(-1, 2)).ravel()
    assert len(letters) == 4 and letters.argmax() == 3
