"""Attention with a mistake made on purpose, in NumPy and apart from the package."""

import numpy as np
from helpers import values

import minixattn as mx
from minixattn.interop.mistakes import STEPS

B, L, S, E, H, D = 2, 5, 7, 12, 3, 4
SEEDS = range(20)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def right_heads(x):
    n = x.shape[1]
    return np.stack([x[:, :, i * D : (i + 1) * D] for i in range(H)], 1).reshape(B, H, n, D)


def wrong_heads(x):
    return x.reshape(B, H, x.shape[1], D)


class Written:
    """An attention as someone might write it, with the mistakes that `wrong` names."""

    def __init__(self, layer, x, c, keep=None, wrong=""):
        (self.Wq, self.bq), (self.Wk, self.bk), (self.Wv, self.bv), (self.Wo, self.bo) = (
            (values(w.weight), values(w.bias)) for w in (layer.W_Q, layer.W_K, layer.W_V, layer.W_O)
        )
        self.x, self.c, self.keep, self.wrong = x, c, keep, wrong

    def projections(self):
        x, c, wrong = self.x, self.c, self.wrong
        Wq, bq, Wk, bk = self.Wq, self.bq, self.Wk, self.bk
        if wrong == "matrices swapped":
            Wq, bq, Wk, bk = Wk, bk, Wq, bq
        asks, offers, gives = x, c, c
        if wrong in ("keys of x", "keys and values of x"):
            offers = x
        if wrong in ("values of x", "keys and values of x"):
            gives = x
        if wrong in ("streams swapped", "arguments swapped"):
            asks, offers = c, x
            gives = c if wrong == "streams swapped" else x
        q, k, v = asks @ Wq.T + bq, offers @ Wk.T + bk, gives @ self.Wv.T + self.bv
        return (k, q, v) if wrong == "projections swapped" else (q, k, v)

    def heads(self, q, k, v):
        cut = [right_heads] * 3
        if self.wrong in ("reshape", "reshape everywhere"):
            cut = [wrong_heads] * 3
        if self.wrong == "reshape Q":
            cut[0] = wrong_heads
        if self.wrong == "reshape V":
            cut[2] = wrong_heads
        if self.wrong == "no transpose":
            cut = [lambda a: a.reshape(B, a.shape[1], H, D)] * 3
        return [f(a) for f, a in zip(cut, (q, k, v))]

    def scale(self):
        return {"unscaled": 1.0, "width": E**-0.5, "d_k": 1 / D}.get(self.wrong, D**-0.5)

    def steps(self):
        q, k, v = self.heads(*self.projections())
        scores = np.einsum("...qd,...kd->...qk", q, k) * self.scale()
        if self.wrong == "transposed scores":
            scores = scores.swapaxes(-1, -2)
        masked, weights = self.weights(scores)
        heads = np.einsum("...qk,...kd->...qd", weights, v)
        merged = heads.reshape(B, -1, E)
        if self.wrong not in ("reshape everywhere", "merge", "no transpose"):
            merged = np.concatenate([heads[:, i] for i in range(H)], -1)
        output = merged if self.wrong == "no W_O" else merged @ self.Wo.T + self.bo
        found = (q, k, v, scores, scores, masked, weights, heads, output)
        return dict(zip(STEPS, found))

    def weights(self, scores):
        keep, wrong = self.keep, self.wrong
        if keep is None or wrong in ("late", "unmasked"):
            masked = scores
        else:
            masked = np.where(keep != (wrong == "inverted"), scores, -1e9)
        axis = {"over queries": -2, "over heads": 1, "over the batch": 0}.get(wrong, -1)
        weights = softmax(masked, axis)
        return masked, weights * keep if wrong == "late" else weights


ONE_LENGTH = {  # possible only where query and context are equally long
    "streams swapped": "Q and K swapped", "transposed scores": "Q and K swapped",
    "projections swapped": "Q and K swapped", "keys of x": "keys from the query stream",
    "values of x": "values from the query stream", "no transpose": "reshape without transpose",
}  # fmt: skip
ANY_LENGTH = {
    "matrices swapped": "Q and K swapped", "arguments swapped": "Q and K swapped",
    "unscaled": "missing scale", "width": "√D for √d_k", "d_k": "d_k for √d_k",
    "reshape": "reshape without transpose", "reshape Q": "reshape without transpose",
    "reshape V": "reshape without transpose", "merge": "reshape without transpose",
    "reshape everywhere": "reshape without transpose",
    "over queries": "softmax over the wrong axis", "over heads": "softmax over the wrong axis",
    "over the batch": "softmax over the wrong axis",
    "keys and values of x": "keys from the query stream",
    "no W_O": "no output projection",
}  # fmt: skip
MASKED = {"inverted": "inverted mask", "late": "mask after softmax", "unmasked": "mask not applied"}
CASES = [
    *((wrong, label, L) for wrong, label in (ONE_LENGTH | ANY_LENGTH).items()),
    *((wrong, label, S) for wrong, label in (ANY_LENGTH | MASKED).items()),
]
FIRST = {
    "transposed scores": "scores", "unscaled": "scores", "width": "scores", "d_k": "scores",
    "merge": "output", "no W_O": "output", "over queries": "weights", "over heads": "weights",
    "over the batch": "weights", "inverted": "masked", "late": "masked", "unmasked": "masked",
    "values of x": "V", "reshape V": "V", "keys of x": "K", "keys and values of x": "K",
}  # fmt: skip


def made(seed, length=S, dtype=mx.float64):
    """A layer, its inputs, and a mask with which every query may look somewhere."""
    rng = np.random.default_rng(seed)
    mx.manual_seed(seed)
    layer = mx.nn.CrossAttention(E, num_heads=H).to(dtype)
    x, c = (rng.standard_normal((B, n, E)).astype(dtype) for n in (L, length))
    keep = rng.random((B, 1, L, length)) < 0.6
    keep[..., 0], keep[..., 1] = True, False
    return layer, x, c, keep


def mask_for(wrong, keep):
    """A mask wherever its shape fits what the mistake makes of the scores."""
    odd = ("arguments swapped", "no transpose", "keys and values of x")
    return None if wrong in odd or "over" in wrong else keep
