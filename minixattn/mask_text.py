"""How a mask is written: a grid of ■ (may attend) and ·, and the places in it by their names."""

import numpy as np

AXES = ("batch", "head", "query")
ROWS, COLUMNS, GRIDS, NAME = 16, 24, 3, 60  # what is shown whole; of more, the ends
EDGE = 6


def text(allowed, name):
    """The mask (…, L, S) as grids, the first three where it differs between batch or heads."""
    lines = [f"{short(name)}, shape {allowed.shape}: ■ may attend, · may not"]
    *lead, L, S = allowed.shape
    if lead and lead[1:] + [L] == [1] * len(lead):
        return "\n".join(lines + grid(allowed.reshape(-1, S), "batch"))
    grids = [*np.ndindex(*lead)]
    for where in grids[:GRIDS]:
        lines += [place(where, lead) + ":"] if lead else []
        lines += grid(allowed[where])
    if len(grids) > GRIDS:
        lines.append(f"… and {len(grids) - GRIDS} more")
    return "\n".join(lines)


def grid(allowed, axis="query"):
    """The lines of one (L, S) mask, under a line that numbers the keys."""
    L, S = allowed.shape
    corner = f"{axis} ↓ key →"
    columns = shown(S, COLUMNS)
    width = max((len(str(j)) for j in columns), default=1)

    def line(head, cells, end=""):
        return f"{head:>{len(corner)}} " + " ".join(f"{c:>{width}}" for c in cells) + end

    lines = [line(corner, columns)]
    for i in shown(L, ROWS):
        if i == "…":
            lines.append(line("…", []).rstrip())
            continue
        cells = ["…" if j == "…" else "■" if allowed[i, j] else "·" for j in columns]
        end = "" if allowed[i].any() else "  ← may look nowhere"
        lines.append(line("every" if L == 1 and axis == "query" else i, cells, end))
    return lines


def shown(n, most):
    """The numbers 0 … n − 1, with "…" for the middle where there are too many."""
    return [*range(n)] if n <= most else [*range(EDGE), "…", *range(n - EDGE, n)]


def place(where, sizes, axes=AXES):
    """Such as "batch 1, query 3"; a dimension of size 1 stands for all: "every query"."""
    return ", ".join(f"every {axis}" if n == 1 else f"{axis} {i}"
                     for i, n, axis in zip(where, sizes, axes))  # fmt: skip


def rows(empty, axes):
    """The rows for which `empty` is True, such as "batch 1, query 0, 3; batch 2, every query"."""
    *lead, n = empty.shape
    found = [where for where in np.ndindex(*lead) if empty[where].any()]
    names = []
    for where in found[:EDGE]:
        which = np.flatnonzero(empty[where]).tolist()
        every = f"every {axes[-1]}" if len(which) == n else f"{axes[-1]} {listed(which, ', ')}"
        names.append(", ".join([place(where, lead, axes)] * bool(lead) + [every]))
    return listed(names, "; ", len(found))


def listed(items, between, total=None):
    """The first six items, and how many more there are."""
    more = (len(items) if total is None else total) - len(items[:EDGE])
    return between.join(map(str, items[:EDGE])) + (f" and {more} more" if more > 0 else "")


def short(name):
    """The name, without its middle where it is long."""
    half = NAME // 2
    return name if len(name) <= NAME else f"{name[:half]} … {name[-half:]}"
