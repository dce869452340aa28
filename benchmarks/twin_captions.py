"""The Captioner, as `minixattn train captions` trains it, but without dropout, and its twin.

Dropped numbers would be others in each library, and the losses could not be compared.
"""

from functools import partial

from .twin import of_recipe, sides


def parts(batch):
    """What the loss needs of a batch."""
    return batch.patches, batch.given, batch.expected


def loss_of(F, model, patches, given, expected):
    """Cross-entropy of the next words, and the share of captions whose words are all likeliest."""
    logits, _ = model(patches, given)
    right = (logits.argmax(-1) == expected).all(1).float().mean()
    return F.cross_entropy(logits.flatten(0, 1), expected.flatten()), right


def captioner(torch, model):
    """The Captioner in PyTorch."""
    from .twin_transformer import Transformer

    nn = torch.nn

    class Captioner(Transformer):
        def __init__(self, like):
            super().__init__(like)
            first, last = like.patch[0], like.patch[2]
            self.patch = nn.Sequential(
                nn.Linear(first.in_features, first.out_features), nn.ReLU(),
                nn.Linear(last.in_features, last.out_features),
            )  # fmt: skip
            self.place = nn.Parameter(torch.empty(like.place.shape))

        def encode(self, source, _mask):
            return self.read(self.patch(source) + self.place)

    return Captioner(model)


pieces = partial(of_recipe, "captions", parts, loss_of, dropout=0.0)
SIDES = sides(pieces, captioner)
