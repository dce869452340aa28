"""Dates are written as Babel writes them, and the alignment says which character says what."""

import datetime
import re
import sys
import time

import numpy as np
import pytest

babel = pytest.importorskip("babel")

from babel.dates import format_date  # noqa: E402

from minixattn.data.dates import (  # noqa: E402
    DIGITS,
    FIRST,
    FORMATS,
    LANGUAGES,
    LAST,
    Dates,
    calendar,
    styles,
    written,
)

SPAN = range(FIRST.toordinal(), LAST.toordinal() + 1)
LATIN = str.maketrans("".join(DIGITS.values()), "0123456789" * len(DIGITS))


def some_dates(rng, n=60):
    return [datetime.date.fromordinal(int(rng.integers(SPAN[0], SPAN[-1] + 1))) for _ in range(n)]


def find(task, kind):
    return task.styles[task.kinds.index(kind)]


def test_there_are_twenty_languages_in_three_formats():
    task = Dates()
    assert len(LANGUAGES) == 20
    assert {(s.language, s.format) for s in task.styles} == {
        (language, form) for language in LANGUAGES for form in FORMATS
    }
    assert len(set(task.kinds)) == len(task.kinds) == len(task.styles)


def test_a_date_is_written_as_babel_writes_it(rng):
    for style in styles():
        for date in some_dates(rng, 20):
            text = format_date(date, style.format, style.language)
            assert written(style, date)[0].translate(LATIN) == text


def test_arabic_and_hindi_come_with_their_own_digits_too():
    date = datetime.date(2031, 5, 7)
    task = Dates()
    assert written(find(task, "ar_EG long arab"), date)[0] == "٧ مايو ٢٠٣١"
    assert written(find(task, "ar_EG long"), date)[0] == "7 مايو 2031"
    assert "२०३१" in written(find(task, "hi full deva"), date)[0]
    assert {kind.split()[0] for kind in task.kinds if kind.count(" ") == 2} == {"ar_EG", "hi"}


def test_every_digit_of_the_target_is_aligned_with_the_characters_that_say_it(rng):
    """The year's and two-digit numbers' digits are the same; a name or single digit says both."""
    for style in styles():
        for date in some_dates(rng, 15):
            text, links = written(style, date)
            said = {t: text[start:stop] for t, start, stop in links}
            iso = date.isoformat()
            assert sorted(said) == [0, 1, 2, 3, 5, 6, 8, 9]
            assert "".join(said[t] for t in range(4)).translate(LATIN) == iso[:4]
            for tens in (5, 8):
                pair, value = (said[tens], said[tens + 1]), iso[tens : tens + 2]
                if pair[0] == pair[1] and len(pair[0]) > 1:
                    assert tens == 5  # the name of a month
                    others = {date.replace(day=1, month=m) for m in range(1, 13)}
                    same = {d for d in others if pair[0] in written(style, d)[0]}
                    assert date.replace(day=1) in same
                elif len(value.lstrip("0")) == 1 and pair[0].translate(LATIN) == value[1]:
                    assert pair[1] == pair[0]
                else:
                    assert "".join(pair).translate(LATIN) == value


def test_the_alignment_of_one_date_character_by_character():
    task = Dates()
    text, links = written(find(task, "fr full"), datetime.date(2031, 5, 17))
    assert text == "samedi 17 mai 2031"
    assert sorted(links) == [
        (0, 14, 15), (1, 15, 16), (2, 16, 17), (3, 17, 18), (5, 10, 13), (6, 10, 13), (8, 7, 8),
        (9, 8, 9),
    ]  # fmt: skip


def test_a_batch_holds_the_alignment_of_its_texts():
    task = Dates()
    dates = [datetime.date(2031, 5, 17), datetime.date(1999, 12, 3)]
    kinds = [task.kinds.index("fr full"), task.kinds.index("zh long")]
    batch = task.batch(dates, kinds)
    source, target = task.vocabularies["source"], task.vocabularies["target"]
    for i, (date, kind) in enumerate(zip(dates, kinds)):
        text, links = written(task.styles[kind], date)
        assert source.decode(batch.source[i]) == text
        assert target.decode(batch.expected[i]) == date.isoformat()
        marked = {(t, s) for t, start, stop in links for s in range(start, stop)}
        assert set(zip(*np.nonzero(batch.alignment[i]))) == marked


def test_the_two_splits_share_no_date_and_make_up_the_calendar():
    train, test = calendar("train"), calendar("test")
    assert not set(train) & set(test)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), SPAN)
    assert 0.025 < len(test) / len(SPAN) < 0.04
    months = np.bincount([datetime.date.fromordinal(int(o)).month for o in test], minlength=13)[1:]
    assert months.min() > 0.8 * months.mean()


def test_languages_come_equally_often():
    task = Dates()
    batch = task.test_set(4000)
    counts = dict.fromkeys(LANGUAGES, 0)
    for kind in batch.kinds:
        counts[task.styles[kind].language] += 1
    assert min(counts.values()) > 130 and max(counts.values()) < 270


def test_every_text_fits_the_vocabulary_and_its_length(rng):
    task = Dates()
    source = task.vocabularies["source"]
    lengths = [
        len(source.encode(written(style, datetime.date(2000, month, day))[0]))
        for style in task.styles
        for month in range(1, 13)
        for day in range(20, 29)
    ]
    assert max(lengths) == source.longest


def test_fewer_languages_make_a_smaller_task():
    task = Dates(languages=("ja", "zh"))
    assert {kind.split()[0] for kind in task.kinds} == {"ja", "zh"}
    assert len(task.vocabularies["source"]) < 50
    assert "2 languages" in task.describe()
    with pytest.raises(ValueError, match=r"unknown languages \['tlh'\]; expected some of en_US"):
        Dates(languages=("fr", "tlh"))
    with pytest.raises(ValueError, match="expected some of en_US"):
        Dates(languages=())


def test_the_vocabularies_of_an_earlier_task_are_taken_over():
    vocabularies = Dates().vocabularies
    task = Dates(languages=("fr",), vocabularies=vocabularies)
    row = task.test_set(1).source[0]
    assert "20" in vocabularies["source"].decode(row) or row.max() > 3
    assert task.vocabularies is vocabularies


def test_vocabularies_that_lack_a_character_of_a_date_say_so():
    task = Dates(vocabularies=Dates(languages=("fr",)).vocabularies)
    with pytest.raises(ValueError, match=r"unknown characters? '.+\) in the text"):
        task.test_set(50)


def test_characters_that_no_date_has_are_named():
    with pytest.raises(ValueError, match=re.escape("unknown character 'ß' (U+00DF")):
        Dates().vocabularies["source"].encode("7 Mai 2031 ß")


def test_a_batch_takes_milliseconds():
    batches = Dates().batches(0, 64)
    next(batches)
    start = time.process_time()
    for _ in range(10):
        next(batches)
    assert (time.process_time() - start) / 10 < 0.02  # a training step takes some 60 ms


def test_without_babel_an_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "babel", None)
    styles.cache_clear()
    with pytest.raises(ImportError, match=re.escape('pip install "minixattn[data]"')):
        Dates()
