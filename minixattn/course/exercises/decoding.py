"""Writing one token after another."""

import numpy as np

from ..exercise import Exercise, Mistake


def shifted(target, begin):
    """begin, y_1 … y_{L−1}."""
    return np.concatenate([np.full((len(target), 1), begin), target[:, :-1]], 1)


SHIFTED = Exercise(
    "decoding.shifted", "shifted(target, begin) → what the decoder reads, (B, L)", shifted,
    lambda rng: [(rng.integers(3, 9, (2, 4)), 1), (rng.integers(3, 9, (3, 5)), 2)],
    (
        Mistake("The target is not moved: each token can see itself.",
                "What would the decoder have to do to be right?", lambda y, _b: y),
        Mistake("The target is moved the wrong way: each token sees the one after it.",
                "The decoder reads what was written before.",
                lambda y, b: np.concatenate([y[:, 1:], np.full((len(y), 1), b)], 1)),
        Mistake("The last token is still there: the result is one too long.",
                "Nothing is written after the last token.",
                lambda y, b: np.concatenate([np.full((len(y), 1), b), y], 1)),
        Mistake("The target is rolled round: its last token stands in front, not `begin`.",
                "The first word must not know the last one.", lambda y, _b: np.roll(y, 1, 1)),
    ),
)  # fmt: skip


def greedy(next_logits, begin, end, longest, *, pick=np.argmax, stop=True, read=lambda ids: ids,
           drop=1, more=0):  # fmt: skip
    """The likeliest token, again and again, up to the end; the options are for the mistakes."""
    ids = [begin]
    for _ in range(longest + more):
        ids.append(int(pick(next_logits(read(ids)))))
        if stop and ids[-1] == end:
            break
    return np.array(ids[drop:])


def draw_greedy(rng):
    """Two little languages: in one the end comes, in the other it does not."""

    def language(offset):
        table = rng.standard_normal((7, 7))

        def next_logits(ids):
            assert all(0 <= i < 7 for i in ids)
            logits = table[ids[-1]] + 0.01 * len(ids)
            logits = logits + 5 * (np.arange(7) == (ids[-1] * 2 + len(ids) + offset) % 5 + 2)
            return np.where(np.arange(7) == 2, 99 if len(ids) == 4 + offset else -99, logits)

        return next_logits

    return [(language(0), 1, 2, 8), (language(90), 1, 2, 5)]


GREEDY = Exercise(
    "decoding.greedy",
    "greedy(next_logits, begin, end, longest) → tokens without begin, with the end if it came",
    greedy, draw_greedy,
    (
        Mistake("The start token is still in front.", "It was never written.",
                lambda *a: greedy(*a, drop=0)),
        Mistake("It does not stop at the end.", "What comes after the end?",
                lambda *a: greedy(*a, stop=False)),
        Mistake("It writes one token too many where no end comes.",
                "longest counts what is written.",
                lambda *a: greedy(*a, more=1)),
        Mistake("It writes one token too few where no end comes.",
                "longest counts what is written.",
                lambda *a: greedy(*a, more=-1)),
        Mistake("It takes the unlikeliest token.", "argmax.",
                lambda *a: greedy(*a, pick=np.argmin)),
        Mistake("Only the last token is read: what was written before is forgotten.",
                "The decoder reads all that was written.",
                lambda *a: greedy(*a, read=lambda ids: ids[-1:])),
    ),
)  # fmt: skip

EXERCISES = (SHIFTED, GREEDY)
