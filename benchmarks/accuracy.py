"""Whether everyone computes the same, and how far float32 is from the truth.

The truth is PyTorch in float64 where it is installed, the step by hand in float64 elsewhere.
"""

import numpy as np

from .race import gradients

AGREE = {"float64": 1e-12, "float32": 1e-4}
OURS = ("cross", "cross-lean", "multihead", "multihead-lean")


def distance(g, truth):
    """‖g − truth‖ / ‖truth‖, the largest over the gradients.

    The loss does not depend on b_K (softmax ignores what is the same for all keys): its gradient
    is compared with the size of b_Q's.
    """

    def norm(name):
        return np.linalg.norm(truth["b_Q" if name == "b_K" else name])

    return max(np.linalg.norm(g[n].reshape(a.shape) - a) / norm(n) for n, a in truth.items())


def truth_of(size):
    """Gradients in float64, and who computed them."""
    for name in ("torch-mha", "limit"):
        found = gradients(size, name, "float64")
        if isinstance(found, dict):
            return found, name
    raise RuntimeError(f"neither PyTorch nor the step by hand could be run: {found}")


def check(size, names, say=print):
    """Compare every peer's gradients with the truth, in both precisions.

    Returns
    -------
    dict from peer to {"float64": distance, "float32": distance}
    """
    truth, source = truth_of(size)
    say(f"{size}: distance of the gradients from those of {source} in float64")
    found = {}
    for name in names:
        found[name] = {}
        for dtype, bound in AGREE.items():
            g = gradients(size, name, dtype)
            if not isinstance(g, dict):
                say(f"  {name:15s}{dtype}  skipped ({g})")
                break
            error = found[name][dtype] = distance(g, truth)
            say(f"  {name:15s}{dtype}  {error:.1e}" + ("" if error < bound else "  WRONG"))
    return found
