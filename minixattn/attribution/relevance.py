"""Relevance between two streams of tokens, carried from layer to layer.

Chefer, Gur and Wolf, "Generic Attention-model Explainability for Interpreting Bi-Modal and
Encoder-Decoder Transformers" (ICCV 2021), section 3.
"""

import numpy as np

from ..errors import ShapeError
from .maps import gradient_attention


def chefer(steps):
    """How relevant every token of two streams is to every other, after the steps.

    Streams are named by letters, such as "t" for a text and "i" for an image. R["ti"] says how
    relevant the image is to the text. With Ā = 1/h Σ_h (∇A_h ⊙ A_h)⁺ (equation 5):

        R_ss = I,  R_sq = 0                                at the start (1, 2)
        self-attention of s    R_ss ← R_ss + Ā R_ss        (6)
                               R_sq ← R_sq + Ā R_sq        (7)
        s looks at q           R_sq ← R_sq + R̄_ssᵀ Ā R̄_qq  (10)
                               R_ss ← R_ss + Ā R_qs        (11)

    where R̄ = I + (R − I) with rows that sum to 1 (8, 9), or are 0 where they were.

    Parameters
    ----------
    steps : list of (route, weights, gradients) in the order of computation. `route` is two letters,
        the stream of the queries and that of the keys: "tt" is self-attention of the text, "ti"
        text looking at the image. `weights` and `gradients` are (…, h, L, S), the gradient that of
        the score to be explained. Attentions that happen at the same time, as in a layer where
        each stream looks at the other, go into one list together

    Returns
    -------
    {route: (…, L, S)}, for all routes between the streams that occur. An encoder-decoder is read
    by its last decoder token: R["ts"][..., -1, :]

    Raises
    ------
    ShapeError
        If a stream has different numbers of tokens in two steps, or gradients another shape.
    ValueError
        For a route that is not two letters, or more than two streams.

    Examples
    --------
    >>> R = chefer([("ss", A1, dA1), ("tt", A2, dA2), ("ts", A3, dA3)])  # doctest: +SKIP
    """
    steps = [step if isinstance(step, list) else [step] for step in steps]
    lengths = sizes([s for together in steps for s in together])
    R = {s + q: np.eye(n) if s == q else np.zeros((n, m))
         for s, n in lengths.items() for q, m in lengths.items()}  # fmt: skip
    for together in steps:
        added = [change(R, route, gradient_attention(A, dA)) for route, A, dA in together]
        for changes in added:
            for route, x in changes.items():
                R[route] = R[route] + x
    return R


def change(R, route, A):
    """What one attention adds to R: {route: array}."""
    s, q = route
    if s == q:
        return {s + x[1]: A @ R[x] for x in R if x[0] == s}  # equations 6 and 7
    return {
        route: normalized(R[s + s]).swapaxes(-1, -2) @ A @ normalized(R[q + q]),  # equation 10
        s + s: A @ R[q + s],  # equation 11
    }


def normalized(R):
    """R̄: what self-attention has added to I, in rows that sum to 1; and I again."""
    identity = np.eye(R.shape[-1])
    added = R - identity  # equation 8
    total = added.sum(-1, keepdims=True)
    return np.divide(added, total, out=np.zeros_like(added), where=total > 0) + identity  # eq. 9


def sizes(steps):
    """{stream: its number of tokens}, the same in every step."""
    found = {}
    for route, A, _ in steps:
        if not (isinstance(route, str) and len(route) == 2):
            raise ValueError(
                f"a route is two letters, the stream of the queries and that of the keys, such as "
                f'"ti"; got {route!r}.'
            )
        for stream, n in zip(route, np.shape(A)[-2:]):
            if found.setdefault(stream, n) != n:
                raise ShapeError(
                    f'stream "{stream}" has {n} tokens in the step "{route}" (weights '
                    f"{np.shape(A)}), but {found[stream]} in a step before."
                )
    if not 1 <= len(found) <= 2:
        names = ", ".join(found) or "none"
        raise ValueError(f"chefer() carries relevance between one or two streams; got {names}.")
    return found
