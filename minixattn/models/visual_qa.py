"""Answering a question by looking at an image: words are the queries, patches the context.

Pre-norm decoder blocks (Vaswani et al. 2017, section 3.1, with the normalisation moved in front of
each part): the words attend to one another, then to the patches, then pass a feed-forward network,
each with a residual connection. One block is enough for "where is the 7"; "what is left of the 7"
takes two looks, and so two blocks or more.

| symbol                  | identifier         | shape          |                             |
|-------------------------|--------------------|----------------|-----------------------------|
| w                       | questions          | (B, L)         | word numbers                |
| x = E[w] + p            | x                  | (B, L, E)      | words with their positions  |
| c = MLP(patch) + p′     | context            | (B, 9, E)      | patches with their places   |
| x ← x + A(LN x, LN x)   | Block.read         |                | words look at words         |
| x ← x + A(LN x, LN c)   | Block.look         |                | **words look at patches**   |
| x ← x + FF(LN x)        | Block.think        |                | each word by itself         |
| z = W mean_l LN x_l + b | answer             | (B, answers)   | the mean word decides       |
| A                       | weights            | (B, h, L, 9)   | where each head looks       |

Read before: `nn/attention.py`. What it is compared with: `MeanPooling` here, and `one_sequence.py`;
training, scoring and use are in `answering.py`.
"""

from ..creation import empty, full
from ..errors import ShapeError
from ..nn import (
    CrossAttention,
    Embedding,
    LayerNorm,
    Linear,
    Module,
    ModuleList,
    Parameter,
    ReLU,
    Sequential,
    init,
)
from ..tracing import note


