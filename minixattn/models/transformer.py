r"""The Transformer: an encoder reads a text, a decoder writes another one and looks at the first.

Vaswani et al., "Attention Is All You Need" (2017). Read beside the paper:

| paper                          | where        | identifier              | shape               |
|--------------------------------|--------------|-------------------------|---------------------|
| x₁ … x_n, y₁ … y_m             | 3            | source, given           | (B, S), (B, L)      |
| z, what the encoder gives      | 3            | memory                  | (B, S, E)           |
| LayerNorm(x + Sublayer(x))     | 3.1          | PostNorm                | (B, ·, E) → same    |
| N, d_model, h, d_ff            | 3.1, table 3 | layers, width E, heads, hidden |              |
| MultiHead(Q, K, V)             | 3.2.2, eq. 1 | SelfAttention, CrossAttention | (B, L, E) → same |
| encoder self-attention         | 3.2.3        | EncoderLayer.read       | weights (B, h, S, S) |
| decoder self-attention, masked | 3.2.3        | DecoderLayer.recall     | weights (B, h, L, L) |
| **encoder-decoder attention**  | 3.2.3        | **DecoderLayer.look**   | weights (B, h, L, S) |
| FFN(x) = max(0, xW₁+b₁)W₂+b₂   | 3.3, eq. 2   | FeedForward, `think`    | (B, ·, E) → same    |
| √d_model · embedding           | 3.4          | embed                   | (B, ·) → (B, ·, E)  |
| the pre-softmax transformation shares the embedding's matrix | 3.4 | target.weight | (V, E) |
| PE(pos, 2i), PE(pos, 2i+1)     | 3.5          | sinusoids               | (longest, E)        |
| residual dropout P_drop        | 5.4          | dropout                 |                     |

The paper normalises after each residual connection (`PostNorm`); nearly all that came later does it
before the sublayer (`PreNorm`; Xiong et al. 2020), which needs no warm-up to train.

Read before: `nn/attention.py`, `nn/memory.py` (FeedForward). Read with it: `transformer_layers.py`.
Decoding is in `decoding.py`, what stood in the place of cross-attention before in `ancestors.py`.
"""

import math

from .. import masks
from ..creation import as_tensor
from ..errors import ShapeError
from ..nn import CrossAttention, Dropout, Embedding, KVCache, Module, ModuleList, init
from ..nn.functional import linear
from ..tracing import note
from .transformer_layers import DecoderLayer, EncoderLayer, PreNorm, sinusoids


