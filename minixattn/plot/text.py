"""Words on pictures: untrusted text made visible, and a font for every script."""

import functools
import re
import textwrap
import unicodedata
import warnings

import numpy as np

from .canvas import points, pyplot
from .right_to_left import as_seen, shapes_text

SIGNS = {"\n": "⏎", "\r": "↩", "\t": "⇥"}
EMPTY, SPACE = "∅", "␣"
MARKS = 4  # at most, on one letter
UNJOINED = re.compile("[\u0900-\u0dff\u0f00-\u109f\u1780-\u17ff]")  # from Devanagari to Khmer
JOINERS = "\u200c\u200d"
# What stands in a character's Unicode name: the script, and Debian's package that has a font.
SCRIPTS = {
    "HANGUL": ("Korean", "fonts-noto-cjk"),
    "HIRAGANA|KATAKANA": ("Japanese", "fonts-noto-cjk"),
    "CJK|IDEOGRAPHIC|FULLWIDTH|HALFWIDTH": ("Chinese", "fonts-noto-cjk"),
    "DEVANAGARI": ("Hindi", "fonts-noto-core"),
}
EMOJI = ("emoji", "fonts-symbola")
# Fonts in the order in which to try them; then all others by name.
PREFERRED = [
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "PingFang SC", "Hiragino Sans",
    "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Noto Sans Devanagari", "Lohit Devanagari", "Mangal", "Noto Sans Hebrew", "Noto Sans Arabic",
    "Noto Sans Symbols", "Noto Sans Symbols2", "Noto Emoji", "Symbola", "Segoe UI Emoji",
]  # fmt: skip
NO_TEXT = re.compile(r"Last Resort|Adobe Blank|cm[a-z]+10|STIX(Size|NonU)|DejaVu.*Display")
TEX = {c: rf"\{c}" for c in "%&#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}",
       "^": r"\textasciicircum{}"}  # fmt: skip


def shown(token, limit=24):
    """The text to draw for a token, which may hold anything.

    `$` starts no formula; line ends, tabs, spaces at the ends, control characters and marks of
    direction become visible, an empty token becomes "∅", and a long one ends in "…". A character
    that no installed font has becomes its number, "U+4E2D", and a warning names a font to install,
    once for each script.

    Parameters
    ----------
    token : str, or anything that str() takes; bytes are read as UTF-8
    limit : the greatest width, in letters; Chinese, Japanese and Korean ones count twice
    """
    pyplot()  # says what to install where there is none
    token = token.decode("utf-8", "replace") if isinstance(token, bytes) else str(token)
    start = token[: 4 * limit]  # no need to look at 10,000 characters
    inner = start.strip(" ")
    left = SPACE * (len(start) - len(start.lstrip(" ")))
    right = SPACE * (len(start) - len(left) - len(inner)) if inner else ""
    signs = visible(inner)
    have = {sign: len(sign) > 1 or font_for(sign) is not None for sign in signs}
    tell(sign for sign in have if not have[sign])
    if UNJOINED.search(inner) and not shapes_text():
        tell_unjoined()
    if not all(have.values()):  # there is nothing to join to a number
        signs = [sign for sign in signs if sign not in JOINERS]
    pieces = [sign if have[sign] else code(sign) for sign in signs]
    pieces = [*left, *pieces, *right] or [EMPTY]
    return escaped(as_seen(cut(pieces, limit, len(token) > len(start))))


def visible(text):
    """A mark on paper for each character of `text`, in a list; those that need none left out."""
    signs = []
    for i, char in enumerate(text):
        kind = unicodedata.category(char)
        if char in SIGNS:
            signs.append(SIGNS[char])
        elif kind == "Zs":
            signs.append(" ")
        elif char in JOINERS and 0 < i < len(text) - 1:
            signs += [char] if shapes_text() else []
        elif 0xFE00 <= ord(char) <= 0xFE0F:  # asks for a variant of the sign before it
            continue
        elif kind[0] == "C" or kind in ("Zl", "Zp"):
            signs.append(code(char))
        elif kind[0] == "M" and not signs:
            signs += ["◌", char]
        else:
            signs.append(char)
    return signs


def code(char):
    """The number of a character, as Unicode writes it."""
    return f"U+{ord(char):04X}"


def cut(pieces, limit, more):
    """The pieces as one text, no wider than `limit`; `more` where the token goes on after them."""
    room, out, marks, was_code = limit, "", 0, False
    for piece in pieces:
        is_code = len(piece) > 1
        gap = " " if out and out[-1] != " " and (was_code or is_code) else ""
        mark = unicodedata.category(piece[0])[0] == "M" or piece in JOINERS
        marks = marks + 1 if mark else 0
        width = sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in gap + piece)
        room -= 0 if mark and marks <= MARKS else width
        if room < 0:
            more = True
            break
        out, was_code = out + gap + piece, is_code
    if not more:
        return out
    while out and sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in out
                      if unicodedata.category(c)[0] != "M") >= limit:  # fmt: skip
        out = out[:-1]
    return out + "…"


def escaped(text):
    """`text` with what matplotlib (or TeX, where it draws the words) would take for an order."""
    import matplotlib

    if matplotlib.rcParams["text.usetex"]:
        text = "".join(TEX.get(char, char) for char in text)
    return text.replace("$", r"\$")


