"""Logs of trainings, in the forms in which people keep them."""

import csv
import os

import numpy as np

from ..errors import ShapeError

TRIPLE = ("step", "loss", "accuracy")
ACROSS = ("step", "steps", "epoch", "iteration", "iter")  # what the horizontal axis may be called
SHOWN = {"step": "training step", "steps": "training step"}


def runs_of(log):
    """The runs of a log, as `curves` takes it.

    Returns
    -------
    runs : {name: (steps, {measure: values})}; the name of a single run is ""
    across : what the steps are
    """
    several = hasattr(log, "items") and any(is_run(value) for value in log.values())
    named = dict(log) if several or (hasattr(log, "items") and not log) else {"": log}
    if not named:
        raise ValueError("curves: no run to draw: the log is empty.")
    runs, across = {}, None
    for name, run in named.items():
        columns = columns_of(name, run)
        first = next((c for c in columns if c.lower() in ACROSS), None)
        values = {c: np.asarray(x, float) for c, x in columns.items()}
        n = len(next(iter(values.values()), ()))
        steps = values.pop(first) if first else np.arange(1.0, n + 1)
        if not values:
            raise ValueError(f"curves: {of(name)} has no measure beside {first!r}.")
        across = across or (first or "row")
        runs[str(name)] = (steps, values)
    return runs, SHOWN.get(across.lower(), across)


def is_run(value):
    """Whether a value of a dict is a run rather than a column of numbers."""
    if isinstance(value, (str, os.PathLike)) or hasattr(value, "items"):
        return True
    if getattr(value, "ndim", None) is not None:
        return value.ndim == 2
    return isinstance(value, (list, tuple)) and (not value or is_row(value[0]))


def is_row(x):
    """Whether a part of a list is a row of numbers rather than a number."""
    return isinstance(x, (list, tuple)) or hasattr(x, "items") or getattr(x, "ndim", 0) == 1


def columns_of(name, run):
    """One run as {column: numbers}."""
    if isinstance(run, (str, os.PathLike)):
        return from_csv(run)
    if hasattr(run, "items"):
        return equal_columns(name, {str(c): list(map(float, x)) for c, x in run.items()})
    rows = list(run)
    if rows and hasattr(rows[0], "items"):
        keys = list(dict.fromkeys(key for row in rows for key in row))
        return {str(key): [float(row.get(key, np.nan)) for row in rows] for key in keys}
    rows = [[float(x) for x in row] for row in rows]
    short = next((row for row in rows if len(row) != 3), None)
    if short is not None:
        raise ShapeError(
            f"curves: {of(name)} has a row of {len(short)} numbers, {tuple(short)}; each row is "
            f"(step, loss, accuracy). Give other measures by name, as a list of dicts or a dict "
            f"of columns."
        )
    return dict(zip(TRIPLE, np.array(rows).reshape(-1, 3).T))


def equal_columns(name, columns):
    """The columns, if all are of one length."""
    lengths = {column: len(x) for column, x in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(
            f"curves: the columns of {of(name)} differ in length: "
            + ", ".join(f"{c!r} has {n}" for c, n in lengths.items())
            + "."
        )
    return columns


def from_csv(path):
    """The columns of numbers of a CSV file, by the names in its first line; blank is NaN."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise ValueError(f"curves: {os.fspath(path)} is empty.")
    head, *rows = rows
    wrong = next((i for i, row in enumerate(rows, 2) if len(row) != len(head)), None)
    if wrong is not None:
        raise ShapeError(
            f"curves: line {wrong} of {os.fspath(path)} has {len(rows[wrong - 2])} fields, its "
            f"first line {len(head)}: {', '.join(head)}."
        )
    columns = {c.strip(): numbers([row[i] for row in rows]) for i, c in enumerate(head)}
    columns = {c: x for c, x in columns.items() if x is not None}
    if not columns:
        raise ValueError(
            f"curves: {os.fspath(path)} has no column of numbers among {', '.join(head)}."
        )
    return columns


def numbers(column):
    """The fields as floats, or None where they are words."""
    try:
        return [float(field) if field.strip() else np.nan for field in column]
    except ValueError:
        return None


def of(name):
    """How a run is called in an error."""
    return f"the run {name!r}" if name != "" else "the log"
