"""Arrays of every library as NumPy's, Axes for every wish, and files in three formats."""

import re

import numpy as np
import pytest
from helpers import leaf

import minixattn as mx
from minixattn.plot import canvas
from minixattn.plot.canvas import as_numpy

matplotlib = pytest.importorskip("matplotlib", reason='needs pip install "minixattn[plot]"')
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

NUMBERS = np.array([[0.25, 0.75], [1.0, 0.0]])


# Arrays ------------------------------------------------------------------------------------------


class OnlyDlpack:
    def __dlpack__(self, **options):
        return NUMBERS.__dlpack__(**options)

    def __dlpack_device__(self):
        return NUMBERS.__dlpack_device__()


class OnlyArray:
    def __array__(self, dtype=None, copy=None):
        return NUMBERS


@pytest.mark.parametrize(
    "given",
    [NUMBERS, NUMBERS.tolist(), tuple(NUMBERS), [NUMBERS[0], NUMBERS[1].tolist()], OnlyArray(),
     OnlyDlpack(), NUMBERS.astype(np.float16), NUMBERS.T.copy().T],
    ids=["array", "lists", "tuple", "mixed", "__array__", "__dlpack__", "half", "strided"],
)  # fmt: skip
def test_numbers_of_any_library_become_an_array(given):
    np.testing.assert_array_equal(as_numpy(given), NUMBERS)


def test_tensors_and_lists_of_tensors_lose_their_gradient_and_their_device(device):
    tensor = leaf(NUMBERS, device)
    np.testing.assert_array_equal(as_numpy(tensor * 1), NUMBERS)
    np.testing.assert_array_equal(as_numpy([tensor[0], tensor[1]]), NUMBERS)
    np.testing.assert_array_equal(as_numpy(tensor.detach().array), NUMBERS)
    assert tensor.requires_grad


def test_pytorch_tensors_may_want_a_gradient_or_have_half_the_bits():
    torch = pytest.importorskip("torch")
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        tensor = torch.tensor(NUMBERS, dtype=dtype, requires_grad=True)
        np.testing.assert_array_equal(as_numpy(tensor), NUMBERS)
    np.testing.assert_array_equal(as_numpy([tensor, tensor]), [NUMBERS, NUMBERS])


def test_masked_entries_have_no_value():
    found = as_numpy(np.ma.masked_equal(NUMBERS, 0.75))
    np.testing.assert_array_equal(found, [[0.25, np.nan], [1, 0]])


