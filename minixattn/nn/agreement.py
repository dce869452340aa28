"""Agreement between two modalities: where queries and values stay, and only the keys are foreign.

    O_A = softmax(Q_A K_Bᵀ / √d_k) V_A
    O_B = softmax(Q_B K_Aᵀ / √d_k) V_B

In cross-attention a text would collect *values of the image*. Here it collects its own values,
mixed as its queries agree with the image's keys. Row j of A's values then belongs to row j of B's
keys, so that both sequences must describe the same things in the same order: SelfDoc's are the
blocks of one document page, once as text and once as picture.
"""

import math

from ..errors import ShapeError
from ..tracing import note
from .attention import boolean_mask, check_width, width_of_head
from .functional.attention import attention
from .heads import merge_heads, split_heads
from .layers import Linear
from .module import Module


class OneWayAgreement(Module):
    r"""One of the two directions: queries and values from x, keys from the other sequence y.

        Q = x W_Q,  K = y W_K,  V = x W_V
        A = softmax(Q Kᵀ / √d_k)  for each head
        output = concat(A₁V₁, …, A_hV_h) W_O

    Parameters
    ----------
    query_dim : width D_x of x
    key_dim : width D_y of y
    num_heads : h
    head_dim : d_k, the width of a head; query_dim / h where None
    bias : whether the projections add a bias

    Attributes
    ----------
    W_Q, W_K, W_V, W_O : Linear, D_x → h·d_k, D_y → h·d_k, D_x → h·d_k, h·d_k → D_x; they start
        as `Linear` does
    """

    equation = "softmax(Q_x K_yᵀ / √d_k) V_x"
    equations = {
        "x": ("x", "(B, L, D_x)"),
        "y": ("y", "(B, L, D_y)"),
        "Q": ("Q = x W_Q", "(B, h, L, d_k)"),
        "K": ("K = y W_K", "(B, h, L, d_k)"),
        "V": ("V = x W_V", "(B, h, L, d_k)"),
        "scores": (r"\frac{Q K^\top}{\sqrt{d_k}}", "(B, h, L, L)"),
        "weights": (r"A = \operatorname{softmax}(\mathrm{scores})", "(B, h, L, L)"),
        "heads": ("A V", "(B, h, L, d_k)"),
        "output": (r"\operatorname{concat}(A V) W_O", "(B, L, D_x)"),
    }

    def __init__(self, query_dim, key_dim, *, num_heads, head_dim=None, bias=True):
        super().__init__()
        head_dim = width_of_head(query_dim, num_heads) if head_dim is None else head_dim
        self.num_heads, self.scale = num_heads, 1 / math.sqrt(head_dim)
        inner = num_heads * head_dim
        self.W_Q, self.W_K = Linear(query_dim, inner, bias), Linear(key_dim, inner, bias)
        self.W_V, self.W_O = Linear(query_dim, inner, bias), Linear(inner, query_dim, bias)

    def forward(self, x, y, mask=None):
        """x (B, L, D_x), y (B, L, D_y) → output (B, L, D_x), weights (B, h, L, L)."""
        h = self.num_heads
        mask = boolean_mask(mask, x, y, h)
        Q, K, V = (split_heads(t, h) for t in (self.W_Q(x), self.W_K(y), self.W_V(x)))
        steps = attention(Q, K, V, mask, scale=self.scale)
        output = self.W_O(merge_heads(steps.output))
        note(self, x=x, y=y, Q=Q, K=K, V=V, scores=steps.scores, weights=steps.weights,
             heads=steps.output, output=output)  # fmt: skip
        return output, steps.weights

    def extra_repr(self):
        """The options."""
        return f"num_heads={self.num_heads}"


class AgreementAttention(Module):
    r"""Two sequences of equal length re-read themselves by how well they agree with the other.

        O_A = softmax(Q_A K_Bᵀ / √d_k) V_A
        O_B = softmax(Q_B K_Aᵀ / √d_k) V_B

    This is the first step of SelfDoc's cross-modality encoder alone. Each direction has
    projections of its own; heads and output projections are those of `CrossAttention`.

    Parameters
    ----------
    dim_a, dim_b : widths of the two sequences; `dim_a` for both where `dim_b` is None
    num_heads : h
    head_dim : d_k, the width of a head; the stream's own width / h where None
    bias : whether the projections add a bias

    Attributes
    ----------
    A, B : OneWayAgreement, the two directions

    References
    ----------
    Li et al., "SelfDoc: Self-Supervised Document Representation Learning" (2021).

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.AgreementAttention(6, 8, num_heads=2)
    >>> (text, image), (A, B) = layer(mx.randn(3, 5, 6), mx.randn(3, 5, 8))
    >>> text.shape, image.shape, A.shape
    ((3, 5, 6), (3, 5, 8), (3, 2, 5, 5))
    """

    equation = "softmax(Q_A K_Bᵀ / √d_k) V_A and softmax(Q_B K_Aᵀ / √d_k) V_B"

    def __init__(self, dim_a, dim_b=None, *, num_heads, head_dim=None, bias=True):
        super().__init__()
        dim_b = dim_a if dim_b is None else dim_b
        self.dim_a, self.dim_b = dim_a, dim_b
        options = {"num_heads": num_heads, "head_dim": head_dim, "bias": bias}
        self.A = OneWayAgreement(dim_a, dim_b, **options)
        self.B = OneWayAgreement(dim_b, dim_a, **options)

    def forward(self, a, b, mask_a=None, mask_b=None):
        """Both directions.

        Parameters
        ----------
        a : (B, L, D_a)
        b : (B, L, D_b)
        mask_a : of `minixattn.masks`, or bool, True = this position of a may look at that key of
            b; (L, L), (B, 1, L), (B, L, L) or (B, h, L, L)
        mask_b : the same for b's positions and a's keys

        Returns
        -------
        outputs : (O_A, O_B) of shapes (B, L, D_a) and (B, L, D_b)
        weights : those of A and of B, each (B, h, L, L)
        """
        check_width("a", a, self.dim_a, "dim_a")
        check_width("b", b, self.dim_b, "dim_b")
        check_lengths(a, b)
        output_a, weights_a = self.A(a, b, mask_a)
        output_b, weights_b = self.B(b, a, mask_b)
        return (output_a, output_b), (weights_a, weights_b)


def check_lengths(a, b):
    """Both sequences are equally long; the batch is checked with the mask."""
    if a.shape[-2] != b.shape[-2]:
        raise ShapeError(
            f"a has length {a.shape[-2]} (shape {tuple(a.shape)}) and b length {b.shape[-2]} "
            f"(shape {tuple(b.shape)}): row j of a's values goes with row j of b's keys, so they "
            f"must be equally long. Pad the shorter one and forbid the padding with mask_a and "
            f"mask_b, or use CrossAttention, whose values come from where the keys do."
        )
