"""How well each attribution method points at what is known to matter: the table of the docs.

    python figures/attribution_table.py [--out FILE] [--seed N] [TASK ...]

Small models are trained from the seed on tasks whose truth is known: for each token written the
token of the source that says it; for each question the patch that is asked about. Then every method
explains the logit of the right answer on unseen examples, and `pointing_accuracy` scores it.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from attribution_tasks import EXAMPLES, TEXTS, explained

from minixattn import attribution

METHODS = {
    "chance": "a key drawn at random",
    "worst head": "raw weights of the head that points worst, chosen on other examples",
    "best head": "raw weights of the head that points best, chosen on other examples",
    "head mean": "raw weights, the mean over the heads of the last layer",
    "rollout": "Abnar and Zuidema, through all layers",
    "gradient": "gradient × attention, the last layer",
    "chefer": "Chefer et al., relevance through all layers",
    "occlusion": "each key taken away",
}
COMPARED = ("head mean", "rollout", "chefer", "occlusion")


def main():
    """Train, explain, score, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(TEXTS)} or pages")
    parser.add_argument("--out", default=Path(__file__).with_suffix(".md"), type=Path)
    parser.add_argument("--seed", default=0, type=int)
    given = parser.parse_args()
    columns, cases = {}, {}
    for task in given.tasks or [*TEXTS, "pages"]:
        start = time.process_time()
        found = explained(task, given.seed)
        found.maps["chance"] = np.ones(found.truth.shape)
        columns[task], cases[task] = scored(found), case(found)
        print(f"{task}: {time.process_time() - start:.0f} s of one core\n{cases[task]}", flush=True)
        given.out.write_text(text(columns, cases, given.seed), encoding="utf-8")
    print(given.out.read_text(encoding="utf-8"))


def scored(found):
    """{method: (pointing accuracy, mass on the truth)}, and the share of right answers."""
    return {"right": found.right} | {
        name: (attribution.pointing_accuracy(found.maps[name], found.truth, real(found)),
               attribution.mass_on_truth(found.maps[name], found.truth, real(found)))
        for name in METHODS
    }  # fmt: skip


def real(found):
    """The real keys, one row for all queries of an example."""
    return found.keys if found.keys.ndim == 2 else found.keys[:, 0]


def text(columns, cases, seed):
    """Markdown: the table, what its rows mean, and a case for each task."""
    methods = "\n".join(f"- {name}: {what}" for name, what in METHODS.items())
    shown = "\n\n".join(f"**{task}**\n\n```\n{found}\n```" for task, found in cases.items())
    return (
        f"Share of right answers whose most relevant key is the true one (in brackets: the share "
        f"of all positive relevance that is on true keys), on {EXAMPLES} unseen examples a task, "
        f"seed {seed}.\n\n{table(columns)}\n\n{methods}\n\n"
        f"Where raw attention and occlusion disagree:\n\n{shown}\n"
    )


def table(columns):
    """A row a method, a column a task."""
    lines = [["method", *columns], ["---"] + ["---:"] * len(columns)]
    lines.append(["*right answers*", *(f"*{found['right']:.1%}*" for found in columns.values())])
    for name in METHODS:
        cells = (f"{found[name][0]:.0%} ({found[name][1]:.2f})" for found in columns.values())
        lines.append([name, *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# one honest case ---------------------------------------------------------------------------------


def case(found):
    """How often only one of raw attention and occlusion points right, and the clearest case."""
    counted = found.truth.any(-1)
    raw, occluded = (points_right(found, name) for name in ("head mean", "occlusion"))
    only_occluded, only_raw = ~raw & occluded & counted, raw & ~occluded & counted
    said = (
        f"of {counted.sum()} right answers, only occlusion points at the truth in "
        f"{only_occluded.sum()}, only the mean of the heads in {only_raw.sum()}"
    )
    if not only_occluded.any():
        return said
    wrong = np.where(only_occluded, found.maps["head mean"].max(-1), -1)
    row = np.unravel_index(wrong.argmax(), wrong.shape)
    asked, names = found.shown(row)
    true = ", ".join(f"{names[i]!r} ({i})" for i in np.flatnonzero(found.truth[row]))
    lines = (f"  {name:<10} {three_first(found.maps[name][row], names)}" for name in COMPARED)
    return "\n".join([f"{said}:", f"{asked}; true: {true}", *lines])


def points_right(found, method):
    """Whether the most relevant key of each row is a true one."""
    first = np.where(found.keys, found.maps[method], -np.inf).argmax(-1)[..., None]
    return np.take_along_axis(found.truth, first, -1)[..., 0]


def three_first(R, names):
    """The three most relevant keys with their places and shares of all that is positive."""
    R = R[: len(names)]
    share = np.maximum(R, 0) / max(np.maximum(R, 0).sum(), 1e-12)
    return ", ".join(f"{names[i]!r} ({i}) {share[i]:.0%}" for i in np.argsort(-R)[:3])


if __name__ == "__main__":
    main()
