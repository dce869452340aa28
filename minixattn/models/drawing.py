"""Teaching a diffusion model to draw handwriting, and measuring what it draws.

    task, unseen = Drawings("train"), Drawings("test")
    model = LatentDiffusion(len(task.vocabulary), task.length)
    fit(model, task)
    measure(model, unseen)
    draw(model, unseen, ["a seven", "two zeros"]).images

Two questions are put to the drawings: can they be read as what was asked for (`share_read`), and
are they new, rather than copies of the images that the model was trained on (`novelty`)?
"""

import math

import numpy as np

from ..creation import as_tensor
from ..data.digits import handwriting
from ..data.drawings import Reader, layout, new_pairs, parts
from ..optim import AdamW
from ..threads import TRAINING, blas_threads
from ..training import one_cycle, train
from .diffusion import nothing


class Average:
    """A moving average of the weights: θ̄ ← μ θ̄ + (1 − μ) θ, after every step.

    Parameters
    ----------
    model : Module
    mu : μ; smaller in the first steps, (1 + n) / (10 + n) after n of them

    References
    ----------
    Ho et al., "Denoising Diffusion Probabilistic Models" (2020), appendix B (μ = 0.9999 there).
    """

    def __init__(self, model, mu=0.998):
        self.parameters, self.mu, self.steps = list(model.parameters()), mu, 0
        self.theta = [p.array.copy() for p in self.parameters]

    def update(self):
        """Take in the weights as they are now."""
        mu = min(self.mu, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        for average, p in zip(self.theta, self.parameters):
            average += (1 - mu) * (p.array - average)

    def give(self):
        """Put the average into the model."""
        for average, p in zip(self.theta, self.parameters):
            p.array[...] = average


def fit(model, task, *, steps=3000, size=32, rate=3e-3, seed=0, report=None):
    """Train on drawings: AdamW, the rate up and down again in one cycle, weights averaged.

    Parameters
    ----------
    model : LatentDiffusion; it ends with the moving average of its weights
    task : Drawings
    steps : int
    size : int, B, drawings in a batch
    rate : the highest learning rate
    seed : of drawings and noise; the model's own beginning is drawn when it is made
    report : function (step, loss, None), called after every step
    """
    rng = np.random.default_rng(seed)
    optimizer = AdamW(model.parameters(), lr=rate)
    schedule = one_cycle(optimizer, rate, steps)
    average = Average(model)

    def loss_of(model, drawing):
        return model.loss(*tensors(model, drawing), rng), None

    def after(step, loss, nothing):
        average.update()
        if report is not None:
            report(step, loss, nothing)

    with blas_threads(TRAINING):
        train(model, task.batches(rng, size), loss_of, optimizer, schedule, steps=steps,
              report=after)  # fmt: skip
    average.give()


def tensors(model, drawing):
    """Images, words and mask of a batch, where the model is."""
    device, dtype = model.position.device, model.position.dtype
    return (
        as_tensor(drawing.images, dtype=dtype, device=device),
        as_tensor(drawing.words, device=device),
        as_tensor(drawing.mask, device=device),
    )


def draw(model, task, texts, *, blindly=False, **options):
    """`Samples` of texts, or of as many times no text; options as of `LatentDiffusion.sample`."""
    words, mask = (as_tensor(a, device=model.position.device) for a in task.encode(texts))
    return model.sample(words, nothing(mask) if blindly else mask, **options)


def share_read(images, texts, reader):
    """The share of canvases (B, 1, 16, 16) that are read as what was asked for."""
    return float(np.mean([read == text for read, text in zip(reader.read(images), texts)]))


def digits_on(images):
    """All digits on canvases (B, 1, 16, 16): (n, 64) of ink from 0 to 1, cut out where they lie."""
    canvases = np.clip((np.asarray(images, np.float32)[:, 0] + 1) / 2, 0, 1)
    cut = [digit for canvas in canvases for digit in parts(canvas, layout(canvas))]
    return np.array(cut, np.float32).reshape(len(cut), -1)


def nearest(digits, among):
    """The Euclidean distance of each of (n, 64) to the nearest of (m, 64)."""
    square = (digits**2).sum(1)[:, None] + (among**2).sum(1) - 2 * digits @ among.T
    return np.sqrt(np.maximum(square, 0)).min(1)


def novelty(images):
    """How far drawn digits are from the training images, beside real digits never trained on.

    Returns
    -------
    dict : the median distance of a drawn digit and of a held-out real one to its nearest training
        image, their ratio, and the share of drawn digits that are nearer than all but 1 % of the
        real ones. Copies would have a ratio near 0 and a share near 1; new digits about 1 and 0.01.
    """
    train, test = handwriting("train").images, handwriting("test").images
    drawn, real = nearest(digits_on(images), train), nearest(test, train)
    return {
        "drawn": float(np.median(drawn)),
        "held out": float(np.median(real)),
        "ratio": float(np.median(drawn) / np.median(real)),
        "nearer than 99 % of held out": float((drawn < np.quantile(real, 0.01)).mean()),
    }


def share_at_home(maps, first=2, second=5):
    """Of what pixels spend on the two digits of a pair, the share that comes from the right half.

    Parameters
    ----------
    maps : those of `Samples` for pairs such as "a three and a seven"
    first, second : which tokens the two digits are, the start counted as 0

    Returns
    -------
    a list for each layer, a number for each head: 1 if only the left half looks at the first digit
    and only the right half at the second; 0.5 by chance
    """
    found = []
    for layer in zip(*maps):  # one array a step, (B, h, pixels, S)
        spent = np.mean([weights.cpu().numpy() for weights in layer], axis=(0, 1))  # (h, pixels, S)
        side = math.isqrt(spent.shape[1])
        halves = spent.reshape(len(spent), side, 2, side // 2, -1).sum((1, 3))  # (h, 2, S)
        home = halves[:, 0, first] + halves[:, 1, second]
        found.append((home / (halves[:, :, first] + halves[:, :, second]).sum(1)).tolist())
    return found


def measure(model, task, *, samples=500, seed=1, w=1.0, steps=20):
    """Draw what held-out texts ask for, and read it.

    Returns
    -------
    dict : "read", the share of `samples` read as asked; "new pairs", the same of 100 pairs of
        words that training never put together; "unconditional", of as many drawn for no words;
        "novelty" and "attention", see `novelty` and `share_at_home`
    """
    reader, texts = Reader("train"), task.test_set(samples, seed).texts
    pairs = new_pairs() * 10

    def drawn(texts, **options):
        return draw(model, task, texts, w=w, steps=steps, rng=seed, **options)

    def read(texts, drawing):
        return share_read(drawing.images.cpu().numpy(), texts, reader)

    asked, new = drawn(texts), drawn(pairs, maps=True)
    return {
        "read": read(texts, asked),
        "new pairs": read(pairs, new),
        "unconditional": read(texts, drawn(texts, blindly=True)),
        "novelty": novelty(asked.images.cpu().numpy()),
        "attention": share_at_home(new.maps),
    }
