"""A Transformer without feed-forward networks, as `minixattn train all-attention` trains it."""

from functools import partial

from .twin import of_recipe, sides
from .twin_dates import loss_of, parts


def all_attention(torch, model):
    """AllAttention in PyTorch: learned keys and values beside those of the context."""
    from .twin_transformer import Around, Attention, Transformer

    nn, F = torch.nn, torch.nn.functional

    class Memory(Attention):
        def __init__(self, like, returns=False):
            super().__init__(like, returns)
            self.P_k = nn.Parameter(torch.empty(like.P_k.shape))
            self.P_v = nn.Parameter(torch.empty(like.P_v.shape))

        def keys_and_values(self, c):
            return [
                torch.cat([x, P.expand(len(x), *P.shape)], 2)  # (B, h, S + N, d)
                for x, P in zip(super().keys_and_values(c), (self.P_k, self.P_v))
            ]

        def forward(self, x, c, mask):
            return super().forward(x, c, F.pad(mask, (0, self.P_k.shape[1]), value=True))

    class EncoderLayer(nn.Module):
        def __init__(self, like):
            super().__init__()
            self.read, self.around_read = Memory(like.read), Around(like.around_read)

        def forward(self, x, mask):
            n = self.around_read(x)
            return x + self.read(n, n, mask)[0]

    class DecoderLayer(nn.Module):
        def __init__(self, like):
            super().__init__()
            self.recall, self.look = Memory(like.recall), Memory(like.look, returns=True)
            self.around_recall = Around(like.around_recall)
            self.around_look = Around(like.around_look)

        def forward(self, x, memory, mask):
            n, L = self.around_recall(x), x.shape[1]
            past = torch.ones(L, L, dtype=torch.bool).tril()
            x = x + self.recall(n, n, past)[0]
            y, A = self.look(self.around_look(x), memory, mask)
            return x + y, A[..., : memory.shape[1]]

    class AllAttention(Transformer):
        encoder_layer, decoder_layer = EncoderLayer, DecoderLayer

    return AllAttention(model)


pieces = partial(of_recipe, "all-attention", parts, loss_of)
SIDES = sides(pieces, all_attention)
