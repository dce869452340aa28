# %% [markdown]
# # Translating dates
#
# *Lesson 6 of 12 · 40 minutes · before: [Masks](05_masks.ipynb) · next:
# [Asking and captioning](07_asking_and_captioning.ipynb)*
#
# One question: **"mercredi 7 mai 2031" → "2031-05-07": how does a decoder find in the source what it
# has to write next?**
#
# Afterwards you can explain
# - [encoder and decoder](glossary.md#decoder), teacher forcing, and writing token by token,
# - an [alignment](glossary.md#alignment) in three scripts, and how well it fits the truth,
# - what a [cache](glossary.md#cache) saves, and what [beams](glossary.md#beam-search) are.
#
# You need: [lesson 3](03_from_head_to_layer.ipynb), [lesson 5](05_masks.ipynb).

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

import minixattn as mx
from minixattn import models, plot
from minixattn.course import check, refusal, show
from minixattn.data import Dates, Reverse, share_on_alignment

# %% [markdown]
# ## The task
#
# Dates as people write them in 20 languages (the Unicode CLDR's formats), to be rewritten as ISO
# 8601. With each pair comes the truth: which characters say which digit.

# %%
dates = models.load_pretrained("dates")
task = Dates("test", vocabularies=dates.vocabularies)
batch = task.test_set(400)
read, spoken = task.vocabularies["source"], task.vocabularies["target"]
for b in (0, 5, 13, 14):
    print(f"{read.decode(batch.source[b]):>32} → {spoken.decode(batch.expected[b])}")

# %% [markdown]
# | paper (Vaswani et al. 2017) | here | shape |
# |---|---|---|
# | $x_1 … x_n$, the source | `source` | (B, S) |
# | $z$, what the encoder gives | `memory` | (B, S, E) |
# | $y_1 … y_m$, what is written | `given` | (B, L) |
# | encoder-decoder attention | `weights`, one for each layer | (B, h, L, S) |
#
# The encoder reads the source once. The decoder writes one character after another; for each it
# looks at what it wrote (self-attention with a causal mask), then **at the source** (cross-attention:
# the query comes from what is written, keys and values from $z$). A decoder layer:

# %%
show(models.Transformer.decoder_layer.forward)

# %% [markdown]
# ## Written

# %%
texts = ["mercredi 7 mai 2031", "2031年5月7日水曜日", "٧ مايو ٢٠٣١"]
written = models.translate(dates.model, dates.vocabularies, texts)
for one in written:
    print(one.target, one.weights[-1].shape)

# %% [markdown]
# **Predict:** row 5 writes the tens of the month. Where does it look in "mercredi 7 mai 2031"?

# %%
french = written[0]
look = french.weights[-1].mean(0)  # the last layer, mean of its heads
figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
plot.heatmap(look, [*french.target, "end"], [*french.source], ax=ax, values=False)
plt.show()

# %% [markdown]
# The digits of the year look at their own digits, both digits of the month at *mai*. In Japanese the
# order is that of ISO, in Arabic the digits are others and the script runs from right to left; the
# model's tokens come in the order in which they are read.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for ax, one in zip(axes, written[1:], strict=True):
    look = one.weights[-1].mean(0)
    plot.heatmap(look, [*one.target, "end"], [*one.source], ax=ax, values=False, colorbar=False)
plt.show()

# %% [markdown]
# ## Measured against the truth
#
# How much of each head's attention lies on the characters that say what is written? Evenly spread it
# would be 12 %.

# %%
print(f"evenly spread: {dates.metrics['chance']:.1%}")
for n, heads in enumerate(dates.metrics["attention"]):
    print(f"layer {n}:", "  ".join(f"{share:.0%}" for share in heads))

# %% [markdown]
# ## Teacher forcing
#
# In training the decoder reads the *true* characters, moved on by one, all at once: the mask keeps it
# from seeing what it shall write. The loss is the cross-entropy of the next character. A short
# training of a small model, on letters that are to be turned round (`STEPS = 1500` makes it right):

# %%
STEPS = 250


def trained(kind):
    mx.manual_seed(0)
    task, losses = Reverse("train", 4, 8, 10), []
    sizes = [len(task.vocabularies[part]) for part in ("source", "target")]
    model = kind(*sizes, width=32, heads=4, layers=1, longest=12)
    models.fit(model, task, steps=STEPS, size=32, rate=8e-3, report=lambda _s, loss, _e: losses.append(loss))
    return model, losses

# %%
with_attention, losses = trained(models.Transformer)
without, losses_without = trained(models.PooledTransformer)
steps = list(range(STEPS))
ax = plt.subplots(figsize=(6, 2.8), layout="constrained")[1]
plot.curves({"cross-attention": {"step": steps, "loss": losses},
             "one pooled vector": {"step": steps, "loss": losses_without}}, ax=ax)
ax.set_ylabel("cross-entropy (nats)")
plt.show()

# %% [markdown]
# ## Without attention
#
# The second model has the mean of the encoder's vectors in place of cross-attention: whatever the
# source says has to fit into one vector, the same for every character that is written (Cho et al.
# 2014). On dates, after the full training, as recorded with the weights:

