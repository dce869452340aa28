# %% [markdown]
# # Who supplies Q, K, V
#
# *Lesson 4 of 12 · 40 minutes · before: [From one head to the layer](03_from_head_to_layer.ipynb) ·
# next: [Masks](05_masks.ipynb)*
#
# One question: **two sequences, three roles: what are all the ways to attend?**
#
# Afterwards you can explain
# - the eight [routes](glossary.md#route), which of them run, and which have names,
# - why a feed-forward network is attention to fixed keys, and what persistent memory adds,
# - what came before: Bahdanau and Luong; and FiLM, the cheaper cousin.
#
# You need: [lesson 3](03_from_head_to_layer.ipynb).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minixattn as mx
from minixattn import nn, plot
from minixattn.course import check, refusal
from minixattn.nn import functional as F

# %% [markdown]
# ## Eight routes
#
# Query, key and value each come from sequence A or from sequence B: $2^3 = 8$ ways. **Predict:** with
# 5 tokens in A and 7 in B, how many of them run?

# %%
print(nn.Route.legal(5, 7))

# %% [markdown]
# Each key needs its value, so these two need one length. Queries are free. Of the four that always
# run, two are self-attention and two are cross-attention.

# %%
A, B = mx.randn(1, 5, 8), mx.randn(1, 7, 8)
for route in (nn.Route("A", "A", "A"), nn.Route("A", "B", "B"), nn.Route("B", "A", "A")):
    print(route, "→", route(A, B).shape)

# %%
refusal(lambda: nn.Route("A", "B", "A")(A, B))

# %% [markdown]
# Who asks decides how many rows come out. That is the check to make when a text says "the query comes
# from the encoder": count the rows. In a translation one row comes out for each word that is
# *written*, so the decoder asks.
#
# | system | query | keys and values | output |
# |---|---|---|---|
# | Transformer decoder | words written | words read | a row for each word written |
# | Stable Diffusion | places of the image | words | a row for each place |
# | Perceiver | latents | pixels | a row for each latent |
# | question answering | words | patches | a row for each word |
#
# ## Agreement
#
# SelfDoc (2021) takes query *and value* from one stream, and only the key from the other. The text
# re-reads itself, by how well it agrees with what the image has at each place:
#
# $$O_A = \operatorname{softmax}\!\left(\frac{Q_A K_B^\top}{\sqrt{d_k}}\right) V_A$$
#
# Both streams describe the same blocks of one page, so they are equally long.

# %%
mx.manual_seed(0)
text, image = mx.randn(1, 4, 8), mx.randn(1, 4, 6)
layer = nn.AgreementAttention(8, 6, num_heads=2)
(text_again, image_again), (text_looks, image_looks) = layer(text, image)
print(text_again.shape, image_again.shape, text_looks.shape, image_looks.shape)

# %% [markdown]
# What it is good for: a form has boxes with a printed word and a handwritten number. One box says
# "same as seven". To label it, the *text* has to find the box in whose *image* a 7 is, and take what
# is *printed* there: text asks, image answers where, text is brought home.
#
# ## A feed-forward network is attention
#
# $$\operatorname{FF}(x) = \sigma(x W_1^\top)\, W_2 = \sum_m \sigma(x \cdot k_m)\, v_m$$
#
# The rows $k_m$ of $W_1$ are keys, the rows $v_m$ of $W_2$ values. They are learned and do not depend
# on any input: *static* keys. And there is no softmax: slots do not compete.

# %%
ff = nn.FeedForward(4, 6, bias=False)
x = mx.randn(3, 4)
keys, values = ff.W_1.weight, ff.W_2.weight.T  # (6, 4) and (6, 4)
by_hand = F.relu(x @ keys.T) @ values
print(ff(x).allclose(by_hand, atol=1e-6))

# %% [markdown]
# ## Persistent memory
#
# Sukhbaatar et al. (2019) put the slots *into* the softmax, beside the keys of the context, and leave
# the feed-forward network out: one kind of layer is enough.
#
# $$A = \operatorname{softmax}\!\left(\frac{[Q K^\top,\; Q P_k^\top]}{\sqrt{d_k}}\right),
# \qquad O = A\,[V; P_v]$$

# %%
memory = nn.PersistentMemoryAttention(8, 6, num_heads=2, num_slots=3)
output, weights = memory(mx.randn(1, 4, 8), mx.randn(1, 5, 6))
print("5 keys of the context and 3 slots:", weights.shape)
print("a row sums to", weights[0, 0, 0].sum().item())

# %% [markdown]
# ## Before it all: Bahdanau and Luong
#
# Attention began in translation, between two recurrent networks (`nn.GRU`, `nn.LSTM`): the decoder's
# state looked at the states of the encoder. The scores were others:
#
# | | score of key $k_s$ for query $q$ | |
# |---|---|---|
# | Bahdanau et al. 2015 | $v^\top \tanh(W q + U k_s)$ | additive |
# | Luong et al. 2015, dot | $q \cdot k_s$ | |
# | Luong et al. 2015, general | $q^\top W k_s$ | |
# | Vaswani et al. 2017 | $q \cdot k_s / \sqrt{d_k}$ | after projections |

# %%
query, context = mx.randn(1, 2, 8), mx.randn(1, 5, 8)
for kind in (nn.AdditiveAttention(8), nn.DotAttention(), nn.GeneralAttention(8)):
    output, weights = kind(query, context)
    print(f"{type(kind).__name__:<18} output {tuple(output.shape)} weights {tuple(weights.shape)}")

