r"""What SelfDoc is compared with: one modality alone, or both joined without cross-attention.

| sees              | a region is            |                                              |
|-------------------|------------------------|----------------------------------------------|
| ("text",)         | Words(print) + p       | what is printed only                         |
| ("image",)        | MLP(ink) + p           | what is drawn only                           |
| ("text", "image") | W [Words; MLP] + b + p | **concatenation**: joined from the start    |

Then regions look at regions (self-attention), as often as SelfDoc's streams do: agreement and
inter-modal attention are two looks, so each of its layers stands against two here.

Read before: `selfdoc.py`.
"""

from ..creation import empty
from ..nn import (
    FeedForward,
    LayerNorm,
    Linear,
    Module,
    ModuleList,
    Parameter,
    SelfAttention,
    init,
)
from ..ops.shape import cat
from ..tracing import note
from .selfdoc import PrintedWords, check, image_encoder

MODALITIES = ("text", "image")


class RegionLayer(Module):
    r"""x ← x + A(LN x, LN x),  x ← x + FF(LN x)."""

    equations = {
        "weights": ("A", "(B, h, N, N)"),
        "x": (r"x + A + \operatorname{FF}", "(B, N, E)"),
    }

    def __init__(self, width, heads):
        super().__init__()
        self.read, self.think = SelfAttention(width, num_heads=heads), FeedForward(width)
        self.norm_read, self.norm_think = LayerNorm(width), LayerNorm(width)

    def forward(self, x, mask):
        """(B, N, E), mask (B, 1, N) → x, weights (B, h, N, N)."""
        y, weights = self.read(self.norm_read(x), mask)
        x = x + y
        x = x + self.think(self.norm_think(x))
        note(self, weights=weights, x=x)
        return x, weights


class OneStream(Module):
    """Regions in one stream, which look at one another; called as `SelfDoc` is.

    Parameters
    ----------
    vocabulary, characters, labels, regions, pixels, width, heads : as in `SelfDoc`
    sees : which of "text" and "image" it sees
    layers : how many layers of self-attention
    """

    equation = "W LN x + b, x after self-attention over the regions"
    equations = {
        "x": (r"W [\text{Words}; \text{MLP}] + b + p", "(B, N, E)"),
        "z": (r"W' \operatorname{LN} x + b'", "(B, N, labels)"),
    }

    def __init__(self, vocabulary, characters, labels, *, sees=MODALITIES, regions=8, pixels=64,
                 width=48, heads=4, layers=2):  # fmt: skip
        super().__init__()
        wrong = [name for name in sees if name not in MODALITIES]
        if wrong or not sees:
            raise ValueError(
                f"sees names what the model sees, some of {MODALITIES}; got {sees!r}."
            )
        self.sees, self.characters, self.pixels = tuple(sees), characters, pixels
        self.words = PrintedWords(vocabulary, width) if "text" in sees else None
        self.ink = image_encoder(pixels, width) if "image" in sees else None
        self.join = Linear(len(sees) * width, width)
        self.place = Parameter(empty(regions, width))
        self.layers = ModuleList(RegionLayer(width, heads) for _ in range(layers))
        self.norm, self.label = LayerNorm(width), Linear(width, labels)
        init.normal_(self.place, std=0.5)

    def forward(self, text, images, mask):
        """As `SelfDoc.forward`; weights is a tuple of (B, h, N, N), one for each layer."""
        check(self, text, images, mask)
        seen = [self.words(text)] if self.words else []
        seen += [self.ink(images)] if self.ink else []
        x = first = self.join(cat(seen, -1)) + self.place
        looks = []
        for layer in self.layers:
            x, weights = layer(x, mask.unsqueeze(1))
            looks.append(weights)
        z = self.label(self.norm(x))
        note(self, x=first, z=z)
        return z, tuple(looks)
