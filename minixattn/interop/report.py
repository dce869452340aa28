"""What a comparison found, as an object and as a table."""

from typing import NamedTuple


class Row(NamedTuple):
    """One step of the table."""

    step: str
    shape: tuple  # of the reference
    max_error: float  # inf where NaN or −∞ stands against a number; None for other shapes
    where: tuple  # the index of the largest difference
    agrees: bool
    text: str  # how they differ


class Report:
    """The outcome of `compare`.

    Attributes
    ----------
    agrees : whether all steps do (a report is true in an `if` then)
    rows : one `Row` for each step of the reference, in the order of computation
    step : the first step that differs; None where all agree
    convention : the name of the convention that explains it, such as "missing scale"; None where
        none of those that are known does; two names with "or" where both fit
    explanation : a sentence about it
    max_error, where : the largest difference in that step and its index
    later : [(step, convention)] of further differences, once the first is allowed for
    """

    def __init__(self, rows, story):
        self.rows = rows
        self.step = self.convention = self.explanation = self.max_error = self.where = None
        self.later = [(step, name(mistakes)) for step, mistakes in story[1:]]
        self.agrees = not story
        if story:
            self.step, mistakes = story[0]
            row = next(row for row in rows if row.step == self.step)
            self.max_error, self.where = row.max_error, row.where
            self.convention = name(mistakes)
            self.explanation = mistakes[0].sentence if mistakes else None

    def __bool__(self):
        return self.agrees

    def conclusion(self):
        """The sentence below the table."""
        if self.agrees:
            return "All steps agree."
        row = next(row for row in self.rows if row.step == self.step)
        start = f"{self.step} is the first step that differs"
        if self.convention is None:
            return f"{start}: {row.text}. None of the known conventions explains it."
        lines = [f"{start}: {self.convention} ({self.explanation})."]
        for step, convention in self.later:
            why = convention or "which none of the known conventions explains"
            lines.append(f"With that allowed for, {step} still differs: {why}.")
        if not self.later:
            lines.append("With that allowed for, all steps agree that can be computed.")
        return "\n".join(lines)

    def __repr__(self):
        table = [("step", "shape", "largest difference", "")]
        table += [(r.step, str(r.shape), number(r.max_error), r.text) for r in self.rows]
        widths = [max(len(line[i]) for line in table) for i in range(3)]
        lines = ["  ".join([*(c.ljust(w) for c, w in zip(x, widths)), x[3]]) for x in table]
        return "\n".join([*(line.rstrip() for line in lines), self.conclusion()])


def name(mistakes):
    """The distinct names of mistakes, or None for none."""
    return " or ".join(dict.fromkeys(m.label for m in mistakes)) or None


def number(x):
    """An error as text."""
    return "-" if x is None else f"{x:.2g}"
