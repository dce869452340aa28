r"""Labels for the regions of a document, each of which is there twice: as text and as image.

After Li et al., "SelfDoc: Self-Supervised Document Representation Learning" (2021). One thing is
taken from it, as Kosar describes it: in the first step of its cross-modality encoder each stream
re-reads itself by how well it agrees with the other one (`nn/agreement.py`). All else is ours, not
checked against the paper: what comes after that step, the norms, the encoders, the fusion, the
sizes and the symbols. The paper learns without labels first, as its title says; here there are
labels from the start.

| symbol                      | identifier     | shape            |                              |
|-----------------------------|----------------|------------------|------------------------------|
| print                       | text           | (B, N, C)        | characters in N regions      |
| ink                         | images         | (B, N, pixels)   |                              |
| t = Words(print) + p        | t              | (B, N, E)        | language stream              |
| v = MLP(ink) + p            | v              | (B, N, E)        | vision stream, same places p |
| t ← t + A_t (LN t W_V)      | agree.A        | A_t (B, h, N, N) | A_t = softmax(Q_t K_vᵀ/√d_k) |
| v ← v + A_v (LN v W_V)      | agree.B        | A_v (B, h, N, N) | A_v = softmax(Q_v K_tᵀ/√d_k) |
| t ← t + A_tv (LN v W_V)     | to_vision      | (B, h, N, N)     | **text looks at images**     |
| v ← v + A_vt (LN t W_V)     | to_text        | (B, h, N, N)     | **images look at text**      |
| t ← t + FF(LN t), v as well | think_t, think_v | (B, N, E)      | each region by itself        |
| z = W [LN t; LN v] + b      | label          | (B, N, labels)   | fusion                       |

In *agreement* queries and values are of one stream, only the keys are foreign: text that says "same
as seven" finds the region in whose *image* a 7 is, and takes what is *printed* there. In
*inter-modal attention* keys and values are both foreign: it would get what is drawn there.

Read before: `nn/agreement.py`, `nn/attention.py`. The one-stream models that it is compared with
are in `one_stream.py`; training and use in `labelling.py`.
"""

from typing import NamedTuple

from ..creation import empty
from ..errors import ShapeError
from ..nn import (
    AgreementAttention,
    CrossAttention,
    Embedding,
    FeedForward,
    LayerNorm,
    Linear,
    Module,
    ModuleList,
    Parameter,
    ReLU,
    Sequential,
    init,
)
from ..nn.functional import relu
from ..ops.shape import cat
from ..tensor import Tensor
from ..tracing import note


class Looks(NamedTuple):
    """Where the regions look in one layer, each (B, h, N, N): row l for region l.

    agree_t, agree_v : text and image re-read themselves by the other's keys
    to_vision, to_text : text looks at images, images look at text
    """

    agree_t: Tensor
    agree_v: Tensor
    to_vision: Tensor
    to_text: Tensor


class PrintedWords(Module):
    r"""What is printed in a region as one vector, from its characters, three by three.

        u_c = ReLU(W [e_{c−1}; e_c; e_{c+1}] + b),  Words = W′ mean_c u_c + b′

    Three neighbours say more than one, and a character that was misread or missed spoils three of
    them only, wherever it stood.

    Parameters
    ----------
    vocabulary : number of characters known, the padding included
    width : E
    """

    equations = {
        "e": ("E[text]", "(M, C, E)"),
        "u": (r"\operatorname{ReLU}(W [e_{c-1}; e_c; e_{c+1}] + b)", "(M, C, 2E)"),
        "output": (r"W' \operatorname{mean}_c u_c + b'", "(M, E)"),
    }

    def __init__(self, vocabulary, width):
        super().__init__()
        self.character = Embedding(vocabulary, width, padding_idx=0)
        self.three, self.word = Linear(3 * width, 2 * width), Linear(2 * width, width)

    def forward(self, text):
        """(..., C) int64, padded with 0 → (..., E)."""
        flat = text.flatten(0, -2)  # (M, C)
        e = self.character(flat)
        edge = e[:, :1] * 0  # what stands before the first and behind the last
        u = relu(self.three(cat([cat([edge, e[:, :-1]], 1), e, cat([e[:, 1:], edge], 1)], -1)))
        real = (flat != 0).unsqueeze(-1).to(e.dtype)  # (M, C, 1)
        output = self.word((u * real).sum(1) / real.sum(1).clamp(min=1))  # none: 0, not NaN
        note(self, e=e, u=u, output=output)
        return output.reshape(*text.shape[:-1], -1)


