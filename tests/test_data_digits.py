"""Pages of handwriting: true answers, unseen images, one seed one page, and readable errors."""

import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")

from minixattn.data import digits as data
from minixattn.data.digits import Pages, handwriting
from minixattn.data.questions import ANSWERS, PLACE, PLACES, WHERE, Drawn, Kind


@pytest.fixture(scope="module")
def train():
    return Pages("train")


@pytest.fixture(scope="module")
def batch(train):
    return next(train.batches(rng=0, size=600))


def asked(pages, batch, row):
    """The question of a row as one string."""
    return " ".join(pages.decode(batch.questions[row]))


# ---- the handwriting -------------------------------------------------------------------------


def test_the_splits_are_disjoint_and_hold_every_image_once():
    train, test = handwriting("train"), handwriting("test")
    assert (len(train.labels), len(test.labels)) == (1433, 364)
    assert sorted([*train.rows, *test.rows]) == list(range(1797))


def test_the_test_split_holds_a_fifth_of_each_digit():
    share = np.bincount(handwriting("test").labels) / np.bincount(
        np.concatenate([handwriting("train").labels, handwriting("test").labels])
    )
    assert np.all(np.abs(share - 0.2) < 0.005)


def test_images_are_those_of_scikit_learn_scaled_to_one():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    for split in ("train", "test"):
        ours = handwriting(split)
        np.testing.assert_array_equal(ours.images * 16, images[ours.rows])
        np.testing.assert_array_equal(ours.labels, labels[ours.rows])
        assert ours.images.dtype == np.float32
        assert (ours.images.min(), ours.images.max()) == (0, 1)


def test_the_handwriting_is_read_once_and_cannot_be_changed():
    assert handwriting("test") is handwriting("test")
    with pytest.raises(ValueError, match="read-only"):
        handwriting("test").images[0, 0] = 1


def test_no_test_image_is_on_a_training_page(train):
    test = {image.tobytes() for image in handwriting("test").images}
    for _, batch in zip(range(20), train.batches(rng=1, size=128), strict=False):
        assert test.isdisjoint(patch.tobytes() for patch in batch.pages.reshape(-1, 64))
        assert not np.isin(batch.images, handwriting("test").rows).any()


def test_every_image_of_a_split_comes_to_be_used():
    pages = Pages("test")
    batches = pages.batches(rng=0, size=500)
    seen = np.concatenate([next(batches).images.ravel() for _ in range(3)])
    assert set(seen) == set(handwriting("test").rows)


def test_a_missing_scikit_learn_names_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    handwriting.cache_clear()
    with pytest.raises(ImportError, match=r'pip install "minixattn\[data\]"'):
        handwriting("train")


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match='must be "train" or "test", got \'valid\''):
        Pages("valid")


# ---- batches ---------------------------------------------------------------------------------


def test_a_batch_has_the_shapes_and_types_it_promises(batch):
    expected = {
        "pages": ((600, 9, 64), "float32"),
        "questions": ((600, 6), "int64"),
        "mask": ((600, 6), "bool"),
        "answers": ((600,), "int64"),
        "kinds": ((600,), "int64"),
        "digits": ((600, 9), "int64"),
        "target": ((600,), "int64"),
        "evidence": ((600, 9), "bool"),
        "images": ((600, 9), "int64"),
    }
    assert {k: (v.shape, str(v.dtype)) for k, v in batch._asdict().items()} == expected


