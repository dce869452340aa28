"""Pictures of small Transformers that are trained for them: the equation, and heads that form."""

import numpy as np
from common import WIDE, film, outline, write

import minixattn as mx
from minixattn import plot
from minixattn.data.toy import Reverse, Sort
from minixattn.models import Transformer, fit

TURNED = {"shortest": 4, "longest": 5, "letters": 6}  # letters of the texts to turn round
SORTED = {"shortest": 8, "longest": 8, "letters": 16}
STEPS, FRAMES, LINGER = 300, 24, 8  # of the GIF: the last frame stands still for a while


def model_of(task, **sizes):
    """An untrained Transformer for a task, the same each time."""
    mx.manual_seed(0)
    return Transformer(*(len(task.vocabularies[side]) for side in ("source", "target")), **sizes)


def inputs(batch):
    """What the model reads."""
    return [mx.tensor(part) for part in (batch.source, batch.given, batch.source_mask)]


# the equation ------------------------------------------------------------------------------------


def equation(path):
    """`equation.png`: one head of a decoder that turns four letters round, matrix by matrix."""
    write(equation_figure(), path)


def equation_figure(steps=500):
    """The figure, after so many steps of training."""
    from matplotlib.figure import Figure

    task = Reverse("train", **TURNED)
    model = model_of(task, width=16, heads=4, layers=(2, 1))
    fit(model, task, steps=steps)
    batch, letters = four_of_five(Reverse("test", **TURNED).test_set(40), task)
    with mx.trace() as trace:
        model(*inputs(batch))
    layer = next(name for name in trace.layers if name.startswith("CrossAttention"))
    A = trace[layer, "weights"].value.detach().numpy()[0]  # (h, 5, 5)
    best = int((A * batch.alignment[0]).sum((1, 2)).argmax())
    figure = Figure(figsize=(WIDE, 2.1))
    plot.steps(trace, layer=layer, head=best, ax=figure.add_axes((0, 0, 1, 0.9)))
    figure.text(0.5, 0.97, f"A decoder turns “{letters}” round. Row l of A: where it looks "
                "to write letter l. The last column is padding.",
                ha="center", va="top")  # fmt: skip
    return figure


def four_of_five(batch, task):
    """The first text of four different letters, padded to five, and the letters."""
    different = [len(set(row)) == 5 for row in batch.source.tolist()]  # four, and the padding
    b = int((different & ~batch.source_mask[:, 4]).argmax())
    rows = {name: part[b : b + 1] for name, part in batch._asdict().items()}
    letters = "".join(task.vocabularies["source"].tokens[i] for i in rows["source"][0, :4])
    given, alignment = rows["given"][:, :5], rows["alignment"][:, :5]  # four letters and the end
    return batch._replace(**rows | {"given": given, "alignment": alignment}), letters


# heads that form ---------------------------------------------------------------------------------


def heads(path, steps=STEPS):
    """`heads.gif`: four heads while a Transformer learns to sort eight letters."""
    task, unseen = Sort("train", **SORTED), Sort("test", **SORTED)
    model, test, one = model_of(task, layers=(2, 1)), unseen.test_set(200), unseen.test_set(1, 5)
    times = set(np.geomspace(1, steps, FRAMES + 8).round().astype(int).tolist())
    weights, titles = [], []

    def report(step, _loss, _exact):
        if step in times:
            weights.append(looks(model, one))
            titles.append(f"training step {step}: sorts {exact(model, test):.0%} of unseen texts")

    fit(model, task, steps=steps, report=report)
    tokens = unseen.vocabularies["source"].tokens
    source, target = ([tokens[i] for i in side[0, :8]] for side in (one.source, one.expected))
    truth = one.alignment[0, :8]
    still = [-1] * LINGER
    weights = np.array(weights + [weights[i] for i in still])
    film(animated(weights, titles + [titles[i] for i in still], target, source, truth), path)


def animated(weights, titles, queries, keys, truth):
    """The animation of weights (T, h, L, S), with a box around each true key."""
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(WIDE, 2.75), layout="compressed")
    animation = plot.animate(weights, queries, keys, steps=titles, ax=figure, fps=5)
    panels = figure.axes[: weights.shape[1]]
    for i, ax in enumerate(panels):
        ax.set(xlabel="key: letter read", ylabel="" if i else "query: letter written")
        for row, column in np.argwhere(truth):
            outline(ax, row, column)
    figure.supxlabel("orange: the letter that is to be written", fontsize="medium")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # settled: it need not be found again for every frame
    return animation


def looks(model, batch):
    """Where the four heads look: (h, 8, 8), a row for each letter written."""
    with mx.no_grad():
        return model(*inputs(batch))[1][0][0, :, :8].numpy()


def exact(model, batch):
    """The share of texts without a mistake, each letter given the true ones before it."""
    with mx.no_grad():
        logits = model(*inputs(batch))[0].numpy()
    return ((logits.argmax(-1) == batch.expected) | ~batch.expected_mask).all(1).mean()
