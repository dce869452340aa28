"""The record of a training: a CSV file with a row for every step."""

import csv
import io
import os

from .serialization import replace

HELD_OUT = "held out "  # before the name of what was measured on data that is held out


class MetricsLog:
    """Rows of (step, loss, metric, what was measured on held-out data).

    Rows wait in memory until `flush`, which comes before every checkpoint: so a run that is
    continued from a checkpoint finds all the rows up to it, and drops those that are later.

    Parameters
    ----------
    path : the file; None to keep nothing
    measure : what the metric is called; None where there is none
    """

    def __init__(self, path, measure="accuracy"):
        self.path, self.measure, self.rows = path, measure, []
        self.columns = ["step", "loss", *([measure] if measure else [])]

    def begin(self, step):
        """Keep what the file has up to a step, and forget the rest."""
        self.rows = []
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for half_written in self.path.parent.glob(f"{self.path.name}.*.tmp"):
            half_written.unlink(missing_ok=True)  # by a run that was killed
        if step and self.path.exists():
            with open(self.path, newline="", encoding="utf-8") as file:
                head, *rows = list(csv.reader(file)) or [self.columns]
            whole = [row for row in rows if len(row) == len(head) and row[0].isdigit()]
            self.columns = head
            self.rows = [dict(zip(head, row)) for row in whole if int(row[0]) <= step]
        self.rewrite()

    def add(self, step, loss, metric, held_out):
        """One more row."""
        if self.path is None:
            return
        row = {"step": step, "loss": loss}
        if metric is not None:
            row[self.measure] = metric
        row.update({HELD_OUT + name: value for name, value in held_out.items()})
        self.rows.append(row)

    def flush(self):
        """Bring the rows to the disk."""
        if self.path is None or not self.rows:
            return
        new = dict.fromkeys(name for row in self.rows for name in row if name not in self.columns)
        if new:
            self.widen(list(new))
            return
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns, restval="", lineterminator="\n").writerows(self.rows)
            file.flush()
            os.fsync(file.fileno())
        self.rows = []

    def widen(self, columns):
        """Write the file again with more columns."""
        with open(self.path, newline="", encoding="utf-8") as file:
            self.rows = [*csv.DictReader(file), *self.rows]
        self.columns += columns
        self.rewrite()

    def rewrite(self):
        """Write the whole file, at one stroke."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        replace(os.fspath(self.path), text.getvalue().encode())
        self.rows = []


def columns_of(path):
    """What was measured in training, and on held-out data: two dicts of columns of numbers."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0]) if rows else []
    names = [name for name in columns if name.startswith(HELD_OUT)]
    judged = [row for row in rows if any(row[name] for name in names)]
    held_out = table(judged, ["step", *names]) if judged else {}
    training = table(rows, [name for name in columns if name not in names])
    return training, {name.removeprefix(HELD_OUT): x for name, x in held_out.items()}


def table(rows, columns):
    """The columns that hold a number in every row, as numbers."""
    return {
        name: [float(row[name]) for row in rows] for name in columns if all(r[name] for r in rows)
    }
