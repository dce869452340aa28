r"""What stood in the place of cross-attention: two Transformers that differ in this one layer.

| model               | how the decoder sees the source                | paper                   |
|---------------------|------------------------------------------------|-------------------------|
| PooledTransformer   | one vector for all of it: mean_s (z_s W_V) W_O | Cho et al. (2014), §2.2 |
| AdditiveTransformer | softmax(v_aᵀ tanh(W_a x + U_a z)) z            | Bahdanau et al. (2015)  |
| Transformer         | softmax(Q Kᵀ / √d_k) V, h heads                | Vaswani et al. (2017)   |

The first is the idea of the encoder-decoder before attention: whatever the source says has to fit
into one vector of a fixed size, the same for every token that is written. The papers' networks were
recurrent; here all else stays a Transformer, so that what is compared is the look at the source.
"""

from ..creation import ones
from ..nn import AdditiveAttention, Linear, Module
from ..ops.shape import expand
from ..tracing import note
from .transformer import Transformer


class PooledContext(Module):
    r"""One vector for the whole context, whatever the query.

        output = (1/n Σ_s z_s W_V) W_O,  A = 1/n  for the n keys that the mask allows

    Called as `CrossAttention` is.

    Parameters
    ----------
    width : E of both streams
    num_heads : h, in the shape of the weights only
    """

    equation = "mean(z W_V) W_O"
    equations = {
        "z": ("z", "(B, S, E)"),
        "weights": (r"A = \frac{1}{n}", "(B, h, L, S)"),
        "output": (r"\operatorname{mean}_s(z_s W_V) W_O", "(B, L, E)"),
    }

    def __init__(self, width, *, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.W_V, self.W_O = Linear(width, width), Linear(width, width)

    def forward(self, query, context=None, mask=None, *, cache=None):
        """(B, L, E), (B, S, E), mask (B, 1, S) → output (B, L, E), weights (B, h, L, S)."""
        z = remembered(context, cache)
        (B, L, _), S = query.shape, z.shape[1]
        every = ones(B, 1, S, dtype=z.dtype, device=z.device)
        real = every if mask is None else mask.to(z.dtype)  # (B, 1, S)
        A = real / real.sum(-1, keepdim=True).clamp(min=1)
        output = expand(self.W_O(A @ self.W_V(z)), B, L, -1)
        weights = expand(A.unsqueeze(1), B, self.num_heads, L, S)
        note(self, z=z, weights=weights, output=output)
        return output, weights


class AdditiveLook(AdditiveAttention):
    """`AdditiveAttention`, called as `CrossAttention` is; it has one head, whatever `num_heads`."""

    def __init__(self, width, *, num_heads):  # noqa: ARG002
        super().__init__(width)

    def forward(self, query, context=None, mask=None, *, cache=None):
        """(B, L, E), (B, S, E), mask (B, 1, S) → output (B, L, E), weights (B, 1, L, S)."""
        return super().forward(query, remembered(context, cache), mask)


class PooledTransformer(Transformer):
    """A Transformer without cross-attention: `PooledContext` is all that the decoder sees.

    Parameters and calls are those of `Transformer`.

    References
    ----------
    Cho et al., "Learning Phrase Representations using RNN Encoder–Decoder for Statistical Machine
    Translation" (2014), section 2.2, for the one vector c.
    """

    look = PooledContext


class AdditiveTransformer(Transformer):
    """A Transformer whose decoder looks at the source by Bahdanau's attention, with one head.

    Parameters and calls are those of `Transformer`.

    References
    ----------
    Bahdanau, Cho & Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate"
    (2015), equations 5 and 6.
    """

    look = AdditiveLook


def remembered(context, cache):
    """The context (B, S, E): as given, or out of the cache that holds it since the first call."""
    if cache is None:
        return context
    if context is not None:
        cache.append(context.unsqueeze(-3), context.unsqueeze(-3))  # its own keys and values
    return cache.values.squeeze(-3)