# %% [markdown]
# The dot product won since it is one matrix product. Bahdanau's has a hidden layer for every *pair*
# of query and key.
#
# ## FiLM: the cheaper cousin
#
# Perez et al. (2018): the condition $z$ makes a scale and a shift for each channel. No query, no key,
# no choice of place: every place of the image is changed alike.
#
# $$\operatorname{FiLM}(F) = \gamma(z) \odot F + \beta(z)$$

# %%
film = nn.FiLM(6, 8)
features, words = mx.randn(1, 8, 4, 4), mx.randn(1, 6)
print(film(features, words).shape)

# %% [markdown]
# It costs $O(HW\,C)$ where cross-attention to $S$ words costs $O(HW\,S\,C)$. What it cannot do is say
# "a seven on the left, a three on the right". [Lesson 8](08_drawing_with_words.ipynb) measures that.
#
# ## The picture
#
# The same two sequences by four routes: who asks gives the rows, who is compared gives the columns.

# %%
mx.manual_seed(2)
A, B = 2 * mx.randn(3, 4), 2 * mx.randn(5, 4)
figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
for ax, route in zip(axes, ("AAA", "ABB", "BAA", "BBB"), strict=True):
    Q, K, V = nn.Route(*route).pick(A, B)
    weights = F.attention_steps(Q, K, V).weights
    rows, columns = ([f"{s}{i}" for i in range(len(x))] for s, x in zip(route, (Q, K)))
    plot.heatmap(weights, rows, columns, ax=ax, colorbar=False, values=False)
    ax.set_title(route)
plt.show()

# %% [markdown]
# ## Three sentences to keep
#
# 1. Who asks gives the rows of the output; keys and values belong together, so they come from one
#    sequence, or from two of one length.
# 2. A feed-forward network is attention to static keys without a softmax; persistent memory puts such
#    keys into the softmax.
# 3. Additive attention came first, the scaled dot product won by being one matrix product, and FiLM
#    conditions without looking anywhere.
#
# ## Exercises
#
# ### Exercise 1 · predict · 2 minutes · easy
# A has 6 tokens, B has 6 tokens too. How many of the eight routes run?

# %% exercise="routes"
### BEGIN SOLUTION
# wrong: 4: That is so for unequal lengths. Which condition fails there?
running = 8
### END SOLUTION

# %% check="04.routes" points=1
check("04.routes", running)

# %% [markdown]
# ### Exercise 2 · explain · 2 minutes · easy
# In Stable Diffusion, who supplies the queries?
#
# - a: the text encoder
# - b: the U-Net's image features
# - c: the noise schedule

# %% exercise="diffusion"
### BEGIN SOLUTION
# wrong: "c": The schedule says how much noise there is; it is no sequence that could ask.
# wrong: "a": Then one row would come out for each word. What does the U-Net need?
who_asks = "b"
### END SOLUTION

# %% check="04.diffusion" points=1
check("04.diffusion", who_asks)

# %% [markdown]
# ### Exercise 3 · compute · 5 minutes · medium
# A feed-forward network as key–value memory: rows of `W_1` are keys, rows of `W_2` are values.

# %% exercise="memory"
def as_memory(x, W_1, W_2):
    """Σ_m relu(x · k_m) v_m."""
    ### BEGIN SOLUTION
    return np.maximum(x @ W_1.T, 0) @ W_2
    ### END SOLUTION

# %% check="blocks.feed_forward_as_attention" points=2
check("blocks.feed_forward_as_attention", as_memory)

# %% [markdown]
# ### Exercise 4 · compute · 5 minutes · medium
# Bahdanau's weights of one query for $S$ keys.

# %% exercise="additive"
def additive(q, K, W_q, W_k, v):
    """softmax_s(vᵀ tanh(W_q q + W_k k_s)), (S,)."""
    ### BEGIN SOLUTION
    s = np.tanh(W_q @ q + K @ W_k.T) @ v
    e = np.exp(s - s.max())
    return e / e.sum()
    ### END SOLUTION

# %% check="attention.additive" points=2
check("attention.additive", additive)

# %% [markdown]
# ### Exercise 5 · compute · 3 minutes · easy
# FiLM for tokens: $x$ is (B, L, E), $\gamma$ and $\beta$ are (B, E).

# %% exercise="film"
def my_film(x, gamma, beta):
    """γ ⊙ x + β."""
    ### BEGIN SOLUTION
    return gamma[:, None] * x + beta[:, None]
    ### END SOLUTION

# %% check="blocks.film" points=1
check("blocks.film", my_film)

# %% [markdown]
# ### Exercise 6 · explain · 2 minutes · medium
# Luong's "general" score has no $\tanh$. Why does leaving the $\tanh$ out of *Bahdanau's* score make
# the query useless?
#
# - a: The scores become too large.
# - b: $v^\top W q$ is then added to every score alike, and softmax forgets it.
# - c: It does not; only the gradient suffers.

# %% exercise="tanh"
### BEGIN SOLUTION
# wrong: "a": Large scores make a sharp softmax, not a blind one. Write the score as two terms.
# wrong: "c": Write the score as a sum of two terms: which of them depends on the key?
without_tanh = "b"
### END SOLUTION

# %% check="04.tanh" points=1
check("04.tanh", without_tanh)

# %% [markdown]
# ---
# Before: [From one head to the layer](03_from_head_to_layer.ipynb) · next:
# [Masks](05_masks.ipynb) · [glossary](glossary.md)
