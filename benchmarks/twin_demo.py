"""The model of the demo, `minixattn.models.VisualQA`, with the demo's settings, and its twin.

The twin's own layers are PyTorch's; where the weights are not needed it uses the fused attention.
"""

from itertools import islice

from .twin import BATCHES, Pieces, sides


def pieces():
    """The demo's model and how it is trained."""
    from minixattn import demo
    from minixattn.data.digits import Pages
    from minixattn.nn import CrossAttention

    pages = Pages("train")
    model = demo.build(CrossAttention, pages, 0, "cpu")
    batches = [
        (b.pages, b.questions, b.mask, b.answers)
        for b in islice(pages.batches(0, demo.BATCH), BATCHES)
    ]
    return Pieces(model, batches, loss_of, demo.LEARNING_RATE)


def loss_of(F, model, pages, questions, mask, answers):
    """Cross-entropy of the answers, and the share that is right."""
    logits, _ = model(pages, questions, mask)
    right = (logits.argmax(-1) == answers).float().mean()
    return F.cross_entropy(logits, answers), right


def visual_qa(torch, model):
    """VisualQA in PyTorch, of the sizes of `model`, whose names it shares."""
    nn, F = torch.nn, torch.nn.functional
    E, h = model.position.shape[1], model.blocks[0].look.num_heads

    class Attention(nn.Module):
        def __init__(self, returns):
            super().__init__()
            self.W_Q, self.W_K, self.W_V, self.W_O = (nn.Linear(E, E) for _ in range(4))
            self.returns = returns

        def forward(self, x, c, mask=None):
            Q, K, V = (
                W(a).unflatten(-1, (h, E // h)).transpose(1, 2)
                for W, a in ((self.W_Q, x), (self.W_K, c), (self.W_V, c))
            )
            if self.returns:
                A = (Q @ K.transpose(-2, -1) * (E // h) ** -0.5).softmax(-1)
                heads = A @ V
            else:
                A, heads = None, F.scaled_dot_product_attention(Q, K, V, attn_mask=mask)
            return self.W_O(heads.transpose(1, 2).flatten(2)), A

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm_read, self.read = nn.LayerNorm(E), Attention(returns=False)
            self.norm_words, self.norm_patches = nn.LayerNorm(E), nn.LayerNorm(E)
            self.look, self.norm_think = Attention(returns=True), nn.LayerNorm(E)
            self.think = nn.Sequential(nn.Linear(E, 2 * E), nn.ReLU(), nn.Linear(2 * E, E))

        def forward(self, w, context, mask):
            n = self.norm_read(w)
            read = w + self.read(n, n, mask[:, None, None])[0]
            look, weights = self.look(self.norm_words(read), self.norm_patches(context))
            seen = read + look
            return seen + self.think(self.norm_think(seen)), weights

    class VisualQA(nn.Module):
        def __init__(self):
            super().__init__()
            (words, _), (patches, _) = model.position.shape, model.place.shape
            self.word = nn.Embedding(model.word.weight.shape[0], E)
            self.position = nn.Parameter(torch.empty(words, E))
            pixels = model.patch[0].in_features
            self.patch = nn.Sequential(nn.Linear(pixels, 2 * E), nn.ReLU(), nn.Linear(2 * E, E))
            self.place = nn.Parameter(torch.empty(patches, E))
            self.blocks = nn.ModuleList(Block() for _ in model.blocks)
            self.norm_answer = nn.LayerNorm(E)
            self.answer = nn.Linear(E, model.answer.weight.shape[0])

        def forward(self, pages, questions, mask):
            x, context = self.word(questions) + self.position, self.patch(pages) + self.place
            weights = []
            for block in self.blocks:
                x, A = block(x, context, mask)
                weights.append(A)
            real = mask.unsqueeze(-1).to(x.dtype)
            mean = (self.norm_answer(x) * real).sum(1) / real.sum(1).clamp(min=1)
            return self.answer(mean), weights

    return VisualQA()


SIDES = sides(pieces, visual_qa)
