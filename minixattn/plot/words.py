"""Which part of an image goes with each word: one map a word, over all heads, layers and steps."""

import numpy as np

from ..errors import ShapeError
from .canvas import ATTENTION, as_numpy, finish
from .overlay import caption, checked_image, largest, overlay
from .panels import note, panels
from .resample import resampled
from .text import families, shown
from .ticks import as_list

MANY = 40


def words(image, weights, tokens, grid, *, looking="patches", vmax="max", upsample="bicubic",
          patch=None, columns=None, ax=None, color=ATTENTION, edges=False, ink=True,
          saturation=0.25, save=None):  # fmt: skip
    """Draw DAAM's word maps: a panel for each word, tinted where the image and the word meet.

        D_k[x, y] = Σ_{i,t,l} ↑F_{k,i,t,l}[x, y]   (here divided by the number of summands)

    F are the cross-attention weights between word k and the patches in layer i, time step t and
    head l; ↑ brings those of every layer to one size by bicubic upsampling. See `word_maps`.

    Parameters
    ----------
    image : (height, width) or (height, width, 3), as `overlay` takes it
    weights : (..., rows · columns, S) where the patches are the queries, as in a text-to-image
        model; any dimensions in front (time steps, layers, heads) are averaged over. A list of
        such arrays where layers have grids of their own
    tokens : S words, as a list or a text; or {word: which token, or list of its tokens} to choose
        among them: the map of a word of several tokens is their mean
    grid : (rows, columns) of the patches; a list of them, one for each array of a list
    looking : "patches", the rows of `weights`; or "words" for weights (..., S, rows · columns),
        whose rows are words that look at patches
    vmax : the value of the strongest tint, the same in all panels, or "max" for the largest value
        of all; "each" gives every panel its own and names it there, so panels no longer compare
    upsample, patch, color, edges, ink, saturation : as in `overlay`
    columns : how many panels stand beside each other
    ax : a Figure or SubFigure, or as many matplotlib Axes as there are words
    save : file to write, .png, .svg or .pdf

    Returns
    -------
    array of matplotlib Axes, one a word

    Raises
    ------
    ShapeError
        If weights, grid and tokens do not fit, naming the sizes.

    References
    ----------
    Tang et al. (2023), "What the DAAM: Interpreting Stable Diffusion Using Cross Attention",
    section 2.2; the division, the clipping at 0 and the mean over a word's tokens are their code's.
    """
    image = checked_image(as_numpy(image), "words")
    maps, grid = word_maps(weights, grid, looking=looking)
    names, maps = chosen(maps, tokens)
    if len(names) > MANY:
        raise ShapeError(
            f"words: {len(names)} words are too many panels to see, at most {MANY}: choose some, "
            f'as in tokens={{"cat": 5, "sofa": [8, 9]}}.'
        )
    shape = image.shape[0] / image.shape[1]
    axes = panels("words", ax, len(names), columns, (2.2, 2.2 * min(max(shape, 0.4), 2) + 0.5))
    top = largest(maps) if vmax == "max" else vmax
    look = {"patch": patch, "color": color, "edges": edges, "ink": ink, "saturation": saturation,
            "upsample": upsample}
    for one, name, panel in zip(maps, names, axes):
        own = largest(one) if vmax == "each" else top
        overlay(image, one, grid, vmax=own, ax=panel, **look)
        panel.set_title(name, fontfamily=families([name]))
        panel.set_xlabel(f"strongest tint: {own:.3g}" if vmax == "each" else "", fontsize="small")
    if said := caption(grid, upsample, None if vmax == "each" else top):
        note(ax, axes, said)
    return finish(axes, save)


def word_maps(weights, grid, *, looking="patches"):
    """One map a token, the mean over everything else: D of `words`.

    Maps of several grids are brought to the finest of them by bicubic upsampling, which is cut off
    at 0, and averaged there, each array by the number of maps in it.

    Parameters
    ----------
    weights, grid, looking : as in `words`

    Returns
    -------
    maps : (S, rows, columns)
    grid : (rows, columns), the finest one given
    """
    several = isinstance(weights, (list, tuple)) and np.ndim(grid) == 2
    arrays, grids = (list(weights), list(grid)) if several else ([weights], [grid])
    if len(arrays) != len(grids):
        raise ShapeError(f"words: {len(arrays)} arrays of weights need as many grids, got {grids}.")
    finest = max(grids, key=lambda g: g[0] * g[1])
    total, count = 0, 0
    for array, (rows, columns) in zip(arrays, grids):
        F = as_words(as_numpy(array), rows, columns, looking)  # (…, S, rows·columns)
        if not np.isscalar(total) and len(total) != F.shape[-2]:
            raise ShapeError(
                f"words: one array of weights has {len(total)} tokens, another {F.shape[-2]} "
                f"(shape {np.shape(array)}): all must belong to one text."
            )
        n = int(np.prod(F.shape[:-2]))
        maps = F.reshape(n, F.shape[-2], rows, columns).sum(0)
        if (rows, columns) != tuple(finest):
            maps = np.maximum(resampled(maps, finest, "bicubic"), 0)
        total, count = total + maps, count + n
    return total / count, tuple(finest)


def as_words(weights, rows, columns, looking):
    """The weights as floats (..., S, patches), NaN as 0, or an error that names the sizes."""
    if looking not in ("patches", "words"):
        raise ValueError(f'words: looking={looking!r}, expected "patches" or "words".')
    side, other = (-2, -1) if looking == "patches" else (-1, -2)
    patches = rows * columns
    expected = "(..., patches, words)" if looking == "patches" else "(..., words, patches)"
    if weights.ndim < 2 or weights.shape[side] != patches or not weights.size:
        turned = weights.ndim > 1 and weights.shape[other] == patches
        mend = f'looking="{"words" if looking == "patches" else "patches"}" turns it round'
        raise ShapeError(
            f"words: weights of shape {weights.shape} do not fit a grid of {rows} x {columns} = "
            f"{patches} patches: expected {expected}, so {patches} in dimension {side}"
            + (f"; it is in dimension {other}: {mend}." if turned else ".")
        )
    weights = np.nan_to_num(weights.astype(float), posinf=np.inf, neginf=-np.inf)
    if weights.min() < 0 or weights.max() == np.inf:
        raise ValueError(
            f"words: weights go from {weights.min():.4g} to {weights.max():.4g}, expected finite "
            f"numbers from 0 up: give the weights after the softmax, not the scores."
        )
    return weights.swapaxes(-1, -2) if looking == "patches" else weights


def chosen(maps, tokens):
    """The words to draw, as text for a title, and their maps."""
    S = len(maps)
    if not hasattr(tokens, "items"):
        tokens = as_list(tokens, S)
        if len(tokens) != S:
            raise ShapeError(
                f"words: {len(tokens)} tokens do not fit weights of {S} tokens: give one string a "
                f"token, or {{word: index}} for some of them."
            )
        return [shown(token) for token in tokens], maps
    out = []
    for word, index in tokens.items():
        own = np.atleast_1d(index)
        if not own.size or own.dtype.kind not in "iu" or (own < -S).any() or (own >= S).any():
            raise ShapeError(
                f"words: {word!r} is given as token {index!r}, but the weights have the tokens 0 "
                f"to {S - 1}."
            )
        out.append(maps[own].mean(0))
    return [shown(word) for word in tokens], np.stack(out)
