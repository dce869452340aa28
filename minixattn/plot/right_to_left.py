"""Arabic and Hebrew for a matplotlib that draws letters one by one from the left (before 3.11).

Later ones order and join letters themselves. Here the letters of Arabic take the form that their
neighbours ask for, from Unicode's presentation forms, and words run from right to left, with
numbers and Latin words inside them from left to right. That is enough for tokens and dates; it is
not the whole Unicode bidirectional algorithm: nested directions and rare ligatures are left out.
"""

import functools
import itertools
import re
import unicodedata

MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")
RIGHT = re.compile(r"[\u0590-\u065f\u066a-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefe]")
# What keeps its inner order: a number with its separators, or a letter with its marks.
MARK = r"[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f\u0670]"
PARTS = re.compile(rf"\d+(?:[.,:/-]\d+)*|.{MARK}*", re.DOTALL)
LEFT, RIGHTWARD, NUMBER = "left", "right", "number"


def as_seen(text):
    """`text` with its characters in the order and form in which to draw them from the left."""
    if not has_right_to_left(text) or shapes_text():
        return text
    return turned(joined(text))


def has_right_to_left(text):
    """Whether there are letters that run from right to left."""
    return RIGHT.search(text) is not None


@functools.cache
def shapes_text():
    """Whether this matplotlib orders and joins letters itself."""
    from matplotlib import ft2font

    return hasattr(ft2font, "__libraqm_version__")


@functools.cache
def forms():
    """{letter or pair: {"isolated": …, "final": …, "initial": …, "medial": …}} of Arabic."""
    table = {}
    for number in [*range(0xFB50, 0xFDFC), *range(0xFE80, 0xFEFD)]:
        kind, *letters = unicodedata.decomposition(chr(number)).split() or [""]
        letters = "".join(chr(int(part, 16)) for part in letters)
        lam_alef = len(letters) == 2 and letters[0] == "ل" and letters[1] in "آأإا"
        if len(letters) == 1 or lam_alef:
            table.setdefault(letters, {})[kind.strip("<>")] = chr(number)
    return table


def joined(text):
    """Arabic letters in the form that their neighbours ask for."""
    table, out = forms(), []
    units = re.findall(r"ل[آأإا]|.", text, re.DOTALL)
    bases = [unit for unit in units if not unicodedata.combining(unit[0])]
    place = 0
    for unit in units:
        if unicodedata.combining(unit[0]):
            out.append(unit)
            continue
        before, after = bases[place - 1] if place else "", "".join(bases[place + 1 : place + 2])
        place += 1
        left = "final" in table.get(after, {}) and "initial" in table.get(unit, {})
        right = "initial" in table.get(before, {}) and "final" in table.get(unit, {})
        kind = {(0, 0): "isolated", (0, 1): "final", (1, 0): "initial", (1, 1): "medial"}
        out.append(table.get(unit, {}).get(kind[left, right], unit))
    return "".join(out)


def turned(text):
    """Right-to-left parts reversed, and the order of all parts where the first letter says so."""
    first = next(c for c in text if unicodedata.bidirectional(c) in ("L", "R", "AL"))
    base = bool(RIGHT.match(first))
    parts = PARTS.findall(text)
    spans = []
    for right, run in itertools.groupby(zip(sides(parts, base), parts), key=lambda p: p[0] != LEFT):
        run = [backwards(part) if side == RIGHTWARD else part for side, part in run]
        spans.append("".join(reversed(run) if right else run))
    return "".join(reversed(spans) if base else spans)


def sides(parts, base):
    """For each part: LEFT (to right), RIGHTWARD (right to left), or NUMBER among such letters."""
    found, letters = [], RIGHTWARD if base else LEFT
    for part in parts:
        kind = unicodedata.bidirectional(part[0])
        if kind in ("L", "R", "AL"):
            letters = LEFT if kind == "L" else RIGHTWARD
            found.append(letters)
        elif kind in ("EN", "AN"):
            found.append(LEFT if letters == LEFT else NUMBER)
        else:
            found.append(None)
    around = [RIGHTWARD if base else LEFT]
    for i, side in enumerate(found):
        if side is None:  # goes with its neighbours where both agree, else with the whole text
            after = next((s for s in found[i:] if s is not None), around[0])
            before = found[i - 1] if i else around[0]
            agree = (before == LEFT) == (after == LEFT)
            found[i] = (LEFT if before == LEFT else RIGHTWARD) if agree else around[0]
    return found


def backwards(part):
    """A bracket turned round; other characters as they are."""
    return part.translate(MIRRORED)
