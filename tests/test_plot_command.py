"""`minixattn plot`: what it draws of which file, and the sentence it ends with where it cannot."""

import numpy as np
import pytest

from minixattn.cli import main

pytest.importorskip("matplotlib")

QUERIES, KEYS = ["the", "cat", "sat"], ["eine", "Katze", "saß", "da", "."]


def weights(*shape):
    x = np.exp(2 * np.random.default_rng([5, *shape]).standard_normal(shape))
    return (x / x.sum(-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Files of every kind in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    np.save("matrix.npy", weights(3, 5))
    np.save("heads.npy", weights(4, 3, 5))
    np.save("batch.npy", weights(2, 4, 3, 5))
    np.save("patches.npy", weights(2, 9))
    np.save("image.npy", np.random.default_rng(0).random((24, 24)))
    np.savez("two.npz", first=weights(1, 4, 3, 5), second=weights(1, 4, 3, 5))
    np.savez("one.npz", only=weights(3, 5))
    return tmp_path


def plot(*words):
    return main(["plot", *map(str, words)])


def fails(capsys, *words):
    """The sentence of a plot that fails."""
    assert plot(*words) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("minixattn: ")
    return captured.err


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are drawn, before they are written."""
    from minixattn.plot import command

    found = []

    def note(artist, save):
        found.append(command.root(artist))

    monkeypatch.setattr(command, "finish", note)
    return found


def test_each_ending_gives_a_file_of_its_kind(folder, capsys):
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "html": b"<!"}
    for ending, start in starts.items():
        assert plot("matrix.npy", "--out", f"a.{ending}") == 0
        assert (folder / f"a.{ending}").read_bytes()[: len(start)].lower() == start.lower()
    assert "a.png: heatmap of weights (3, 5)" in capsys.readouterr().out


def test_a_matrix_is_drawn_with_queries_as_rows_and_keys_as_columns(folder, drawn):
    assert plot("matrix.npy", "--out", "a.png", "--queries", *QUERIES, "--keys", *KEYS,
                "--title", "A cat") == 0  # fmt: skip
    ax = drawn[0].axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == QUERIES
    assert [t.get_text() for t in ax.get_xticklabels()] == KEYS
    assert ax.get_title() == "A cat"
    np.testing.assert_allclose(ax.get_images()[0].get_array(), weights(3, 5))


def test_a_text_in_quotes_is_taken_word_by_word(folder, drawn):
    assert plot("matrix.npy", "--out", "a.png", "--queries", "the cat sat") == 0
    assert [t.get_text() for t in drawn[0].axes[0].get_yticklabels()] == QUERIES


def test_one_head_the_mean_and_one_of_a_batch_are_the_numbers_chosen(folder, drawn):
    plot("heads.npy", "--out", "a.png", "--head", 2)
    plot("heads.npy", "--out", "a.png", "--head", "mean")
    plot("heads.npy", "--out", "a.png", "--kind", "heatmap")
    plot("batch.npy", "--out", "a.png", "--batch", 1, "--head", 3)
    plot("batch.npy", "--out", "a.png", "--layer", 1, "--head", 3)
    A, B = weights(4, 3, 5), weights(2, 4, 3, 5)
    for figure, expected in zip(drawn, (A[2], A.mean(0), A.mean(0), B[1, 3], B[1, 3])):
        shown = figure.axes[0].get_images()[0].get_array()
        np.testing.assert_allclose(shown, expected, rtol=1e-6)
    titles = [figure.axes[0].get_title() for figure in drawn]
    assert titles == ["", "mean over the heads", "mean over 4 heads", "", ""]


def test_several_heads_become_a_grid_and_several_arrays_its_rows(folder, drawn):
    assert plot("heads.npy", "--out", "a.png") == 0
    assert plot("two.npz", "--key", "first", "second", "--out", "a.png", "--title", "All") == 0
    assert plot("batch.npy", "--layer", "all", "--out", "a.png") == 0
    assert [sum(bool(ax.get_images()) for ax in f.axes) for f in drawn] == [4, 8, 8]
    assert drawn[1].get_suptitle() == "All"


def test_arcs_and_an_image_with_a_panel_for_each_query(folder, drawn):
    assert plot("matrix.npy", "--kind", "arcs", "--queries", *QUERIES, "--keys", *KEYS,
                "--out", "a.png") == 0  # fmt: skip
    assert plot("patches.npy", "--image", "image.npy", "--queries", "where what",
                "--out", "a.png") == 0  # fmt: skip
    assert {t.get_text() for t in drawn[0].axes[0].texts} >= {*QUERIES, *KEYS}
    assert [ax.get_title() for ax in drawn[1].axes] == ["where", "what"]


def test_an_image_file_is_read_in_colour(folder, drawn):
    import matplotlib.pyplot as plt

    plt.imsave("photo.png", np.random.default_rng(0).random((12, 12, 3)))
    assert plot("patches.npy", "--image", "photo.png", "--grid", 3, 3, "--out", "a.png") == 0
    assert [ax.get_title() for ax in drawn[0].axes] == ["query 0", "query 1"]
    assert drawn[0].axes[0].get_images()[0].get_array().ndim == 3


def test_a_page_holds_words_image_and_title_and_loads_nothing(folder):
    assert plot("patches.npy", "--image", "image.npy", "--queries", "where", "what",
                "--title", "Where & what", "--out", "a.html") == 0  # fmt: skip
    page = (folder / "a.html").read_text(encoding="utf-8")
    assert "Where &amp; what" in page and "where" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_safetensors_files_are_read(folder, drawn):
    st = pytest.importorskip("safetensors.numpy")
    st.save_file({"w": weights(1, 4, 3, 5)}, "a.safetensors")
    assert plot("a.safetensors", "--head", 1, "--out", "a.png") == 0
    shown = drawn[0].axes[0].get_images()[0].get_array()
    np.testing.assert_allclose(shown, weights(1, 4, 3, 5)[0, 1])


def test_an_existing_file_is_replaced_and_stays_where_drawing_fails(folder, capsys):
    (folder / "a.png").write_text("old")
    assert "2 queries do not fit weights of shape (3, 5)" in fails(
        capsys, "matrix.npy", "--queries", "a", "b", "--out", "a.png"
    )
    assert (folder / "a.png").read_text() == "old"
    assert plot("matrix.npy", "--out", "a.png") == 0
    assert (folder / "a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    "words, message",
    [
        (["two.npz"], "two.npz holds 2 arrays; say which one with --key NAME"),
        (["two.npz"], "It has: first (1, 4, 3, 5), second (1, 4, 3, 5)."),
        (["two.npz", "--key", "third"], "has no array 'third'. It has: first"),
        (["nothing.npy"], "there is no file nothing.npy."),
        (["weights.pt"], "ends in '.pt', expected .npz, .npy or .safetensors. From PyTorch"),
        (["batch.npy"], "(2, 4, 3, 5): say what its first axis is, with --batch N for one of 2"),
        (["heads.npy", "--head", "4"], "--head 4: array 'array' of shape (4, 3, 5) has 4, 0 to 3"),
        (["heads.npy", "--head", "all"], "--head all: expected a whole number, or mean."),
        (["heads.npy", "--batch", "0"], "no axis for that; in front of L and S it has head."),
        (["matrix.npy", "--head", "0"], "in front of L and S it has nothing."),
        (["matrix.npy", "--kind", "explore"], "makes a page: --out must end in .html, got a.png"),
        (["matrix.npy", "--kind", "overlay"], "--kind overlay needs --image FILE"),
        (["matrix.npy", "--kind", "arcs"], "--kind arcs needs the words of both sides"),
        (["matrix.npy", "--image", "image.npy"], "5 keys, which make no square of patches"),
        (["matrix.npy", "--image", "image.npy", "--grid", "2", "3"], "--grid 2 3 has 6 patches"),
        (["patches.npy", "--image", "image.npy", "--queries", "a"], "1 words for 2 rows"),
        (["patches.npy", "--image", "image.gz"], "--image image.gz ends in '.gz', expected one of"),
        (["patches.npy", "--image", "no.png"], "there is no image no.png."),
        (["two.npz", "--key", "first", "second", "--kind", "heatmap"], "draws one layer: give one"),
        (["batch.npy", "--layer", "all", "--kind", "heatmap"], "one layer of 2: say which"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said_in_one_sentence(folder, capsys, words, message):
    assert message in fails(capsys, *words, "--out", "a.png")
    assert not (folder / "a.png").exists()


@pytest.mark.parametrize(
    "out, message",
    [
        ("a.jpg", "ends in '.jpg', expected one of .png, .svg, .pdf, .html."),
        ("missing/a.png", "there is no folder"),
        ("folder.png", "--out folder.png is a folder: add the name of a file."),
    ],
)
def test_what_cannot_be_written_is_said_before_any_work(folder, capsys, out, message):
    (folder / "folder.png").mkdir()
    assert message in fails(capsys, "matrix.npy", "--out", out)


def test_a_picture_is_not_made_into_a_page(folder, capsys):
    words = ("matrix.npy", "--kind", "heatmap", "--out", "a.html")
    assert "--kind heatmap makes a picture: --out must end in .png/.svg/.pdf" in fails(
        capsys, *words
    )


@pytest.mark.parametrize("name", ["cut.npy", "cut.npz", "text.npy", "objects.npy"])
def test_damaged_files_and_pickles_are_refused(folder, capsys, name):
    np.save("objects.npy", np.array([{"a": 1}], dtype=object))
    (folder / "cut.npy").write_bytes((folder / "batch.npy").read_bytes()[:200])
    (folder / "cut.npz").write_bytes((folder / "two.npz").read_bytes()[:-80])
    (folder / "text.npy").write_text("hello")
    assert f"cannot read {name}" in fails(capsys, name, "--out", "a.png")


def test_weights_that_are_none_are_refused(folder, capsys):
    np.save("scores.npy", 5 * np.ones((2, 3)))
    np.save("flat.npy", np.ones(3))
    assert "0 to 1" in fails(capsys, "scores.npy", "--out", "a.png")
    assert "has shape (3,), expected weights (L, S)" in fails(capsys, "flat.npy", "--out", "a.png")


def test_the_help_names_every_option(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["plot", "--help"])
    text = capsys.readouterr().out
    for option in ("--key", "--layer", "--batch", "--head", "--queries", "--image", "--grid"):
        assert option in text
