"""Compare an attention with somebody else's numbers, step by step."""

from collections.abc import Mapping

import numpy as np

from .known import TOLERANCE, array, known_of_layer, known_of_steps
from .mistakes import STEPS
from .report import Report, Row
from .search import Run, Unknown, error, explain, layouts

INPUTS = ("query", "context", "mask")
SYMBOLS = {"x": "query", "c": "context"}  # the inputs' names in a trace


def compare(layer, reference, query=None, context=None, mask=None, *, tolerance=None):
    """Name the first step at which two attentions part, and the convention behind it.

    Both start from the same inputs and weights. What the layer computes is held against the
    reference's steps; where one differs, the attention is computed again with one convention
    changed at a time: Q and K swapped, missing scale, √D for √d_k, reshape without transpose,
    softmax over the wrong axis, inverted mask, mask after softmax, keys from the query stream, and
    a few more. The one that gives the reference's numbers is named; if none does, none is.

    Parameters
    ----------
    layer : CrossAttention or MultiheadAttention; or the steps of one, like `reference`
    reference : dict or named tuple of arrays with some of Q, K, V (B, h, length, d), scores,
        capped, masked, weights (B, h, L, S), heads (B, h, L, d_v) and output (B, L, D_o); heads
        may also be merged, in the batch, or averaged (weights). `AttentionSteps` is one
    query, context, mask : what the layer is given, the mask by the layer's own convention; they
        may instead be in `reference` by these names. Not needed where `layer` is steps
    tolerance : the largest relative difference between equal steps; by the less precise dtype
        1e-8 (float64), 1e-4 (float32), 1e-2 (float16) where None

    Returns
    -------
    Report, which prints as a table

    Raises
    ------
    TypeError
        For a layer, or names of steps, that are unknown.
    ValueError
        Without inputs, or where the layer computes more than these steps.

    Examples
    --------
    >>> import minixattn as mx
    >>> from minixattn import interop
    >>> layer = mx.nn.CrossAttention(8, num_heads=2)
    >>> x, c = mx.randn(1, 3, 8), mx.randn(1, 5, 8)
    >>> Q, K = (W(s).reshape(1, -1, 2, 4).transpose(1, 2)
    ...         for W, s in ((layer.W_Q, x), (layer.W_K, c)))
    >>> interop.compare(layer, {"scores": Q @ K.mT}, x, c).convention
    'missing scale'
    """
    theirs = arrays("reference", reference)
    given = {"query": query, "context": context, "mask": mask}
    given = {k: theirs.pop(k, None) if v is None else v for k, v in given.items()}
    if isinstance(layer, (Mapping, tuple)):
        ours = arrays("the first argument", layer)
        given["mask"] = ours.pop("mask", given["mask"])
        known, precise = known_of_steps(ours, given['mask']), [a.dtype for a in ours.values()]
    else:
        known, precise = known_of_layer(layer, **given), [next(layer.parameters()).dtype]
    if not any(step in theirs for step in STEPS):
        raise ValueError(f"the reference has no step to compare: give some of {', '.join(STEPS)}.")
    theirs = heads_or_output(theirs, known)
    if tolerance is None:
        sizes = [d.itemsize for d in (*precise, *(a.dtype for a in theirs.values()))]
        tolerance = TOLERANCE.get(min(sizes), TOLERANCE[8])
    theirs = {step: theirs[step].astype(np.float64) for step in STEPS if step in theirs}
    rows = table(known, theirs, tolerance)
    return Report(rows, explain(known, {r.step: theirs[r.step] for r in rows}, tolerance))


def arrays(name, steps):
    """{step: array} of a dict or named tuple, with known names only."""
    if hasattr(steps, "_asdict"):
        steps = steps._asdict()
    if not isinstance(steps, Mapping):
        raise TypeError(f"{name} must be a dict or a named tuple of steps, got {type(steps)}.")
    steps = {SYMBOLS.get(k, k): v for k, v in steps.items()}
    unknown = [k for k in steps if k not in (*STEPS, *INPUTS)]
    if unknown:
        raise TypeError(
            f"{name} has {', '.join(map(repr, unknown))}; the steps are called {', '.join(STEPS)}, "
            f"and the inputs {', '.join(INPUTS)}."
        )
    return {k: array(v) for k, v in steps.items() if v is not None}


def heads_or_output(theirs, known):
    """What `AttentionSteps` calls output are the heads, before W_O."""
    if "output" in theirs and "heads" not in theirs:
        shapes = {}
        for step in ("heads", "output"):
            try:
                shapes[step] = getattr(Run(known, {}), step).shape
            except Unknown:
                shapes[step] = None
        if theirs["output"].shape == shapes["heads"] != shapes["output"]:
            theirs["heads"] = theirs.pop("output")
    return theirs


def table(known, theirs, tolerance):
    """One row for each step that both have."""
    steps, rows = Run(known, {}), []
    for step, a in theirs.items():
        try:
            ours = getattr(steps, step)
        except Unknown:
            continue
        found = [(*error(step, x, a), x) for x in layouts(step, ours, a.shape)]
        if not found:
            text = f"ours has shape {ours.shape}, the reference {a.shape}"
            rows.append(Row(step, a.shape, None, (), False, text))
            continue
        relative, gap, where, x = min(found, key=lambda f: f[0])
        agrees = relative <= tolerance
        text = f"at {where} ours is {x[where]:.6g}, the reference {a[where]:.6g}"
        rows.append(Row(step, a.shape, gap, where, agrees, "agrees" if agrees else text))
    return rows
