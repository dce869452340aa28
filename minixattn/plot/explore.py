"""Attention to explore: one HTML page to point at, which needs nothing but a browser."""

import html
import os
from pathlib import Path

from ..errors import ShapeError
from ..serialization import replace
from .explorer.maps import layers_of, masked
from .explorer.page import page
from .explorer.sides import Sides

FRAME = (
    '<iframe srcdoc="{page}" title="{title}" sandbox="allow-scripts allow-downloads" width="100%" '
    'height="{height}" style="border: 0">The explorer is a page of its own: trust this notebook '
    "to see it, or run the cell again.</iframe>"
)


class Explorer:
    """A page of attention, made by `explore`: shows itself in a notebook; `save` writes it.

    Attributes
    ----------
    html : the whole page, as text
    height : in pixels, of the frame in a notebook
    """

    def __init__(self, html, title, shapes, height):
        self.html, self.title, self.shapes, self.height = html, title, shapes, height

    def save(self, path):
        """Write the page to a file, which opens in any browser, without a network.

        Parameters
        ----------
        path : ending in .html

        Returns
        -------
        pathlib.Path
        """
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"the explorer is a web page: save it as {path.stem}.html, got {path}")
        replace(os.fspath(path), self.html.encode())
        return path

    def _repr_html_(self):
        """A frame of its own, so that no other output of the notebook can disturb it."""
        return FRAME.format(
            page=html.escape(self.html), title=html.escape(self.title), height=self.height
        )

    def __repr__(self):
        size = len(self.html.encode()) / 1000
        return f"<Explorer of {self.shapes}: {size:,.0f} kB; .save('attention.html') writes it>"


def explore(attention, queries=None, keys=None, image=None, grid=None, *, mask=None, time=None,
            layers=None, batch=None, ink=True, title="Attention", height=760,
            save=None):  # fmt: skip
    """Make a page on which to explore attention: where each word looks, and why.

    Point at a word or a patch, choose layer and head, slide through time; with a trace, open the
    equation: every matrix with its numbers, and one query's row through scores, softmax and
    weighted sum. The page carries its data and loads nothing.

    Parameters
    ----------
    attention : weights after the softmax, rows = queries, columns = keys: (L, S), (h, L, S) or
        (layers, h, L, S); a list of such arrays, one a layer; or a `minixattn.trace`. Ours,
        NumPy's, CuPy's or PyTorch's
    queries : L words (or anything that str() names), or a text, taken word by word; numbers where
        None
    keys : S words
    image : (height, width) or (height, width, 3), whose patches are the keys; where `keys` are
        given and no `queries`, the patches are the queries
    grid : (rows, columns), how many patches the image is cut into; a square where None
    mask : of `minixattn.masks`, or bool, True = may attend, (L, S) or (h, L, S): what is not
        allowed is hatched. A trace knows its own
    time : True, or T labels: the first axis of the arrays is time, such as training or decoding
        steps; or `attention` is a list of T traces of one model
    layers : names of the layers; of a trace, which ones to show
    batch : which element of the batch, where the arrays have that axis in front of the heads; of
        a trace 0 where None
    ink : a grey image is ink = 1 on paper = 0; False for a photograph, where 1 is white
    title : of the page
    height : of the frame in a notebook, in pixels
    save : path of an .html file to write as well

    Returns
    -------
    Explorer
        It shows in a notebook; `.save("attention.html")` writes one file.

    Raises
    ------
    ShapeError
        If words, image, mask and weights do not fit each other, with their shapes.
    ValueError
        If weights are not between 0 and 1.

    Notes
    -----
    Up to 100,000 weights are kept as float32. Beyond that each is rounded to one byte, in 254
    steps from 0 to its row's largest weight: the error is at most 1/508 of that, below 0.002. The
    page says which, and its temperature then goes no higher than 1: weights rounded to 0 could not
    rise again. The steps of a trace are float32; beyond 16 MB further layers go without.

    Heads, layers and positions count from 0, as in `weights[layer, head, query, key]`.

    With the mean over heads or layers chosen, the page shows the mean of their weights.

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.CrossAttention(8, num_heads=2)
    >>> with mx.trace() as t:
    ...     output, weights = layer(mx.randn(1, 2, 8), mx.randn(1, 3, 8))
    >>> view = mx.plot.explore(t, ["a", "cat"], ["eine", "Katze", "."])
    """
    timed = time is not None and time is not False
    found = layers_of(attention, timed, batch, layers)
    if mask is not None:
        masked(found, mask)
    sides = Sides(queries, keys, image, grid, ink)
    pairs = sides.of(found)
    text = page(str(title), found, sides, pairs, moments(time, found) if timed else None)
    shapes = ", ".join(dict.fromkeys(str(layer.weights.shape[1:]) for layer in found))
    view = Explorer(text, str(title), f"{len(found)} × {shapes}", height)
    if save is not None:
        view.save(save)
    return view


def moments(time, layers):
    """One label a moment."""
    T = len(layers[0].weights)
    labels = range(1, T + 1) if time is True else time
    labels = [str(label) for label in labels]
    if len(labels) != T:
        raise ShapeError(
            f"explore: {len(labels)} labels in time= for {T} moments, the first axis of weights of "
            f"shape {layers[0].weights.shape}."
        )
    return labels
