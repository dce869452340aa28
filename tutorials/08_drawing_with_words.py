# %% [markdown]
# # Drawing with words
#
# *Lesson 8 of 12 · 40 minutes · before: [Asking and captioning](07_asking_and_captioning.ipynb) ·
# next: [Perceiver IO](09_perceiver.ipynb)*
#
# One question: **how do words get into a picture that is made out of noise?**
#
# Afterwards you can explain
# - [diffusion](glossary.md#diffusion): adding noise, learning to take it away, and sampling,
# - where Stable Diffusion has its cross-attention, and who asks there,
# - [guidance](glossary.md#guidance), and which word drew which stroke,
# - what cross-attention can do that FiLM cannot.
#
# You need: [lesson 3](03_from_head_to_layer.ipynb), [lesson 4](04_who_supplies_qkv.ipynb).

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

import minixattn as mx
from minixattn import models, plot
from minixattn.course import check, refusal, show
from minixattn.data import Drawings
from minixattn.models.diffusion import LatentDiffusion
from minixattn.models.drawing import draw
from minixattn.models.unet import SpatialTransformer

# %% [markdown]
# ## Noise in
#
# $$z_t = \sqrt{\bar\alpha_t}\, z_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon,
# \qquad \epsilon \sim \mathcal N(0, 1) \qquad\text{(Ho et al. 2020, equation 4)}$$
#
# The factors' squares sum to 1, so the variance stays what it was while the picture fades.
# **Predict:** what is left at $\bar\alpha = 0$?

