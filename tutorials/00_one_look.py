# %% [markdown]
# # One look
#
# *Lesson 0 of 12 · 15 minutes · next: [A derivative that follows the graph](01_derivatives.ipynb)*
#
# One question: **a page of handwriting and a question in words: where do the words look?**
#
# Afterwards you can
# - ask a trained model something, and read from a picture where it looked for the answer,
# - say what the rows and the columns of [attention weights](glossary.md#weights) are,
# - tell a look at one place from a look at several.
#
# You need: nothing but Python. Everything here comes back in a lesson of its own.

# %%
import matplotlib.pyplot as plt
import numpy as np

from minixattn import models, plot
from minixattn.course import check, refusal
from minixattn.data.digits import Pages, page_image

# %% [markdown]
# ## A page
#
# A page has 3 × 3 handwritten digits. The handwriting is that of real people (scikit-learn's
# `load_digits`), and of images that the model has never seen.

# %%
batch = Pages("test").test_set(40, seed=6)
page = batch.pages[2]  # nine patches of 8 x 8 pixels, in reading order
figure, ax = plt.subplots(figsize=(2.5, 2.5), layout="constrained")
ax.imshow(page_image(page), cmap="gray_r")
ax.set_axis_off()
plt.show()

# %% [markdown]
# ## A question
#
# The trained model comes with the package. **Predict** its answer before you run the cell.

# %%
vqa = models.load_pretrained("vqa")
words = vqa.vocabularies["words"]
said = models.answer(vqa.model, words, page, "What is at the top left?")
print(said.answer, f"({said.probability:.0%} sure)")

# %% [markdown]
# The model is in two [blocks](glossary.md#block). In each of them 8 [heads](glossary.md#head) look at
# the page, for every word of the question:

# %%
for n, weights in enumerate(said.weights):
    print(f"block {n}: weights of shape {weights.shape}: heads, words, patches")
print("each row sums to", np.unique(said.weights[0].sum(-1).round(3)))

# %% [markdown]
# ## Where the words look
#
# A row of weights is what one word spends on the nine patches: together 1. Not every head does the
# same: of all the heads, we look at the one that spends most on the patch where the answer is, number
# 0 for "top left".

# %%
def best_head(said, patch):
    """(block, head) that spends most on a patch, in the mean over the words."""
    spent = np.array([weights[..., patch].mean(-1) for weights in said.weights])
    return np.unravel_index(spent.argmax(), spent.shape)


block, head = best_head(said, 0)
look = said.weights[block][head]
print(f"block {block}, head {head}:", dict(zip(said.words, look.argmax(-1).tolist(), strict=True)))

# %%
def draw(page, said, look):
    _, axes = plt.subplots(1, len(look), figsize=(1.7 * len(look), 2.1), layout="constrained")
    for ax, word, row in zip(axes, said.words, look, strict=True):
        plot.overlay(page_image(page), row, (3, 3), ax=ax, vmax=1)
        ax.set_title(word)
    plt.show()


draw(page, said, look)

# %% [markdown]
# ## Another question, another place
#
# The page is the same. Only the words differ, and with them where they look. That is the point of
# cross-attention: what is read of the image depends on what is asked.

# %%
said = models.answer(vqa.model, words, page, "where is the 7?")
print(said.answer, f"({said.probability:.0%} sure)")
block, head = best_head(said, 5)  # the 7 is in patch 5, middle right
draw(page, said, said.weights[block][head])

# %% [markdown]
# ## Two looks
#
# "What is left of the 7" cannot be answered with one look: first the 7 has to be found, then the
# patch beside it. One head of the first block looks at patch 5, where the 7 is, with nearly every
# word. This is the head that looks at patch 4, left of it, most. It is *left* that looks there; other
# words of the same head look elsewhere:

# %%
said = models.answer(vqa.model, words, page, "what is left of the 7?")
print(said.answer, f"({said.probability:.0%} sure)")
block, head = best_head(said, 4)
draw(page, said, said.weights[block][head])

# %% [markdown]
# ## What it cannot do
#
# A word that the model has never read is named, not guessed at:

