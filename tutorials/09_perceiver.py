# %% [markdown]
# # Perceiver IO
#
# *Lesson 9 of 12 · 30 minutes · before: [Drawing with words](08_drawing_with_words.ipynb) · next:
# [At scale](10_at_scale.ipynb)*
#
# One question: **how can a few vectors read an input of thousands, and answer about any place in it?**
#
# Afterwards you can explain
# - [latents](glossary.md#latents): learned queries that read, and output queries that ask,
# - why the cost is linear in the input, and how that was measured,
# - positions as [Fourier features](glossary.md#fourier-features).
#
# You need: [lesson 3](03_from_head_to_layer.ipynb).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minixattn as mx
from minixattn import models, plot
from minixattn.course import check, refusal, show
from minixattn.data import Pixels
from minixattn.data.digits import handwriting
from minixattn.data.pixels import grid
from minixattn.models.perceiver import PerceiverIO
from minixattn.models.perceiver_cost import FullSelfAttention, cost
from minixattn.models.reading import fit, read, tensors

# %% [markdown]
# ## Read, process, ask
#
# | symbol (Jaegle et al. 2021) | here | shape |
# |---|---|---|
# | $x$, the input array | pixels with their places | (B, M, C) |
# | $z$, the latent array | 24 learned vectors | (B, N, D) |
# | $q$, the output queries | "which digit?", and places | (B, 1 + O, F) |
#
# $$z \leftarrow \operatorname{Attend}(z, x), \qquad z \leftarrow \operatorname{Attend}(z, z)
# \text{ a few times}, \qquad y = \operatorname{Attend}(q, z)$$
#
# Two cross-attentions: the latents ask the input, and the output queries ask the latents. Only the
# first one touches all $M$ pixels, and it has $N \cdot M$ scores.

# %%
show(PerceiverIO.forward)

# %% [markdown]
# ## Handwriting as loose pixels
#
# The trained model gets an image as a heap of (value, place). Nothing tells it that pixel 9 lies
# below pixel 1, except the place itself.

# %%
pixels = models.load_pretrained("pixels")
images = handwriting("test")
some = images.images[[0, 37, 75, 110, 150]]
outcome = read(pixels.model, some)
print("read:", outcome.digit.argmax(-1).tolist(), " true:", images.labels[[0, 37, 75, 110, 150]].tolist())

# %% [markdown]
# A place is a number from −1 to 1 in each direction. A network hardly tells 0.12 from 0.13, so it gets
# sines and cosines of it, of several frequencies:
#
# $$\varphi(p) = [\,p,\ \sin(\pi f_k p),\ \cos(\pi f_k p)\,]_{k}$$

# %%
p = np.linspace(-1, 1, 200)
figure, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
for k, f in enumerate((1, 2, 4)):
    ax.plot(p, np.sin(np.pi * f * p) + 2.5 * k, label=f"f = {f}")
ax.set(xlabel="place p", ylabel="sin(π f p), shifted", yticks=[], ylim=(-1.3, 8.6))
ax.legend(frameon=False, loc="upper center", ncols=3)
plt.show()

# %% [markdown]
# ## Where the latents look
#
# **Predict:** 24 latents read 64 pixels. What is the shape of the weights of the first
# cross-attention, for 5 images and 4 heads?

# %%
A = outcome.maps.encode.numpy()
print(A.shape)

# %%
mean = A.mean(1)  # of the heads: (5, 24, 64)
peaked = mean.max(-1).mean(0).argsort()[::-1][:5]
figure, axes = plt.subplots(2, 6, figsize=(8, 2.9), layout="constrained")
for row, b in zip(axes, (1, 3), strict=True):
    plot.overlay(some[b].reshape(8, 8), mean[b].mean(0), (8, 8), ax=row[0], vmax="max", edges=False)
    row[0].set(title="all latents", xlabel="")
    for ax, n in zip(row[1:], peaked, strict=True):
        plot.overlay(some[b].reshape(8, 8), mean[b, n], (8, 8), ax=ax, vmax="max", edges=False)
        ax.set(title=f"latent {n}", xlabel="")
plt.show()

# %% [markdown]
# Many latents keep to a part of the page of their own, though the digits differ: the first query of a
# latent is *learned*, and the same for every image.
#
# ## Filling in what is hidden
#
# The output queries are places. So the model can be asked about a place that it has *not* seen. Half
# of the pixels are hidden here:

# %%
batch = Pixels("test").whole(hidden=0.5, seed=0)
*seen, answers, labels = tensors(pixels.model, batch)
with mx.no_grad():
    digit, ink, _ = pixels.model(*seen)
right = (digit.argmax(-1) == labels).float().mean().item()
print(f"digits right with half of the pixels: {right:.1%}")

# %%
def drawn(places, values):
    """An 8 x 8 image of some of its pixels; the others are blank."""
    image = np.full(64, np.nan)
    which = np.abs(grid(8)[None] - np.asarray(places)[:, None]).sum(-1).argmin(1)
    image[which] = np.asarray(values).reshape(-1)
    return image.reshape(8, 8)

