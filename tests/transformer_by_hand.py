"""The Transformer once more in NumPy, as the paper's equations say it, one text at a time."""

import math

import numpy as np
from helpers import values

from minixattn.models import PreNorm

E, H = 12, 3  # width and heads of the models that are tested


class ByHand:
    """Equations 1 and 2 and sections 3.1 to 3.5 of the paper, one text at a time."""

    def __init__(self, model, residual):
        self.p = {name: values(x) for name, x in model.state_dict().items()}
        self.residual = residual

    def linear(self, name, x):
        return x @ self.p[f"{name}.weight"].T + self.p.get(f"{name}.bias", 0)

    def norm(self, name, x):
        hat = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return self.p[f"{name}.weight"] * hat + self.p[f"{name}.bias"]

    def attend(self, name, x, c, keep):
        d, heads, weights = E // H, [], []
        Q, K, V = (self.linear(f"{name}.{n}", a) for n, a in (("W_Q", x), ("W_K", c), ("W_V", c)))
        for i in range(H):
            columns = slice(i * d, (i + 1) * d)
            scores = np.where(keep, Q[:, columns] @ K[:, columns].T / math.sqrt(d), -np.inf)
            A = np.exp(scores - scores.max(-1, keepdims=True))
            weights.append(A / A.sum(-1, keepdims=True))
            heads.append(weights[-1] @ V[:, columns])
        return self.linear(f"{name}.W_O", np.concatenate(heads, -1)), np.stack(weights)

    def look(self, name, x, z, keep):
        if f"{name}.W_Q.weight" in self.p:
            return self.attend(name, x, z, keep)
        if f"{name}.W_V.weight" in self.p:
            mean = self.linear(f"{name}.W_V", z[keep]).mean(0)
            return self.linear(f"{name}.W_O", mean), np.tile(keep / keep.sum(), (H, len(x), 1))
        s, h = self.linear(f"{name}.W_a", x)[:, None], self.linear(f"{name}.U_a", z)[None]
        e = np.where(keep, self.linear(f"{name}.v_a", np.tanh(s + h))[..., 0], -np.inf)
        A = np.exp(e) / np.exp(e).sum(-1, keepdims=True)
        return A @ z, A[None]

    def around(self, name, x, sublayer):
        if self.residual is PreNorm:
            return x + sublayer(self.norm(f"{name}.norm", x))
        return self.norm(f"{name}.norm", x + sublayer(x))

    def think(self, name, x):
        return self.linear(f"{name}.W_2", np.maximum(self.linear(f"{name}.W_1", x), 0))

    def layer(self, path, x, z=None, keep=None):
        kept = []

        def looked(y, A):
            kept.append(A)
            return y

        past = np.tril(np.ones((len(x), len(x)), bool)) if z is not None else keep
        first = "recall" if z is not None else "read"
        x = self.around(
            f"{path}.around_{first}", x, lambda x: self.attend(f"{path}.{first}", x, x, past)[0]
        )
        if z is not None:
            x = self.around(
                f"{path}.around_look", x, lambda x: looked(*self.look(f"{path}.look", x, z, keep))
            )
        x = self.around(f"{path}.around_think", x, lambda x: self.think(f"{path}.think", x))
        return x, kept

    def embed(self, table, ids):
        pos, i = np.arange(len(ids))[:, None], np.arange(E)
        angle = pos / 10000 ** ((i - i % 2) / E)
        PE = np.where(i % 2 == 0, np.sin(angle), np.cos(angle)).astype(np.float32)
        return self.p[f"{table}.weight"][ids] * math.sqrt(E) + PE

    def last(self, name, x):
        return self.norm(name, x) if self.residual is PreNorm else x

    def __call__(self, source, given, keep):
        z = self.last("norm_encoder", self.layer("encoder.0", self.embed("source", source),
                                                 keep=keep)[0])  # fmt: skip
        x, looks = self.embed("target", given), []
        for i in range(2):
            x, kept = self.layer(f"decoder.{i}", x, z, keep)
            looks += kept
        return self.last("norm_decoder", x) @ self.p["target.weight"].T, looks
