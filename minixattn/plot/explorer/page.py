"""The file: one HTML page with its style, its scripts and its data inside, that loads nothing."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path

from .encode import bits, floats, quantised
from .roles import roles

HERE = Path(__file__).parent
SCRIPTS = (
    *("decode.js", "attention.js", "colour.js", "words.js", "image.js", "matrix.js", "heads.js"),
    *("numbers.js", "steps.js", "row.js", "picture.js", "controls.js", "main.js"),
)
EXACT = 100_000  # so many weights are kept as float32; more are quantised
MOST = 16 << 20  # bytes of steps in one file


def page(title, layers, sides, pairs, time):
    """The HTML text of an explorer."""
    data = json.dumps(content(title, layers, sides, pairs, time), separators=(",", ":"))
    for sign in "<>&":  # so that no token can end the script element that holds the data
        data = data.replace(sign, f"\\u{ord(sign):04x}")
    style, script = read("page.css"), assembled()
    parts = {
        "title": html.escape(title.encode("utf-8", "replace").decode()),
        "policy": policy(style, script), "style": style, "script": script, "data": data,
    }  # fmt: skip
    # All at once: a title that reads "{script}" stays a title.
    return re.sub("{(title|policy|style|script|data)}", lambda m: parts[m[1]], read("page.html"))


def read(name):
    """One of the files beside this one."""
    return (HERE / name).read_text(encoding="utf-8")


def assembled():
    """The scripts, one after the other, inside one function: nothing of theirs is global."""
    return "\n(() => {\n'use strict';\n" + "\n".join(map(read, SCRIPTS)) + "\n})();\n"


def policy(style, script):
    """The content-security policy: this script and this style, images inside the page, no more."""
    hashed = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    )
    style_src, script_src = (f"'sha256-{text}'" for text in hashed)
    return (
        f"default-src 'none'; style-src {style_src}; script-src {script_src}; "
        f"img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def content(title, layers, sides, pairs, time):
    """All that the page shows, as JSON takes it."""
    exact = sum(layer.weights.size for layer in layers) <= EXACT
    space, described = MOST, []
    for layer, (queries, keys) in zip(layers, pairs):
        size = 4 * sum(line.values.size for line in layer.steps)
        fits, space = size <= space, space - min(size, space)
        described.append(one_layer(layer, queries, keys, exact, fits))
    image = sides.image and {k: sides.image[k] for k in sides.image}
    return {
        "title": title, "exact": exact, "time": time, "tokens": sides.tokens, "image": image,
        "layers": described,
    }  # fmt: skip


def one_layer(layer, queries, keys, exact, with_steps):
    """A layer as JSON takes it."""
    found = roles(layer) if layer.steps else {}
    sums = layer.weights.sum(-1)
    return {
        "name": layer.name,
        "queries": queries,
        "keys": keys,
        "weights": floats(layer.weights) if exact else quantised(layer.weights),
        "allowed": None if layer.allowed is None else bits(layer.allowed),
        "sums": bool(((abs(sums - 1) < 0.01) | (sums == 0) | (sums != sums)).all()),
        "steps": [one_step(line, layer) for line in layer.steps if with_steps],
        "roles": found if with_steps else {},
        "left_out": bool(layer.steps) and not with_steps,
    }


def one_step(line, layer):
    """A step as JSON takes it, with what its rows and columns stand for."""
    rows, columns = along(line, layer)
    return {
        "symbol": line.symbol, "equation": line.equation, "dims": line.dims, "shape": line.shape,
        "rows": rows, "columns": columns, "values": floats(line.values),
    }  # fmt: skip


def along(line, layer):
    """("queries", "keys"), either of them None: what the two axes of a step's matrix stand for."""
    dims = next(other.dims for other in layer.steps if other.symbol == "weights")
    query, key = dims.strip("()").split(", ")[-2:]
    L, S = layer.weights.shape[-2:]
    own = line.dims.strip("()").split(", ")[-2:]
    rows, columns = line.values.shape[-2:]
    if (rows, columns) == (L, S) and own == [query, key]:
        return "queries", "keys"
    if query == key or own[0] not in (query, key):
        of_keys = line.symbol in ("K", "V", "c", "y", "k", "v", "h", "key", "value")
        return ("keys" if of_keys and rows == S else "queries" if rows == L else None), None
    return ("queries" if own[0] == query else "keys"), None