# %%
task = Drawings("test")
batch = task.test_set(6, seed=2)
image = batch.images[0, 0]
rng = np.random.default_rng(0)
noise = rng.standard_normal(image.shape)
figure, axes = plt.subplots(1, 5, figsize=(8, 1.9), layout="constrained")
for ax, alpha_bar in zip(axes, (1.0, 0.75, 0.4, 0.1, 0.0), strict=True):
    noisy = np.sqrt(alpha_bar) * image + np.sqrt(1 - alpha_bar) * noise
    ax.imshow(noisy, cmap="gray_r", vmin=-2, vmax=2)
    ax.set(title=f"ᾱ = {alpha_bar}", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## Learning to take it away
#
# A network sees $z_t$, the time $t$ and the words, and says what was added. It is asked for
# $v = \sqrt{\bar\alpha_t}\,\epsilon - \sqrt{1 - \bar\alpha_t}\,z_0$ (Salimans and Ho 2022): with $z_t$ that
# says both what is noise and what is picture, $\epsilon = \sqrt{1 - \bar\alpha_t}\,z_t +
# \sqrt{\bar\alpha_t}\,v$. The loss is a plain mean square. This is all of the training's mathematics:

# %%
show(LatentDiffusion.loss)

# %% [markdown]
# Sometimes the words are left out (`dropped`): so the one network learns both, pictures of something
# and pictures of anything. That will be needed for guidance.
#
# ## Where the words come in
#
# The network is a small U-Net, as in Stable Diffusion: convolutions, fewer and wider places in the
# middle. Between the convolutions stands a `SpatialTransformer`. The **places of the image ask, the
# words answer**:
#
# | symbol (Rombach et al. 2022) | here | shape |
# |---|---|---|
# | $\varphi(z_t)$, features of the image | `x` | (B, H·W, C) |
# | $\tau(y)$, the words | `context` | (B, S, D_c) |
# | $Q = W_Q \varphi$, $K = W_K \tau$, $V = W_V \tau$ | `look` | weights (B, h, H·W, S) |

# %%
show(SpatialTransformer.forward)

# %% [markdown]
# ## Drawing
#
# Begin with noise, and take some of it away 20 times. The trained weights come with the package.

# %%
drawings = models.load_pretrained("drawings")
texts = ["a seven", "a small three", "two zeros", "a three and a seven", "a seven and a three"]
samples = draw(drawings.model, task, texts, rng=0, steps=20)
figure, axes = plt.subplots(1, 5, figsize=(9, 2.1), layout="constrained")
for ax, text, picture in zip(axes, texts, samples.images.numpy()[:, 0], strict=True):
    ax.imshow(picture, cmap="gray_r")
    ax.set(title=text, xticks=[], yticks=[])
    ax.title.set_size("small")
plt.show()

# %% [markdown]
# "A three and a seven" is a pair that training never put together. How many are read as what was asked for, by a support
# vector machine that was trained on real handwriting, as recorded with the weights:

# %%
found, film = drawings.metrics, drawings.metrics["baselines"]["FiLM"]
print(f"cross-attention {found['read']:.1%}, FiLM {film['read']:.1%}")
print(f"pairs of digits never seen together: {found['new pairs']:.1%}, FiLM {film['new pairs']:.1%}")

# %% [markdown]
# FiLM lets the words scale and shift whole channels, the same at every place. It draws single digits
# well. For "a three and a seven" each place has to know which of the two words is its own, and that
# is what a look is for.
#
# ## Which word drew which stroke
#
# At every step each place of the image looks at the words. Averaged over heads and steps, a column of
# these weights is a map: where did this word act? (Tang et al. 2022 call it DAAM.) These are the looks
# of the coarse layer in the middle of the U-Net, whose 4 × 4 places each see a part of the picture.

# %%
words = ["<start>", *"a three and a seven".split()]
samples = draw(drawings.model, task, ["a three and a seven"], rng=0, steps=20, maps=True)
spent = np.mean([step[0].numpy()[0].mean(0) for step in samples.maps], 0)  # (places, words)
side = int(len(spent) ** 0.5)
picture = samples.images.numpy()[0, 0] / 2 + 0.5
figure, axes = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
for ax, s in zip(axes, (2, 3, 4, 5), strict=True):
    plot.overlay(picture, spent[:, s], (side, side), ax=ax, vmax="max", edges=False, upsample="bicubic")
    ax.set(title=words[s], xlabel="")
plt.show()

# %% [markdown]
# ## Guidance
#
# $$\tilde\epsilon = \epsilon_\varnothing + w\,(\epsilon_y - \epsilon_\varnothing)$$
#
# The difference between the prediction with the words and the one without points towards what the
# words change. Going further along it ($w > 1$) makes pictures that fit the words more and vary less.
# Mind the convention: Ho and Salimans (2022) write $(1 + w)\,\epsilon_y - w\,\epsilon_\varnothing$,
# and so does `sample(w=…)`: there 0 means none.

# %%
figure, axes = plt.subplots(1, 4, figsize=(8, 2.2), layout="constrained")
for ax, w in zip(axes, (0.0, 1.0, 3.0, 8.0), strict=True):
    picture = draw(drawings.model, task, ["a three and a seven"], rng=3, steps=20, w=w)
    ax.imshow(picture.images.numpy()[0, 0], cmap="gray_r")
    ax.set(title=f"w = {w}", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# A word that it cannot draw is named:

# %%
refusal(lambda: draw(drawings.model, task, ["a green seven"]))

# %% [markdown]
# ## Training it
#
# About four minutes with `STEPS = 3000`.

# %%
STEPS, losses = 25, []
mx.manual_seed(0)
small = LatentDiffusion(len(task.vocabulary), task.length)
models.drawing.fit(small, Drawings("train"), steps=STEPS, report=lambda _s, loss, _: losses.append(loss))
print(f"loss {np.mean(losses[:5]):.2f} → {np.mean(losses[-5:]):.2f}")

# %% [markdown]
# ## The picture
#
# Out of noise: the same text, step by step.

# %%
encoded = [mx.tensor(part) for part in task.encode(["two zeros"])]
model, times = drawings.model, np.linspace(1000, 0, 9).round().astype(int)
z = model.like(np.random.default_rng(1).standard_normal((1, 4, 8, 8)))
frames = [z]
with mx.no_grad():
    for t, s in pairwise(times[:, None]):
        v, _ = model.guided(z, t, *encoded, 1.0)
        (signal, noise), (signal_s, noise_s) = model.rates(t), model.rates(s)
        z = signal_s * (signal * z - noise * v) + noise_s * (noise * z + signal * v)
        frames.append(z)

# %%
figure, axes = plt.subplots(1, len(frames), figsize=(10, 1.5), layout="constrained")
for ax, z, t in zip(axes, frames, times, strict=True):
    ax.imshow(model.decode(z).numpy()[0, 0], cmap="gray_r", vmin=-1, vmax=1)
    ax.set(title=f"t = {t}", xticks=[], yticks=[])
    ax.title.set_size("small")
plt.show()

# %% [markdown]
# ## Three sentences to keep
#
# 1. A diffusion model learns to say what noise was added, and draws by taking it away in steps.
# 2. Places of the image are the queries, words are keys and values: so each place can have a word of
#    its own.
# 3. Guidance goes further along what the words change; FiLM changes all places alike.
#
# ## Exercises
#
# ### Exercise 1 · compute · 3 minutes · easy
# Add noise: $\sqrt{\bar\alpha}\, x_0 + \sqrt{1 - \bar\alpha}\, \epsilon$.

# %% exercise="noised"
def noised(x_0, alpha_bar, noise):
    """What the network sees."""
    ### BEGIN SOLUTION
    return np.sqrt(alpha_bar) * x_0 + np.sqrt(1 - alpha_bar) * noise
    ### END SOLUTION

# %% check="diffusion.noised" points=1
check("diffusion.noised", noised)

# %% [markdown]
# ### Exercise 2 · compute · 3 minutes · easy
# Guidance, as in the equation above.

# %% exercise="guided"
def guided(eps_cond, eps_uncond, w):
    """ε_∅ + w (ε_y − ε_∅)."""
    ### BEGIN SOLUTION
    return eps_uncond + w * (eps_cond - eps_uncond)
    ### END SOLUTION

# %% check="diffusion.guided" points=1
check("diffusion.guided", guided)

# %% [markdown]
# ### Exercise 3 · predict · 3 minutes · medium
# Stable Diffusion's cross-attention at 64 × 64 places looks at 77 words with 8 heads. What is the
# shape of its weights for one image (without the batch)?

# %% exercise="shape"
### BEGIN SOLUTION
# wrong: (8, 64, 77): 64 × 64 places ask: how many rows is that?
# wrong: (4096, 77): That is one head; there are eight.
# wrong: (8, 77, 4096): The places ask: a row for each of them.
shape = (8, 4096, 77)
### END SOLUTION

# %% check="08.shape" points=1
check("08.shape", shape)

# %% [markdown]
# ### Exercise 4 · explain · 2 minutes · medium
# Why are the words left out now and then in training?
#
# - a: To make the training faster.
# - b: So that the same network can predict without words, which guidance needs.
# - c: To keep it from learning the words by heart.

# %% exercise="dropped"
### BEGIN SOLUTION
# wrong: "a": A step costs the same. What is guidance the difference of?
# wrong: "c": It still sees them in nine of ten steps. What is guidance the difference of?
dropped_words = "b"
### END SOLUTION

# %% check="08.dropped" points=1
check("08.dropped", dropped_words)

# %% [markdown]
# ### Exercise 5 · modify · 5 minutes · medium
# From `spent` above, (places, words): which word do the most places look at more than at any other?
# Give the word.

# %% exercise="word"
### BEGIN SOLUTION
most_looked_at = words[np.bincount(spent.argmax(-1), minlength=len(words)).argmax()]
### END SOLUTION

# %% check="08.word" points=2
check("08.word", most_looked_at)

# %% [markdown]
# ---
# Before: [Asking and captioning](07_asking_and_captioning.ipynb) · next:
# [Perceiver IO](09_perceiver.ipynb) · [glossary](glossary.md)