@pytest.mark.parametrize(
    "given, said",
    [
        ([[1, 2], [3]], "parts of the shapes (1,), (2,): pad them to one shape"),
        (["a", "b"], "holds <U1: give a Tensor, an array or nested lists of numbers"),
        (np.ones((2, 2)) * 1j, "array of shape (2, 2) holds complex128"),
        (None, "holds object"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(given, said):
    with pytest.raises((mx.ShapeError, mx.DTypeError), match=re.escape(said)):
        as_numpy(given)


# Axes --------------------------------------------------------------------------------------------


def test_axes_are_made_where_none_are_given_and_kept_where_they_are():
    ax = canvas.new_axes(figsize=(3, 2))
    assert tuple(ax.figure.get_size_inches()) == (3, 2) and plt.get_fignums()
    assert canvas.new_axes(ax) is ax
    part = Figure().subfigures(1, 2)[1]
    assert canvas.new_axes(part).figure is part


def test_several_axes_in_place_of_one_are_refused():
    with pytest.raises(TypeError, match=r"ax must be one matplotlib Axes .*got ndarray.*axes\[0\]"):
        canvas.new_axes(Figure().subplots(1, 2))


@pytest.mark.parametrize(
    "style, dark", [("default", False), ("dark_background", True), ("ggplot", False)]
)
def test_dark_backgrounds_are_known(style, dark):
    with plt.style.context(style):
        ax = canvas.new_axes()
        assert canvas.is_dark(ax) == dark
        assert canvas.sequential(ax) == ("magma" if dark else "Blues")


def test_axes_without_a_colour_of_their_own_have_the_figures():
    ax = Figure(facecolor="#102030").subplots()
    ax.set_facecolor("none")
    assert canvas.is_dark(ax)


@pytest.mark.parametrize("name, falls", [("SEQUENTIAL", True), ("SEQUENTIAL_ON_DARK", False)])
def test_colours_keep_their_order_in_grey_print(name, falls):
    colors = matplotlib.colormaps[getattr(canvas, name)](np.linspace(0, 1, 64))
    light = canvas.luminance(colors)
    steps = np.diff(light[::-1] if falls else light)
    assert (steps > 0).all() and abs(light[0] - light[-1]) > 0.7


def test_luminance_is_that_of_the_accessibility_guidelines():
    assert canvas.luminance([1, 1, 1]) == pytest.approx(1) and canvas.luminance([0, 0, 0]) == 0
    np.testing.assert_allclose(canvas.luminance([[1, 0, 0, 1], [0, 1, 0, 1]]), [0.2126, 0.7152])


# Files -------------------------------------------------------------------------------------------


def axes_with_words():
    ax = Figure(figsize=(1, 1)).subplots()
    ax.set_xlabel("key: source")
    return ax


def test_a_png_has_600_dots_an_inch(tmp_path):
    ax = axes_with_words()
    assert canvas.finish(ax, tmp_path / "a.png") is ax
    head = (tmp_path / "a.png").read_bytes()
    assert head.startswith(b"\x89PNG") and int.from_bytes(head[16:20], "big") > 450
    with plt.rc_context({"savefig.dpi": 50}):
        canvas.finish(ax, tmp_path / "b.png")
    assert int.from_bytes((tmp_path / "b.png").read_bytes()[16:20], "big") < 80


def test_an_svg_has_words_and_is_the_same_each_time(tmp_path):
    for name in ("a.svg", "b.SVG"):
        canvas.finish(axes_with_words(), str(tmp_path / name))
    text = (tmp_path / "a.svg").read_text()
    assert "<text" in text and "key: source" in text and "<dc:date>" not in text
    assert text == (tmp_path / "b.SVG").read_text()


def test_words_turned_for_an_older_matplotlib_are_outlines_in_svg(tmp_path, monkeypatch):
    for shapes in (True, False):
        monkeypatch.setattr(canvas, "shapes_text", lambda shapes=shapes: shapes)
        ax = axes_with_words()
        ax.set_xlabel("שלום")
        canvas.finish(ax, tmp_path / "a.svg")
        assert ("<text" in (tmp_path / "a.svg").read_text()) == shapes


def test_a_pdf_embeds_truetype(tmp_path):
    canvas.finish(axes_with_words(), tmp_path / "a.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    assert content.startswith(b"%PDF") and b"/FontFile2" in content and b"/Type3" not in content


def test_figures_subfigures_and_arrays_of_axes_are_saved_as_a_whole(tmp_path):
    figure = Figure()
    part = figure.subfigures(1, 2)[0]
    axes = part.subplots(1, 2)
    for i, artist in enumerate((figure, part, axes, axes[0])):
        assert canvas.finish(artist, tmp_path / f"{i}.svg") is artist
    assert len({(tmp_path / f"{i}.svg").read_text() for i in range(4)}) == 1
    assert canvas.finish(axes) is axes


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.png.txt"])
def test_another_format_is_refused_by_name(name, tmp_path):
    with pytest.raises(ValueError, match=r"ends in .*, expected one of \.png, \.svg, \.pdf"):
        canvas.finish(axes_with_words(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere.*os\.makedirs"):
        canvas.finish(axes_with_words(), tmp_path / "nowhere" / "a.png")


def test_a_failure_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    ax = axes_with_words()

    def fails(*args, **options):
        raise MemoryError

    monkeypatch.setattr(ax.figure, "savefig", fails)
    with pytest.raises(MemoryError):
        canvas.finish(ax, path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
