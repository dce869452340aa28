"""Other ways for one stream to steer another: a scale and a shift, a gate, a gated unit.

| class               | equation                                             | weights       |
|---------------------|------------------------------------------------------|---------------|
| FiLM                | y = γ(z) ⊙ F + β(z)                                  | none          |
| GatedCrossAttention | y = x + tanh(a) A(x, c), y + tanh(b) FF(y)           | (B, h, L, S)  |
| GEGLU               | y = (x W + b) ⊙ GELU(x V + d)                        | none          |

FiLM never compares positions: its cost does not have a product L·S, and z cannot say *where*.
"""

import numpy as np

from ..creation import zeros
from ..errors import DTypeError, ShapeError
from ..mask_type import Mask
from ..masks import on_cpu
from ..ops.elementwise import tanh
from ..tracing import note
from .attention import CrossAttention, check_width
from .functional import gelu
from .functional.checks import tensors
from .layers import Linear
from .memory import FeedForward
from .module import Module
from .normalization import LayerNorm
from .parameter import Parameter


class FiLM(Module):
    r"""A condition scales and shifts whole channels.

        [δ, β] = z W + b
        γ = 1 + δ
        y = γ ⊙ F + β

    The 1 lets a small network start near y = F rather than near 0.

    Parameters
    ----------
    condition_dim : width D_z of the condition z
    channels : C, the channels of the features F

    Attributes
    ----------
    W : Linear, D_z → 2C, δ's channels before β's; starts as `Linear` does

    References
    ----------
    Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer" (2018), equations 1
    and 2; the 1 is the authors' code's.

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.FiLM(5, 8)
    >>> layer(mx.randn(2, 8, 4, 4), mx.randn(2, 5)).shape
    (2, 8, 4, 4)
    """

    equation = "γ(z) ⊙ F + β(z)"
    equations = {
        "F": ("F", "(B, C, …)"),
        "z": ("z", "(B, D_z)"),
        "gamma": (r"\gamma = 1 + z W_{\gamma} + b_{\gamma}", "(B, C, 1, …)"),
        "beta": (r"\beta = z W_{\beta} + b_{\beta}", "(B, C, 1, …)"),
        "output": (r"\gamma \odot F + \beta", "(B, C, …)"),
    }

    def __init__(self, condition_dim, channels):
        super().__init__()
        self.channels = channels
        self.W = Linear(condition_dim, 2 * channels)

    def forward(self, features, condition):
        """Scale and shift.

        Parameters
        ----------
        features : F (B, C, …), such as (B, C, H, W) or (B, C, L)
        condition : z (B, D_z)

        Returns
        -------
        output : (B, C, …), like the features. There are no weights: nothing is attended to.
        """
        self.check(features, condition)
        positions = (1,) * (features.ndim - condition.ndim)
        delta, beta = (
            t.reshape(*t.shape, *positions) for t in self.W(condition).chunk(2, -1)
        )  # (B, C, 1, …)
        gamma = 1 + delta
        output = gamma * features + beta
        note(self, F=features, z=condition, gamma=gamma, beta=beta, output=output)
        return output

    def check(self, features, condition):
        """Raise ShapeError unless batch, channels and width fit."""
        tensors("FiLM", features=features, condition=condition)
        z, F, D = tuple(condition.shape), tuple(features.shape), self.W.in_features
        if z[-1:] != (D,):
            raise ShapeError(
                f"condition has shape {z}: expected (batch, {D}), since the layer was made with "
                f"condition_dim={D}."
            )
        if F[: len(z)] != (*z[:-1], self.channels):
            raise ShapeError(
                f"features has shape {F}: expected {(*z[:-1], self.channels)} and then the "
                f"positions, for a condition of shape {z} and channels={self.channels}. For "
                f"(batch, length, channels) use features.transpose(1, 2)."
            )


