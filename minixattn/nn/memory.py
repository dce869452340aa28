"""What a layer knows by heart, as attention: learned keys and values beside those of the context.

    A = softmax([Q Kᵀ, Q P_kᵀ] / √d_k)
    output = A [V; P_v]

A feed-forward network is nearly that already: its hidden units are keys, its outgoing weights are
values, and only the softmax is missing. `FeedForward.as_attention()` shows it.
"""

from ..creation import as_tensor, empty
from ..tracing import note
from . import init
from .attention import CrossAttention, boolean_mask, check_width
from .empty_rows import checked_before
from .functional import linear, relu
from .functional.attention import attention
from .functional.slots import attention_with_slots, is_shared, with_more, with_slots
from .heads import merge_heads, split_heads
from .layers import Linear
from .module import Module
from .parameter import Parameter


class PersistentMemoryAttention(CrossAttention):
    r"""Cross-attention to the context and to N learned slots, in one softmax.

        Q = x W_Q,  K = c W_K,  V = c W_V
        A = softmax(Q [K; P_k]ᵀ / √d_k)  for each head
        output = concat(A₁[V₁; P_v₁], …) W_O

    No mask ever hides a slot, and no cache holds one: they stand behind [K_cached; c W_K], once, in
    every call. Without slots this is `CrossAttention` bit for bit; one slot is what
    `MultiheadAttention` calls `add_bias_kv`. The paper's all-attention layer is the case x = c.

    Parameters
    ----------
    query_dim : width D_q of the queries' sequence x
    context_dim : width D_c of the context; `query_dim` where None
    num_heads : h
    num_slots : N
    head_dim, value_dim, out_dim, bias, dropout : as in `CrossAttention`

    Attributes
    ----------
    P_k, P_v : (h, N, d_k) and (h, N, d_v), start N(0, 1)
    W_Q, W_K, W_V, W_O : as in `CrossAttention`

    References
    ----------
    Sukhbaatar et al., "Augmenting Self-attention with Persistent Memory" (2019). The authors store
    P_k / √d_k and P_v / √N and multiply when they use them, which changes how fast the slots
    learn, not what is computed.

    Examples
    --------
    >>> import minixattn as mx
    >>> layer = mx.nn.PersistentMemoryAttention(32, 20, num_heads=4, num_slots=6)
    >>> output, weights = layer(mx.randn(2, 5, 32), mx.randn(2, 9, 20))
    >>> output.shape, weights.shape
    ((2, 5, 32), (2, 4, 5, 15))
    """

    equation = "softmax(Q [K; P_k]ᵀ / √d_k) [V; P_v]"
    equations = {
        "x": ("x", "(B, L, D_q)"),
        "c": ("c", "(B, S, D_c)"),
        "Q": ("Q = x W_Q", "(B, h, L, d_k)"),
        "K": ("[c W_K; P_k]", "(B, h, S + N, d_k)"),
        "V": ("[c W_V; P_v]", "(B, h, S + N, d_v)"),
        "scores": (r"\frac{Q K^\top}{\sqrt{d_k}}", "(B, h, L, S + N)"),
        "masked": (r"\mathrm{scores},\; -\infty \text{ where forbidden}", "(B, h, L, S + N)"),
        "weights": (r"A = \operatorname{softmax}(\mathrm{scores})", "(B, h, L, S + N)"),
        "heads": ("A V", "(B, h, L, d_v)"),
        "output": (r"\operatorname{concat}(A V) W_O", "(B, L, D_o)"),
    }

    def __init__(self, query_dim, context_dim=None, *, num_heads, num_slots, head_dim=None,
                 value_dim=None, out_dim=None, bias=True, dropout=0.0):  # fmt: skip
        super().__init__(
            query_dim, context_dim, num_heads=num_heads, head_dim=head_dim, value_dim=value_dim,
            out_dim=out_dim, bias=bias, dropout=dropout,
        )  # fmt: skip
        if num_slots < 0:
            raise ValueError(f"num_slots must be 0 or more, got {num_slots}.")
        self.num_slots, h = num_slots, num_heads
        self.P_k = Parameter(empty(h, num_slots, self.W_K.out_features // h))
        self.P_v = Parameter(empty(h, num_slots, self.W_V.out_features // h))
        init.normal_(self.P_k)
        init.normal_(self.P_v)

    def forward(self, query, context=None, mask=None, *, cache=None):
        """Look at the context and the slots.

        Parameters
        ----------
        query : (B, L, D_q)
        context : (B, S, D_c); with a cache, what to add to it, or None to look at it as it is
        mask : for the context only, the cached part of it too, as in `CrossAttention`
        cache : KVCache, the keys and values of earlier calls, without the slots

        Returns
        -------
        output : (B, L, D_o)
        weights : (B, h, L, S + N), before dropout; S counts what is in the cache too, and the
            slots are the last N columns
        """
        self.check(query, context, cache)
        mask = self.mask(mask, query, context, len(cache or ()))
        Q = split_heads(self.W_Q(query), self.num_heads)  # (B, h, L, d_k)
        K, V = self.keys_and_values(context, cache)  # (B, h, S, d)
        p = self.dropout if self.training else 0.0
        given = Q, K, V, self.P_k, self.P_v
        if not p and isinstance(self.scale, (int, float)) and is_shared(*given):
            output, weights = attention_with_slots(*given, mask, self.scale)
            return self.W_O(merge_heads(output)), weights

        mask = with_more(mask, K.shape[-2], self.num_slots)
        K, V = with_slots(K, self.P_k), with_slots(V, self.P_v)  # (B, h, S + N, d)
        steps = attention(Q, K, V, mask, p, scale=self.scale)
        output = self.W_O(merge_heads(steps.output))
        note(self, x=query, c=context, Q=Q, K=K, V=V, scores=steps.scores, masked=steps.masked,
             weights=steps.weights, heads=steps.output, output=output)  # fmt: skip
        return output, steps.weights

    def mask(self, mask, query, context, cached=0):
        """The mask of the context, checked."""
        if mask is not None and self.num_slots:
            mask = as_tensor(mask, device=query.device).detach()
            checked_before(mask)  # no query is left with nothing to look at: no warning
        return boolean_mask(mask, query, context, self.num_heads, cached)

    def extra_repr(self):
        """The options."""
        return f"{super().extra_repr()}, num_slots={self.num_slots}"


class FeedForward(Module):
    r"""Each position by itself, through N hidden units.

        FF(x) = σ(x W_1 + b_1) W_2 + b_2

    Parameters
    ----------
    embed_dim : width D of input and output
    hidden_dim : N; 4 D where None
    activation : σ, a function of Tensors such as `functional.relu` or `functional.gelu`
    bias : whether there are b_1 and b_2

    Attributes
    ----------
    W_1, W_2 : Linear, D → N, N → D; they start as `Linear` does

    References
    ----------
    Vaswani et al. (2017), equation 2.
    """

    equation = "σ(x W_1 + b_1) W_2 + b_2"
    equations = {
        "x": ("x", "(B, L, D)"),
        "hidden": (r"\sigma(x W_1 + b_1)", "(B, L, N)"),
        "output": (r"\sigma(x W_1 + b_1) W_2 + b_2", "(B, L, D)"),
    }

    def __init__(self, embed_dim, hidden_dim=None, activation=relu, bias=True):
        super().__init__()
        hidden_dim = 4 * embed_dim if hidden_dim is None else hidden_dim
        self.activation = activation
        self.W_1 = Linear(embed_dim, hidden_dim, bias)
        self.W_2 = Linear(hidden_dim, embed_dim, bias)

    def forward(self, input):
        """(…, D) → (…, D); no weights, see `as_attention`."""
        hidden = self.activation(self.W_1(input))
        output = self.W_2(hidden)
        note(self, x=input, hidden=hidden, output=output)
        return output

    def as_attention(self):
        """The same function of the same parameters, read as attention; see the class it returns."""
        return FeedForwardAttention(self)

    def extra_repr(self):
        """The options."""
        return f"σ={getattr(self.activation, '__name__', self.activation)}"


class FeedForwardAttention(Module):
    r"""A feed-forward network read as attention to N fixed keys, without a softmax.

        FF(x) = Σ_i σ(x·k_i + b_i) v_i + b_2

    Key k_i is the i-th row of W_1's weight, value v_i the i-th column of W_2's. They do not depend
    on any context, and a query's weights need not sum to 1. Nothing is copied: training either
    trains both.

    Parameters
    ----------
    network : FeedForward

    References
    ----------
    Sukhbaatar et al., "Augmenting Self-attention with Persistent Memory" (2019), on the
    feed-forward sublayer as an attention layer.
    """

    equation = "Σ_i σ(x·k_i + b_i) v_i + b_2"
    equations = {
        "x": ("x", "(B, L, D)"),
        "k": (r"k", "(N, D)"),
        "v": (r"v", "(N, D)"),
        "weights": (r"A = \sigma(x k^\top + b_1)", "(B, 1, L, N)"),
        "output": (r"A v + b_2", "(B, L, D)"),
    }

    def __init__(self, network):
        super().__init__()
        self.network = network

    @property
    def keys(self):
        """(N, D)."""
        return self.network.W_1.weight

    @property
    def values(self):
        """(N, D)."""
        return self.network.W_2.weight.mT

    def forward(self, input):
        """(B, L, D) → output (B, L, D), weights (B, 1, L, N)."""
        check_width("input", input, self.keys.shape[1], "embed_dim")
        network, k, v = self.network, self.keys, self.values
        weights = network.activation(linear(input, k, network.W_1.bias)).unsqueeze(-3)
        output = (weights @ v).squeeze(-3)
        output = output if network.W_2.bias is None else output + network.W_2.bias
        note(self, x=input, k=k, v=v, weights=weights, output=output)
        return output, weights
