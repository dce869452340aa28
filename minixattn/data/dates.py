"""Dates as people write them in twenty languages, to be rewritten as ISO 8601.

    "mercredi 7 mai 2031"    →  "2031-05-07"
    "2031年5月7日水曜日"       →  "2031-05-07"
    "٧ مايو ٢٠٣١"            →  "2031-05-07"

The formats and names are those of the Unicode CLDR, as the package Babel brings them: full, long
and medium dates. A date is put together field by field, so it is known exactly which characters
say the year, the month and the day: that is the alignment which attention can be scored by.

Each digit of the target belongs to the digit of the source that says it; both digits of a month or
a day that is written as a name or with one digit belong to all that is written of it.

| written    | source                  | target positions            |
|------------|-------------------------|-----------------------------|
| year       | its four digits         | 0 to 3, each to its own     |
| month, day | two digits              | 5 and 6, 8 and 9, likewise  |
| month, day | one digit, or a name    | both to all of it           |
"""

import datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..errors import missing_extra
from .padding import pairs
from .task import Task
from .vocabulary import Characters

LANGUAGES = (
    "en_US", "en_GB", "fr", "de", "es", "it", "pt", "nl", "sv", "pl", "ru", "tr", "ja", "zh",
    "ar_EG", "hi", "ko", "he", "el", "cs",
)  # fmt: skip
FORMATS = ("full", "long", "medium")
FIRST, LAST = datetime.date(1800, 1, 1), datetime.date(2199, 12, 31)  # one cycle of the calendar
HELD_OUT = 32  # one date in so many is for testing
DIGITS = {"latn": "0123456789", "arab": "٠١٢٣٤٥٦٧٨٩", "deva": "०१२३४५६७८९"}
YEAR, MONTH, DAY, WEEKDAY = range(4)
FIELDS = {"y": YEAR, "M": MONTH, "L": MONTH, "d": DAY, "E": WEEKDAY, "c": WEEKDAY, "e": WEEKDAY}
PLACES = {YEAR: (0, 1, 2, 3), MONTH: (5, 6), DAY: (8, 9)}  # in the target


class Style(NamedTuple):
    """One way to write a date: language, format, digits, and the pieces of the pattern.

    A piece is (None, text) or (field, {value: text}); a year is written digit by digit.
    """

    language: str
    format: str
    digits: str
    pieces: tuple


# ---- ways to write a date --------------------------------------------------------------------


@lru_cache
def styles(languages=LANGUAGES):
    """Every `Style` of some languages, read from Babel once.

    Where a language has digits of its own (Arabic in Egypt, Hindi), dates come with these and with
    Latin ones, as people write both.

    Raises
    ------
    ImportError
        If Babel is not installed.
    ValueError
        If a language is not among `LANGUAGES`.
    """
    unknown = [language for language in languages if language not in LANGUAGES]
    if unknown or not languages:
        raise ValueError(f"unknown languages {unknown}; expected some of {', '.join(LANGUAGES)}.")
    try:
        from babel import Locale
    except ImportError:
        raise missing_extra("Babel", "data", "writing dates in many languages") from None
    found = []
    for language in languages:
        locale = Locale.parse(language)
        native = locale.other_numbering_systems.get("native")
        own = {"latn", locale.default_numbering_system, native}
        for form in FORMATS:
            found += [read_style(locale, language, form, name) for name in DIGITS if name in own]
    return tuple(found)


def read_style(locale, language, form, digits):
    """Read one pattern of Babel's, such as "d. MMMM y"."""
    from babel.dates import get_date_format, tokenize_pattern

    pattern = get_date_format(form, locale).pattern
    pieces = [
        (None, value) if kind == "chars" else read_field(locale, *value, digits)
        for kind, value in tokenize_pattern(pattern)
    ]
    return Style(language, form, digits, tuple(pieces))


def read_field(locale, letter, count, digits):
    """(field, {value: text}) for a letter of a pattern, count times: ("M", 4) is a month's name."""
    from babel.dates import DateTimeFormat

    native = str.maketrans(DIGITS["latn"], DIGITS[digits])
    which = FIELDS.get(letter)
    if which is None or (which == YEAR and count not in (1, 4)):
        raise ValueError(
            f"this Babel's format for {locale} has the field {letter * count!r}, which is neither "
            f"a year, month, day nor weekday: leave the language out with languages=..."
        )
    if which == YEAR:
        return YEAR, dict(zip(DIGITS["latn"], DIGITS[digits]))

    def text(date):
        written = DateTimeFormat(date, locale)[letter * count]
        return written.translate(native)

    days = [datetime.date(2001, 1, d) for d in range(1, 32)]  # the first is a Monday
    if which == MONTH:
        return MONTH, {m: text(datetime.date(2001, m, 1)) for m in range(1, 13)}
    return which, {value_of(which, date): text(date) for date in days}


