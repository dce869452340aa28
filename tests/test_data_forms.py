"""Forms are labelled by their own rules, printed and written as they say, and come from a seed."""

import re

import numpy as np
import pytest

from minixattn.data.digits import handwriting
from minixattn.data.forms import (
    KINDS,
    LABELS,
    LONGEST,
    LOOKALIKES,
    NUMBERS,
    PHRASES,
    PIXELS,
    REGIONS,
    Forms,
)

pytest.importorskip("sklearn", reason='needs pip install "minixattn[data]"')
SAYS = {word: kind for kind, words in KINDS.items() for word in words}
B = 300


@pytest.fixture(scope="module")
def page():
    return Forms("test").test_set(B)


def test_every_part_has_its_shape_and_type(page):
    shapes = {"text": (B, REGIONS, LONGEST), "images": (B, REGIONS, PIXELS)}
    shapes |= {"alignment": (B, REGIONS, REGIONS)}
    for name, part in page._asdict().items():
        assert part.shape == shapes.get(name, (B, REGIONS)), name
        expected = {"images": "float32", "mask": "bool", "alignment": "bool"}.get(name, "int64")
        assert part.dtype == expected, name


def test_the_word_says_what_is_in_a_box_and_the_number_whose_it_is(page):
    """The labels once more, from what is printed and written, region by region."""
    for b in range(B):
        printed = [PHRASES[i] for i in page.printed[b]]
        for n in np.flatnonzero(page.mask[b]):
            words = printed[n]
            if page.kinds[b, n]:
                number = NUMBERS.index(words.split()[-1])
                (named,) = np.flatnonzero(page.mask[b] & (page.digits[b] == number))
                assert page.alignment[b, n].nonzero()[0].tolist() == [named] and named != n
                words = printed[named]
            else:
                assert not page.alignment[b, n].any()
            party = "sender" if page.digits[b, n] < 5 else "receiver"
            assert LABELS[page.labels[b, n]] == f"{party} {SAYS[words]}"


def test_what_is_written_is_an_image_of_the_number_from_its_own_split(page):
    mask = page.mask
    for split, drawn in ("test", page), ("train", Forms("train").test_set(20)):
        held = handwriting(split)
        assert set(drawn.rows[drawn.mask]) <= set(held.rows)
        at = np.searchsorted(held.rows, drawn.rows[drawn.mask])
        np.testing.assert_array_equal(held.images[at], drawn.images[drawn.mask])
        np.testing.assert_array_equal(held.labels[at], drawn.digits[drawn.mask])
    assert not set(page.rows[mask]) & set(handwriting("train").rows)


def test_forms_have_five_to_eight_boxes_and_nothing_where_there_is_none(page):
    counts = page.mask.sum(1)
    assert set(counts) == {5, 6, 7, 8}
    assert (page.mask == (np.arange(REGIONS) < counts[:, None])).all()
    nothing = ~page.mask
    assert not page.text[nothing].any() and not page.images[nothing].any()
    assert not page.labels[nothing].any() and not page.kinds[nothing].any()
    assert not page.alignment[nothing].any() and not page.alignment.swapaxes(1, 2)[nothing].any()


def test_no_number_is_written_twice_and_boxes_lie_in_any_order(page):
    assert all(len(set(row)) == REGIONS for row in page.digits)
    places = np.argwhere(page.alignment)
    assert (np.bincount(places[:, 1], minlength=REGIONS) > 5).all()  # pointing ones
    assert (np.bincount(places[:, 2], minlength=REGIONS) > 5).all()  # those pointed at
    first = page.kinds[:, 0].mean()
    assert 0.2 < first < 0.5


def test_labels_and_kinds_are_spread(page):
    labels = np.bincount(page.labels[page.mask], minlength=len(LABELS)) / page.mask.sum()
    assert labels.min() > 0.5 / len(LABELS) and labels.max() < 2 / len(LABELS)
    assert 0.28 < page.kinds[page.mask].mean() < 0.4  # 0.4 of all but one


def test_print_that_is_read_well_is_what_was_printed():
    task = Forms("train", swapped=0, missed=0)
    page, decode = task.test_set(30), task.vocabularies["text"].decode
    for b, n in np.argwhere(page.mask):
        assert decode(page.text[b, n]) == PHRASES[page.printed[b, n]]


def test_characters_are_swapped_and_missed_as_often_as_stated(rng):
    task = Forms("train", swapped=0.2, missed=0)
    encode, decode = task.vocabularies["text"].encode, task.vocabularies["text"].decode
    text = np.tile(encode("same as seven"), (4000, 1))
    read = task.misread(rng, text)
    assert (read != text).mean(0)[text[0] != encode(" ")[0]] == pytest.approx(0.2, abs=0.03)
    assert not (read != text)[:, text[0] == encode(" ")[0]].any()
    for group in LOOKALIKES:
        for c in set(group) & set("same as seven"):
            assert set(decode(read[:, text[0] == encode(c)[0]].ravel())) == set(group)
    task = Forms("train", swapped=0, missed=0.1)
    read = task.misread(rng, text)
    assert (read == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert all(re.fullmatch("s?a?m?e? ?a?s? ?s?e?v?e?n?", decode(row)) for row in read[:200])
    assert (np.diff((read == 0).astype(int), axis=1) >= 0).all()  # padding comes last


def test_batches_come_again_from_the_seed_alone():
    def drawn(seed):
        stream = Forms("train").batches(seed, 8)
        return [next(stream), next(stream)]

    for a, b in zip(drawn(3), drawn(3)):
        for x, y in zip(a, b):
            np.testing.assert_array_equal(x, y)
    one, two = drawn(3)
    assert (one.digits != two.digits).any() and (one.digits != drawn(4)[0].digits).any()


def test_shares_of_nothing_are_allowed_and_others_are_refused():
    page = Forms("test", pointing=0).test_set(20)
    assert not page.alignment.any() and not page.kinds.any()
    with pytest.raises(ValueError, match="missed is a share from 0 up to, but not, 1; got 1"):
        Forms("train", missed=1)
    with pytest.raises(ValueError, match=r"swapped is a share .*; got -0.1"):
        Forms("train", swapped=-0.1)
    with pytest.raises(ValueError, match='split must be "train" or "test", got'):
        Forms("dev")


def test_it_describes_itself():
    text = Forms("test", swapped=0.125).describe()
    assert "364 images" in text and "12%" in text and "12 labels" in text
