"""What stands for the queries and for the keys: words, or the patches of an image."""

import math

import numpy as np

from ...errors import ShapeError
from ..canvas import as_numpy
from ..overlay import checked_image
from ..ticks import as_list
from .encode import png, text_of

LARGEST = 512  # pixels; a longer image is reduced by averaging


class Sides:
    """The labels of every layer.

    `tokens` is a list of lists of strings; a side of a layer is {"tokens": number of the list} or
    {"image": true}.
    """

    def __init__(self, queries, keys, image, grid, ink):
        self.tokens, self.image = [], None
        self.given = {"queries": self.words(queries), "keys": self.words(keys)}
        if image is None:
            return
        if self.given["queries"] and self.given["keys"]:
            raise ValueError(
                "explore: the image's patches are the keys, or the queries where only keys= are "
                "given; with both words there is nothing left that they could be."
            )
        self.image = picture(image, ink)
        side = "queries" if self.given["keys"] else "keys"
        self.grid, self.side = grid, side

    def words(self, tokens):
        """The number of a list of words, and its length."""
        if tokens is None:
            return None
        self.tokens.append([name(token) for token in as_list(tokens)])
        return {"side": {"tokens": len(self.tokens) - 1}, "length": len(self.tokens[-1])}

    def of(self, layers):
        """[(side of the queries, side of the keys)], a pair a layer."""
        if self.image:
            self.cut(layers)
        found = [self.pair(layer, strict=not layer.steps) for layer in layers]
        used = [side for pair in found for side in pair]
        for name, entry in self.given.items():
            if entry and entry["side"] not in used:
                raise self.misfit(name, entry, layers[0], found[0])
        return found

    def cut(self, layers):
        """How many patches the image has: as many as there are queries or keys."""
        axis = -2 if self.side == "queries" else -1
        lengths = list(dict.fromkeys(layer.weights.shape[axis] for layer in layers))
        square = next((n for n in lengths if math.isqrt(n) ** 2 == n), None)
        if self.grid is None and square is None:
            raise ShapeError(
                f"explore: {lengths[0]} {self.side} are no square of patches: say how the image "
                f"is cut, grid=(rows, columns)."
            )
        rows, columns = self.grid or (math.isqrt(square),) * 2
        if rows * columns not in lengths:
            raise ShapeError(
                f"explore: grid={(rows, columns)} has {rows * columns} patches, but there are "
                f"{' or '.join(map(str, lengths))} {self.side} (weights of shape "
                f"{layers[0].weights.shape[1:]})."
            )
        self.image |= {"rows": rows, "columns": columns}
        self.given[self.side] = {"side": {"image": True}, "length": rows * columns}

    def pair(self, layer, strict):
        """The two sides of one layer."""
        L, S = layer.weights.shape[-2:]
        queries, keys = self.given["queries"], self.given["keys"]
        if layer.alone and L == S:  # the words look at themselves
            entry = next((e for e in (queries, keys) if e and e["length"] == L), None)
            side = entry["side"] if entry else self.numbers(L, "")
            return side, side
        return (
            self.side_of("queries", L, queries, keys, strict, layer),
            self.side_of("keys", S, keys, queries, strict, layer),
        )

    def side_of(self, name, length, own, other, strict, layer):
        """The entry that fits: the side's own, else (in a trace) the other's, else numbers."""
        if own and own["length"] == length:
            return own["side"]
        if own and strict:
            raise self.misfit(name, own, layer, None)
        if other and other["length"] == length and (not strict or (own is None and layer.alone)):
            return other["side"]
        return self.numbers(length, "query" if name == "queries" else "key")

    def numbers(self, length, word):
        """Names for what has none: "key 0" …"""
        names = [f"{word} {i}".strip() for i in range(length)]
        if names not in self.tokens:
            self.tokens.append(names)
        return {"tokens": self.tokens.index(names)}

    def misfit(self, name, entry, layer, _pair):
        """The error for words that are not as many as the matrix has rows or columns."""
        L, S = layer.weights.shape[-2:]
        other = S if name == "queries" else L
        swapped = " Are queries= and keys= swapped?" if entry["length"] == other != L else ""
        return ShapeError(
            f"explore: {entry['length']} {name} for weights of shape {layer.weights.shape[1:]} = "
            f"(h, L, S) in {layer.name}: expected {L} queries (rows) and {S} keys (columns)."
            f"{swapped}"
        )


def name(token):
    """A token as text; bytes are read as UTF-8."""
    return token.decode("utf-8", "replace") if isinstance(token, bytes) else str(token)


def picture(image, ink):
    """The image as {"src": a data address, "pixelated": whether its pixels are to be seen}."""
    pixels = colours(as_numpy(image), ink)
    step = -(-max(pixels.shape[:2]) // LARGEST)
    if step > 1:
        h, w = (n // step * step for n in pixels.shape[:2])
        blocks = pixels[:h, :w].reshape(h // step, step, w // step, step, 3)
        pixels = blocks.mean((1, 3))
    data = np.rint(pixels).astype(np.uint8)
    source = "data:image/png;base64," + text_of(np.frombuffer(png(data), np.uint8))
    height, width = data.shape[:2]
    small = max(height, width) < 128
    return {"src": source, "pixelated": small, "height": height, "width": width}


def colours(image, ink):
    """(height, width, 3) from 0 to 255, or an error that says what is wrong with the image."""
    image = np.nan_to_num(checked_image(image, "explore"))
    if image.ndim == 2:
        image = np.repeat((1 - image if ink else image)[..., None], 3, -1)
    return 255 * image[..., :3]
