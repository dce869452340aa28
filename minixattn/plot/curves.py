"""Training curves: the loss, and a second measure beside it."""

import itertools

import numpy as np

from ..errors import ShapeError
from .canvas import pyplot


def curves(runs, *, ax=None, smooth=0.9):
    """Draw the loss and the accuracy of one or several runs against the training step.

    Parameters
    ----------
    runs : {name: list of (step, loss, accuracy)}, as `Progress.log` has it
    ax : two matplotlib Axes, for the loss and the accuracy; a new figure where None
    smooth : weight of the past in the moving average, in [0, 1); the raw values show pale behind it

    Returns
    -------
    the two Axes

    Raises
    ------
    ShapeError
        If a run is not a list of triples.
    ValueError
        If `smooth` is outside [0, 1).
    """
    if not 0 <= smooth < 1:
        raise ValueError(f"smooth must be at least 0 and below 1, got {smooth!r}.")
    logs = {name: triples(name, log) for name, log in runs.items()}
    if ax is None:
        _, ax = pyplot().subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    colors = itertools.cycle(["#d95f02", "#4d4d8f", "#1b7837", "#888888"])
    for (name, log), color in zip(logs.items(), colors):
        steps, *measures = log.T
        for axes, values in zip(ax, measures):
            axes.plot(steps, values, color=color, alpha=0.2, linewidth=0.7)
            axes.plot(steps, averaged(values, smooth), color=color, label=name)
    ax[0].set(xlabel="training step", ylabel="loss (nats)")
    ax[1].set(xlabel="training step", ylabel="accuracy on the training batch", ylim=(0, 1.03))
    for axes in ax:
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    ax[1].legend(frameon=False, loc="center right")
    return ax


def triples(name, log):
    """One run as an array (n, 3), one row a step."""
    log = [[float(x) for x in row] for row in log]
    short = next((row for row in log if len(row) != 3), None)
    if short is not None:
        raise ShapeError(
            f"curves: the run {name!r} has a row of {len(short)} numbers, {tuple(short)}; each row "
            f"is (step, loss, accuracy)."
        )
    return np.array(log).reshape(-1, 3)


def averaged(values, weight):
    """The moving average m ← weight · m + (1 − weight) · value, started at the first value."""
    out = np.empty_like(values)
    mean = values[0] if len(values) else 0.0
    for i, value in enumerate(values):
        mean = weight * mean + (1 - weight) * value
        out[i] = mean
    return out
