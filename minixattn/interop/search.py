"""Which mistake explains a reference: compute each, and compare with all of its steps."""

from itertools import product

import numpy as np

from .mistakes import INPUTS, MISTAKES, RIGHT, STEPS

NAN, EVEN = {"empty": lambda _s: "nan"}, {"empty": lambda _s: "even"}  # rows with nothing to see
FORBIDDEN = -1e4  # scores below are taken for −∞: −1e9 and the smallest float16 are


class Unknown(Exception):
    """A step needs something that was not given."""


class Run:
    """The steps of one attention, each computed when it is first asked for.

    Parameters
    ----------
    known : what is given: inputs, projections, widths; or steps themselves
    changes : {step: function of this object}, in place of the right equations; steps that are
        given hold until a change reaches them
    """

    def __init__(self, known, changes):
        self.known, self.equations, self.found = known, {**RIGHT, **changes}, {}
        self.changed = set(changes)
        for step in STEPS:
            if self.changed.intersection(INPUTS.get(step, ())):
                self.changed.add(step)

    @property
    def right(self):
        """The same attention without mistakes."""
        return Run(self.known, {})

    def __getattr__(self, name):
        if name in self.known and name not in self.changed:
            return self.known[name]
        if name not in self.equations:
            raise Unknown(name)
        if name not in self.found:
            self.found[name] = self.equations[name](self)
        return self.found[name]


def differing(steps, reference, tolerance):
    """{step: True, False, or None where it cannot be computed} for the reference's steps."""
    return {step: differs(steps, step, reference[step], tolerance) for step in reference}


def differs(steps, step, theirs, tolerance):
    """Whether the numbers differ, in every layout that the step may have."""
    try:
        ours = getattr(steps, step)
    except Unknown:
        return None
    except ValueError:  # shapes that do not fit each other
        return True
    return all(error(step, a, theirs)[0] > tolerance for a in layouts(step, ours, theirs.shape))


def error(step, ours, theirs):
    """(largest difference, relative to the largest number of ours; largest difference; where)."""
    if step == "masked":
        ours, theirs = (np.where(a < FORBIDDEN, -np.inf, a) for a in (ours, theirs))
    with np.errstate(invalid="ignore"):
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        gap = np.where(same, 0, np.abs(ours - theirs))
    gap = np.where(np.isnan(gap), np.inf, gap)
    if not gap.size:
        return 0.0, 0.0, ()
    finite = np.abs(ours[np.isfinite(ours)])
    size = finite.max() if finite.size and finite.max() else 1.0
    where = np.unravel_index(gap.argmax(), gap.shape)
    return gap.max() / size, gap.max(), tuple(int(i) for i in where)


def layouts(step, a, shape):
    """`a`, or what it is in other layouts of that shape: heads merged, in the batch, averaged."""
    if a.shape == shape:
        return [a]
    found = []
    for x in (a, a[0] if a.shape[:1] == (1,) else a):
        if x.ndim >= 3:
            last = x.swapaxes(-2, -3)  # (…, L, h, d)
            found += [x, last, last.reshape(*last.shape[:-2], -1), x.reshape(-1, *x.shape[-2:])]
            found += [x.mean(-3)] if step in ("weights", "scores", "masked") else []
            found += [x.swapaxes(0, 1)] if step == "output" else []
        found += [x]
    return [x for x in found if x.shape == shape]


def explain(known, reference, tolerance):
    """[(step, mistakes)]: the first step that differs and what explains it, then the next.

    A mistake explains a step if with it the step agrees, and no step that agreed before differs.
    The best leaves the fewest others different, and of those changes the fewest equations. Where
    nothing explains a step, the list of its mistakes is empty and the search ends.
    """
    changes, story = {}, []
    now = differing(Run(known, changes), reference, tolerance)
    while any(now.values()):
        step = next(s for s in STEPS if now.get(s))
        fits = list(fitting(known, changes, reference, tolerance, step, now))
        if not fits:
            return [*story, (step, [])]
        best = min(rank for rank, *_ in fits)
        fits = [fit for fit in fits if fit[0] == best]
        story.append((step, [mistake for _, mistake, *_ in fits]))
        changes, now = fits[0][2:]
    return story


def fitting(known, changes, reference, tolerance, step, now):
    """(rank, mistake, changes with it, what still differs) for all that explain the step."""
    for mistake, empty in product(MISTAKES, empty_rows(known, reference)):
        new = {**empty, **changes, **mistake.steps}
        steps = Run(known, new)
        if step not in steps.changed:
            continue
        if differs(steps, step, reference[step], tolerance) is not False:
            continue
        then = differing(steps, reference, tolerance)
        if not any(then[s] for s in then if now[s] is False):
            verdicts = list(then.values())
            rank = (verdicts.count(True), verdicts.count(None), len(mistake.steps) + len(empty))
            yield rank, mistake, new, then


def empty_rows(known, reference):
    """What a softmax over nothing but −∞ may have become there; only a mask brings that about."""
    if any(np.isnan(a).any() for a in reference.values()):
        return {}, NAN
    return ({}, EVEN) if "mask" in known else ({},)
