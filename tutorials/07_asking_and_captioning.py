# %% [markdown]
# # Asking and captioning
#
# *Lesson 7 of 12 · 40 minutes · before: [Translating dates](06_translating_dates.ipynb) · next:
# [Drawing with words](08_drawing_with_words.ipynb)*
#
# One question: **a picture of where the words look: does it say why the answer is what it is?**
#
# Afterwards you can explain
# - how a caption is written, each word looking at the page, on patches that cut through the digits,
# - what a model loses without such a look,
# - the [attribution](glossary.md#attribution) ladder, from plain weights to taking the input away, and
#   which steps of it can be wrong.
#
# You need: [lesson 0](00_one_look.ipynb), [lesson 6](06_translating_dates.ipynb).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minixattn as mx
from minixattn import attribution, models, plot
from minixattn.course import check, refusal, show
from minixattn.data import Captions, Pages
from minixattn.data.captions import overlap
from minixattn.data.digits import page_image
from minixattn.data.questions import KINDS
from minixattn.models.visual_qa import Block

# %% [markdown]
# ## Words over an image
#
# The decoder is that of lesson 6. Only the encoder differs: what it reads are patches of an image, not
# characters (Xu et al. 2015, *Show, Attend and Tell*).
#
# | paper (Xu et al. 2015) | here | shape |
# |---|---|---|
# | annotation vectors $a_1 … a_L$ | `memory`, encoded patches | (B, 16, E) |
# | caption $y_1 … y_C$ | `given` | (B, L) |
# | $\alpha_{ti}$, attention at word $t$ | `weights` | (B, h, L, 16) |
#
# The page has 3 × 3 digits of 8 × 8 pixels, and is cut into 4 × 4 patches of 6 × 6. **Predict:** how
# many patches see some of the digit in the middle?

# %%
print(overlap().astype(int).reshape(9, 4, 4)[4])

# %%
captions = models.load_pretrained("captions")
words = captions.vocabularies["words"]
batch = Pages("test").test_set(40, seed=6)
page = page_image(batch.pages[2])
written = models.caption(captions.model, words, page)
print(written.text)

# %% [markdown]
# Each word with where it looked, in the last layer: the orange patches. No digit is whole in any of
# them, so the patches have looked at one another first (the encoder's self-attention).

# %%
says = [t for t, word in enumerate(written.words) if word != "/"]
look = written.weights[-1].mean(0)
figure, axes = plt.subplots(1, 9, figsize=(10, 1.7), layout="constrained")
for ax, t in zip(axes, says, strict=True):
    plot.overlay(page, look[t], (4, 4), ax=ax, vmax="max", edges=True)
    ax.set(title=written.words[t], xlabel="")
plt.show()

# %% [markdown]
# Measured over 4,000 pages, as recorded with the weights, beside the same model that sees the page as
# one mean vector:

# %%
mean = captions.metrics["baselines"]["the encoder's mean vector"]
for name in ("exact", "tokens"):
    print(f"{name:>6}: {captions.metrics[name]:6.1%}   with a mean vector {mean[name]:6.1%}")
print(f"attention on the right patches, best head: {np.max(captions.metrics['attention']):.0%}"
      f" (evenly spread {captions.metrics['chance']:.0%})")

# %% [markdown]
# ## Asking
#
# The model of lesson 0 has two blocks, each of three steps: words look at words, **words look at
# patches**, each word thinks for itself.

# %%
show(Block.forward)

# %%
vqa = models.load_pretrained("vqa")
said = models.answer(vqa.model, vqa.vocabularies["words"], batch.pages[2], "what is left of the 7?")
print(said.answer, f"({said.probability:.0%} sure)")

# %% [markdown]
# ## Is attention an explanation?
#
# The weights say what was *mixed in*. Not what it did: a value may be small, a later layer may throw
# it away, and after the first layer a word holds what other words have seen. So there is a ladder:
#
# | method | equation | needs |
# |---|---|---|
# | mean of the heads | $\bar A = \frac1h \sum_h A_h$ | weights |
# | gradient × attention | $\frac1h \sum_h (\nabla A_h \odot A_h)^+$ | weights, gradient |
# | Chefer et al. (2021) | $R \leftarrow R + \bar A R$, layer by layer | weights, gradient |
# | occlusion | $f(c) - f(c \text{ without } s)$ | the model itself |
#
# The last one asks the model: what happens to the answer if this patch is blank? It is slow, and the
# nearest to the truth. Here all four, for every question of a batch.

# %%
task = Pages("test", KINDS)
asked = task.test_set(160, seed=1)
parts = [mx.tensor(x) for x in (asked.pages, asked.questions, asked.mask)]
with mx.trace() as trace:
    logits, _ = vqa.model(*parts)
best = logits.argmax(-1)
logits.gather(1, best[:, None]).sum().backward()

# %%
def over_words(R):
    """The mean over the real words of a question: (B, L, 9) → (B, 9)."""
    return (R * asked.mask[..., None]).sum(1) / asked.mask.sum(1, keepdims=True)


def score(pages):
    """The logit of the answer that was given."""
    with mx.no_grad():
        return vqa.model(mx.tensor(pages), *parts[1:])[0].gather(1, best[:, None])[:, 0]

# %%
found = list(attribution.from_trace(trace).values())  # (weights, gradients) of read, look, read, look
read_1, look_1, read_2, look_2 = found
steps = [("tt", *read_1), ("ti", *look_1), ("tt", *read_2), ("ti", *look_2)]
maps = {
    "mean of the heads": over_words(attribution.head_mean(look_2[0])),
    "gradient × attention": over_words(attribution.gradient_attention(*look_2)),
    "chefer": over_words(attribution.chefer(steps)["ti"]),
    "occlusion": attribution.occlusion(score, asked.pages),
}

