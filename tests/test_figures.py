"""The pictures of the README and the documentation: all there, small, listed, and labelled."""

import importlib
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import minixattn as mx
from minixattn.data.drawings import Drawings
from minixattn.models import LatentDiffusion

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "figures"
sys.path.insert(0, str(FOLDER))

make_figures = importlib.import_module("make_figures")

LISTED = (FOLDER / "README.md").read_text(encoding="utf-8")
PICTURES = {p.name for p in FOLDER.iterdir() if p.suffix in (".png", ".gif")}
STARTS = {".png": b"\x89PNG\r\n\x1a\n", ".gif": b"GIF89a"}


@pytest.mark.parametrize("name", make_figures.FIGURES)
def test_every_figure_is_there_and_smaller_than_200_kilobytes(name):
    content = (FOLDER / name).read_bytes()
    assert content.startswith(STARTS[Path(name).suffix])
    assert 2_000 < len(content) < 200_000


def test_every_picture_is_drawn_by_a_command_that_the_list_names():
    assert {*make_figures.FIGURES, "benchmark.png"} == PICTURES
    shown = re.findall(r"^\| \[`(\S+)`\]\(\1\) \|.*\| `(.+)` \|$", LISTED, re.MULTILINE)
    commands = {name: f"python figures/make_figures.py {name.partition('.')[0]}"
                for name in make_figures.FIGURES}  # fmt: skip
    assert dict(shown) == commands | {"benchmark.png": "python -m benchmarks"}


def test_an_unknown_name_is_answered_with_the_known_ones(capsys):
    with pytest.raises(SystemExit) as stopped:
        make_figures.main(["date"])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "there is no figure date; there are attention, three_ways, equation, dates" in said


def test_a_figure_whose_font_is_missing_is_named_and_the_others_are_drawn(
    monkeypatch, capsys, tmp_path
):
    pytest.importorskip("matplotlib")
    images = importlib.import_module("images")
    texts = importlib.import_module("texts")

    def no_font(path):
        warnings.warn("no installed font has Chinese characters", stacklevel=1)
        path.write_bytes(b"boxes")

    monkeypatch.setattr(make_figures, "HERE", tmp_path)
    monkeypatch.setattr(texts, "dates", no_font)
    monkeypatch.setattr(images, "drawing", lambda path: path.write_bytes(b"drawn"))
    assert make_figures.main(["dates", "drawing.png"]) == 1
    printed = capsys.readouterr()
    assert "dates.png is not drawn: no installed font has Chinese characters" in printed.err
    assert printed.out == "drawing.png: 5 bytes\n"
    assert [path.name for path in tmp_path.iterdir()] == ["drawing.png"]


def test_a_file_that_grew_too_large_is_refused(monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    common = importlib.import_module("common")

    with pytest.raises(RuntimeError, match=r"large.png would have 200,001 bytes, at most"):
        common.drawn(lambda path: path.write_bytes(bytes(200_001)), tmp_path / "large.png")
    assert not (tmp_path / "large.png").exists()


# labels ------------------------------------------------------------------------------------------


def test_the_matrix_the_lines_and_the_page_name_their_queries_and_keys():
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    images = importlib.import_module("images")

    matrix, lines, page = images.three_ways_figure().axes
    words = ["zero", "one", "two", "three", "four", "five", "six"]
    assert [t.get_text() for t in matrix.get_yticklabels()] == words
    assert matrix.get_ylabel() == "query: word" and matrix.get_xlabel() == "key: patch"
    said = [text.get_text() for text in lines.texts]
    assert {*words, "top left", "bottom right", "0.81", "query: word", "key: patch"} <= {*said}
    assert page.get_xlabel() == "query: two"
    assert [text.get_text() for text in page.texts] == ["81%", "18%"]


@pytest.mark.filterwarnings("ignore:no installed font")
def test_a_date_stands_in_the_order_of_the_page_and_its_digits_are_outlined():
    pytest.importorskip("matplotlib")
    pytest.importorskip("babel")
    pytest.importorskip("safetensors")
    texts = importlib.import_module("texts")

    chinese, arabic, _ = texts.dates_figure().axes
    for ax in chinese, arabic:
        assert "".join(t.get_text() for t in ax.get_yticklabels()) == "2031-05-17"
        assert ax.get_ylabel() == "query: ISO 8601"
        assert len(ax.patches) == 8  # one for each digit
    assert [texts.seen("١٧ مايو ٢٠٣١")[i] for i in (0, 3, 5, 8, 10, 11)] == [8, 11, 6, 3, 0, 1]


def test_the_equation_is_drawn_with_its_mask_and_the_letters_are_said():
    pytest.importorskip("matplotlib")
    learning = importlib.import_module("learning")

    figure = learning.equation_figure(steps=2)
    said = [text.get_text() for text in figure.axes[0].texts]
    symbols = ["Q", "Kᵀ", "scores", "masked", "weights A", "V", "A V"]
    assert [text for text in said if text in symbols] == symbols
    assert "÷ √4" in said and "hatched: forbidden by the mask" in said
    assert re.match("A decoder turns “[a-f]{4}” round", figure.texts[0].get_text())


def test_the_film_of_the_heads_says_which_letter_each_should_find(tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    common = importlib.import_module("common")
    learning = importlib.import_module("learning")
    from PIL import Image

    weights = np.stack([np.full((4, 3, 3), 1 / 3), [np.eye(3)] * 4])
    films = learning.animated(weights, ["a", "b"], list("abc"), list("bca"), np.eye(3, dtype=bool))
    panels = plt.gcf().axes[:4]
    common.film(films, tmp_path / "heads.gif")
    assert [ax.get_title() for ax in panels] == ["head 0", "head 1", "head 2", "head 3"]
    assert panels[0].get_ylabel() == "query: letter written"
    assert {ax.get_xlabel() for ax in panels} == {"key: letter read"}
    assert [len(ax.patches) for ax in panels] == [3, 3, 3, 3]
    with Image.open(tmp_path / "heads.gif") as gif:
        assert gif.n_frames == 2
        assert gif.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    plt.close("all")


def test_the_film_of_a_drawing_shows_what_the_sampler_does():
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    images = importlib.import_module("images")

    task = Drawings("test")
    mx.manual_seed(0)
    model = LatentDiffusion(len(task.vocabulary), task.length, widths=(8, 16), num_heads=2)
    mx.nn.init.normal_(model.unet.conv_out.weight)  # it starts at 0, so that nothing would happen
    words, mask = (mx.tensor(part) for part in task.encode([images.TEXT]))
    sampled = model.sample(words, mask, steps=4, w=1.0, rng=3, maps=True)
    times, drawn, looks = images.film_of(model, 3, 4)
    assert (tuple(times[:-1]), len(drawn)) == (sampled.times, 4)
    for ours, theirs in zip(looks, sampled.maps):
        for a, b in zip(ours, theirs):
            assert (a.numpy() == b.numpy()).all()