class CrossModalityLayer(Module):
    r"""Both streams agree, then look at one another, then think (the symbols are above).

        t, v ← t + A_t V_t, v + A_v V_v
        t, v ← t + A_tv V_v, v + A_vt V_t
        t, v ← t + FF_t(LN t), v + FF_v(LN v)

    Each line computes both sides from what the line before left.

    Parameters
    ----------
    width, heads : E, h
    """

    equations = {
        "t": (r"t + A_t V_t + A_{tv} V_v + \operatorname{FF}_t", "(B, N, E)"),
        "v": (r"v + A_v V_v + A_{vt} V_t + \operatorname{FF}_v", "(B, N, E)"),
        "agree_t": (r"\operatorname{softmax}(Q_t K_v^\top / \sqrt{d_k})", "(B, h, N, N)"),
        "agree_v": (r"\operatorname{softmax}(Q_v K_t^\top / \sqrt{d_k})", "(B, h, N, N)"),
        "to_vision": (r"\operatorname{softmax}(Q_t' K_v'^\top / \sqrt{d_k})", "(B, h, N, N)"),
        "to_text": (r"\operatorname{softmax}(Q_v' K_t'^\top / \sqrt{d_k})", "(B, h, N, N)"),
    }

    def __init__(self, width, heads):
        super().__init__()
        self.agree = AgreementAttention(width, num_heads=heads)
        self.to_vision = CrossAttention(width, num_heads=heads)
        self.to_text = CrossAttention(width, num_heads=heads)
        self.think_t, self.think_v = FeedForward(width), FeedForward(width)
        self.norms_t, self.norms_v = (ModuleList(LayerNorm(width) for _ in range(3)) for _ in "tv")

    def forward(self, t, v, mask):
        """t, v (B, N, E), mask (B, 1, N) → t, v, `Looks`."""
        n, m = self.norms_t[0](t), self.norms_v[0](v)
        (dt, dv), (agree_t, agree_v) = self.agree(n, m, mask, mask)
        t, v = t + dt, v + dv

        n, m = self.norms_t[1](t), self.norms_v[1](v)
        (dt, to_vision), (dv, to_text) = self.to_vision(n, m, mask), self.to_text(m, n, mask)
        t, v = t + dt, v + dv

        t = t + self.think_t(self.norms_t[2](t))
        v = v + self.think_v(self.norms_v[2](v))
        looks = Looks(agree_t, agree_v, to_vision, to_text)
        note(self, t=t, v=v, **looks._asdict())
        return t, v, looks


class SelfDoc(Module):
    """Text and image of the regions of a document, and a label for each.

    Parameters
    ----------
    vocabulary : number of characters known, the padding included
    characters : C, how many a region has at most
    labels : how many there are
    regions : N, how many a document has at most
    pixels : size of a region's image
    width, heads, layers : E, h, and how many `CrossModalityLayer`

    Attributes
    ----------
    words : PrintedWords
    ink : Sequential, the MLP over a region's pixels
    place : (N, E), p, the same for both streams, so that a region's text finds its own image
    """

    equation = "W [t; v] + b, t and v after agreement and attention to one another"
    equations = {
        "t": (r"\operatorname{Words}(\text{print}) + p", "(B, N, E)"),
        "v": (r"\operatorname{MLP}(\text{ink}) + p", "(B, N, E)"),
        "fused": (r"[\operatorname{LN} t; \operatorname{LN} v]", "(B, N, 2E)"),
        "z": (r"W [\operatorname{LN} t; \operatorname{LN} v] + b", "(B, N, labels)"),
    }

    def __init__(self, vocabulary, characters, labels, *, regions=8, pixels=64, width=48, heads=4,
                 layers=1):  # fmt: skip
        super().__init__()
        E = width
        self.characters, self.pixels = characters, pixels
        self.words, self.ink = PrintedWords(vocabulary, E), image_encoder(pixels, E)
        self.place = Parameter(empty(regions, E))
        self.layers = ModuleList(CrossModalityLayer(E, heads) for _ in range(layers))
        self.norm_t, self.norm_v, self.label = LayerNorm(E), LayerNorm(E), Linear(2 * E, labels)
        init.normal_(self.place, std=0.5)

    def forward(self, text, images, mask):
        """Label.

        Parameters
        ----------
        text : (B, N, C) int64, numbers of the characters printed, padded with 0
        images : (B, N, pixels), ink from 0 to 1
        mask : (B, N) bool, True for a region that is there

        Returns
        -------
        logits : (B, N, labels); where the mask is False the row means nothing
        weights : tuple of Looks, one for each layer

        Raises
        ------
        ShapeError
            If a shape is not the one that the model was made for.
        """
        check(self, text, images, mask)
        t, v = first_t, first_v = self.words(text) + self.place, self.ink(images) + self.place
        looks = []
        for layer in self.layers:
            t, v, seen = layer(t, v, mask.unsqueeze(1))
            looks.append(seen)
        fused = cat([self.norm_t(t), self.norm_v(v)], -1)
        z = self.label(fused)
        note(self, t=first_t, v=first_v, fused=fused, z=z)
        return z, tuple(looks)


def image_encoder(pixels, width):
    """MLP(ink) = W₂ ReLU(W₁ ink + b₁) + b₂: (..., pixels) → (..., E)."""
    return Sequential(Linear(pixels, 4 * width), ReLU(), Linear(4 * width, width))


def check(model, text, images, mask):
    """Raise ShapeError unless the inputs fit the model and one another."""
    (N, _), B = model.place.shape, len(text)
    for name, x, symbols, expected in (
        ("text", text, "(B, N, C)", (B, N, model.characters)),
        ("images", images, "(B, N, pixels)", (B, N, model.pixels)),
        ("mask", mask, "(B, N)", (B, N)),
    ):
        if tuple(x.shape) != expected:
            raise ShapeError(
                f"{type(model).__name__}: {name} has shape {tuple(x.shape)}, expected {symbols} = "
                f"{expected}. A single form is a batch of B = 1; a form of fewer regions is filled "
                f"up to N, with False in the mask."
            )
