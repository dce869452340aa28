"""Tokens and their numbers: text goes in, rows of numbers come out, and back.

    Characters("abc").encode("cab")                → [5, 3, 4]
    Words(["two", "three"]).encode("three two")    → [4, 3]

Number 0 is the padding, 1 the start of a text and 2 its end; then come the tokens in their order.
The two classes differ in what a token is, and in nothing else.
"""

import unicodedata

import numpy as np

SPECIAL = ("<pad>", "<start>", "<end>")
SHOWN = 60  # tokens that an error lists


class Vocabulary:
    """Tokens and their numbers; take `Characters` or `Words`.

    Parameters
    ----------
    tokens : iterable of strings, each of which counts once
    longest : int, how many tokens a text may have; None for any number
    example : str, a text that errors show

    Attributes
    ----------
    tokens : tuple of str, the token of each number; the first three are "<pad>", "<start>", "<end>"
    pad, start, end : 0, 1, 2
    """

    pad, start, end = range(3)
    kind = "token"  # what a token is called

    def __init__(self, tokens, longest=None, example=None):
        self.longest, self.example = longest, example
        known = dict.fromkeys(tokens)
        for token in known:
            if not isinstance(token, str) or not token or token in SPECIAL:
                raise ValueError(
                    f"a token is a string that is not empty and none of {', '.join(SPECIAL)}, "
                    f"which stand for the padding, the start and the end; got {token!r}."
                )
        self.tokens = (*SPECIAL, *known)
        self.numbers = {token: i for i, token in enumerate(self.tokens)}

    def parts(self, text):
        """The tokens of a text; a subclass says what they are."""
        raise NotImplementedError(f"{type(self).__name__} must define parts(text).")

    def join(self, tokens):
        """A text of tokens, the inverse of `parts`."""
        raise NotImplementedError(f"{type(self).__name__} must define join(tokens).")

    def __len__(self):
        return len(self.tokens)

    def __contains__(self, token):
        return token in self.numbers and token not in SPECIAL

    def __eq__(self, other):
        return type(other) is type(self) and other.tokens == self.tokens

    def __hash__(self):
        return hash(self.tokens)

    def __repr__(self):
        return f"{type(self).__name__}({len(self)} tokens, longest={self.longest})"

    def encode(self, text):
        """The numbers of a text, (length,) int64, without start and end.

        Raises
        ------
        TypeError
            If it is no string.
        ValueError
            If it is empty, has more than `longest` tokens, or tokens that are not known: they are
            named.
        """
        if not isinstance(text, str):
            raise TypeError(f"a text is a string, got {type(text).__name__}: {text!r:.60}.")
        parts = self.parts(text)
        if not parts:
            raise ValueError(f"the text is empty; expected at least one {self.kind}{self._such()}.")
        unknown = [part for part in dict.fromkeys(parts) if part not in self]
        if unknown:
            raise ValueError(self._lacks(unknown, text))
        if self.longest is not None and len(parts) > self.longest:
            raise ValueError(
                f"the text has {len(parts)} {self.kind}s, but at most {self.longest} can be "
                f"read{self._such()}; got {text!r:.60}."
            )
        return np.array([self.numbers[part] for part in parts], np.int64)

    def decode(self, numbers):
        """The text of a row of numbers: up to the first end, without start and padding.

        Raises
        ------
        ValueError
            Naming a number that stands for no token.
        """
        numbers = [int(i) for i in numbers]
        wrong = [i for i in numbers if not 0 <= i < len(self)]
        if wrong:
            last = len(self) - 1
            raise ValueError(f"no token has the number {wrong[0]}: they go from 0 to {last}.")
        if self.end in numbers:
            numbers = numbers[: numbers.index(self.end)]
        return self.join([self.tokens[i] for i in numbers if i >= len(SPECIAL)])

    def _such(self):
        return f', such as "{self.example}"' if self.example else ""

    def _lacks(self, unknown, text):
        """The sentence that names the tokens which the vocabulary lacks."""
        known = self.tokens[len(SPECIAL) :]
        listed = self.join(known[:SHOWN]) + (" …" if len(known) > SHOWN else "")
        many = "s" * (len(unknown) > 1)
        return (
            f"unknown {self.kind}{many} {', '.join(map(self.name, unknown))} in the text "
            f"{text!r:.60}. The {len(known)} known ones: {listed}"
        )

    def name(self, token):
        """How an error calls a token."""
        return repr(token)


class Characters(Vocabulary):
    """Every character is a token."""

    kind = "character"

    def parts(self, text):
        return list(text)

    def join(self, tokens):
        return "".join(tokens)

    def name(self, token):
        return f"{token!r} (U+{ord(token):04X} {unicodedata.name(token, 'without a name')})"


class Words(Vocabulary):
    """Every word is a token; spaces part them, and a text is joined with one space."""

    kind = "word"

    def parts(self, text):
        return text.split()

    def join(self, tokens):
        return " ".join(tokens)
