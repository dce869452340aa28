"""Pictures of attention between words and images, and between latents and pixels."""

from itertools import pairwise

import numpy as np
from common import WIDE, write

import minixattn as mx
from minixattn import demo, plot
from minixattn.data.digits import GRID, Pages, handwriting, page_image
from minixattn.data.drawings import Drawings
from minixattn.data.questions import PLACES
from minixattn.models import load_pretrained
from minixattn.models.reading import read
from minixattn.nn.functional.attention import attention_steps
from minixattn.plot.words import word_maps
from minixattn.progress import Progress

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six")
PICKED = 2  # stands twice on the page
SHARP = 10.0  # what the cosines of the angles are multiplied with before the softmax


# three ways to draw one attention ----------------------------------------------------------------


def three_ways(path):
    """`three_ways.png`: one attention as a matrix, as lines, and over the image."""
    write(three_ways_figure(), path)


def three_ways_figure():
    """The figure: mean digits of the training images are the queries, a page has the keys."""
    from matplotlib.figure import Figure

    page = page_of(Pages("test").test_set(30, seed=3))
    A = found_on(page)
    figure = Figure(figsize=(WIDE, 3.1))
    places = ((0.065, 0.28), (0.46, 0.13), (0.785, 0.205))
    matrix, lines, image = (figure.add_axes((x, 0.235, width, 0.6)) for x, width in places)
    style = {"target": "word", "source": "patch"}
    plot.heatmap(A, NUMBERS, page.reshape(-1, 8, 8), ax=matrix, colorbar=False, values=False,
                 **style)  # fmt: skip
    plot.arcs(A, NUMBERS, PLACES, ax=lines, from_=PICKED, **style)
    plot.overlay(page_image(page), A[PICKED], (GRID, GRID), ax=image, values=True)
    lines.set_xlabel("")
    image.set_xlabel(f"query: {NUMBERS[PICKED]}")
    for x, name in ((0.205, "heatmap"), (0.525, "arcs"), (0.8875, "overlay")):
        figure.text(x, 0.97, f"plot.{name}", ha="center", family="monospace", fontsize=12)
    figure.text(0.5, 0.02, "softmax(10 Q Kᵀ): Q the mean handwriting of each number, K the patches "
                "of a page; all as unit vectors", ha="center")  # fmt: skip
    return figure


def page_of(batch):
    """The first page (9, 64) with all of these numbers and one of them twice."""
    rows = [set(range(len(NUMBERS))) <= set(row) and row.count(PICKED) == 2
            for row in batch.digits.tolist()]  # fmt: skip
    return batch.pages[rows.index(True)]


def found_on(page):
    """softmax(SHARP · cosines) of mean digits, the queries, and patches, the keys: (7, 9)."""
    known = handwriting("train")
    means = [known.images[known.labels == d].mean(0) for d in range(len(NUMBERS))]
    Q, K = (unit(x - known.images.mean(0)) for x in (np.stack(means), page))
    return attention_steps(mx.tensor(Q), mx.tensor(K), mx.tensor(K), scale=SHARP).weights.numpy()


def unit(rows):
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


# a question looks at handwriting -----------------------------------------------------------------


def attention(path, steps=demo.STEPS):
    """`attention.png`: the model of the demo answers two questions about unseen handwriting."""
    pages, unseen = Pages("train"), Pages("test")
    model = demo.build(demo.CrossAttention, pages, 0, "cpu")
    demo.fit(model, pages, Progress("attention.png", steps), 0, "cpu")
    batch = unseen.test_set(2, seed=1)
    figure = demo.attention_figure(unseen, batch, *demo.answer(model, batch, "cpu"))
    write(figure, path, dpi=100)


# words over a drawn digit ------------------------------------------------------------------------

TEXT, MOMENTS = "a three and a seven", (0, 4, 8, 12, 16, 19)
SHOWN = ("three", "seven", "and")


def drawing(path):
    """`drawing.png`: which word each part of an image looks at while it appears out of noise."""
    write(drawing_figure(load_pretrained("drawings").model), path)


