"""The model of the demo, `minixattn.models.VisualQA`, with the demo's settings, and its twin.

A step is what `minixattn.training.train` does: forward, loss, backward, clip, AdamW, schedule.
The twin's own layers are PyTorch's; where the weights are not needed it uses the fused attention.
"""

from itertools import cycle, islice

BATCHES, SCHEDULE = 32, 10**6


def pieces():
    """The demo's model and some batches: (model, [Batch, …])."""
    from minixattn import demo
    from minixattn.data.digits import Pages
    from minixattn.nn import CrossAttention

    pages = Pages("train")
    model = demo.build(CrossAttention, pages, 0, "cpu")
    return model, list(islice(pages.batches(0, demo.BATCH), BATCHES))


class Step:
    """The training step: the same lines for both libraries."""

    def prepare(self, library, model, batches, tensor, clip):
        """Keep what a step needs; the optimizer is set up as in the demo."""
        from minixattn.demo import LEARNING_RATE

        optim = library.optim
        self.model, self.clip = model, clip
        self.cross_entropy = library.nn.functional.cross_entropy
        self.batches = cycle(
            [[tensor(a) for a in (b.pages, b.questions, b.mask, b.answers)] for b in batches]
        )
        self.parameters = list(model.parameters())
        decayed = [p for p in self.parameters if p.ndim > 1]
        others = [p for p in self.parameters if p.ndim <= 1]
        groups = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = optim.AdamW(groups, lr=LEARNING_RATE)
        self.schedule = optim.lr_scheduler.OneCycleLR(
            self.optimizer, LEARNING_RATE, total_steps=SCHEDULE, pct_start=0.1,
            cycle_momentum=False,
        )  # fmt: skip

    def step(self):
        pages, questions, mask, answers = next(self.batches)
        logits, _ = self.model(pages, questions, mask)
        loss = self.cross_entropy(logits, answers)
        right = (logits.argmax(-1) == answers).float().mean().item()
        value = loss.item()
        self.optimizer.zero_grad()
        loss.backward()
        self.clip(self.parameters, 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.right = right
        return value


class Here(Step):
    """The demo's model, on one BLAS thread as the demo has it."""

    def __init__(self):
        import minixattn as mx
        from minixattn.nn.utils import clip_grad_norm_
        from minixattn.threads import one_blas_thread

        self.blas = one_blas_thread()
        self.blas.__enter__()  # for as long as the process lives
        model, batches = pieces()
        self.prepare(mx, model.train(), batches, mx.tensor, clip_grad_norm_)


class Torch(Step):
    """The twin in PyTorch."""

    threads = 2

    def __init__(self):
        import torch

        torch.set_num_threads(self.threads)
        model, batches = pieces()
        twin = visual_qa(torch, model)
        clip = torch.nn.utils.clip_grad_norm_
        self.prepare(torch, twin, batches, torch.tensor, clip)


class TorchOneThread(Torch):
    """The twin, on one thread: sizes so small may gain by it."""

    threads = 1


def visual_qa(torch, model):
    """VisualQA in PyTorch with the weights of `model`, whose names it shares."""
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
            self.blocks = nn.ModuleList([Block()])
            self.norm_answer = nn.LayerNorm(E)
            self.answer = nn.Linear(E, model.answer.weight.shape[0])

        def forward(self, pages, questions, mask):
            w, context = self.word(questions) + self.position, self.patch(pages) + self.place
            x, weights = self.blocks[0](w, context, mask)
            real = mask.unsqueeze(-1).to(x.dtype)
            mean = (self.norm_answer(x) * real).sum(1) / real.sum(1).clamp(min=1)
            return self.answer(mean), weights

    twin = VisualQA()
    state = {n: torch.tensor(p.detach().numpy()) for n, p in model.state_dict().items()}
    twin.load_state_dict(state)
    return twin


SIDES = {"minixattn": Here, "torch": Torch, "torch-1": TorchOneThread}