def wrapped(notes, width, dpi):
    """Notes below a picture, broken into lines that fit into `width` pixels."""
    letters = max(20, int(72 * width / dpi / (0.55 * points("axes.labelsize"))))
    return "\n".join(line for note in notes for line in textwrap.wrap(note, letters))


# Fonts -------------------------------------------------------------------------------------------


def families(strings):
    """Font families for `fontfamily=` that together have the characters of all `strings`.

    The user's own `rcParams["font.family"]` comes first; further ones, always in the same order,
    fill in what it lacks. A warning names a font to install, once for each script, where no
    installed font has a character; `shown` draws such characters as their numbers.

    Parameters
    ----------
    strings : list of str, as `shown` made them
    """
    own = list(pyplot().rcParams["font.family"])
    chars = sorted({char for text in strings for char in text} - {"\n"})
    region = "".join(unicodedata.name(char, "?").split()[0] + " " for char in chars)
    region = "JP" if "KATAKANA" in region or "HIRAGANA" in region else (
        "KR" if "HANGUL" in region else "SC")  # fmt: skip
    found = {char: font_for(char, region) for char in chars}
    tell(char for char in chars if found[char] is None)
    extra = {name for name in found.values() if name}  # "" is the user's own
    return own + sorted(extra - set(own), key=list(installed(region, fonts_known())).index)


def font_for(char, region="SC"):
    """The family that draws a character: "" is the user's own; None if no font has it."""
    import matplotlib

    return searched(char, own_fonts(*matplotlib.rcParams["font.family"]), region, fonts_known())


def own_fonts(*names):
    """The files of the fonts that the user chose, as far as they are installed."""
    from matplotlib.font_manager import FontProperties, findfont

    files = []
    for name in names:
        try:
            files.append(findfont(FontProperties(family=[name]), fallback_to_default=False))
        except ValueError:  # matplotlib says so itself when it draws
            continue
    return tuple(files) or (findfont("DejaVu Sans"),)


def fonts_known():
    """How many fonts matplotlib knows: another number where the user has added one."""
    from matplotlib.font_manager import fontManager

    return len(fontManager.ttflist)


@functools.lru_cache(100_000)
def searched(char, own, region, known):
    """`font_for` without a look at the settings, so that its answers can be kept."""
    if any(has(path, 0, char) for path in own):
        return ""
    fonts = installed(region, known).items()
    return next((name for name, font in fonts if has(*font, char)), None)


@functools.lru_cache(8)
def installed(region, _known):
    """{family: (file, place in the file) of its regular face}, in the order of preference."""
    from matplotlib.font_manager import fontManager

    first = [name for name in PREFERRED if "CJK" not in name]
    first = [f"Noto Sans CJK {place}" for place in (region, "JP", "SC")] + first
    faces = sorted(
        (face for face in fontManager.ttflist if not NO_TEXT.match(face.name)),
        key=lambda face: (
            first.index(face.name) if face.name in first else len(first),
            not face.name.startswith("Noto Sans"), face.name,
            face.style != "normal", face.variant != "normal", abs(weight(face) - 400), face.fname,
        ),
    )  # fmt: skip
    table = {}
    for face in faces:
        table.setdefault(face.name, (face.fname, getattr(face, "index", 0)))
    return table


def weight(face):
    """How bold a face is, as a number: 400 is regular."""
    from matplotlib.font_manager import weight_dict

    return weight_dict.get(face.weight, 400) if isinstance(face.weight, str) else face.weight


def has(path, index, char):
    """Whether a font file has a glyph for a character."""
    codes, place = charmap(path, index), ord(char)
    at = codes.searchsorted(place)
    return at < codes.size and codes[at] == place


@functools.cache
def charmap(path, index):
    """The numbers of all characters that a font file has, sorted; none where it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path, face_index=index) if index else FT2Font(path)
        return np.array(sorted(font.get_charmap()), dtype=np.int32)
    except (OSError, RuntimeError):
        return np.array([], dtype=np.int32)


_told = set()


def tell(chars):
    """Warn of characters that no font has, once for each script."""
    for char in chars:
        script, package = script_of(char)
        if script not in _told:
            _told.add(script)
            import matplotlib

            warnings.warn(
                f"no installed font has {script} characters such as {code(char)}, so they are "
                f"drawn as their numbers. Install a font, such as Debian's and Ubuntu's package "
                f"{package} or one from fonts.google.com/noto, delete the file fontlist-*.json in "
                f"{matplotlib.get_cachedir()}, and start Python again.",
                stacklevel=3,
            )


def tell_unjoined():
    """Warn once that letters which change places and join are drawn one by one."""
    if "unjoined" not in _told:
        _told.add("unjoined")
        import matplotlib

        warnings.warn(
            f"matplotlib {matplotlib.__version__} draws the letters of Hindi and its relatives one "
            f"by one, in a form that readers stumble over; matplotlib 3.11 joins them: "
            f'pip install -U "matplotlib>=3.11" (which needs Python 3.11).',
            stacklevel=3,
        )


def script_of(char):
    """The script of a character, and a package with a font for it."""
    name = unicodedata.name(char, "")
    for pattern, script in SCRIPTS.items():
        if re.search(rf"\b({pattern})\b", name):
            return script
    if unicodedata.category(char)[0] == "S":
        return EMOJI
    return (name.split() or ["these"])[0].title(), "fonts-noto-core"
