"""Attention that forms over time: while a model trains, or while an image appears out of noise."""

import os
import tempfile
from pathlib import Path

import numpy as np

from ..errors import ShapeError
from ..serialization import replace
from .canvas import ATTENTION, as_numpy, pyplot
from .cells import blocks, checked_mask, quantity, reduced, scale
from .heatmap import heatmap
from .overlay import checked_weights, largest, overlay, patch_size, tint
from .panels import fills, panels
from .text import families, shown

MANY = 16  # panels


def animate(weights, queries=None, keys=None, *, image=None, grid=None, steps=None, step="step",
            mask=None, vmin=0, vmax=1, upsample="nearest", fps=5, dpi=100, ax=None,
            save=None):  # fmt: skip
    """Show weights one time after the other: as matrices, or over an image.

    All frames have one scale. The title counts them. In a notebook the last line of a cell shows a
    player with a slider; a script keeps the result in a variable until `plt.show()`.

    Parameters
    ----------
    weights : over T times, (T, L, S), or (T, h, L, S) for a panel a head; over an image, (T, rows ·
        columns) or (T, rows, columns), or (T, h, rows · columns)
    queries, keys, mask, vmin : as in `heatmap`
    image, grid, upsample : as in `overlay`; they go together
    steps : T numbers or words for the titles, such as the training steps; counted where None
    step : what to call a number of them, as in "step 100" or "noise level 0.3"
    vmax : as in `heatmap` and `overlay`, there also "max", the largest weight at any time
    fps : frames a second
    dpi : dots an inch of the file
    ax : matplotlib Axes, as many as there are panels, or a Figure; a new figure where None
    save : file to write, .gif, or .mp4 where the program ffmpeg is installed

    Returns
    -------
    matplotlib FuncAnimation; its `save` and `to_jshtml` work, too

    Raises
    ------
    ShapeError
        If weights, grid, steps or Axes do not fit, naming the sizes.
    RuntimeError
        If an .mp4 is asked for and there is no ffmpeg.
    """
    kind = checked_file(save)
    frames = (matrices if image is None else maps)(as_numpy(weights), grid)
    T, h = frames.shape[:2]
    titles = checked_titles(steps, step, T)
    shape = frames.shape[2:] if image is None else np.shape(image)[:2]
    axes = panels("animate", ax, h, None, panel_size(shape, h, image is None))
    draw = over_matrices if image is None else over_image
    update = draw(axes, frames, queries=queries, keys=keys, image=image, grid=grid, mask=mask,
                  vmin=vmin, vmax=vmax, upsample=upsample)  # fmt: skip
    say = title_of(axes, ax, h)

    def show(t):
        update(t)
        say(titles[t])

    animation = player(axes[0].figure, show, T, fps)
    if save is not None:
        write(animation, os.fspath(save), kind, fps, dpi)
    return animation


def panel_size(shape, h, words):
    """Width and height of a panel in inches, of a matrix or image of that shape."""
    width = 4.2 if h == 1 else 2.8
    height = (width - 1) * min(max(shape[0] / shape[1], 0.3), 1.6)
    return width, height + (1.4 if words else 1.0)


def matrices(weights, _grid):
    """Frames (T, h, L, S)."""
    if weights.ndim not in (3, 4) or not weights.size:
        raise ShapeError(
            f"animate: weights have shape {weights.shape}, expected (T, L, S) or (T, h, L, S): the "
            f"first dimension is time. Weights over an image need image=… and grid=…."
        )
    return few(weights if weights.ndim == 4 else weights[:, None]).astype(float)


def maps(weights, grid):
    """Frames (T, h, rows, columns)."""
    if grid is None:
        raise TypeError("animate: an image needs grid=(rows, columns), how many patches it has.")
    rows, columns = grid
    shape = weights.shape
    if weights.ndim == 3 and shape[1:] == (rows, columns):
        weights = weights[:, None]
    elif weights.ndim in (2, 3) and shape[-1] == rows * columns:
        weights = weights.reshape(shape[0], -1, rows, columns)
    else:
        raise ShapeError(
            f"animate: weights of shape {shape} do not fit a grid of {rows} x {columns} = "
            f"{rows * columns} patches: expected (T, {rows * columns}), (T, {rows}, {columns}) or "
            f"(T, h, {rows * columns})."
        )
    return few(weights).astype(float)


def few(frames):
    """The frames, if there are any, and no more panels than can be seen."""
    if not frames.size:
        raise ShapeError(f"animate: weights of shape {frames.shape} hold no frame.")
    if frames.shape[1] > MANY:
        raise ShapeError(
            f"animate: {frames.shape[1]} heads (weights of shape {frames.shape}) are too many "
            f"panels to see, at most {MANY}: choose some, as weights[:, :4]."
        )
    return frames


