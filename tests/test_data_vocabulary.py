"""Text becomes numbers and comes back, and what cannot be read is named."""

import re

import numpy as np
import pytest

from minixattn.data.vocabulary import SPECIAL, Characters, Vocabulary, Words


def test_the_first_three_numbers_are_padding_start_and_end_and_tokens_follow_in_their_order():
    vocabulary = Characters("cab")
    assert vocabulary.tokens == (*SPECIAL, "c", "a", "b")
    assert (vocabulary.pad, vocabulary.start, vocabulary.end) == (0, 1, 2)
    assert [vocabulary.tokens[i] for i in range(3)] == ["<pad>", "<start>", "<end>"]
    assert len(vocabulary) == 6
    assert "a" in vocabulary and "x" not in vocabulary


def test_a_token_that_is_given_twice_counts_once():
    assert Words(["two", "one", "two"]).tokens[3:] == ("two", "one")


def test_encoding_gives_the_numbers_as_int64():
    ids = Characters("abc").encode("cab")
    assert ids.dtype == np.int64
    assert ids.tolist() == [5, 3, 4]
    assert Words(["two", "three"]).encode("  three   two two ").tolist() == [4, 3, 3]


@pytest.mark.parametrize(
    "vocabulary, text",
    [(Characters("2031-57 年月日"), "2031年 5月 7日"), (Words("a b c".split()), "c a b a")],
)
def test_decoding_is_the_inverse_of_encoding(vocabulary, text):
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_decoding_stops_at_the_end_and_leaves_out_start_and_padding():
    assert Characters("ab").decode([1, 3, 0, 4, 2, 3, 3]) == "ab"
    assert Characters("ab").decode(np.array([2, 3])) == ""


def test_characters_that_are_not_known_are_named_each_once():
    said = (
        "unknown characters 'ß' (U+00DF LATIN SMALL LETTER SHARP S), '\\u202f' (U+202F NARROW "
        "NO-BREAK SPACE) in the text 'aßß\\u202fa'. The 3 known ones: abc"
    )
    with pytest.raises(ValueError, match=re.escape(said)):
        Characters("abc").encode("aßß\u202fa")


def test_words_that_are_not_known_are_named():
    with pytest.raises(ValueError, match="unknown word 'four' in the text 'two four'. The 2 known"):
        Words(["two", "three"]).encode("two four")


def test_of_many_known_tokens_an_error_lists_some():
    characters = [chr(0x4E00 + i) for i in range(100)]
    with pytest.raises(ValueError, match=f"The 100 known ones: {''.join(characters[:60])} …$"):
        Characters(characters).encode("x")


def test_special_tokens_cannot_be_written():
    with pytest.raises(ValueError, match="unknown word '<pad>'"):
        Words(["<", "pad", ">"]).encode("<pad>")


def test_an_empty_text_gets_its_sentence():
    with pytest.raises(ValueError, match='the text is empty; expected at least one character, '
                                         'such as "ab"'):  # fmt: skip
        Characters("abc", example="ab").encode("")
    with pytest.raises(ValueError, match="the text is empty; expected at least one word."):
        Words(["a"]).encode("   ")


def test_an_over_long_text_gets_its_sentence():
    said = "the text has 5 characters, but at most 4 can be read, such as \"ab\"; got 'abcab'."
    with pytest.raises(ValueError, match=re.escape(said)):
        Characters("abc", 4, "ab").encode("abcab")
    assert len(Characters("abc", 5).encode("abcab")) == 5


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match="a text is a string, got int: 7"):
        Characters("abc").encode(7)


@pytest.mark.parametrize("token", ["", 3, "<end>"])
def test_a_token_is_a_string_that_is_neither_empty_nor_special(token):
    with pytest.raises(ValueError, match=f"none of <pad>, <start>, <end>.*got {token!r}"):
        Words(["a", token])


@pytest.mark.parametrize("number", [-1, 6])
def test_a_number_that_stands_for_no_token_is_named(number):
    with pytest.raises(ValueError, match=f"no token has the number {number}: they go from 0 to 5"):
        Characters("abc").decode([3, number])


def test_vocabularies_are_equal_when_kind_and_tokens_are():
    assert Characters("ab") == Characters("ab", longest=3)
    assert Characters("ab") != Characters("ba")
    assert Characters("ab") != Words("ab")
    assert len({Characters("ab"), Characters("ab")}) == 1


def test_the_base_class_says_what_a_subclass_must_define():
    with pytest.raises(NotImplementedError, match=r"Vocabulary must define parts\(text\)"):
        Vocabulary("ab").encode("a")
    with pytest.raises(NotImplementedError, match=r"Vocabulary must define join\(tokens\)"):
        Vocabulary("ab").decode([3])
    assert repr(Words("ab", 4)) == "Words(5 tokens, longest=4)"
