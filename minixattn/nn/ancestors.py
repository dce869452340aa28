"""Attention before the Transformer: four scores of a pair, one way to use them.

    e = score(s, h)          one number for each query s and each context vector h
    α = softmax(e)           over the context
    c = Σ_j α_j h_j          the context vectors themselves are keys and values

| class            | score(s, h)         | paper                             |
|------------------|---------------------|-----------------------------------|
| AdditiveAttention| vᵀ tanh(W s + U h)  | Bahdanau et al. (2015), A.1.2     |
| DotAttention     | sᵀ h                | Luong et al. (2015), section 3.1  |
| GeneralAttention | sᵀ W h              | the same                          |
| ConcatAttention  | vᵀ tanh(W [s; h])   | the same                          |

None of them scales the scores, and each has a single head.
"""

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ops.elementwise import tanh
from ..ops.shape import cat, expand
from ..ops.softmax import softmax
from ..tracing import note
from .attention import boolean_mask, check_width
from .functional.attention import apply_mask
from .functional.checks import tensors
from .layers import Linear
from .module import Module

STEPS = {  # what follows the score is the same for all
    "weights": (r"\alpha = \operatorname{softmax}(e)", "(B, 1, L, S)"),
    "output": (r"c = \alpha h", "(B, L, D_c)"),
}


class ScoredAttention(Module):
    """α = softmax(score(s, h)), c = α h; a subclass defines `score` and the two widths."""

    def check(self, query, context):
        """Raise unless the streams have the widths that the layer was made for."""
        check_width("query", query, self.query_dim, "query_dim")
        check_width("context", context, self.context_dim, "context_dim")

    def score(self, query, context):
        """(B, L, D_q), (B, S, D_c) → e (B, L, S); a subclass says it."""
        raise NotImplementedError(f"{type(self).__name__} must define score(query, context).")

    def forward(self, query, context, mask=None):
        """Look at the context.

        Parameters
        ----------
        query : (B, L, D_q), the states s
        context : (B, S, D_c), the vectors h
        mask : of `minixattn.masks`, or bool, True = may attend; (L, S), (B, 1, S) or (B, L, S)

        Returns
        -------
        output : (B, L, D_c), the mean context c
        weights : (B, 1, L, S); each row sums to 1, or is 0 where the mask forbids every key
        """
        tensors(type(self).__name__, query=query, context=context)
        self.check(query, context)
        mask = boolean_mask(mask, query, context, 1)
        e = wide(self.score(query, context)).unsqueeze(-3)  # (B, 1, L, S)
        weights = softmax(apply_mask(e, mask, False), -1)
        output = (weights @ wide(context).unsqueeze(-3)).squeeze(-3)
        output, weights = output.to(query.dtype), weights.to(query.dtype)
        note(self, s=query, h=context, e=e, weights=weights, output=output)
        return output, weights