def over_matrices(axes, frames, *, queries, keys, mask, vmin, vmax, **_other):
    """Draw a matrix on each of the Axes; returns a function that shows time t."""
    h, L, S = frames.shape[1:]
    allowed = True if mask is None else checked_mask("animate", mask, (h, L, S))
    allowed = np.broadcast_to(allowed & ~np.isneginf(frames).all(0), (h, L, S))
    vmin, vmax = scale("animate", frames[np.broadcast_to(allowed, frames.shape)], vmin, vmax)
    images = []
    for i, ax in enumerate(axes):
        heatmap(frames[0, i], queries, keys, ax=ax, mask=allowed[i], values=False, vmin=vmin,
                vmax=vmax, colorbar=False)  # fmt: skip
        images.append(ax.images[0])
    label = quantity(vmin, vmax)
    axes[0].figure.colorbar(images[0], ax=list(axes), label=label)

    def update(t):
        for i, image in enumerate(images):
            frame = np.where(allowed[i], frames[t, i], np.nan)
            image.set_data(np.ma.masked_invalid(reduced(frame, blocks((L, S)), "max")))

    return update


def over_image(axes, frames, *, image, grid, vmax, upsample, **_other):
    """Draw the image on each of the Axes; returns a function that shows time t."""
    frames = np.stack([[checked_weights(m, grid, vmax) for m in frame] for frame in frames])
    top = largest(frames) if vmax == "max" else vmax
    patch = patch_size(None, as_numpy(image), grid)
    for i, ax in enumerate(axes):
        overlay(image, frames[0, i], grid, ax=ax, vmax=top, upsample=upsample,
                ink=np.ndim(image) == 2, edges=upsample == "nearest")  # fmt: skip

    def update(t):
        for i, ax in enumerate(axes):
            ax.images[1].set_data(tint(frames[t, i] / top, ATTENTION, upsample, patch))

    return update


def checked_titles(steps, step, T):
    """One title a frame."""
    if steps is None:
        return [f"{t + 1} of {T}" for t in range(T)]
    steps = list(steps)
    if len(steps) != T:
        raise ShapeError(f"animate: {len(steps)} steps do not fit weights at {T} times.")
    return [shown(s if isinstance(s, str) else f"{step} {s:,}", 60) for s in steps]


def title_of(axes, ax, h):
    """A function that writes the time: over all panels, or over the first on the user's Axes."""
    if h == 1:
        return lambda text: axes[0].set_title(text, fontfamily=families([text]))
    for i, panel in enumerate(axes):
        panel.set_title(f"head {i}", fontsize="medium")
    if fills(ax):
        return lambda text: axes[0].figure.suptitle(text, fontfamily=families([text]))
    return lambda text: axes[0].set_title(f"{text}\nhead 0", fontsize="medium")


def player(figure, show, T, fps):
    """The animation, which shows itself in a notebook."""
    plt = pyplot()
    from matplotlib.animation import FuncAnimation

    class Player(FuncAnimation):
        def _repr_html_(self):
            html = self.to_jshtml(default_mode="loop")
            plt.close(figure)  # else the notebook shows it a second time, standing still
            return html

    show(0)
    return Player(figure, show, frames=T, interval=1000 / fps, cache_frame_data=False,
                  init_func=lambda: None)  # fmt: skip


def checked_file(save):
    """What the file to write is: "gif", "mp4", or None for no file."""
    if save is None:
        return None
    kind = os.path.splitext(os.fspath(save))[1].lower()
    if kind not in (".gif", ".mp4"):
        raise ValueError(
            f"animate: save={os.fspath(save)!r} ends in {kind!r}, expected .gif or .mp4."
        )
    pyplot()
    from matplotlib.animation import FFMpegWriter

    if kind == ".mp4" and not FFMpegWriter.isAvailable():
        raise RuntimeError(
            "animate: an .mp4 is written by the program ffmpeg, which is not installed here: "
            "install it, or save a .gif, which needs nothing else."
        )
    return kind[1:]


def write(animation, path, kind, fps, dpi):
    """Write the file at one stroke, so that a failure leaves what was there."""
    from matplotlib.animation import FFMpegWriter

    with tempfile.TemporaryDirectory() as folder:
        unfinished = Path(folder) / f"animation.{kind}"
        writer = gif_writer(fps) if kind == "gif" else FFMpegWriter(fps=fps, codec="h264")
        animation.save(unfinished, writer=writer, dpi=dpi)
        replace(path, unfinished.read_bytes())


def gif_writer(fps):
    """A writer of small GIFs: one palette for all frames, and no dither, which hardly packs."""
    from matplotlib.animation import PillowWriter
    from PIL import Image

    class Writer(PillowWriter):
        def finish(self):
            frames = [frame.convert("RGB") for frame in self._frames]
            width, height = frames[0].size
            some = frames[:: max(1, len(frames) // 8)]
            sheet = Image.new("RGB", (width, height * len(some)))
            for i, frame in enumerate(some):
                sheet.paste(frame, (0, i * height))
            palette = sheet.quantize(255)
            first, *rest = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in frames]
            first.save(self.outfile, save_all=True, append_images=rest, loop=0,
                       duration=int(1000 / fps))  # fmt: skip

    return Writer(fps=fps)
