"""Source and errors, shown by running."""

import pytest

from minixattn.course import refusal, show
from minixattn.nn import functional as F


def documented(x):
    """What a lesson has said already."""
    return x + 1


class Documented:
    """Of a class too."""

    def twice(self, x):
        """Kept: only the outermost docstring is left out."""
        return 2 * x


def test_the_source_is_shown_without_what_the_docstring_says(capsys):
    show(documented)
    assert capsys.readouterr().out == "def documented(x):\n    return x + 1\n"


def test_the_docstring_is_shown_when_asked_for(capsys):
    show(documented, doc=True)
    assert '"""What a lesson has said already."""' in capsys.readouterr().out


def test_docstrings_inside_a_class_are_kept(capsys):
    show(Documented)
    said = capsys.readouterr().out
    assert "Of a class too" not in said
    assert "Kept: only" in said


def test_the_source_of_the_package_is_shown_as_it_stands(capsys):
    show(F.scaled_dot_product_attention)
    assert "def scaled_dot_product_attention(query, key, value" in capsys.readouterr().out


def test_what_is_not_written_in_python_is_refused():
    with pytest.raises(TypeError, match="no source in Python"):
        show(len)


def test_an_error_is_printed_with_its_class(capsys):
    refusal(lambda: int("two"))
    assert capsys.readouterr().out == "ValueError: invalid literal for int() with base 10: 'two'\n"


def test_an_attempt_that_succeeds_is_an_error():
    with pytest.raises(AssertionError, match="expected ValueError, but nothing went wrong"):
        refusal(lambda: 1, ValueError)
