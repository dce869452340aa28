"""The layers of the Transformer and what lies around them: sections 3.1 and 3.5 of the paper.

Vaswani et al., "Attention Is All You Need" (2017); the table of symbols is in `transformer.py`.
"""

import numpy as np

from ..nn import CrossAttention, Dropout, FeedForward, Identity, LayerNorm, Module, SelfAttention
from ..tracing import note


class PostNorm(Module):
    """x ← LayerNorm(x + Dropout(Sublayer(x))), the paper's (section 3.1).

    A layer computes y = Sublayer(before(x)), and then x ← after(x, y).
    """

    equation = "LayerNorm(x + Sublayer(x))"
    last = Identity  # what comes after the last layer

    def __init__(self, width, dropout=0.0):
        super().__init__()
        self.norm, self.dropout = LayerNorm(width), Dropout(dropout)

    def before(self, x):
        """What the sublayer gets."""
        return x

    def after(self, x, y):
        """LayerNorm(x + Dropout(y))."""
        return self.norm(x + self.dropout(y))


class PreNorm(Module):
    """x ← x + Dropout(Sublayer(LayerNorm(x))) (Xiong et al. 2020, figure 1 b).

    A layer computes y = Sublayer(before(x)), and then x ← after(x, y).
    """

    equation = "x + Sublayer(LayerNorm(x))"
    last = LayerNorm

    def __init__(self, width, dropout=0.0):
        super().__init__()
        self.norm, self.dropout = LayerNorm(width), Dropout(dropout)

    def before(self, x):
        """What the sublayer gets: LayerNorm(x)."""
        return self.norm(x)

    def after(self, x, y):
        """x + Dropout(y)."""
        return x + self.dropout(y)


class EncoderLayer(Module):
    r"""The source looks at itself, then each token thinks for itself (section 3.1).

        x ← x ⊕ SelfAttention(x),  x ← x ⊕ FFN(x)

    where ⊕ is the residual connection with its norm, `PostNorm` or `PreNorm`.

    Parameters
    ----------
    width, heads, hidden : E, h, d_ff
    residual : PostNorm or PreNorm
    dropout : P_drop
    """

    equations = {
        "x": ("x", "(B, S, E)"),
        "weights": (r"A", "(B, h, S, S)"),
        "output": (r"x \oplus A \oplus \operatorname{FFN}", "(B, S, E)"),
    }

    def __init__(self, width, heads, hidden, residual, dropout=0.0):
        super().__init__()
        self.read = SelfAttention(width, num_heads=heads)
        self.think = FeedForward(width, hidden)
        self.around_read, self.around_think = (residual(width, dropout) for _ in range(2))

    def forward(self, input, mask=None):
        """(B, S, E), mask (B, 1, S) → output (B, S, E), weights (B, h, S, S)."""
        y, weights = self.read(self.around_read.before(input), mask)
        x = self.around_read.after(input, y)
        y = self.think(self.around_think.before(x))
        output = self.around_think.after(x, y)
        note(self, x=input, weights=weights, output=output)
        return output, weights


class DecoderLayer(Module):
    r"""What is written looks back at itself, then at the source, then thinks (section 3.1).

        x ← x ⊕ SelfAttention(x),  x ← x ⊕ CrossAttention(x, memory),  x ← x ⊕ FFN(x)

    Parameters
    ----------
    width, heads, hidden : E, h, d_ff
    residual : PostNorm or PreNorm
    dropout : P_drop
    look : the class whose layer lets it see the source, called with (E, num_heads=h)
    """

    equations = {
        "x": ("x", "(B, L, E)"),
        "memory": ("z", "(B, S, E)"),
        "back": (r"A_\text{self}", "(B, h, L, L)"),
        "weights": (r"A_\text{cross}", "(B, h, L, S)"),
        "output": (r"x \oplus A_\text{self} \oplus A_\text{cross} \oplus \operatorname{FFN}",
                   "(B, L, E)"),
    }  # fmt: skip

    def __init__(self, width, heads, hidden, residual, dropout=0.0, look=CrossAttention):
        super().__init__()
        self.recall = SelfAttention(width, num_heads=heads)
        self.look = look(width, num_heads=heads)
        self.think = FeedForward(width, hidden)
        self.around_recall, self.around_look, self.around_think = (
            residual(width, dropout) for _ in range(3)
        )

    def forward(self, input, memory, past, mask=None, caches=(None, None)):
        """Take in what is written so far.

        Parameters
        ----------
        input : (B, L, E)
        memory : (B, S, E), or None where the second cache holds it already
        past : mask (L, L), or (L, cached + L): no token sees what is written after it
        mask : (B, 1, S), True for a real token of the source
        caches : KVCache of the self-attention and of the cross-attention, or (None, None)

        Returns
        -------
        output : (B, L, E)
        weights : (B, h, L, S), of the cross-attention
        """
        y, back = self.recall(self.around_recall.before(input), past, cache=caches[0])
        x = self.around_recall.after(input, y)
        y, weights = self.look(self.around_look.before(x), memory, mask, cache=caches[1])
        x = self.around_look.after(x, y)
        y = self.think(self.around_think.before(x))
        output = self.around_think.after(x, y)
        note(self, x=input, memory=memory, back=back, weights=weights, output=output)
        return output, weights


def sinusoids(length, width):
    """PE(pos, 2i) = sin(pos / 10000^(2i/E)), PE(pos, 2i+1) = cos of the same (section 3.5).

    Returns
    -------
    float32 array (length, width)
    """
    angle = np.arange(length)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    table = np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, -1)
    return table[:, :width].astype(np.float32)