class Transformer(Module):
    r"""Encoder and decoder.

        z = Encoder(√E · E_s[source] + PE)
        logits = Decoder(√E · E_t[given] + PE, z) E_tᵀ

    Parameters
    ----------
    source_size, target_size : how many tokens the two vocabularies have; with None for the second
        there is one vocabulary and all three matrices are shared, as in the paper
    width : E
    heads : h
    hidden : d_ff, 4 E where None
    layers : N of the encoder and N of the decoder, one int or two
    residual : PreNorm or PostNorm
    dropout : P_drop
    longest : the greatest S and L that there are positions for

    Attributes
    ----------
    look : CrossAttention, the class whose layer lets the decoder see the source; a subclass may
        name another one (`ancestors.py`), and so it may with
    encoder_layer, decoder_layer : EncoderLayer and DecoderLayer (`all_attention.py`)
    source, target : Embedding; start N(0, 1/E). All other matrices start Xavier-uniform

    References
    ----------
    Vaswani et al., "Attention Is All You Need" (2017).
    Xiong et al., "On Layer Normalization in the Transformer Architecture" (2020).
    """

    equation = "Decoder(E_t[y] + PE, Encoder(E_s[x] + PE)) E_tᵀ"
    equations = {
        "memory": (r"z = \operatorname{Encoder}(\sqrt{E}\, E_s[x] + PE)", "(B, S, E)"),
        "x": (r"\operatorname{Decoder}(\sqrt{E}\, E_t[y] + PE, z)", "(B, L, E)"),
        "logits": (r"x E_t^\top", "(B, L, V)"),
    }

    look, encoder_layer, decoder_layer = CrossAttention, EncoderLayer, DecoderLayer

    def __init__(self, source_size, target_size=None, *, width=64, heads=4, hidden=None, layers=2,
                 residual=PreNorm, dropout=0.0, longest=64):  # fmt: skip
        super().__init__()
        n_encoder, n_decoder = (layers, layers) if isinstance(layers, int) else layers
        hidden = 4 * width if hidden is None else hidden
        self.width, self.longest = width, longest
        self.source = Embedding(source_size, width)
        self.target = self.source if target_size is None else Embedding(target_size, width)
        self.register_buffer("position", as_tensor(sinusoids(longest, width)), persistent=False)
        self.dropout = Dropout(dropout)
        part = (width, heads, hidden, residual, dropout)
        self.encoder = ModuleList(self.encoder_layer(*part) for _ in range(n_encoder))
        self.decoder = ModuleList(self.decoder_layer(*part, self.look) for _ in range(n_decoder))
        self.norm_encoder, self.norm_decoder = residual.last(width), residual.last(width)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw the matrices anew."""
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)
        for table in (self.source, self.target):
            init.normal_(table.weight, std=self.width**-0.5)

    def forward(self, source, given, mask=None):
        """Read the source, and say for each token given what comes next.

        Parameters
        ----------
        source : (B, S) int64
        given : (B, L) int64, the target so far, from the start token on
        mask : (B, S) bool, True for a real token of the source; None where all are

        Returns
        -------
        logits : (B, L, V), at l for the token after the first l + 1
        weights : tuple of (B, h, L, S), the cross-attention of each decoder layer
        """
        return self.decode(given, self.encode(source, mask), mask)

    def encode(self, source, mask=None):
        """z: (B, S) int64 and mask (B, S) → (B, S, E)."""
        x = self.embed(self.source, source, "source")
        mask = self.keys(mask, source)
        for layer in self.encoder:
            x, _ = layer(x, mask)
        return self.norm_encoder(x)

    def decode(self, given, memory, mask=None, caches=None):
        """Say what comes next, for a source that was read.

        Parameters
        ----------
        given : (B, L) int64; with caches, only the tokens that came since the last call
        memory : (B, S, E), from `encode`
        mask : (B, S) bool, as for `encode`
        caches : from `caches()`, the same in every call; None to compute all tokens anew

        Returns
        -------
        logits, weights : as `forward` returns them, for the tokens given
        """
        start = len(caches[0][0]) if caches else 0
        L = given.shape[-1]
        x = self.embed(self.target, given, "given", start)
        past = masks.causal(L, start + L, offset=start)
        mask = self.keys(mask, memory)
        read = memory if start == 0 else None  # later the caches hold what was made of it
        weights = []
        for layer, cache in zip(self.decoder, caches or [(None, None)] * len(self.decoder)):
            x, A = layer(x, read, past, mask, cache)
            weights.append(A)
        x = self.norm_decoder(x)
        logits = linear(x, self.target.weight)
        note(self, memory=memory, x=x, logits=logits)
        return logits, tuple(weights)

    def caches(self):
        """Empty caches for `decode`: two for each decoder layer."""
        return [(KVCache(), KVCache()) for _ in self.decoder]

    def embed(self, table, ids, name, start=0):
        """√E · table[ids] + PE, from position `start` on: (B, L) → (B, L, E)."""
        if ids.ndim != 2:
            raise ShapeError(
                f"{name} has shape {tuple(ids.shape)}, expected (batch, length) token numbers; a "
                f"single text is a batch of 1: {name}.unsqueeze(0)."
            )
        stop = start + ids.shape[1]
        if stop > self.longest:
            raise ShapeError(
                f"{name} is {stop} tokens long, but the model has positions for {self.longest}: "
                f"shorten it, or make the model with longest={stop}."
            )
        return self.dropout(table(ids) * math.sqrt(self.width) + self.position[start:stop])

    def keys(self, mask, source):
        """A mask (B, S) as one for attention: (B, 1, S)."""
        if mask is None:
            return None
        if tuple(mask.shape) != tuple(source.shape[:2]):
            raise ShapeError(
                f"mask has shape {tuple(mask.shape)}, expected (B, S) = "
                f"{tuple(source.shape[:2])}: True for each real token of the source."
            )
        return mask.unsqueeze(1)
