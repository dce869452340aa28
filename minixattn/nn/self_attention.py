"""Self-attention: cross-attention whose context is the sequence itself."""

from .attention import CrossAttention


class SelfAttention(CrossAttention):
    r"""Every position of a sequence looks at all of it.

        SelfAttention(x) = CrossAttention(x, x)

    Nothing else changes: queries, keys and values are three projections of one sequence, and the
    weights are a square, (B, h, L, L).

    Parameters
    ----------
    embed_dim : width E of the sequence
    **options : those of `CrossAttention`; `num_heads` must be given

    References
    ----------
    Vaswani et al. (2017), section 3.2.3, second use.

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.SelfAttention(32, num_heads=4)
    >>> output, weights = layer(mx.randn(2, 5, 32))
    >>> output.shape, weights.shape
    ((2, 5, 32), (2, 4, 5, 5))
    """

    def __init__(self, embed_dim, **options):
        super().__init__(embed_dim, embed_dim, **options)

    def forward(self, input, mask=None, *, cache=None, need_weights=True):
        """(B, L, E) → output (B, L, E), weights (B, h, L, L) or None.

        The options are those of `CrossAttention`. With a cache of S earlier positions the weights
        are (B, h, L, S + L).
        """
        return super().forward(input, input, mask, cache=cache, need_weights=need_weights)
