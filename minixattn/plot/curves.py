"""Training curves: the loss, and whatever else was measured, against the step."""

import itertools

import numpy as np

from .canvas import finish, pyplot
from .logs import runs_of
from .panels import fills, panels
from .text import families, shown

COLORS = ["#d95f02", "#4d4d8f", "#1b7837", "#888888"]
LINES = ["-", "--", ":", "-."]


def curves(log, *, ax=None, smooth=0.9, save=None):
    """Draw what one or several runs measured against the training step, a panel a measure.

    Each step is drawn pale, and over it the moving average m ← w m + (1 − w) x of weight w =
    `smooth`, which begins at the first value; the title says so. Steps whose value is NaN or
    infinite leave a gap, and a cross on the axis marks where it begins.

    Parameters
    ----------
    log : one run, or {name: run} for several. A run is a list of (step, loss, accuracy), as
        `Progress.log` has it; a list of dicts, {"step": …, "loss": …}; a dict of columns; or the
        path of a CSV file with a header. The column "step" (or "epoch", "iteration") is the
        horizontal axis, else rows are counted from 1; every other column of numbers is a measure,
        and its name the label of its panel: only the caller knows the unit of a loss
    ax : as many matplotlib Axes as there are measures, or a Figure; a new figure where None
    smooth : weight of the past in the moving average, in [0, 1); 0 draws the values alone
    save : file to write, .png, .svg or .pdf

    Returns
    -------
    the Axes, as they were given, or an array of them

    Raises
    ------
    ShapeError
        If rows of a run differ in length or columns, or Axes and measures in number.
    ValueError
        If `smooth` is outside [0, 1), or a CSV file has no column of numbers.
    """
    if not 0 <= smooth < 1:
        raise ValueError(f"smooth must be at least 0 and below 1, got {smooth!r}.")
    runs, across = runs_of(log)
    measures = list(dict.fromkeys(m for _, columns in runs.values() for m in columns))
    axes = panels("curves", ax, len(measures), len(measures) if len(measures) < 4 else 3,
                  (4.5, 3.2))  # fmt: skip
    for (name, (steps, columns)), (color, line) in zip(runs.items(), styles()):
        for axis, measure in zip(axes, measures):
            if measure in columns:
                one_curve(axis, steps, columns[measure], smooth, color=color, linestyle=line,
                          label=shown(name, 40))  # fmt: skip
    for axis, measure in zip(axes, measures):
        axis.set(xlabel=across, ylabel=shown(measure, 40))
        if measure == "accuracy":
            axis.set_ylim(0, 1.03)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    if smooth:
        axes[0].set_title(f"pale: each step; line: moving average, {smooth:g} past + "
                          f"{1 - smooth:.3g} new", fontsize="small", loc="left")  # fmt: skip
    if [*runs] != [""]:
        axes[-1].legend(frameon=False, prop={"family": families([*runs])})
    finish(axes, save)
    return axes if fills(ax) else ax


def styles():
    """Pairs of colour and line, all different for sixteen runs; the user's colours, if any."""
    plt = pyplot()
    import matplotlib

    cycle = plt.rcParams["axes.prop_cycle"]
    chosen = cycle != matplotlib.rcParamsDefault["axes.prop_cycle"]
    colors = cycle.by_key().get("color", COLORS) if chosen else COLORS
    return itertools.cycle([(color, line) for line in LINES for color in colors])


def one_curve(ax, steps, values, smooth, *, label, **style):
    """The values of one run, pale where their moving average is drawn over them."""
    finite = np.isfinite(values)
    values = np.where(finite, values, np.nan)
    if smooth:
        ax.plot(steps, values, color=style["color"], alpha=0.2, linewidth=0.7)
        ax.plot(steps, averaged(values, smooth), label=label, **style)
    else:
        alone = {"marker": "."} if len(values) == 1 else {}
        ax.plot(steps, values, label=label, **style, **alone)
    if not finite.all():
        mark_gap(ax, steps, finite, style["color"])


def mark_gap(ax, steps, finite, color):
    """A cross on the axis where values begin to be missing, and a word at the first."""
    steps, place = np.asarray(steps), ax.get_xaxis_transform()
    starts = steps[~finite & np.concatenate([[True], finite[:-1]])]
    ax.plot(starts, np.zeros(len(starts)), "x", color=color, clip_on=False, transform=place)
    late = starts[0] > (steps[0] + steps[-1]) / 2
    ax.annotate(f"not finite at {starts[0]:g}", (starts[0], 0), (0, 6), xycoords=place, color=color,
                ha="right" if late else "left", textcoords="offset points",
                fontsize="small")  # fmt: skip


def averaged(values, weight):
    """The moving average m ← weight · m + (1 − weight) · value, begun with the first value.

    NaN is a gap.
    """
    out = np.full(np.shape(values), np.nan)
    mean = None
    for i, value in enumerate(values):
        if not np.isnan(value):
            mean = value if mean is None else weight * mean + (1 - weight) * value
            out[i] = mean
    return out