# %%
refusal(lambda: models.answer(vqa.model, words, page, "where is the cat?"))

# %% [markdown]
# How often is it right? Of 2,000 questions about unseen handwriting, as the record of the weights
# says, beside the same model with the *mean* of all patches in the place of attention:

# %%
pooling = vqa.metrics["baselines"]["mean pooling"]
for kind in ("place", "where", "count", "neighbour"):
    print(f"{kind:>9}: {vqa.metrics[kind]:6.1%}   without attention {pooling[kind]:6.1%}")

# %% [markdown]
# Counting is the exception: "how many 3s" needs all patches alike, and there a mean does as well. One
# number for each question, and attention is not always the answer: keep that in mind.
#
# ## The picture
#
# All 8 heads of the first block, for "where is the 7". Rows are words, columns are patches, named by
# the digits in them. Head 5 finds the 7 with every word. Others look at other digits, or at many patches
# about alike: what they bring home is nearly a mean. Above each head stands its
# [entropy](glossary.md#entropy), which says how widely its looks are spread.

# %%
said = models.answer(vqa.model, words, page, "where is the 7?")
names = [str(digit) for digit in batch.digits[2]]
figure = plt.figure(figsize=(9, 3.6))
plot.heads(said.weights[0], said.words, names, ax=figure, columns=4)
plt.show()

# %% [markdown]
# ## Three sentences to keep
#
# 1. In cross-attention one sequence (words) looks at another one (patches): weights have a row for
#    each that looks, and a column for each that is looked at.
# 2. A row sums to 1: it says how a word shares out its attention.
# 3. Where to look follows from what is asked, which a mean over everything cannot do.
#
# ## Exercises
#
# ### Exercise 1 · predict · 1 minute · easy
# A question of 5 words is asked about a page of 16 patches, with 4 heads. What is the shape of the
# weights of one block?

# %% exercise="shape"
### BEGIN SOLUTION
# wrong: (5, 16): That is one head; there are four.
# wrong: (5, 16, 4): The heads come first: each has a matrix of its own.
# wrong: (1, 4, 5, 16): Right but for the batch: one page is asked about.
# wrong: (4, 16, 5): Words are the rows, patches the columns.
shape = (4, 5, 16)
### END SOLUTION

# %% check="00.shape" points=1
check("00.shape", shape)

# %% [markdown]
# ### Exercise 2 · compute · 3 minutes · easy
# Ask the model how many 1s are on page number 11 of the batch (`batch.pages[11]`), and look at the
# page. Give the *true* number, as you see it.

# %% exercise="count"
### BEGIN SOLUTION
true_count = int((batch.digits[11] == 1).sum())
### END SOLUTION

# %% check="00.count" points=1
check("00.count", true_count)

# %% [markdown]
# ### Exercise 3 · modify · 5 minutes · medium
# In which of the 40 pages of the batch is the model *least* sure about "what is at the center"? Give
# the number of the page.

# %% exercise="unsure"
question = "what is at the center"
### BEGIN SOLUTION
least_sure = int(np.argmin([models.answer(vqa.model, words, page, question).probability
                            for page in batch.pages]))
### END SOLUTION

# %% check="00.unsure" points=2
check("00.unsure", least_sure)

# %% [markdown]
# ### Exercise 4 · explain · 2 minutes · easy
# Why can the model with mean pooling count, but not say what is at the top left?
#
# - a: The mean has forgotten where each patch was, but not how many there were of each kind.
# - b: Counting needs fewer weights.
# - c: It was trained on counting only.

# %% exercise="pooling"
### BEGIN SOLUTION
# wrong: "b": Both models have the weights that they have. What does a mean keep, and what does it lose?
# wrong: "c": Both were trained on the same questions. What does a mean keep, and what does it lose?
pooling_counts = "a"
### END SOLUTION

# %% check="00.pooling" points=1
check("00.pooling", pooling_counts)

# %% [markdown]
# ---
# Next: [A derivative that follows the graph](01_derivatives.ipynb) · [glossary](glossary.md)