# %%
figure, axes = plt.subplots(3, 6, figsize=(7, 3.8), layout="constrained")
for column, b in zip(axes.T, (3, 40, 80, 120, 200, 300), strict=True):
    visible = drawn(batch.positions[b], batch.values[b])
    hidden = drawn(batch.queries[b], ink[b].numpy())
    whole = images.images[images.rows == batch.rows[b]].reshape(8, 8)
    for ax, image in zip(column, (visible, np.where(np.isnan(visible), hidden, visible), whole), strict=True):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
for ax, name in zip(axes[:, 0], ("seen", "filled in", "true"), strict=True):
    ax.set_ylabel(name)
plt.show()

# %% [markdown]
# ## What it costs
#
# Full self-attention over $M$ pixels has $M^2$ scores; the latents have $N M$. Measured here, one
# training step at three sizes of the page (seconds of the processor, and bytes at the peak, divided
# by those of the smallest page):

# %%
sides = (8, 16, 32)
found = {kind.__name__: [cost(kind(), side, repeats=1) for side in sides]
         for kind in (PerceiverIO, FullSelfAttention)}
for name, costs in found.items():
    times = [c.seconds / costs[0].seconds for c in costs]
    print(f"{name:<18} time × {times[1]:5.1f} × {times[2]:5.1f}   memory × {costs[2].bytes / costs[0].bytes:.0f}")

# %%
figure, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
for (name, costs), color in zip(found.items(), ("#d95f02", "#1b7837"), strict=True):
    ax.loglog([c.pixels for c in costs], [c.bytes / 1e6 for c in costs], "o-", color=color, label=name)
ax.set(xlabel="pixels M", ylabel="memory of a step (MB)")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# A page of another size needs no other model, as pixels are a heap. But a shape that is none is
# named:

# %%
refusal(lambda: pixels.model(mx.ones(2, 64), mx.ones(64, 2), mx.ones(8, 2)))

# %% [markdown]
# ## Training it
#
# The whole training takes about two and a half minutes; `STEPS = 5700` does it.

# %%
STEPS, losses = 40, []
mx.manual_seed(0)
fit(PerceiverIO(), Pixels("train"), steps=STEPS, report=lambda _step, loss, _right: losses.append(loss))
print(f"loss {np.mean(losses[:5]):.2f} → {np.mean(losses[-5:]):.2f}")

# %% [markdown]
# ## Three sentences to keep
#
# 1. A few learned queries read a large input by cross-attention, at a cost linear in its size.
# 2. What comes out is asked for: an output query may be a class, or a place.
# 3. Nothing but its place, as Fourier features, says where a pixel belongs.
#
# ## Exercises
#
# ### Exercise 1 · predict · 3 minutes · easy
# 50,000 pixels, 256 latents: how many scores has one head of the reading cross-attention? And how
# many has full self-attention?

# %% exercise="scores"
### BEGIN SOLUTION
# wrong: (2500000000, 12800000): The first is the reading, the second the self-attention.
scores_latents = 50_000 * 256
scores_full = 50_000**2
### END SOLUTION

# %% check="09.scores" points=1
check("09.scores", (scores_latents, scores_full))

# %% [markdown]
# ### Exercise 2 · explain · 2 minutes · easy
# Which of the three attentions in Perceiver IO has queries that do *not* depend on the input?
#
# - a: reading, $z \leftarrow \operatorname{Attend}(z, x)$, at its first step
# - b: processing, $z \leftarrow \operatorname{Attend}(z, z)$
# - c: none

# %% exercise="learned"
### BEGIN SOLUTION
# wrong: "c": Where do the latents come from before anything was read?
# wrong: "b": After reading, the latents hold what they found.
learned_queries = "a"
### END SOLUTION

# %% check="09.learned" points=1
check("09.learned", learned_queries)

# %% [markdown]
# ### Exercise 3 · modify · 8 minutes · medium
# How many of the 364 test images are read right if 80 % of the pixels are hidden? Use
# `Pixels("test").whole(hidden=0.8, seed=1)` and give the share.

# %% exercise="hidden"
### BEGIN SOLUTION
harder = Pixels("test").whole(hidden=0.8, seed=1)
*parts, _, truth = tensors(pixels.model, harder)
with mx.no_grad():
    named = pixels.model(*parts).digit.argmax(-1)
share_right = (named == truth).float().mean().item()
### END SOLUTION

# %% check="09.hidden" points=2
check("09.hidden", share_right)

# %% [markdown]
# ### Exercise 4 · explain · 2 minutes · medium
# The pixels are given in another order, each with its place. What changes?
#
# - a: The digit that is read.
# - b: Nothing but the order of the weights' columns.
# - c: The latents' order.

# %% exercise="order"
### BEGIN SOLUTION
# wrong: "a": Each pixel brings its place along, so nobody needs the order.
# wrong: "c": The latents ask; the pixels are asked.
other_order = "b"
### END SOLUTION

# %% check="09.order" points=1
check("09.order", other_order)

# %% [markdown]
# ---
# Before: [Drawing with words](08_drawing_with_words.ipynb) · next: [At scale](10_at_scale.ipynb) ·
# [glossary](glossary.md)
