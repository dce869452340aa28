"""PyTorch's stacks of Transformer layers, and the whole of it (Vaswani et al. 2017, figure 1)."""

import copy

from .. import creation, dtypes
from . import functional as F
from .containers import ModuleList
from .init import xavier_uniform_
from .module import Module
from .normalization import LayerNorm
from .transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer


class TransformerEncoder(Module):
    """x ← layer_N(… layer_1(x)), then the norm.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer, of which each layer begins as a copy
    num_layers : N
    norm : Module that comes last, or None
    enable_nested_tensor, mask_check : for code written for PyTorch; they change nothing here
    """

    def __init__(self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True,  # noqa: ARG002
                 mask_check=True):  # noqa: ARG002  # fmt: skip
        super().__init__()
        self.layers, self.norm = copies(encoder_layer, num_layers), norm
        self.num_layers = num_layers

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        """Read the source: (S, B, E), or (B, S, E) if the layers have `batch_first`.

        Masks are those of `TransformerEncoderLayer`.
        """
        x = src
        for layer in self.layers:
            x = layer(x, mask, src_key_padding_mask, bool(is_causal))
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """x ← layer_N(… layer_1(x, m) …, m), then the norm.

    Parameters
    ----------
    decoder_layer : TransformerDecoderLayer, of which each layer begins as a copy
    num_layers : N
    norm : Module that comes last, or None
    """

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers, self.norm = copies(decoder_layer, num_layers), norm
        self.num_layers = num_layers

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
                memory_key_padding_mask=None, tgt_is_causal=None,
                memory_is_causal=False):  # fmt: skip
        """Write the target while looking at the memory; all is as in `TransformerDecoderLayer`."""
        x = tgt
        for layer in self.layers:
            x = layer(x, memory, tgt_mask, memory_mask, tgt_key_padding_mask,
                      memory_key_padding_mask, bool(tgt_is_causal), memory_is_causal)  # fmt: skip
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """decoder(tgt, encoder(src)): figure 1 without embeddings, positions and the last projection.

    Parameters
    ----------
    d_model, nhead : E and h
    num_encoder_layers, num_decoder_layers : N of each
    dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias : see
        `TransformerEncoderLayer`
    custom_encoder, custom_decoder : Modules to use instead, or None
    device, dtype : of the parameters

    Examples
    --------
    >>> import minixattn as mx
    >>> model = mx.nn.Transformer(8, 2, 1, 1, batch_first=True)
    >>> mask = model.generate_square_subsequent_mask(3)
    >>> model(mx.randn(1, 5, 8), mx.randn(1, 3, 8), tgt_mask=mask).shape
    (1, 3, 8)

    References
    ----------
    Vaswani et al., "Attention Is All You Need" (2017).
    """

    def __init__(self, d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6,
                 dim_feedforward=2048, dropout=0.1, activation=F.relu, custom_encoder=None,
                 custom_decoder=None, layer_norm_eps=1e-5, batch_first=False, norm_first=False,
                 bias=True, device=None, dtype=None):  # fmt: skip
        super().__init__()
        options = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps,
                   batch_first, norm_first, bias, device, dtype)  # fmt: skip

        def norm():
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*options), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*options), num_decoder_layers, norm()
        )
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        for p in self.parameters():
            if p.ndim > 1:
                xavier_uniform_(p)

    def forward(self, src, tgt, src_mask=None, tgt_mask=None, memory_mask=None,
                src_key_padding_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None,
                src_is_causal=None, tgt_is_causal=None, memory_is_causal=False):  # fmt: skip
        """Read the source, write the target.

        Parameters
        ----------
        src, tgt : (S, B, E) and (L, B, E); (B, S, E) and (B, L, E) with batch_first
        others : as in `TransformerEncoderLayer` and `TransformerDecoderLayer`

        Raises
        ------
        RuntimeError
            If batch sizes differ, or a width is not E.
        """
        batch = 0 if self.batch_first else 1
        if src.ndim == tgt.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise RuntimeError(
                f"the batch number of src and tgt must be equal, got {src.shape} and {tgt.shape} "
                f"with batch_first={self.batch_first}: the batch is dimension {batch}."
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError(
                f"the feature number of src and tgt must be equal to d_model = {self.d_model}, "
                f"got {src.shape} and {tgt.shape}."
            )
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        return self.decoder(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask,
                            memory_key_padding_mask, tgt_is_causal, memory_is_causal)  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz, device=None, dtype=None):
        """The causal mask (sz, sz): 0 for a key at or before the query, −∞ for one after it."""
        dtype = dtype or dtypes.get_default_dtype()
        return creation.full((sz, sz), -float("inf"), dtype=dtype, device=device).triu(1)


def copies(layer, n):
    """n layers that begin alike and learn apart."""
    return ModuleList([copy.deepcopy(layer) for _ in range(n)])