def drawing_figure(model, seed=0, steps=20):
    """The figure: a row for each word, a column for each of some time steps."""
    from matplotlib.figure import Figure

    times, images, looks = film_of(model, seed, steps)
    tokens = ["<start>", *TEXT.split()]
    figure = Figure(figsize=(WIDE, 4.6), layout="compressed")
    axes = figure.subplots(len(SHOWN), len(MOMENTS))
    maps = np.stack([maps_of(looks[k], len(tokens)) for k in MOMENTS])
    top = maps[:, [tokens.index(word) for word in SHOWN]].max()
    for row, word in zip(axes, SHOWN):
        for ax, k, each in zip(row, MOMENTS, maps):
            plot.overlay(images[k], each[tokens.index(word)], (8, 8), vmax=top, ax=ax,
                         upsample="bicubic", edges=False)  # fmt: skip
            ax.set_xlabel("")
        row[0].set_ylabel(f"key: {word}")
    for ax, k in zip(axes[0], MOMENTS):
        ax.set_title(f"t = {times[k]}")
    figure.suptitle(f"“{TEXT}”, out of noise: which word does each part of the image look at?")
    figure.supxlabel(f"queries: 4 × 4 and 8 × 8 parts of the image, upsampled bicubically; "
                     f"strongest tint: {top:.2f}", fontsize="medium")  # fmt: skip
    return figure


def film_of(model, seed, steps):
    """`LatentDiffusion.sample`, looked at on its way: times, images (T, 16, 16) and maps."""
    words, mask = (mx.tensor(part) for part in Drawings("test").encode([TEXT]))
    H = model.side // model.factor
    z = model.like(np.random.default_rng(seed).standard_normal((1, model.factor**2, H, H)))
    times = np.linspace(model.T, 0, steps + 1).round().astype(int)
    images, looks = [], []
    with mx.no_grad():
        for t, s in pairwise(times[:, None]):
            images.append(model.decode(z).clamp(-1, 1).numpy()[0, 0] / 2 + 0.5)
            v, maps = model.guided(z, t, words, mask, 1.0)
            looks.append(maps)
            (signal, noise), (signal_s, noise_s) = model.rates(t), model.rates(s)
            z = signal_s * (signal * z - noise * v) + noise_s * (noise * z + signal * v)
    return times, images, looks


def maps_of(looks, words):
    """The mean over both layers and all heads: (words, 8, 8)."""
    return word_maps([one[0, :, :, :words].numpy() for one in looks], [(4, 4), (8, 8)])[0]


# latents over pixels -----------------------------------------------------------------------------

COLUMNS, ROWS, CELL = 5, 2, 1.04  # of single latents, and inches of one
PALE = 0.55  # how dark the ink is drawn, so that the tint stands out


def perceiver(path):
    """`perceiver.png`: where the learned latents of a Perceiver look on two digits."""
    write(perceiver_figure(load_pretrained("pixels").model), path)


def perceiver_figure(model, digits=(3, 7)):
    """The figure: for each digit all latents over the image, and the most peaked ones alone."""
    from matplotlib.figure import Figure

    known = handwriting("test")
    images = known.images[[int(np.flatnonzero(known.labels == d)[0]) for d in digits]]
    outcome = read(model, images)
    A = outcome.maps.encode.numpy().mean(1)  # (B, N, 64), the mean of the heads
    chosen = np.sort(A.max(-1).mean(0).argsort()[::-1][: COLUMNS * ROWS])
    figure = Figure(figsize=(WIDE, 5.4))
    for b, image in enumerate(PALE * images.reshape(-1, 8, 8)):
        top, side, left = 0.55 + b * 2.45, CELL * ROWS - 0.08, 2.62
        whole = place(figure, 0.1, top, side)
        over(whole, image, A[b].mean(0), "max")
        whole.set_title(f"mean of all {A.shape[1]} latents", fontsize="medium")
        read_as, tint = int(outcome.digit[b].argmax()), A[b].mean(0).max()
        whole.set_xlabel(f"it reads: {read_as}; strongest tint: {tint:.2f}")
        for n, latent in enumerate(chosen):
            row, column = divmod(n, COLUMNS)
            small = place(figure, left + CELL * column, top + CELL * row, CELL - 0.08)
            over(small, image, A[b, latent], A[:, chosen].max())
            if row == 0 and column == COLUMNS // 2:
                small.set_title(f"{len(chosen)} latents, the most peaked ones", fontsize="medium")
    figure.text(0.5, 0.985, "queries: the learned latents; keys: the 64 pixels", ha="center",
                va="top", fontsize="large")  # fmt: skip
    top = A[:, chosen].max()
    figure.text(left / WIDE, 0.01, f"each the mean of its heads; strongest tint: {top:.2f}")
    return figure


def place(figure, x, y, side):
    """Square Axes, in inches from the upper left corner."""
    width, height = figure.get_size_inches()
    return figure.add_axes((x / width, 1 - (y + side) / height, side / width, side / height))


def over(ax, image, weights, vmax):
    """Weights over an image, patch by patch."""
    plot.overlay(image, weights, (8, 8), ax=ax, vmax=vmax, edges=False)
    ax.set_xlabel("")