# %%
for name, scores in dates.metrics["baselines"].items():
    print(f"{name:<26} exact {scores['exact']:.1%}")
print(f"{'cross-attention':<26} exact {dates.metrics['exact']:.1%}")

# %% [markdown]
# Dates are short, and fit into a vector quite well. Longer texts do not: that was the trouble which
# Bahdanau et al. (2015) mended.
#
# ## Writing with a cache
#
# To write character $t$ the decoder needs keys and values of all before it. They do not change: keep
# them. And the source's keys and values are the same for every character.

# %%
source, mask = (mx.tensor(x[:64]) for x in (batch.source, batch.source_mask))
for cached in (True, False):
    start = time.perf_counter()
    found = models.greedy(dates.model, source, mask, longest=11, cached=cached)
    print(f"cache: {cached!s:>5}   {time.perf_counter() - start:.2f} s   first: {spoken.decode(found.ids[0])}")

# %% [markdown]
# ## Beams
#
# The likeliest *next* character need not begin the likeliest *text*. Beam search keeps several
# beginnings. Here all is so sure that nothing changes:

# %%
four = models.translate(dates.model, dates.vocabularies, texts, beams=4)
print([one.target for one in four])

# %% [markdown]
# A character that the model has never read is named:

# %%
refusal(lambda: models.translate(dates.model, dates.vocabularies, "7th of May ½031"))

# %% [markdown]
# ## Three sentences to keep
#
# 1. The decoder asks, the source answers: each character that is written looks for the characters
#    that say it.
# 2. In training all characters are predicted at once from the true ones; in use one after another,
#    with a cache for what does not change.
# 3. Without attention one vector must hold the whole source, which works while sources are short.
#
# ## Exercises
#
# ### Exercise 1 · predict · 2 minutes · easy
# A source of 20 characters, 11 characters written so far, 4 heads. What is the shape of one decoder
# layer's cross-attention weights for one text (without the batch)?

# %% exercise="shape"
### BEGIN SOLUTION
# wrong: (11, 20): That is one head; there are four.
# wrong: (4, 20, 11): The decoder asks: a row for each character written.
shape = (4, 11, 20)
### END SOLUTION

# %% check="06.shape" points=1
check("06.shape", shape)

# %% [markdown]
# ### Exercise 2 · compute · 5 minutes · easy
# What the decoder reads in training: the target moved on by one, `begin` in front.

# %% exercise="shifted"
def shifted(target, begin):
    """(B, L) → (B, L)."""
    ### BEGIN SOLUTION
    return np.concatenate([np.full((len(target), 1), begin), target[:, :-1]], 1)
    ### END SOLUTION

# %% check="decoding.shifted" points=1
check("decoding.shifted", shifted)

# %% [markdown]
# ### Exercise 3 · compute · 10 minutes · medium
# Greedy decoding. `next_logits(ids)` gives the scores of the next token after the list `ids`, which
# begins with `begin`. Return what was written: without `begin`, with `end` if it came, at most
# `longest` tokens.

# %% exercise="greedy"
def greedy(next_logits, begin, end, longest):
    """The likeliest token, again and again."""
    ### BEGIN SOLUTION
    ids = [begin]
    while len(ids) <= longest and ids[-1] != end:
        ids.append(int(np.argmax(next_logits(ids))))
    return ids[1:]
    ### END SOLUTION

# %% check="decoding.greedy" points=3
check("decoding.greedy", greedy)

# %% [markdown]
# ### Exercise 4 · compute · 8 minutes · medium
# In which head of which layer does the model point best on this batch? Run it with teacher forcing
# (`dates.model(source, given, mask)`), and use `share_on_alignment`. Give `(layer, head)`.

# %% exercise="best-head"
### BEGIN SOLUTION
parts = (mx.tensor(x) for x in (batch.source, batch.given, batch.source_mask))
with mx.no_grad():
    _, looks = dates.model(*parts)
shares = np.array([share_on_alignment(A.numpy(), batch.alignment) for A in looks])
best_head = tuple(int(i) for i in np.unravel_index(shares.argmax(), shares.shape))
### END SOLUTION

# %% check="06.best_head" points=2
check("06.best_head", best_head)

# %% [markdown]
# ### Exercise 5 · explain · 2 minutes · medium
# Why must the decoder's *self*-attention have a causal mask in training, but the cross-attention not?
#
# - a: The source is known as a whole; what comes later in the target is not known when it is used.
# - b: The source is shorter.
# - c: Cross-attention has a padding mask already.

# %% exercise="why-causal"
### BEGIN SOLUTION
# wrong: "b": Its length does not matter. What is known already when a character is written?
# wrong: "c": Padding and future are two things. What is known already when a character is written?
why_causal = "a"
### END SOLUTION

# %% check="06.why_causal" points=1
check("06.why_causal", why_causal)

# %% [markdown]
# ---
# Before: [Masks](05_masks.ipynb) · next:
# [Asking and captioning](07_asking_and_captioning.ipynb) · [glossary](glossary.md)
