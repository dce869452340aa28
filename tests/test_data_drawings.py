"""Words and handwriting: what is drawn, how it is called, and how it is read."""

import numpy as np
import pytest

import minixattn as mx
from minixattn.data.drawings import (
    KINDS,
    NUMBERS,
    REDUCTION,
    Drawings,
    Reader,
    U,
    compose,
    layout,
    new_pairs,
    parts,
    phrase,
)

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def reader():
    return Reader("train")


def test_every_kind_has_its_phrase():
    assert [phrase(kind, 3, 7) for kind in KINDS] == [
        "a three", "a small three", "two threes", "a three and a seven",
    ]  # fmt: skip
    assert phrase("large", 8, 8) == "an eight" and phrase("small", 8, 8) == "a small eight"
    assert phrase("pair", 8, 1) == "an eight and a one" and phrase("twice", 6, 6) == "two sixes"


def test_a_seed_gives_the_same_drawings_and_another_others():
    task = Drawings("train")
    a, b, c = (next(task.batches(seed, 20)) for seed in (1, 1, 2))
    assert all((x == y).all() for x, y in zip(a[:3], b[:3])) and a.texts == b.texts
    assert (a.images != c.images).any()


def test_a_batch_has_the_documented_shapes_and_types():
    task = Drawings("test")
    batch = next(task.batches(0, 30))
    assert batch.images.shape == (30, 1, 16, 16) and batch.images.dtype == np.float32
    assert batch.images.min() == -1 and 0.9 < batch.images.max() <= 1
    assert batch.words.shape == batch.mask.shape == (30, task.length) == (30, 6)
    assert batch.words.dtype == np.int64 and (batch.words[:, 0] == task.vocabulary.start).all()
    assert (batch.mask == (batch.words != task.vocabulary.pad)).all()
    for text, ids, kind in zip(batch.texts, batch.words, batch.kinds):
        assert task.vocabulary.decode(ids) == text
        assert (" and " in text) == (task.kinds[kind] == "pair")


def test_all_kinds_and_digits_come_up_in_equal_shares():
    batch = Drawings().test_set(4000)
    assert (abs(np.bincount(batch.kinds) - 1000) < 120).all()
    for number in NUMBERS:
        share = sum(text == f"a {number}" or text == f"an {number}" for text in batch.texts)
        assert 60 < share < 140
    pairs = [t.split() for t, k in zip(batch.texts, batch.kinds) if KINDS[k] == "pair"]
    assert all(words[1] != words[4] for words in pairs)


def test_training_and_test_drawings_share_no_image():
    train, test = Drawings("train").handwriting, Drawings("test").handwriting
    assert not set(train.rows) & set(test.rows)


def test_ten_pairs_of_words_are_kept_for_the_test():
    new = set(new_pairs())
    assert len(new) == 10 and "a two and a seven" in new
    assert not new & set(Drawings("train").test_set(3000).texts)
    assert new < set(Drawings("test").test_set(3000).texts)


def test_digits_stand_where_their_kind_says(rng):
    first, second = rng.random((2, 4, 8, 8)).astype(np.float32)
    large, small, twice, pair = compose(KINDS, first, second)
    np.testing.assert_allclose(large, U @ first[0] @ U.T, rtol=1e-6)
    assert (small[4:12, 4:12] == first[1]).all() and small.sum() == first[1].sum()
    assert (pair[4:12, :8] == first[3]).all() and (pair[4:12, 8:] == second[3]).all()
    assert twice[:4].sum() == twice[12:].sum() == 0


def test_enlarging_keeps_a_flat_image_and_can_be_undone(rng):
    np.testing.assert_allclose(U.sum(1), 1)
    x = rng.random((8, 8))
    np.testing.assert_allclose(REDUCTION @ (U @ x @ U.T) @ REDUCTION.T, x, atol=1e-12)
    assert (U @ np.arange(8))[3:7].tolist() == [1.25, 1.75, 2.25, 2.75]


def test_the_kind_of_a_canvas_is_seen_by_where_its_ink_lies():
    batch = Drawings("train").test_set(500)
    seen = [layout((image[0] + 1) / 2) for image in batch.images]
    shown = [KINDS[k].replace("twice", "pair") for k in batch.kinds]
    assert np.mean([a == b for a, b in zip(seen, shown)]) > 0.995
    assert [len(parts(batch.images[0, 0], kind)) for kind in KINDS] == [1, 1, 2, 2]


def test_handwriting_never_seen_is_read_as_what_it_shows(reader):
    batch = Drawings("test").test_set(500)
    read = reader.read(batch.images)
    assert np.mean([a == b for a, b in zip(read, batch.texts)]) > 0.97


def test_a_drawing_of_something_else_is_read_as_that(reader):
    batch = Drawings("train").test_set(40)
    mirrored = batch.images[..., ::-1]  # swaps the two digits of a pair
    swapped = [t for t, k in zip(reader.read(mirrored), batch.kinds) if KINDS[k] == "pair"]
    asked = [t for t, k in zip(batch.texts, batch.kinds) if KINDS[k] == "pair"]
    assert sum(a == b for a, b in zip(swapped, asked)) <= len(asked) // 4
    assert reader.read(np.full((1, 1, 16, 16), -1.0))[0] not in ("", None)  # blank paper: no crash


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Drawings("all"), 'split must be "train" or "test", got \'all\''),
        (lambda: Drawings(kinds=("huge",)), "kinds are one or more of large, small.*got huge"),
        (lambda: Drawings(kinds=()), "kinds are one or more of.*got none"),
        (lambda: next(Drawings().batches(0, 0)), "size is the number of examples.*got 0"),
        (lambda: Drawings().encode(["a purple dog"]),
         "unknown words 'purple', 'dog' in the text 'a purple dog'.*two and zero one"),
        (lambda: Drawings().encode([""]), 'text is empty.*such as "a three and a seven"'),
        (lambda: Drawings().encode(["a a a a a a"]), "6 words, but at most 5 can be read"),
        (lambda: Reader("all"), 'split must be "train" or "test"'),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_texts_and_canvases_of_the_wrong_kind_are_named(reader):
    with pytest.raises(TypeError, match=r"expected several texts, got one string; use \['a one'\]"):
        Drawings().encode("a one")
    with pytest.raises(mx.ShapeError, match=r"takes canvases \(B, 1, 16, 16\), got shape \(16, 16"):
        reader.read(np.zeros((16, 16)))
    with pytest.raises(ValueError, match="NaN"):
        reader.read(np.full((1, 1, 16, 16), np.nan))


def test_what_is_drawn_is_described():
    text = Drawings("test").describe()
    assert "16 x 16 pixels with handwriting of the test split (364 digits)" in text
    assert '"two threes"' in text