class AdditiveAttention(ScoredAttention):
    r"""The first attention: a small network scores each pair.

        e_ij = v_aᵀ tanh(W_a s_i + U_a h_j)
        α_ij = exp(e_ij) / Σ_k exp(e_ik)
        c_i = Σ_j α_ij h_j

    Parameters
    ----------
    query_dim : width D_q of the queries s
    context_dim : width D_c of the context h; `query_dim` where None
    hidden_dim : width n of the network; `query_dim` where None

    Attributes
    ----------
    W_a, U_a, v_a : Linear without bias, D_q → n, D_c → n, n → 1; they start as `Linear` does

    References
    ----------
    Bahdanau, Cho & Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate"
    (2015), equations 5 and 6, and appendix A.1.2 for the network.

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.AdditiveAttention(6, 7, hidden_dim=8)
    >>> output, weights = layer(mx.randn(2, 3, 6), mx.randn(2, 5, 7))
    >>> output.shape, weights.shape
    ((2, 3, 7), (2, 1, 3, 5))
    """

    equation = "softmax(v_aᵀ tanh(W_a s + U_a h)) h"
    equations = {
        "s": ("s", "(B, L, D_q)"),
        "h": ("h", "(B, S, D_c)"),
        "e": (r"e = v_a^\top \tanh(W_a s + U_a h)", "(B, 1, L, S)"),
        **STEPS,
    }

    def __init__(self, query_dim, context_dim=None, *, hidden_dim=None):
        super().__init__()
        self.query_dim = query_dim
        self.context_dim = query_dim if context_dim is None else context_dim
        hidden_dim = query_dim if hidden_dim is None else hidden_dim
        self.W_a = Linear(query_dim, hidden_dim, bias=False)
        self.U_a = Linear(self.context_dim, hidden_dim, bias=False)
        self.v_a = Linear(hidden_dim, 1, bias=False)

    def score(self, query, context):
        """v_aᵀ tanh(W_a s + U_a h): (B, L, D_q), (B, S, D_c) → (B, L, S)."""
        s = self.W_a(query).unsqueeze(-2)  # (B, L, 1, n)
        h = self.U_a(context).unsqueeze(-3)  # (B, 1, S, n)
        return self.v_a(tanh(s + h)).squeeze(-1)


class MultiplicativeAttention(ScoredAttention):
    """Luong's family: take `DotAttention`, `GeneralAttention` or `ConcatAttention`.

        α = softmax(score(h_t, h̄)),  c = α h̄

    Three scores are three equations, so they are three classes. `AttentionalState` goes on from c.

    References
    ----------
    Luong, Pham & Manning, "Effective Approaches to Attention-based Neural Machine Translation"
    (2015), section 3.1, equation 7.
    """

    def __init__(self):
        super().__init__()
        if type(self) is MultiplicativeAttention:
            raise TypeError(
                "MultiplicativeAttention is a family of three: DotAttention() for sᵀ h, "
                "GeneralAttention(query_dim, context_dim) for sᵀ W h, or "
                "ConcatAttention(query_dim, context_dim) for vᵀ tanh(W [s; h])."
            )


class DotAttention(MultiplicativeAttention):
    """score(h_t, h̄_s) = h_tᵀ h̄_s (Luong et al. 2015, "dot"). Nothing is learned."""

    equation = "softmax(s hᵀ) h"
    equations = {
        "s": ("s", "(B, L, D)"),
        "h": ("h", "(B, S, D)"),
        "e": (r"e = s h^\top", "(B, 1, L, S)"),
        **STEPS,
    }

    def check(self, query, context):
        """Raise unless the streams have one width and one float type."""
        if min(query.ndim, context.ndim) < 2:
            raise ShapeError(
                f"query has shape {tuple(query.shape)} and context {tuple(context.shape)}: "
                f"expected (batch, length, width) or (length, width) of both."
            )
        D_q, D_c = query.shape[-1], context.shape[-1]
        if D_q != D_c:
            raise ShapeError(
                f"query has width {D_q} (shape {tuple(query.shape)}) and context width {D_c} "
                f"(shape {tuple(context.shape)}): their dot product needs one width. "
                f"GeneralAttention({D_q}, {D_c}) puts a matrix between them."
            )
        if query.dtype != context.dtype or query.dtype.kind != "f":
            raise DTypeError(
                f"query is {query.dtype} and context {context.dtype}: expected one float type. "
                f"Use query.float() and context.float()."
            )

    def score(self, query, context):
        """s hᵀ: (B, L, D), (B, S, D) → (B, L, S)."""
        return wide(query) @ wide(context).mT


