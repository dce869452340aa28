r"""A Transformer without feed-forward networks: what they knew by heart, attention remembers.

Sukhbaatar et al., "Augmenting Self-attention with Persistent Memory" (2019). A feed-forward network
is a sum over fixed keys and values (`FeedForward.as_attention()`); put beside the keys and values
of the context, in the same softmax, they make a layer of attention alone:

| paper                            | identifier                       | shape                    |
|----------------------------------|----------------------------------|--------------------------|
| N, how many persistent vectors   | slots                            |                          |
| persistent keys and values       | P_k, P_v                         | (h, N, d_k), (h, N, d_v) |
| softmax over context and memory  | `PersistentMemoryAttention`      | (B, h, ·, S + N)         |
| all-attention layer, encoder     | AllEncoderLayer.read             | weights (B, h, S, S + N) |
| the same, decoder                | AllDecoderLayer.recall           | weights (B, h, L, L + N) |
| (not in the paper)               | AllDecoderLayer.look             | weights (B, h, L, S + N) |

The paper's models have a decoder only. Here the encoder and the decoder are those of
`transformer.py`, and what is ours is the share of the decoder: half of its slots lie in its
self-attention, half in its cross-attention, where a token that needs nothing of the source can look
at a slot instead.

One hidden unit of a feed-forward network is a row of W_1 and a column of W_2; one slot is a key and
a value in all heads together: 2 E numbers each. So a model with as many slots as the `Transformer`
has hidden units has as many weights, but for the biases and norms that are gone.

Slots stand in no sequence: no mask hides them, causal or not, and no cache holds them.

Read before: `nn/memory.py`, `transformer.py`.
"""

from ..nn import Module, PersistentMemoryAttention, init
from ..tracing import note
from .transformer import Transformer
from .transformer_layers import PreNorm


class AllEncoderLayer(Module):
    r"""The source looks at itself and at what is remembered, in one softmax.

        x ← x ⊕ A [x W_V; P_v]

    Parameters
    ----------
    width, heads, slots : E, h, N
    residual : PostNorm or PreNorm
    dropout : P_drop
    """

    equations = {
        "x": ("x", "(B, S, E)"),
        "weights": (r"A", "(B, h, S, S + N)"),
        "output": (r"x \oplus A [x W_V; P_v]", "(B, S, E)"),
    }

    def __init__(self, width, heads, slots, residual, dropout=0.0):
        super().__init__()
        self.read = PersistentMemoryAttention(width, num_heads=heads, num_slots=slots)
        self.around_read = residual(width, dropout)

    def forward(self, input, mask=None):
        """(B, S, E), mask (B, 1, S) → output (B, S, E), weights (B, h, S, S + N)."""
        n = self.around_read.before(input)
        y, weights = self.read(n, n, mask)
        output = self.around_read.after(input, y)
        note(self, x=input, weights=weights, output=output)
        return output, weights


class AllDecoderLayer(Module):
    r"""What is written looks back at itself, then at the source, each time at its memory too.

        x ← x ⊕ A_self [x W_V; P_v],  x ← x ⊕ A_cross [z W_V′; P_v′]

    Parameters
    ----------
    width, heads : E, h
    slots : N of both together; the cross-attention gets the odd one
    residual : PostNorm or PreNorm
    dropout : P_drop
    look : the class whose layer lets it see the source, called with (E, num_heads=h, num_slots=N)
    """

    equations = {
        "x": ("x", "(B, L, E)"),
        "memory": ("z", "(B, S, E)"),
        "back": (r"A_\text{self}", "(B, h, L, L + N)"),
        "weights": (r"A_\text{cross}", "(B, h, L, S + N)"),
        "output": (r"x \oplus A_\text{self} [x W_V; P_v] \oplus A_\text{cross} [z W_V'; P_v']",
                   "(B, L, E)"),
    }  # fmt: skip

    def __init__(self, width, heads, slots, residual, dropout=0.0, look=PersistentMemoryAttention):
        super().__init__()
        self.recall = PersistentMemoryAttention(width, num_heads=heads, num_slots=slots // 2)
        self.look = look(width, num_heads=heads, num_slots=slots - slots // 2)
        self.around_recall, self.around_look = (residual(width, dropout) for _ in range(2))

    def forward(self, input, memory, past, mask=None, caches=(None, None)):
        """Take in what is written so far; all is as in `transformer_layers.DecoderLayer`.

        Returns
        -------
        output : (B, L, E)
        weights : (B, h, L, S + N), of the cross-attention
        """
        n = self.around_recall.before(input)
        y, back = self.recall(n, n, past, cache=caches[0])
        x = self.around_recall.after(input, y)
        y, weights = self.look(self.around_look.before(x), memory, mask, cache=caches[1])
        output = self.around_look.after(x, y)
        note(self, x=input, memory=memory, back=back, weights=weights, output=output)
        return output, weights


class AllAttention(Transformer):
    r"""A Transformer whose layers are attention alone, to the context and to N slots.

        z = Encoder(√E · E_s[source] + PE)
        logits = Decoder(√E · E_t[given] + PE, z) E_tᵀ

    It is trained, asked and decoded as a `Transformer` is.

    Parameters
    ----------
    source_size, target_size, width, heads, layers, residual, dropout, longest : as in `Transformer`
    slots : N of each layer, 4 E where None: as many as there would be hidden units

    Attributes
    ----------
    look : PersistentMemoryAttention

    References
    ----------
    Sukhbaatar et al., "Augmenting Self-attention with Persistent Memory" (2019).
    """

    look, encoder_layer, decoder_layer = PersistentMemoryAttention, AllEncoderLayer, AllDecoderLayer

    def __init__(self, source_size, target_size=None, *, width=64, heads=4, slots=None, layers=2,
                 residual=PreNorm, dropout=0.0, longest=64):  # fmt: skip
        super().__init__(source_size, target_size, width=width, heads=heads, hidden=slots,
                         layers=layers, residual=residual, dropout=dropout,
                         longest=longest)  # fmt: skip

    def reset_parameters(self):
        """Draw the matrices anew; keys and values of the slots N(0, 1), as their layer does."""
        super().reset_parameters()
        for part in self.modules():
            if isinstance(part, PersistentMemoryAttention):
                init.normal_(part.P_k)
                init.normal_(part.P_v)

    def decode(self, given, memory, mask=None, caches=None):
        """Say what comes next, for a source that was read; see `Transformer.decode`.

        Returns
        -------
        logits : (B, L, V)
        weights : tuple of (B, h, L, S), the cross-attention of each decoder layer to the source;
            what is missing from 1 in a row lies on the slots
        """
        logits, weights = super().decode(given, memory, mask, caches)
        S = memory.shape[1]
        return logits, tuple(A[..., :S] for A in weights)
