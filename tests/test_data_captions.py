"""Pages in words: true captions, patches that cut through digits, and where each digit is seen."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')

from minixattn.data.captions import NEW_LINE, NUMBERS, Captions, cut, overlap, words_of
from minixattn.data.digits import handwriting, page_image

TASK = Captions("train")
WORDS = TASK.vocabularies["words"]


@pytest.fixture(scope="module")
def batch():
    return TASK.test_set(200)


def test_a_batch_has_the_shapes_and_types_it_promises(batch):
    expected = {
        "patches": ((200, 16, 36), "float32"), "given": ((200, 12), "int64"),
        "expected": ((200, 12), "int64"), "alignment": ((200, 12, 16), "bool"),
        "digits": ((200, 9), "int64"), "images": ((200, 9), "int64"),
    }  # fmt: skip
    assert {k: (v.shape, str(v.dtype)) for k, v in batch._asdict().items()} == expected
    assert (batch.patches.min(), batch.patches.max()) == (0, 1)


def test_captions_say_the_digits_line_by_line(batch):
    assert words_of([3, 4, 7, 1, 1, 0, 9, 2, 5]) == (
        "three four seven / one one zero / nine two five"
    )
    for digits, ids in zip(batch.digits, batch.expected, strict=True):
        assert WORDS.decode(ids) == words_of(digits)
        assert ids[-1] == WORDS.end


def test_the_decoder_reads_what_it_wrote_before(batch):
    assert (batch.given[:, 0] == WORDS.start).all()
    np.testing.assert_array_equal(batch.given[:, 1:], batch.expected[:, :-1])


def test_the_patches_are_those_of_the_page(batch):
    ours = handwriting("train")
    images = ours.images[np.searchsorted(ours.rows, batch.images)]
    page = page_image(images)
    np.testing.assert_array_equal(batch.patches, cut(page))
    np.testing.assert_array_equal(batch.patches[0, 6].reshape(6, 6), page[0, 6:12, 12:18])
    np.testing.assert_array_equal(ours.labels[np.searchsorted(ours.rows, batch.images)],
                                  batch.digits)  # fmt: skip


def test_a_patch_sees_a_digit_where_their_pixels_overlap():
    for digit, seen in enumerate(overlap()):
        ink = np.zeros((9, 64))
        ink[digit] = 1
        np.testing.assert_array_equal(cut(page_image(ink)).any(-1), seen)


def test_no_digit_is_whole_in_a_patch_and_most_patches_see_several():
    seen = overlap()
    assert (seen.sum(1) == 4).all()
    assert sorted(seen.sum(0)) == [1] * 4 + [2] * 8 + [4] * 4


def test_the_alignment_leads_from_a_word_to_its_digit_and_from_a_new_line_nowhere(batch):
    new_line = WORDS.numbers[NEW_LINE]
    says_digit = (batch.expected != new_line) & (batch.expected != WORDS.end)
    np.testing.assert_array_equal(batch.alignment.any(-1), says_digit)
    np.testing.assert_array_equal(batch.alignment[0][says_digit[0]], overlap())


def test_no_test_image_is_on_a_training_page(batch):
    assert not np.isin(batch.images, handwriting("test").rows).any()
    assert np.isin(Captions("test").test_set(50).images, handwriting("test").rows).all()


def test_one_seed_gives_one_stream_of_pages():
    for a, b in zip(*(TASK.test_set(20, seed=4) for _ in range(2)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (TASK.test_set(20, seed=5).digits != TASK.test_set(20, seed=4).digits).any()


def test_every_number_has_its_word_and_describe_shows_a_caption():
    assert set(WORDS.tokens[3:]) == {*NUMBERS, NEW_LINE}
    assert "zero one two / three four five / six seven eight" in TASK.describe()