def value_of(which, date):
    """A field's value: 5 of May, 7 of the seventh, 0 of a Monday."""
    return {MONTH: date.month, DAY: date.day, WEEKDAY: date.weekday()}[which]


def written(style, date):
    """A date in a style, and which characters say what.

    Returns
    -------
    text : str
    links : list of (t, start, stop): target character t is said by text[start:stop]
    """
    text, links = "", []
    for which, table in style.pieces:
        start = len(text)
        if which is None:
            text += table
        elif which == YEAR:
            text += "".join(table[digit] for digit in f"{date.year:04d}")
        else:
            text += table[value_of(which, date)]
        links += said_by(which, text, start)
    return text, links


def said_by(which, text, start):
    """The links of the field that is written in text[start:]."""
    places, stop = PLACES.get(which, ()), len(text)
    if stop - start == len(places) and text[start:].isdigit():
        return [(t, start + i, start + i + 1) for i, t in enumerate(places)]
    return [(t, start, stop) for t in places]


# ---- the task --------------------------------------------------------------------------------


@lru_cache
def calendar(split):
    """The dates of a split, as ordinals (n,); no date is in both.

    Which it is in is decided by a hash of the date (Knuth's, by the golden ratio), so a date stays
    in its split whatever else changes.
    """
    ordinals = np.arange(FIRST.toordinal(), LAST.toordinal() + 1)
    hashed = (ordinals * 2654435761) % 2**32 * HELD_OUT // 2**32
    found = ordinals[(hashed == 0) == (split == "test")]
    found.flags.writeable = False
    return found


class Dates(Task):
    """Endless pairs of a date as people write it and the same date in ISO 8601.

    Parameters
    ----------
    split : "train" or "test"; the test dates occur in training in no language
    languages : some of `LANGUAGES`, equally often; their formats equally often in turn
    vocabularies : {"source": …, "target": …} of an earlier task, or None to make them

    Attributes
    ----------
    styles : tuple of Style
    kinds : tuple of str, such as "fr full" or "ar_EG long arab"
    vocabularies : dict of Characters: "source" for the written dates, "target" for ISO dates
    """

    def __init__(self, split="train", languages=LANGUAGES, vocabularies=None):
        super().__init__(split)
        self.languages = tuple(languages)
        self.styles = styles(self.languages)
        self.kinds = tuple(name_of(style) for style in self.styles)
        self.vocabularies = vocabularies or made_of(self.styles)
        self._of_language = [
            [i for i, style in enumerate(self.styles) if style.language == language]
            for language in self.languages
        ]

    def draw(self, rng, size):
        """`Pairs`; see `Task.batches`."""
        ordinals = rng.choice(calendar(self.split), size)
        language, form = rng.integers(len(self.languages), size=size), rng.random(size)
        kinds = [
            (of := self._of_language[language])[int(form * len(of))]
            for language, form in zip(language, form)
        ]
        return self.batch([datetime.date.fromordinal(int(o)) for o in ordinals], kinds)

    def batch(self, dates, kinds):
        """A batch of the dates that are asked for.

        Parameters
        ----------
        dates : B `datetime.date`s
        kinds : B indices of `kinds`
        """
        source, target = (self.vocabularies[name].encode for name in ("source", "target"))
        texts, links = zip(*(written(self.styles[k], date) for k, date in zip(kinds, dates)))
        return pairs(
            [source(text) for text in texts],
            [target(date.isoformat()) for date in dates],
            links,
            kinds,
        )

    def describe(self):
        """What is written and how, in a few lines."""
        vocabulary, n = self.vocabularies["source"], len(calendar(self.split))
        date = datetime.date.fromordinal(int(calendar(self.split)[n // 2]))
        shown = [written(style, date)[0] for style in self.styles[:: max(len(self.styles) // 4, 1)]]
        examples = "".join(f"\n  {text} → {date.isoformat()}" for text in shown)
        return (
            f"{n:,} dates of the {self.split} split, {FIRST.year} to {LAST.year}, in "
            f"{len(self.languages)} languages and {len(self.styles)} styles,\n"
            f"{len(vocabulary) - 3} characters, at most {vocabulary.longest} in a date, such as"
            f"{examples}"
        )


def name_of(style):
    """Such as "fr full"; digits other than Latin ones are named too."""
    extra = "" if style.digits == "latn" else f" {style.digits}"
    return f"{style.language} {style.format}{extra}"


def made_of(styles):
    """The vocabularies of some styles."""
    characters, longest = set(), 0
    for style in styles:
        texts = [
            [table] if which is None else list(table.values()) for which, table in style.pieces
        ]
        characters.update(c for column in texts for text in column for c in text)
        widths = [
            4 if which == YEAR else max(map(len, column))
            for (which, _), column in zip(style.pieces, texts)
        ]
        longest = max(longest, sum(widths))
    return {
        "source": Characters(sorted(characters), longest, example="7 May 2031"),
        "target": Characters("0123456789-", 10, example="2031-05-07"),
    }