class GeneralAttention(MultiplicativeAttention):
    """score(h_t, h̄_s) = h_tᵀ W_a h̄_s (Luong et al. 2015, "general").

    Parameters
    ----------
    query_dim : width D_q of the queries h_t
    context_dim : width D_c of the context h̄; `query_dim` where None

    Attributes
    ----------
    W_a : Linear without bias, D_c → D_q; starts as `Linear` does
    """

    equation = "softmax(s W_a hᵀ) h"
    equations = {
        "s": ("s", "(B, L, D_q)"),
        "h": ("h", "(B, S, D_c)"),
        "e": (r"e = s W_a h^\top", "(B, 1, L, S)"),
        **STEPS,
    }

    def __init__(self, query_dim, context_dim=None):
        super().__init__()
        self.query_dim = query_dim
        self.context_dim = query_dim if context_dim is None else context_dim
        self.W_a = Linear(self.context_dim, query_dim, bias=False)

    def score(self, query, context):
        """s W_a hᵀ: (B, L, D_q), (B, S, D_c) → (B, L, S)."""
        return wide(query) @ wide(self.W_a(context)).mT


class ConcatAttention(MultiplicativeAttention):
    """score(h_t, h̄_s) = v_aᵀ tanh(W_a [h_t; h̄_s]) (Luong et al. 2015, "concat").

    With W_a cut into its columns for h_t and for h̄_s this is `AdditiveAttention`.

    Parameters
    ----------
    query_dim : width D_q of the queries h_t
    context_dim : width D_c of the context h̄; `query_dim` where None
    hidden_dim : width n of the network; `query_dim` where None

    Attributes
    ----------
    W_a, v_a : Linear without bias, D_q + D_c → n, n → 1; they start as `Linear` does
    """

    equation = "softmax(v_aᵀ tanh(W_a [s; h])) h"
    equations = {
        "s": ("s", "(B, L, D_q)"),
        "h": ("h", "(B, S, D_c)"),
        "e": (r"e = v_a^\top \tanh(W_a [s; h])", "(B, 1, L, S)"),
        **STEPS,
    }

    def __init__(self, query_dim, context_dim=None, *, hidden_dim=None):
        super().__init__()
        self.query_dim = query_dim
        self.context_dim = query_dim if context_dim is None else context_dim
        hidden_dim = query_dim if hidden_dim is None else hidden_dim
        self.W_a = Linear(self.query_dim + self.context_dim, hidden_dim, bias=False)
        self.v_a = Linear(hidden_dim, 1, bias=False)

    def score(self, query, context):
        """v_aᵀ tanh(W_a [s; h]): (B, L, D_q), (B, S, D_c) → (B, L, S)."""
        (*batch, L, _), S = query.shape, context.shape[-2]
        s = expand(query.unsqueeze(-2), *batch, L, S, self.query_dim)
        h = expand(context.unsqueeze(-3), *batch, L, S, self.context_dim)
        return self.v_a(tanh(self.W_a(cat([s, h], -1)))).squeeze(-1)


class AttentionalState(Module):
    """h̃_t = tanh(W_c [c_t; h_t]): what Luong's decoder predicts from (2015, equation 5).

    Parameters
    ----------
    query_dim : width D_q of the queries h_t, and of the output
    context_dim : width D_c of the mean context c_t; `query_dim` where None

    Attributes
    ----------
    W_c : Linear without bias, D_c + D_q → D_q; starts as `Linear` does
    """

    equation = "tanh(W_c [c; h])"

    def __init__(self, query_dim, context_dim=None):
        super().__init__()
        context_dim = query_dim if context_dim is None else context_dim
        self.query_dim, self.context_dim = query_dim, context_dim
        self.W_c = Linear(context_dim + query_dim, query_dim, bias=False)

    def forward(self, mean, query):
        """c (B, L, D_c), h (B, L, D_q) → h̃ (B, L, D_q); no weights."""
        check_width("mean", mean, self.context_dim, "context_dim")
        check_width("query", query, self.query_dim, "query_dim")
        return tanh(self.W_c(cat([mean, query], -1)))


def wide(x):
    """float16 as float32, in which a sum of products does not overflow; others as they are."""
    return x.float() if x.dtype == np.float16 else x