# %% [markdown]
# ## Scored
#
# It is known which patches one *has* to see: for "what is at the top left" the one there, for a
# neighbour two, for a count all that show the digit. How often does the patch that a method finds most
# relevant belong to them, for questions that were answered right?

# %%
right = (best.numpy() == asked.answers) & asked.evidence.any(1)
print(" " * 22 + "".join(f"{kind.name:>11}" for kind in KINDS))
for name, R in maps.items():
    shares = [attribution.pointing_accuracy(R[rows], asked.evidence[rows])
              for rows in (right & (asked.kinds == k) for k in range(4))]
    print(f"{name:<22}" + "".join(f"{share:>11.0%}" for share in shares))

# %% [markdown]
# The weights of the last block point almost anywhere, and so do their gradients: by then each word
# holds what it and other words saw before. What follows the relevance through *all* layers finds the
# patches, and so does occlusion, which asks the model itself. One question where they disagree:

# %%
points = {name: asked.evidence[np.arange(160), R.argmax(-1)] for name, R in maps.items()}
b = int(np.flatnonzero(right & points["occlusion"] & ~points["mean of the heads"])[0])
question = " ".join(task.decode(asked.questions[b]))
figure, axes = plt.subplots(1, 4, figsize=(9, 2.5), layout="constrained")
for ax, (name, R) in zip(axes, maps.items(), strict=True):
    plot.overlay(page_image(asked.pages[b]), np.maximum(R[b], 0), (3, 3), ax=ax, vmax="max")
    ax.set(title=name, xlabel="")
figure.suptitle(f"“{question}?” → {task.decode_answer(best[b].item())}")
plt.show()

# %% [markdown]
# **So:** a picture of attention shows where information *may* have come from. If it matters, take the
# thing away and look what changes.
#
# A page of another size is refused:

# %%
refusal(lambda: models.caption(captions.model, words, batch.pages[2]))

# %% [markdown]
# ## Training it
#
# About four minutes with `STEPS = 6000`; a few steps show that it begins to learn.

# %%
from minixattn.models.captioning import fit

STEPS, losses = 25, []
mx.manual_seed(0)
small = models.Captioner(len(words), longest=16)
fit(small, Captions("train"), steps=STEPS, report=lambda _step, loss, _right: losses.append(loss))
print(f"loss {np.mean(losses[:5]):.2f} → {np.mean(losses[-5:]):.2f}")

# %% [markdown]
# ## Three sentences to keep
#
# 1. An image is read like a text once it is cut into patches; each word of a caption looks for its
#    place.
# 2. Weights say what was mixed in, not what it changed; deeper layers mix what others have seen.
# 3. Gradients help, relevance through all layers helps, and taking the input away asks the model
#    itself.
#
# ## Exercises
#
# ### Exercise 1 · predict · 2 minutes · easy
# A page is cut into 4 × 4 patches, a caption of 11 words is written with 4 heads. What is the shape of
# one layer's weights for it?

# %% exercise="shape"
### BEGIN SOLUTION
# wrong: (11, 16): That is one head; there are four.
# wrong: (4, 11, 4): 4 × 4 patches: how many are there?
# wrong: (4, 16, 11): Words are the rows.
shape = (4, 11, 16)
### END SOLUTION

# %% check="07.shape" points=1
check("07.shape", shape)

# %% [markdown]
# ### Exercise 2 · compute · 5 minutes · medium
# Which of the 40 pages of `batch` are captioned without a mistake? Give how many. (`NUMBERS` of
# `minixattn.data.captions` and `words_of(digits)` help.)

# %% exercise="exact"
### BEGIN SOLUTION
from minixattn.data.captions import words_of

exact = sum(models.caption(captions.model, words, page_image(p)).text == words_of(d)
            for p, d in zip(batch.pages, batch.digits, strict=True))
### END SOLUTION

# %% check="07.exact" points=2
check("07.exact", exact)

# %% [markdown]
# ### Exercise 3 · compute · 10 minutes · medium
# Attention through several layers: rollout (Abnar and Zuidema 2020). `layers` is (n, L, L), the first
# layer first; each is mixed with the residual, $\tilde A = \tfrac12 A + \tfrac12 I$, and they are
# multiplied so that the last layer stands on the left.

# %% exercise="rollout"
def rollout(layers):
    """(L, L): row l tells where token l of the last layer came from."""
    ### BEGIN SOLUTION
    R = np.eye(layers.shape[-1])
    for A in layers:
        R = (A + np.eye(len(A))) / 2 @ R
    return R
    ### END SOLUTION

# %% check="attribution.rollout" points=3
check("attribution.rollout", rollout)

# %% [markdown]
# ### Exercise 4 · explain · 2 minutes · medium
# A head spends 90 % of its attention on a patch, and blanking that patch changes nothing. How can that
# be?
#
# - a: The weights were computed wrongly.
# - b: The value there is small, or what follows does not use it.
# - c: Occlusion changes the softmax of all other patches.

# %% exercise="unused"
### BEGIN SOLUTION
# wrong: "a": They are right. What happens to a value after it has been mixed in?
# wrong: "c": It does, but the answer stays the same. What happens to a value after it has been mixed in?
unused = "b"
### END SOLUTION

# %% check="07.unused" points=1
check("07.unused", unused)

# %% [markdown]
# ---
# Before: [Translating dates](06_translating_dates.ipynb) · next:
# [Drawing with words](08_drawing_with_words.ipynb) · [glossary](glossary.md)