class GatedCrossAttention(Module):
    r"""Cross-attention put into a finished model without disturbing it: the gates start at 0.

        y = x + tanh(a) CrossAttention(LN x, c)
        output = y + tanh(b) FF(LN y)

    With a = b = 0 the output is x bit for bit; training opens the gates.

    Parameters
    ----------
    query_dim : width D_q of the sequence x
    context_dim : width D_c of the context c; `query_dim` where None
    num_heads : h
    head_dim : d_k, the width of a head; query_dim / h where None
    hidden_dim : hidden units of FF, whose σ is GELU; 4 D_q where None

    Attributes
    ----------
    a, b : (1,), start at 0
    attention, feed_forward : CrossAttention and FeedForward without biases, so that a query that
        may look nowhere gets nothing; they start as `Linear` does
    norm_attention, norm_feed_forward : LayerNorm

    References
    ----------
    Alayrac et al., "Flamingo: a Visual Language Model for Few-Shot Learning" (2022), section 2.2
    and figure 4. LN stands where pre-norm blocks have it.
    """

    equation = "y = x + tanh(a) A(LN x, c), y + tanh(b) FF(LN y)"
    equations = {
        "x": ("x", "(B, L, D_q)"),
        "c": ("c", "(B, S, D_c)"),
        "seen": (r"\operatorname{CrossAttention}(\operatorname{LN} x, c)", "(B, L, D_q)"),
        "y": (r"x + \tanh(a) \cdot \mathrm{seen}", "(B, L, D_q)"),
        "thought": (r"\operatorname{FF}(\operatorname{LN} y)", "(B, L, D_q)"),
        "output": (r"y + \tanh(b) \cdot \mathrm{thought}", "(B, L, D_q)"),
    }

    def __init__(self, query_dim, context_dim=None, *, num_heads, head_dim=None, hidden_dim=None):
        super().__init__()
        self.norm_attention, self.norm_feed_forward = LayerNorm(query_dim), LayerNorm(query_dim)
        self.attention = CrossAttention(
            query_dim, context_dim, num_heads=num_heads, head_dim=head_dim, bias=False
        )
        self.feed_forward = FeedForward(query_dim, hidden_dim, gelu, bias=False)
        self.a, self.b = Parameter(zeros(1)), Parameter(zeros(1))

    def forward(self, query, context, mask=None):
        """(B, L, D_q), (B, S, D_c) → output (B, L, D_q), weights (B, h, L, S).

        The mask is that of `CrossAttention`; `latest_image` makes Flamingo's.
        """
        check_width("query", query, self.attention.W_Q.in_features, "query_dim")
        seen, weights = self.attention(self.norm_attention(query), context, mask)
        y = query + tanh(self.a) * seen
        thought = self.feed_forward(self.norm_feed_forward(y))
        output = y + tanh(self.b) * thought
        note(self, x=query, c=context, seen=seen, y=y, thought=thought, output=output)
        return output, weights


class GEGLU(Module):
    r"""A gated linear unit whose gate is a GELU.

        [u, g] = x W + b
        y = u ⊙ GELU(g)

    Parameters
    ----------
    in_features : n
    out_features : m

    Attributes
    ----------
    W : Linear, n → 2m, u's columns before g's; starts as `Linear` does

    References
    ----------
    Shazeer, "GLU Variants Improve Transformer" (2020), GEGLU; there the gate's factor is written
    first and the two halves of W are two matrices.
    """

    equation = "[u, g] = x W + b, u ⊙ GELU(g)"
    equations = {
        "x": ("x", "(…, n)"),
        "u": ("u = x W_u + b_u", "(…, m)"),
        "g": ("g = x W_g + b_g", "(…, m)"),
        "output": (r"u \odot \operatorname{GELU}(g)", "(…, m)"),
    }

    def __init__(self, in_features, out_features):
        super().__init__()
        self.W = Linear(in_features, 2 * out_features)

    def forward(self, input):
        """(…, n) → (…, m); no weights: nothing is attended to."""
        u, g = self.W(input).chunk(2, -1)
        output = u * gelu(g)
        note(self, x=input, u=u, g=g, output=output)
        return output


def latest_image(starts, images, tokens):
    """Flamingo's mask: each word may look at the image that came last before it, if any did.

    Parameters
    ----------
    starts : (B, L) or (L,) bool, True at the word (a marker) where the next image stands
    images : T, the images in the context
    tokens : n, the context vectors of each image, in order

    Returns
    -------
    Mask (B, L, T·n) or (L, T·n); words before the first image see none
    """
    starts = on_cpu(starts)
    if starts.dtype != np.bool_ or starts.ndim not in (1, 2):
        raise DTypeError(
            f"starts must be bool, (B, L) or (L,), True where an image stands; got {starts.dtype} "
            f"of shape {starts.shape}."
        )
    seen = starts.cumsum(-1)  # how many images so far
    if seen.max(initial=0) > images:
        raise ShapeError(
            f"starts marks {seen.max()} images in one text, but there are images={images}."
        )
    number = 1 + np.arange(images * tokens) // tokens  # (T·n,): 1, …, 1, 2, …, T
    return Mask(seen[..., None] == number, f"latest_image({images} × {tokens})")
