"""A few learned queries read a long input: Perceiver's latents and BLIP-2's Q-Former.

However long the input is, what comes out has as many rows as there are learned queries, and what
follows costs no more for a longer input.
"""

import numpy as np

from ..creation import empty
from ..errors import ShapeError
from ..mask_type import Mask
from ..ops.shape import cat, expand
from ..tracing import note
from . import init
from .attention import CrossAttention, check_width
from .functional import gelu
from .memory import FeedForward
from .module import Module
from .normalization import LayerNorm
from .parameter import Parameter
from .self_attention import SelfAttention


class LatentAttention(Module):
    r"""N learned latents query the input.

        y = z + CrossAttention(LN z, LN x)
        output = y + FF(LN y)

    Cost: N·S scores for an input of length S, where self-attention needs S².

    Parameters
    ----------
    latent_dim : width D_z of the latents
    context_dim : width D_x of the input
    num_latents : N
    num_heads : h
    head_dim : d_k, the width of a head; latent_dim / h where None
    hidden_dim : hidden units of FF, whose σ is GELU; D_z where None

    Attributes
    ----------
    z : (N, D_z), starts N(0, 0.02²) without its tails beyond ±2
    attention, feed_forward, norm_latents, norm_input, norm_feed_forward : the parts, each
        starting as its class says

    References
    ----------
    Jaegle et al., "Perceiver: General Perception with Iterative Attention" (2021), section 3; the
    normalisation and the feed-forward part as in Perceiver IO (2021).

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.LatentAttention(16, 3, num_latents=4)
    >>> output, weights = layer(mx.randn(2, 100, 3))
    >>> output.shape, weights.shape
    ((2, 4, 16), (2, 1, 4, 100))
    """

    equation = "y = z + A(LN z, LN x), y + FF(LN y)"
    equations = {
        "z": ("z", "(B, N, D_z)"),
        "x": ("x", "(B, S, D_x)"),
        "seen": (
            r"\operatorname{CrossAttention}(\operatorname{LN} z, \operatorname{LN} x)",
            "(B, N, D_z)",
        ),
        "y": (r"z + \mathrm{seen}", "(B, N, D_z)"),
        "thought": (r"\operatorname{FF}(\operatorname{LN} y)", "(B, N, D_z)"),
        "output": (r"y + \mathrm{thought}", "(B, N, D_z)"),
    }

    def __init__(self, latent_dim, context_dim, *, num_latents, num_heads=1, head_dim=None,
                 hidden_dim=None):  # fmt: skip
        super().__init__()
        self.z = Parameter(empty(num_latents, latent_dim))
        init.trunc_normal_(self.z, std=0.02)
        self.norm_latents, self.norm_input = LayerNorm(latent_dim), LayerNorm(context_dim)
        self.attention = CrossAttention(
            latent_dim, context_dim, num_heads=num_heads, head_dim=head_dim
        )
        self.norm_feed_forward = LayerNorm(latent_dim)
        hidden_dim = latent_dim if hidden_dim is None else hidden_dim
        self.feed_forward = FeedForward(latent_dim, hidden_dim, gelu)

    def forward(self, context, mask=None):
        """Read the input.

        Parameters
        ----------
        context : x (B, S, D_x)
        mask : of `minixattn.masks`, or bool, True = may attend; (N, S), (B, 1, S),
            (B, N, S) or (B, h, N, S)

        Returns
        -------
        output : (B, N, D_z)
        weights : (B, h, N, S)
        """
        check_width("context", context, self.attention.W_K.in_features, "context_dim")
        z = expand(self.z, *context.shape[:-2], *self.z.shape)
        seen, weights = self.attention(self.norm_latents(z), self.norm_input(context), mask)
        y = z + seen
        thought = self.feed_forward(self.norm_feed_forward(y))
        output = y + thought
        note(self, z=z, x=context, seen=seen, y=y, thought=thought, output=output)
        return output, weights


