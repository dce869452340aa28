r"""Words and patches as one sequence with self-attention, where there is no cross-attention.

| symbol                | identifier | shape          |                                    |
|-----------------------|------------|----------------|------------------------------------|
| s = [w; c]            | s          | (B, L + S, E)  | the words, then the patches        |
| s ← s + A(LN s, LN s) | read       | A (B, h, L+S, L+S) | all look at all                |
| s ← s + FF(LN s)      | think      |                | each by itself                     |

Every word can see every patch, and more: patches see patches, and the words. It costs the more, as
(L + S)² scores are computed where cross-attention takes L S of them.

Read before: `visual_qa.py`, whose words, patches and answer these are.
"""

from ..creation import ones
from ..nn import LayerNorm, Linear, Module, ReLU, SelfAttention, Sequential
from ..ops.shape import cat
from ..tracing import note
from .visual_qa import VisualQA


class OneSequenceBlock(Module):
    r"""s ← s + A(LN s, LN s),  s ← s + FF(LN s)."""

    equations = {
        "s": ("s", "(B, L + S, E)"),
        "weights": ("A", "(B, h, L + S, L + S)"),
        "output": (r"s + A + \operatorname{FF}", "(B, L + S, E)"),
    }

    def __init__(self, width, heads, _look=None):
        super().__init__()
        E = width
        self.norm_read, self.read = LayerNorm(E), SelfAttention(E, num_heads=heads)
        self.norm_think = LayerNorm(E)
        self.think = Sequential(Linear(E, 2 * E), ReLU(), Linear(2 * E, E))

    def forward(self, s, mask):
        """(B, L + S, E), mask (B, L + S) → (B, L + S, E), weights (B, h, L + S, L + S)."""
        y, weights = self.read(self.norm_read(s), mask.unsqueeze(1))
        x = s + y
        output = x + self.think(self.norm_think(x))
        note(self, s=s, weights=weights, output=output)
        return output, weights


class OneSequenceQA(VisualQA):
    """`VisualQA` with self-attention over words and patches together.

    Parameters and calls are those of `VisualQA`, without `look`. The weights that it returns are
    those of its words for its patches, (B, h, L, S): what remains to 1 goes to the words.
    """

    block = OneSequenceBlock

    def look_and_think(self, x, context, mask):
        """Words and patches through the blocks: (B, L, E) → (B, L, E), and the weights of each."""
        (B, L, _), S = x.shape, context.shape[1]
        s, weights = cat([x, context], 1), []
        real = cat([mask, ones(B, S, device=mask.device).bool()], 1)
        for block in self.blocks:
            s, A = block(s, real)
            weights.append(A[:, :, :L, L:])
        return s[:, :L], tuple(weights)