class MeanPooling(Module):
    """What was there before attention: every patch counts the same, whatever the question.

        output = W_O (1/S Σ_s c_s W_V),  A = 1/S

    Called as `CrossAttention` is, without a mask; it takes the place of it as a baseline.

    Parameters
    ----------
    query_dim, context_dim : widths of the two streams
    num_heads : h, in the shape of the weights only
    """

    def __init__(self, query_dim, context_dim=None, *, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.W_V = Linear(query_dim if context_dim is None else context_dim, query_dim)
        self.W_O = Linear(query_dim, query_dim)

    def forward(self, query, context):
        """(B, L, E), (B, S, E) -> output (B, L, E), weights (B, h, L, S), all 1/S."""
        (B, L, _), S = query.shape, context.shape[1]
        pooled = self.W_O(self.W_V(context).mean(1, keepdim=True))  # (B, 1, E)
        weights = full((B, self.num_heads, L, S), 1 / S, dtype=query.dtype, device=query.device)
        return pooled.expand(B, L, -1), weights


class Block(Module):
    r"""The words look at one another, then at the patches, then each thinks for itself.

        x ← x + A(LN x, LN x),  x ← x + A(LN x, LN c),  x ← x + FF(LN x)

    Parameters
    ----------
    width, heads : E, h
    look : the class whose layer lets the words see the patches
    """

    equations = {
        "w": ("w", "(B, L, E)"),
        "c": ("c", "(B, S, E)"),
        "read": (r"x \leftarrow w + A(\operatorname{LN} w, \operatorname{LN} w)", "(B, L, E)"),
        "weights": (r"A", "(B, h, L, S)"),
        "seen": (r"x \leftarrow x + A(\operatorname{LN} x, \operatorname{LN} c)", "(B, L, E)"),
        "x": (r"x \leftarrow x + \operatorname{FF}(\operatorname{LN} x)", "(B, L, E)"),
    }

    def __init__(self, width, heads, look=CrossAttention):
        super().__init__()
        E = width
        self.norm_read, self.read = LayerNorm(E), CrossAttention(E, num_heads=heads)
        self.norm_words, self.norm_patches = LayerNorm(E), LayerNorm(E)
        self.look = look(E, num_heads=heads)
        self.norm_think = LayerNorm(E)
        self.think = Sequential(Linear(E, 2 * E), ReLU(), Linear(2 * E, E))

    def forward(self, w, context, mask):
        """(B, L, E), (B, S, E), mask (B, L) → x (B, L, E), weights (B, h, L, S)."""
        n = self.norm_read(w)
        read = w + self.read(n, n, mask.unsqueeze(1))[0]
        look, weights = self.look(self.norm_words(read), self.norm_patches(context))
        seen = read + look
        x = seen + self.think(self.norm_think(seen))
        note(self, w=w, c=context, read=read, weights=weights, seen=seen, x=x)
        return x, weights


class VisualQA(Module):
    """A question in words, a page of patches, and an answer.

    Parameters
    ----------
    vocabulary : number of words known, the padding included
    words : L, length of the longest question
    answers : number of possible answers
    pixels : size of one patch
    patches : S, patches on a page
    width : E
    heads : h
    blocks : how often the words look
    look : the class whose layer lets the words see the patches: `CrossAttention`, or
        `MeanPooling` for the baseline
    """

    equation = "W mean(LN x) + b, x ← words, in each block x ← x + A(x, patches)"
    equations = {
        "w": (r"E[w] + p", "(B, L, E)"),
        "c": (r"\operatorname{MLP}(\text{patch}) + p'", "(B, S, E)"),
        "mean": (r"\operatorname{mean}_l \operatorname{LN} x_l", "(B, E)"),
        "z": (r"W \operatorname{mean} + b", "(B, answers)"),
    }

    def __init__(self, vocabulary, words, answers, *, pixels=64, patches=9, width=64, heads=8,
                 blocks=1, look=CrossAttention):  # fmt: skip
        super().__init__()
        E = width
        self.word = Embedding(vocabulary, E)
        self.position = Parameter(empty(words, E))
        self.patch = Sequential(Linear(pixels, 2 * E), ReLU(), Linear(2 * E, E))
        self.place = Parameter(empty(patches, E))
        self.blocks = ModuleList(self.block(E, heads, look) for _ in range(blocks))
        self.norm_answer, self.answer = LayerNorm(E), Linear(E, answers)
        init.normal_(self.word.weight, std=0.2)
        init.zeros_(self.position)
        init.normal_(self.place, std=0.5)

    block = Block

    def forward(self, pages, questions, mask):
        """Answer.

        Parameters
        ----------
        pages : (B, S, pixels), ink from 0 to 1
        questions : (B, L) int64, word numbers, padded
        mask : (B, L) bool, True for a real word

        Returns
        -------
        logits : (B, answers)
        weights : tuple of (B, h, L, S), where each head of each block looks for each word; where
            the mask is False the row means nothing

        Raises
        ------
        ShapeError
            If a shape is not the one that the model was made for.
        """
        self.check(pages, questions, mask)
        w = self.word(questions) + self.position  # (B, L, E)
        context = self.patch(pages) + self.place  # (B, S, E)
        x, weights = self.look_and_think(w, context, mask)

        real = mask.unsqueeze(-1).to(x.dtype)  # (B, L, 1)
        mean = (self.norm_answer(x) * real).sum(1) / real.sum(1).clamp(min=1)  # none: 0, not NaN
        z = self.answer(mean)
        note(self, w=w, c=context, mean=mean, z=z)
        return z, weights

    def look_and_think(self, x, context, mask):
        """The blocks, one after another: (B, L, E) → (B, L, E), and the weights of each."""
        weights = []
        for block in self.blocks:
            x, A = block(x, context, mask)
            weights.append(A)
        return x, tuple(weights)

    def check(self, pages, questions, mask):
        """Raise ShapeError unless the inputs fit the model and one another."""
        (L, _), (S, _), B = self.position.shape, self.place.shape, len(pages)
        for name, x, symbols, expected in (
            ("pages", pages, "(B, S, pixels)", (B, S, self.patch[0].in_features)),
            ("questions", questions, "(B, L)", (B, L)),
            ("mask", mask, "(B, L)", (B, L)),
        ):
            if tuple(x.shape) != expected:
                raise ShapeError(
                    f"VisualQA: {name} has shape {tuple(x.shape)}, expected {symbols} = "
                    f"{expected}. A single page or question is a batch of B = 1; shorter "
                    f"questions are padded to L words, with False in the mask."
                )