def test_one_seed_gives_one_stream_of_pages(train):
    first, again = train.batches(rng=3, size=8), train.batches(np.random.default_rng(3), size=8)
    other = train.batches(rng=4, size=8)
    for _ in range(3):
        a, b, c = next(first), next(again), next(other)
        for ours, theirs in zip(a, b, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert (a.pages != c.pages).any()


def test_one_stream_does_not_repeat_its_batches(train):
    batches = train.batches(rng=0, size=8)
    assert (next(batches).pages != next(batches).pages).any()


def test_patches_show_the_digits_that_the_labels_say(batch):
    ours = handwriting("train")
    row = np.searchsorted(ours.rows, batch.images)
    np.testing.assert_array_equal(ours.labels[row], batch.digits)
    np.testing.assert_array_equal(ours.images[row], batch.pages)


def test_kinds_take_turns_and_are_equally_many(batch):
    np.testing.assert_array_equal(batch.kinds, np.arange(600) % 2)


def test_place_questions_are_answered_by_the_digit_at_the_place(train, batch):
    for row in np.flatnonzero(batch.kinds == 0):
        place = asked(train, batch, row).removeprefix("what is at the ")
        assert batch.target[row] == PLACES.index(place)
        digit = batch.digits[row, PLACES.index(place)]
        assert train.decode_answer(batch.answers[row]) == str(digit)


def test_where_questions_are_answered_by_the_only_place_of_the_digit(train, batch):
    for row in np.flatnonzero(batch.kinds == 1):
        digit = int(asked(train, batch, row).removeprefix("where is the "))
        assert list(np.flatnonzero(batch.digits[row] == digit)) == [batch.target[row]]
        assert train.decode_answer(batch.answers[row]) == PLACES[batch.target[row]]


def test_digits_that_are_not_asked_for_may_repeat(batch):
    where = batch.digits[batch.kinds == 1]
    assert any(len(set(page)) < 8 for page in where.tolist())


def test_every_answer_and_every_target_comes_up_about_equally_often(train):
    batch = next(train.batches(rng=5, size=18000))
    place, where = (batch.answers[batch.kinds == k] for k in (0, 1))
    assert np.all(np.abs(np.bincount(place, minlength=10)[:10] - 900) < 150)
    assert np.all(np.abs(np.bincount(where, minlength=19)[10:] - 1000) < 150)
    assert np.all(np.abs(np.bincount(batch.target) - 2000) < 220)


def test_the_mask_marks_the_words_and_padding_comes_last(train, batch):
    np.testing.assert_array_equal(batch.mask, batch.questions != 0)
    lengths = [len(asked(train, batch, row).split()) for row in range(len(batch.mask))]
    np.testing.assert_array_equal(batch.mask, np.arange(6) < np.array(lengths)[:, None])
    assert set(lengths) == {4, 5, 6}


def test_a_batch_that_cannot_be_shared_out_among_the_kinds_is_refused_at_once(train):
    with pytest.raises(ValueError, match="size must be a multiple of 2.*got 63"):
        train.batches(rng=0, size=63)
    with pytest.raises(ValueError, match="1 or more; got 0"):
        train.batches(rng=0, size=0)


def test_the_test_set_is_fixed_and_half_of_each_kind():
    pages = Pages("test")
    one, two = pages.test_set(200, seed=7), pages.test_set(200, seed=7)
    np.testing.assert_array_equal(one.pages, two.pages)
    assert list(np.bincount(one.kinds)) == [100, 100]
    assert np.isin(one.images, handwriting("test").rows).all()


def test_a_new_kind_of_question_needs_only_its_words_and_a_draw():
    def draw_count(rng, n):
        digits = rng.integers(10, size=(n, 9))
        digit = rng.integers(10, size=n)
        there = digits == digit[:, None]
        return Drawn(digits, digit, there.sum(1), there)

    count = Kind("count", tuple(f"how many digits are a {d}" for d in range(10)), draw_count)
    pages = Pages("test", kinds=(PLACE, WHERE, count))
    batch = pages.test_set(300, seed=0)
    for row in np.flatnonzero(batch.kinds == 2):
        digit = int(asked(pages, batch, row).split()[-1])
        assert ANSWERS[batch.answers[row]] == str(list(batch.digits[row]).count(digit))
    assert pages.vocabulary.tokens[:24] == Pages("test").vocabulary.tokens


# ---- words -----------------------------------------------------------------------------------


def test_the_vocabulary_holds_the_words_of_all_questions_and_nothing_else(train):
    questions = (question for kind in train.kinds for question in kind.questions)
    assert set(train.vocabulary.tokens[3:]) == set(" ".join(questions).split())
    assert train.vocabularies["words"] is train.vocabulary


def test_encode_and_decode_are_inverse_and_read_a_question_mark(train):
    ids = train.encode("Where is the 7?")
    assert ids.dtype == np.int64
    assert train.decode(ids) == ["where", "is", "the", "7"]


def test_pad_makes_a_table_of_questions(train):
    ids, mask = train.pad([train.encode("where is the 7"), train.encode("what is at the center")])
    assert ids.shape == mask.shape == (2, 6)
    assert list(mask.sum(1)) == [4, 5]
    assert train.decode(ids[1]) == ["what", "is", "at", "the", "center"]


@pytest.mark.parametrize("word", ["cat", "<pad>", "seven"])
def test_an_unknown_word_is_named_beside_the_known_ones(train, word):
    with pytest.raises(ValueError, match=f"unknown word '{word}'") as error:
        train.encode(f"where is the {word}")
    known = str(error.value).split("known ones: ")[1].split()
    assert known == list(train.vocabulary.tokens[3:])


@pytest.mark.parametrize("question", ["", "  ", "?"])
def test_an_empty_question_is_answered_by_an_example(train, question):
    with pytest.raises(ValueError, match='one word, such as "what is at the top left"'):
        train.encode(question)


def test_a_question_that_is_too_long_is_refused(train):
    with pytest.raises(ValueError, match="has 7 words, but at most 6 can be read"):
        train.encode("what is at the top left left")


def test_a_question_that_is_no_string_is_refused(train):
    with pytest.raises(TypeError, match="a text is a string, got int"):
        train.encode(7)


def test_answers_are_digits_then_places(train):
    assert [train.decode_answer(a) for a in (0, 9, 10, 14, 18)] == [
        *("0", "9"),
        *("top left", "center", "bottom right"),
    ]


@pytest.mark.parametrize("answer", [-1, 19])
def test_an_answer_that_does_not_exist_is_refused(train, answer):
    with pytest.raises(ValueError, match=f"no answer number {answer}: 0 to 9 are the digits"):
        train.decode_answer(answer)


def test_describe_counts_images_words_and_answers(train):
    text = train.describe()
    for part in ("1433 images of the train split", "21 words, 19 answers", "where is the 0"):
        assert part in text


def test_page_image_puts_patches_in_reading_order():
    patches = np.repeat(np.arange(9), 64).reshape(1, 9, 64)
    image = data.page_image(patches)
    assert image.shape == (1, 24, 24)
    np.testing.assert_array_equal(image[0, 4::8, 4::8], np.arange(9).reshape(3, 3))


def test_page_image_keeps_the_rows_of_a_patch():
    patches = np.zeros((9, 64))
    patches[5, 8 * 2 + 3] = 1  # row 2, column 3 of the middle right patch
    assert tuple(np.argwhere(data.page_image(patches))[0]) == (8 + 2, 16 + 3)