class QFormerBlock(Module):
    r"""Learned queries and a text share self-attention; the queries alone look at an image.

        [q; t] ← LN([q; t] + SelfAttention([q; t]))
        q ← LN(q + CrossAttention(q, c))
        q ← LN(q + FF_q(q)),   t ← LN(t + FF_t(t))

    What queries and text may see of one another is the caller's mask: `contrastive_mask`,
    `matching_mask` or `generation_mask`, one for each of BLIP-2's losses.

    Parameters
    ----------
    embed_dim : width E of queries and text
    image_dim : width D_c of the image tokens; E where None
    num_heads : h
    hidden_dim : hidden units of each FF, whose σ is GELU; 4 E where None
    eps : ε of the normalisation, BERT's by default

    Attributes
    ----------
    self_attention, cross_attention, feed_forward_query, feed_forward_text : the four parts
    norm_self, norm_cross, norm_query, norm_text : LayerNorm, each after its residual
        They start as their classes say.

    Notes
    -----
    The queries are an input, since a whole Q-Former learns one set of them, a Parameter (32, 768),
    for its first block. In BLIP-2 every second block looks at the image.

    References
    ----------
    Li et al., "BLIP-2: Bootstrapping Language-Image Pre-training with Frozen Image Encoders and
    Large Language Models" (2023), section 3.1 and figure 2.
    """

    equation = "[q; t] ← LN([q; t] + A([q; t])), q ← LN(q + A(q, c)), FF_q(q), FF_t(t)"
    equations = {
        "q": ("q", "(B, N, E)"),
        "t": ("t", "(B, T, E)"),
        "c": ("c", "(B, S, D_c)"),
        "x": ("x = [q; t]", "(B, N + T, E)"),
        "shared": (
            r"[q'; t'] = \operatorname{LN}(x + \operatorname{SelfAttention}(x))", "(B, N + T, E)",
        ),
        "seen": (
            r"q'' = \operatorname{LN}(q' + \operatorname{CrossAttention}(q', c))", "(B, N, E)",
        ),
        "queries": (r"\operatorname{LN}(q'' + \operatorname{FF}_q(q''))", "(B, N, E)"),
        "text": (r"\operatorname{LN}(t' + \operatorname{FF}_t(t'))", "(B, T, E)"),
    }  # fmt: skip

    def __init__(self, embed_dim, image_dim=None, *, num_heads, hidden_dim=None, eps=1e-12):
        super().__init__()
        E = embed_dim
        self.self_attention = SelfAttention(E, num_heads=num_heads)
        self.cross_attention = CrossAttention(E, image_dim, num_heads=num_heads)
        self.feed_forward_query = FeedForward(E, hidden_dim, gelu)
        self.feed_forward_text = FeedForward(E, hidden_dim, gelu)
        self.norm_self, self.norm_cross = LayerNorm(E, eps), LayerNorm(E, eps)
        self.norm_query, self.norm_text = LayerNorm(E, eps), LayerNorm(E, eps)

    def forward(self, queries, text, image, mask=None, image_mask=None):
        """One block.

        Parameters
        ----------
        queries : q (B, N, E)
        text : t (B, T, E); T may be 0
        image : c (B, S, D_c)
        mask : of `minixattn.masks`, or bool, True = may attend, over [q; t]; (N + T, N + T),
            (B, 1, N + T), (B, N + T, N + T) or (B, h, N + T, N + T)
        image_mask : the same for queries and image; (N, S), (B, 1, S), (B, N, S) or (B, h, N, S)

        Returns
        -------
        outputs : queries (B, N, E) and text (B, T, E)
        weights : of self-attention (B, h, N + T, N + T) and of the look at the image (B, h, N, S)
        """
        E = self.self_attention.W_Q.in_features
        check_width("queries", queries, E, "embed_dim")
        check_width("text", text, E, "embed_dim")
        check_batch(queries, text)
        N, T = queries.shape[-2], text.shape[-2]

        x = cat([queries, text], -2)
        read, weights_self = self.self_attention(x, mask)
        shared = self.norm_self(x + read)
        q, t = shared.split([N, T], -2)
        looked, weights_image = self.cross_attention(q, image, image_mask)
        seen = self.norm_cross(q + looked)
        q = self.norm_query(seen + self.feed_forward_query(seen))
        t = self.norm_text(t + self.feed_forward_text(t))
        note(self, q=queries, t=text, c=image, x=x, shared=shared, seen=seen, queries=q, text=t)
        return (q, t), (weights_self, weights_image)


def check_batch(queries, text):
    """Both can be put below one another."""
    if queries.shape[:-2] != text.shape[:-2]:
        raise ShapeError(
            f"queries has shape {tuple(queries.shape)} and text {tuple(text.shape)}: all "
            f"dimensions before the length must be equal. For learned queries of shape (N, E) use "
            f"queries.expand(batch, N, E)."
        )


def contrastive_mask(N, T):
    """Queries see queries and text sees text: Mask (N + T, N + T)."""
    is_query = np.arange(N + T) < N
    return Mask(is_query[:, None] == is_query, f"contrastive_mask({N}, {T})")


def matching_mask(N, T):
    """All see all: Mask (N + T, N + T)."""
    return Mask(np.ones((N + T, N + T), bool), f"matching_mask({N}, {T})")


def generation_mask(N, T):
    """Queries see queries; a word sees all queries, itself and the words before it.

    Mask (N + T, N + T), as the others; `& masks.padding(lengths, N + T)` hides padded words.
    """
    i = np.arange(N + T)
    return Mask((i < N) | (i <= i[:, None]), f"generation_mask({N}, {T})")
