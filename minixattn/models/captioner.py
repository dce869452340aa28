r"""Saying what is on a page: a decoder writes words, and each word looks at the page.

Xu et al., "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention" (2015),
with the Transformer's layers in place of the paper's convolutions and LSTM:

| paper                             | where       | identifier          | shape              |
|-----------------------------------|-------------|---------------------|--------------------|
| annotation vectors a₁ … a_L       | 3.1.1       | memory              | (B, S, E)          |
| caption y₁ … y_C                  | 3.1.1, eq. 1 | given              | (B, L)             |
| h_t, the LSTM's state             | 3.1.2       | x after `recall`    | (B, L, E)          |
| e_ti = f_att(a_i, h_{t−1})        | 3.1.2, eq. 4 | Q Kᵀ / √d_k in `look` | (B, h, L, S)   |
| α_ti = exp e_ti / Σ_k exp e_tk    | eq. 5       | weights             | (B, h, L, S)       |
| ẑ_t = Σ_i α_ti a_i                | eq. 6, 13   | softmax(·) V        | (B, h, L, d_v)     |
| p(y_t | a, y_{t−1})               | eq. 7       | logits              | (B, L, V)          |

What the paper calls soft attention is cross-attention with words as queries and places of the image
as keys and values. Its model before it had the image as one vector: `PooledCaptioner`.

Read before: `transformer.py`, whose decoder this is. Training, scoring and use: `captioning.py`.
"""

from ..creation import empty
from ..errors import ShapeError
from ..nn import Linear, Parameter, ReLU, Sequential, init
from .ancestors import PooledContext
from .transformer import Transformer


class Captioner(Transformer):
    r"""A page of patches in, a caption out.

        a = Encoder(MLP(patch) + p),  logits = Decoder(√E · E_t[y] + PE, a) E_tᵀ

    Parameters
    ----------
    size : V, words of the vocabulary
    pixels, patches : of one patch; S, on a page
    width, heads, hidden, layers, residual, dropout, longest : as in `Transformer`

    References
    ----------
    Xu et al., "Show, Attend and Tell" (2015).
    """

    equation = "Decoder(E_t[y] + PE, Encoder(MLP(patch) + p)) E_tᵀ"

    def __init__(self, size, *, pixels=36, patches=16, width=64, **options):
        super().__init__(size, width=width, **options)
        E = width
        self.patch = Sequential(Linear(pixels, 2 * E), ReLU(), Linear(2 * E, E))
        self.place = Parameter(empty(patches, E))
        init.normal_(self.place, std=0.5)

    def encode(self, source, mask=None):
        """a: patches (B, S, pixels) → (B, S, E); every patch is there, so there is no mask."""
        S, pixels = len(self.place), self.patch[0].in_features
        if source.ndim != 3 or tuple(source.shape[1:]) != (S, pixels) or mask is not None:
            raise ShapeError(
                f"Captioner: the patches have shape {tuple(source.shape)}, expected (B, S, pixels) "
                f"= (B, {S}, {pixels}), and no mask. A single page is a batch of B = 1."
            )
        x = self.dropout(self.patch(source) + self.place)
        for layer in self.encoder:
            x, _ = layer(x)
        return self.norm_encoder(x)


class PooledCaptioner(Captioner):
    """`Captioner` that sees the page as one vector, the mean of what the encoder gives.

    Parameters and calls are those of `Captioner`.
    """

    look = PooledContext
